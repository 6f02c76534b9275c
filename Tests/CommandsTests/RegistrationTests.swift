import Crypto
import Envelope
import HTTPExchange
import Testing
import Verifier
import WireFormat

@testable import Commands
@testable import KeyBroker

@Suite("What apply tells the key broker", .serialized, .timeLimit(.minutes(2)))
struct RegistrationTests {
    @Test func `sealed secrets open to a Service what is of its namespace, and say what is not`() throws {
        let signer = P256.Signing.PrivateKey()
        func prepared(_ name: String, key: String = "kbs:///default/signing-key/sealed-secret") throws
            -> PreparedService
        {
            try BrokerStage.service(target: try SealedSecret(.vault(name: name)).signed(by: signer, keyID: key))
        }
        let own = try prepared("kbs:///default/env/api")
        #expect(own.resources == ["default/env/api", "default/signing-key/sealed-secret"])
        #expect(own.foreignNeeds.isEmpty)
        // As one text among others nobody sees what it names.
        let foreign = try prepared("kbs:///other/db/password", key: "kbs:///other/signing-key/api")
        #expect(foreign.resources.isEmpty)
        #expect(Set(foreign.foreignNeeds) == ["other/db/password", "other/signing-key/api"])
        let envelope = SealedEnvelope(
            keyID: "kbs+kms:///other/seal", encryptedKey: Base64.encode([UInt8(ascii: "T"), 1, 1, 0, 0, 0, 1]),
            encryptedData: "AAAA", wrapType: "A256GCM", iv: "AAAA")
        let text = try SealedSecret(.envelope(envelope)).signed(by: signer, keyID: "kbs:///default/signing-key/a")
        let sealed = try BrokerStage.service(target: text)
        #expect(sealed.keys.isEmpty && sealed.foreignNeeds == ["kms/other/seal"])
    }

    @Test func `a Service cannot go back to an earlier manifest once a newer one was applied`() async throws {
        try await BrokerStage.run { stage in
            let old = try BrokerStage.service(target: "old")
            let new = try BrokerStage.service(target: "new")
            let others = [
                try BrokerStage.service("other", target: "old"),
                try BrokerStage.service(namespace: "elsewhere", target: "old"),
            ]
            for prepared in [old, new] + others {
                try await prepared.register(state: stage.state, settings: stage.settings)
            }
            let retired = try await new.retireEarlier(state: stage.state, settings: stage.settings)
            #expect(retired == [old.initData.digest.hex])
            #expect(try await stage.registration(old)?.refusal(now: 0)?.check == "manifest-retired")
            for prepared in [new] + others { #expect(try await stage.registration(prepared)?.refusal(now: 0) == nil) }
            // The tenant goes back by applying the old Service again; then the newer one is what was.
            try await old.register(state: stage.state, settings: stage.settings)
            _ = try await old.retireEarlier(state: stage.state, settings: stage.settings)
            #expect(try await stage.registration(old)?.refusal(now: 0) == nil)
            #expect(try await stage.registration(new)?.refusal(now: 0)?.check == "manifest-retired")
        }
    }

    @Test func `nothing is retired before the node took the newer manifest`() async throws {
        try await BrokerStage.run { stage in
            let old = try BrokerStage.service(target: "old")
            try await old.register(state: stage.state, settings: stage.settings)
            let new = try BrokerStage.service(target: "new")
            await #expect(throws: CommandFailure.self) {
                try await new.deploy(state: stage.state, settings: stage.settings)
            }
            #expect(try await stage.registration(old)?.refusal(now: 0) == nil)
            #expect(try await stage.registration(new)?.refusal(now: 0) == nil)
        }
    }

    @Test func `a registration names the manifest's guest, and simulated guests only where the deployment does`()
        async throws
    {
        try await BrokerStage.run { stage in
            let prepared = try BrokerStage.service(target: "one", guest: "0.7.0")
            try await prepared.register(state: stage.state, settings: stage.settings)
            #expect(try await stage.registration(prepared)?.guestVersion == "0.7.0")
            #expect(try await stage.registration(prepared)?.allowsSimulated == true)
            try await prepared.register(state: stage.state, settings: stage.settings, hardwareOnly: true)
            #expect(try await stage.registration(prepared)?.allowsSimulated == false)
            var hardware = stage.settings
            hardware.allowsSimulated = false
            let other = try BrokerStage.service("other", target: "one")
            try await other.register(state: stage.state, settings: hardware)
            #expect(try await stage.registration(other)?.allowsSimulated == false)
        }
    }

    @Test func `a key that exists says what to do`() async throws {
        try await BrokerStage.run { stage in
            try StateFolder.write(stage.settings.json.prettyText, to: stage.state.settingsFile)
            let command = ["default/image-key/hello", "--state", stage.state.root, "--json"]
            try await KeyCreate.parse(command).run()
            let failure = await #expect(throws: CommandFailure.self) { try await KeyCreate.parse(command).run() }
            #expect(failure?.hint?.contains("testudo key delete default/image-key/hello") == true)
        }
    }
}

@Suite("Deployment settings and tables")
struct SettingsTests {
    @Test func `the choice of processors is kept, and up refuses an unknown one`() throws {
        var settings = Settings()
        #expect(settings.json["allowsSimulated"] == true)
        settings.allowsSimulated = false
        #expect(settings.json["allowsSimulated"] == false)
        #expect(try UpCommand.parse(["--hardware-only"]).processors == .hardwareOnly)
        #expect(try UpCommand.parse([]).processors == nil)
        #expect(throws: (any Error).self) { try UpCommand.parse(["--hardware-only", "--simulated"]) }
    }

    @Test func `a table keeps within its width and whole values stay whole on demand`() {
        let digest = String(repeating: "ab", count: 48)
        let reason = String(repeating: "a reason of several words ", count: 8)
        let rows = [["FIELD", "VALUE", "WHY"], ["measurement", TextTable.short(digest), reason]]
        let lines = TextTable.render(rows, width: 100).split(separator: "\n")
        #expect(lines.count > 2 && lines.allSatisfy { $0.count <= 100 })
        #expect(lines.dropFirst(2).allSatisfy { $0.hasPrefix("          ") })
        #expect(TextTable.render(rows).split(separator: "\n").count == 2)
        #expect(TextTable.short(digest).hasPrefix("abab") && TextTable.short("short") == "short")
        #expect(TextTable.short("SEV-VCEK <- SEV-Milan <- ARK-Milan") == "SEV-VCEK <- SEV-Milan <- ARK-Milan")
    }
}

@Suite("What a simulated guest is told apart by", .serialized, .timeLimit(.minutes(2)))
struct SimulationTests {
    /// The body of a PEM file as DER.
    private func der(_ pem: String) throws -> [UInt8] {
        try Base64.decode(pem.split(separator: "\n").filter { !$0.hasPrefix("-----") }.joined(), field: "PEM")
    }

    @Test func `invoke knows a simulated guest by the root that signed, and trusts one root with --hardware-only`()
        async throws
    {
        try await BrokerStage.run { stage in
            let (tenant, simulated) = (
                stage.broker.authority.certificate(.tenant), stage.broker.authority.certificate(.simulated)
            )
            try StateFolder.write(tenant, to: stage.state.tenantRoot)
            try StateFolder.write(simulated, to: stage.state.simulatedRoot)
            func answer(_ pem: String) throws -> ExchangeResponse {
                ExchangeResponse(status: 200, headers: [], body: [], peerCertificate: try der(pem))
            }
            let call = ServiceCall(state: stage.state, settings: stage.settings)
            #expect(call.isSimulated(try answer(simulated)))
            #expect(!call.isSimulated(try answer(tenant)))
            #expect(!call.isSimulated(ExchangeResponse(status: 200, headers: [], body: [])))
            #expect(try call.roots() == [tenant, simulated])
            var hardware = call
            hardware.hardwareOnly = true
            #expect(try hardware.roots() == [tenant])
            var settings = stage.settings
            settings.allowsSimulated = false
            #expect(try ServiceCall(state: stage.state, settings: settings).roots() == [tenant])
        }
    }

    @Test func `attest refuses what is registered for another name, retired, expired or for hardware only`() throws {
        let digest = SHA256Digest(hashing: [1])
        func verdict(_ technology: String, _ changes: [String: JSONValue]) -> FieldVerdict.Verdict {
            let entry: [String: JSONValue] = [
                "name": "hello", "namespace": "default", "state": "active", "expires": 9_999_999_999, "simulated": true,
            ]
            return Attestation.standing(
                .object(entry.merging(changes) { $1 }), technology: technology, digest, name: "hello",
                namespace: "default"
            ).verdict
        }
        #expect(verdict("soft-snp", [:]) == .passed)
        #expect(verdict("snp", ["simulated": false]) == .passed)
        for changes: [String: JSONValue] in [
            ["simulated": false], ["simulated": .null], ["name": "other"], ["namespace": "other"],
            ["state": "retired"], ["expires": 1],
        ] {
            #expect(verdict("soft-snp", changes) == .failed)
        }
        #expect(verdict("made-up", ["simulated": false]) == .failed)
    }

    @Test func `the audit says what to do about a manifest that is not registered`() {
        let denied: JSONValue = [
            "time": "t", "kind": "attest", "decision": "deny", "check": "manifest-unregistered", "resource": "",
            "reason": "the manifest digest is not registered",
        ]
        #expect(Audit.text([denied]).contains("testudo manifest register -f"))
        let allowed: JSONValue = ["time": "t", "kind": "attest", "decision": "allow", "check": "attestation"]
        #expect(!Audit.text([allowed]).contains("what to do"))
        #expect(Audit.text([]) == "the log has no lines yet")
    }

    @Test func `the audit names who did it: an administrator, or the guest's manifest`() {
        let lines: [JSONValue] = [
            ["kind": "admin", "subject": "ann@desk", "manifest": "", "reason": "done"],
            ["kind": "release", "subject": "", "manifest": "0123456789abcdef", "reason": "given"],
        ]
        let rows = Audit.text(lines).split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(rows[0] == ["time", "kind", "decision", "check", "who", "resource", "reason"])
        #expect(rows[1] == ["admin", "ann@desk", "done"])
        #expect(rows[2] == ["release", "guest", "0123456789ab", "given"])
    }
}
