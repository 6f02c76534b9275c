import Envelope
import Evidence
import Foundation
import PodManifest
import Testing
import Verifier
import WireFormat

@testable import KeyBroker

/// The broker with its own appraisers and guests of other technologies than SEV-SNP; a TPM is one that tests can be.
@Suite("Guests of every technology")
struct TechnologyTests {
    private static let initData = "version = \"0.1.0\"\n# tpm\n"

    /// A broker whose attestation policy knows the TPM's kernel and, unless told otherwise, its key.
    private static func bench(
        _ tpm: SoftwareTPM, knowsKey: Bool = true, policy: String? = nil
    ) async throws -> BrokerBench {
        let bench = try await BrokerBench { folder, configuration in
            try Data(tpm.key.publicKey.derRepresentation).write(to: URL(fileURLWithPath: folder + "/ak.der"))
            if knowsKey { configuration.attestation.attestationKeys = [folder + "/ak.der"] }
            if let policy {
                configuration.attestation.policy = folder + "/policy.rego"
                try Data(policy.utf8).write(to: URL(fileURLWithPath: folder + "/policy.rego"))
            }
        }
        var values: [String: JSONValue] = [
            "tpm_pcr4": [.string(Hex.encode(tpm.registers[4]))],
            "tpm_pcr11": [.string(Hex.encode(tpm.registers[11]))],
            "tpm_pcr7": [.string(Hex.encode(tpm.registers[7]))],
        ]
        if knowsKey { values["trusted_aks"] = [.string(tpm.publicKey)] }
        let message: JSONValue = [
            "type": "sample", "payload": .string(Base64.encode(JSONValue.object(values).canonicalBytes)),
        ]
        #expect(try await bench.administer("POST", "reference-value", message.canonicalBytes).status == 200)
        return bench
    }

    private static func attest(
        _ bench: BrokerBench, _ tpm: SoftwareTPM, _ guest: FakeGuest, nonce other: String? = nil
    ) async throws -> BrokerResponse {
        let (cookie, nonce) = try await bench.challenge("tpm")
        let report = ReportBinding.rcar(
            teePublicKey: guest.publicKey, nonce: other ?? nonce, additionalEvidence: guest.additional)
        var body = guest.attestation(nonce).objectValue ?? [:]
        body["tee-evidence"] = [
            "primary_evidence": try tpm.evidence(report), "additional_evidence": .string(guest.additional),
        ]
        return await bench.send(
            "POST", "kbs/v0/attest", body: JSONValue.object(body).canonicalBytes, cookie: cookie)
    }

    private static func register(
        _ bench: BrokerBench, _ guest: FakeGuest, _ tpm: SoftwareTPM, measurements: JSONValue? = nil,
        hardwareOnly: Bool = false
    ) async throws {
        try await bench.prepare(
            guest,
            changes: [
                "measurements": measurements ?? [.string(tpm.measurement)], "simulated": .bool(!hardwareOnly),
            ])
    }

    private static func refusal(_ response: BrokerResponse) -> String {
        (try? JSONValue.parse(response.body))?["detail"]?.stringValue ?? ""
    }

    @Test func `a machine with a known TPM gets what it is registered for`() async throws {
        let guest = FakeGuest(technology: "tpm", initData: Self.initData)
        let tpm = SoftwareTPM(initData: Self.initData)
        let bench = try await Self.bench(tpm)
        try await Self.register(bench, guest, tpm)
        let response = try await Self.attest(bench, tpm, guest)
        #expect(response.status == 200, "\(Self.refusal(response))")
        let token = try #require(try JSONValue.parse(response.body)["token"]?.stringValue)
        let claims = try JSONValue.parse(
            try Base64.decodeURL(String(token.split(separator: ".")[1]), field: "token"))
        let cpu = try #require(claims["submods"]?["cpu0"])
        #expect(cpu["ear.status"] == "warning")
        #expect(cpu["ear.veraison.annotated-evidence"]?["protections"] == ["attested"])
        #expect(claims["testudo"]?["technology"] == "tpm")
        let secret = await bench.send("GET", "kbs/v0/resource/default/key/one", bearer: token)
        #expect(secret.status == 200)
    }

    @Test func `other nonces, init-data, keys and kernels are refused`() async throws {
        let guest = FakeGuest(technology: "tpm", initData: Self.initData)
        let tpm = SoftwareTPM(initData: Self.initData)
        let bench = try await Self.bench(tpm)
        try await Self.register(bench, guest, tpm)
        let nonce = Base64.encode([UInt8](repeating: 1, count: 32))
        #expect(try await Self.attest(bench, tpm, guest, nonce: nonce).status == 401)
        var launched = SoftwareTPM(initData: "version = \"0.1.0\"\n# other\n")
        #expect(try await Self.attest(bench, launched, guest).status == 401)
        launched = SoftwareTPM(initData: Self.initData)
        let stranger = try await Self.attest(bench, launched, guest)
        #expect(Self.refusal(stranger).contains("hardware: contraindicated"))
        let unknown = try await Self.bench(SoftwareTPM(initData: Self.initData, kernel: 12))
        try await Self.register(unknown, guest, tpm)
        #expect(Self.refusal(try await Self.attest(unknown, tpm, guest)).contains("does not know what runs"))
    }

    @Test func `a technology without releases needs its measurement in the registration`() async throws {
        let guest = FakeGuest(technology: "tpm", initData: Self.initData)
        let tpm = SoftwareTPM(initData: Self.initData)
        for measurements: JSONValue in ["any-reference", [.string(BrokerBench.measurement)]] {
            let bench = try await Self.bench(tpm)
            try await Self.register(bench, guest, tpm, measurements: measurements)
            let response = try await Self.attest(bench, tpm, guest)
            #expect(response.status == 403)
            #expect(Self.refusal(response).contains("measurement in the registration"))
        }
    }

    @Test
    func `an administrator's attestation policy judges under its name alone, outlives the broker and is taken away`()
        async throws
    {
        let guest = FakeGuest(technology: "tpm", initData: Self.initData)
        let tpm = SoftwareTPM(initData: Self.initData)
        let bench = try await Self.bench(tpm)
        try await Self.register(bench, guest, tpm)
        let policy = "package policy\nimport rego.v1\ntrust_claims := {\"executables\": 96}\n"
        func set(_ id: String, _ policy: String, _ members: [String: JSONValue] = [:]) async throws -> BrokerResponse {
            let body: [String: JSONValue] = [
                "policy_id": .string(id), "policy": .string(Base64.encodeURL(Array(policy.utf8))), "type": "rego",
            ]
            return try await bench.administer(
                "POST", "attestation-policy", JSONValue.object(body.merging(members) { $1 }).canonicalBytes)
        }
        #expect(try await set("another", policy).status == 200)
        try await bench.broker.followReplicas()
        #expect(try await Self.attest(bench, tpm, guest).status == 200)
        #expect(try await set("default_cpu", policy).status == 200)
        #expect(Self.refusal(try await Self.attest(bench, tpm, guest)).contains("does not know what runs"))
        // What cannot be used changes nothing.
        for (id, text, members) in [
            ("default_cpu", "broken", [:]), ("", policy, [:]), ("../x", policy, [:]),
            (String(repeating: "a", count: 65), policy, [:]), ("default_cpu", policy, ["more": 1]),
            ("default_cpu", policy, ["policy": "!"]), ("default_cpu", policy, ["policy": .null]),
        ] as [(String, String, [String: JSONValue])] {
            try expectRefusal(try await set(id, text, members), 400, "ParsePolicyError")
        }
        #expect(try await Self.attest(bench, tpm, guest).status == 401)
        let listed = try JSONValue.parse(try await bench.administer("GET", "testudo/attestation-policies").body)
        #expect(listed.arrayValue?.map { $0["id"] } == ["another", "default_cpu"])
        #expect(listed.arrayValue?.map { $0["inForce"] } == [false, true])
        let again = try await StoredAttestationPolicies(store: bench.broker.store)
        #expect(again.source == policy)
        // Another replica takes it away; this one follows.
        #expect(try await again.remove("default_cpu"))
        try await bench.broker.followReplicas()
        let restored = try await Self.attest(bench, tpm, guest)
        #expect(restored.status == 200, "\(Self.refusal(restored))")
        try expectRefusal(
            try await bench.administer("DELETE", "testudo/attestation-policies/default_cpu"), 404, "InvalidRequestPath")
        for call in ["POST attestation-policy", "GET testudo/attestation-policies"] {
            let parts = call.split(separator: " ").map(String.init)
            #expect(await bench.send(parts[0], "kbs/v0/" + parts[1]).status == 401)
        }
    }

    @Test func `a tenant's attestation policy takes trust away`() async throws {
        let guest = FakeGuest(technology: "tpm", initData: Self.initData)
        let tpm = SoftwareTPM(initData: Self.initData)
        let policy = """
            package policy
            import rego.v1
            trust_claims := {"executables": 3, "hardware": hardware}
            default hardware := 97
            hardware := 2 if "memory-confidentiality" in input.protections
            """
        let bench = try await Self.bench(tpm, policy: policy)
        try await Self.register(bench, guest, tpm)
        let response = try await Self.attest(bench, tpm, guest)
        #expect(Self.refusal(response).contains("hardware: contraindicated"))
    }

    @Test(arguments: [
        ("{\"executables\": 3}", "says nothing of hardware"),
        ("{\"executables\": 3, \"hardware\": 2}", "says nothing of configuration"),
        ("{\"executables\": 3, \"hardware\": 1, \"configuration\": 2}", "hardware: none"),
        ("{\"executables\": 3, \"hardware\": 2, \"configuration\": 2}", "not attested"),
    ])
    func `software that poses as a TPM gets nothing, whatever the policy leaves unsaid`(
        _ claims: String, _ reason: String
    ) async throws {
        let guest = FakeGuest(technology: "tpm", initData: Self.initData)
        let tpm = SoftwareTPM(initData: Self.initData)
        let policy = "package policy\nimport rego.v1\ntrust_claims := \(claims)"
        let bench = try await Self.bench(tpm, knowsKey: false, policy: policy)
        try await Self.register(bench, guest, tpm)
        let response = try await Self.attest(bench, tpm, guest)
        #expect(response.status == 401)
        #expect(Self.refusal(response).contains(reason), "\(Self.refusal(response))")
    }

    @Test func `a TPM alone is no hardware that keeps the host out`() async throws {
        let guest = FakeGuest(technology: "tpm", initData: Self.initData)
        let tpm = SoftwareTPM(initData: Self.initData)
        let bench = try await Self.bench(tpm)
        try await Self.register(bench, guest, tpm)
        let response = try await Self.attest(bench, tpm, guest)
        let token = try #require(try JSONValue.parse(response.body)["token"]?.stringValue)
        #expect(TenantCA.root(for: try #require(try bench.broker.tokens.bearer(of: token).guest)) == .simulated)
        try await Self.register(bench, guest, tpm, hardwareOnly: true)
        let refused = try await Self.attest(bench, tpm, guest)
        #expect(refused.status == 403)
        #expect(Self.refusal(refused).contains("hardware only"))
    }

    @Test(arguments: ["snp", "tdx"])
    func `a released debug guest passes only where the manifest asks for one`(_ technology: String) throws {
        let measurement = String(repeating: "ab", count: 48)
        let reference = ReferenceValue(
            technology: try #require(Technology(rawValue: technology)),
            measurement: try LaunchMeasurement(hex: measurement), processors: 1, debug: true, version: "0.1.0")
        let registration = try Self.registration([.string(measurement)])
        for debug in [false, true] {
            let refusal = GuestStanding.refusal(
                try Self.guest(technology, measurement, debug: debug), registration: registration,
                reference: reference, now: 1)
            #expect(refusal?.check == (debug ? nil : "debug-guest"))
        }
    }

    @Test func `a release alone does not vouch for a trust domain`() throws {
        let measurement = String(repeating: "ab", count: 48)
        let reference = ReferenceValue(
            technology: .tdx, measurement: try LaunchMeasurement(hex: measurement), processors: 1, debug: false,
            version: "0.1.0")
        let guest = try Self.guest("tdx", measurement, debug: false)
        for (measurements, check) in [
            ("any-reference", "manifest-measurement"), ([.string(measurement)], nil),
        ] as [(JSONValue, String?)] {
            let refusal = GuestStanding.refusal(
                guest, registration: try Self.registration(measurements), reference: reference, now: 1)
            #expect(refusal?.check == check)
        }
    }

    private static func registration(_ measurements: JSONValue) throws -> Registration {
        try Registration(
            digest: String(repeating: "00", count: 32),
            body: [
                "name": "a", "namespace": "b", "hostnames": [], "measurements": measurements, "guestVersion": "0.1.0",
                "simulated": false, "resources": [], "expires": 9_000_000_000, "state": "active", "owner": "",
            ], now: 1, stored: true)
    }

    private static func guest(_ technology: String, _ measurement: String, debug: Bool) throws -> AttestedGuest {
        try AttestedGuest(
            claims: [
                "manifest": "00", "measurement": .string(measurement), "technology": .string(technology),
                "simulated": false, "debug": .bool(debug), "instance": "", "epoch": 0, "binding": "launch",
                "tlsKey": "",
            ], encryptionKey: .null)
    }

    @Test func `a refusal names the protection that the manifest demands and the machine lacks`() async throws {
        let manifest = try #require(StandingTests.debugManifest.objectValue)
        for (wanted, missing) in [
            (["attested"], nil), (["attested", "memory-confidentiality"], "memory-confidentiality"),
            (["attested", "debug-off"], "debug-off"),
        ] as [([String], String?)] {
            var changed = manifest
            changed["protections"] = .array(wanted.map { .string($0) })
            let text = try InitData(try PodManifest(parsing: .object(changed))).text
            let guest = FakeGuest(technology: "tpm", initData: text)
            let tpm = SoftwareTPM(initData: text)
            let bench = try await Self.bench(tpm)
            try await Self.register(bench, guest, tpm)
            let response = try await Self.attest(bench, tpm, guest)
            if let missing {
                #expect(response.status == 403)
                #expect(Self.refusal(response).contains("\(missing) is demanded and missing"))
                let lines = try await bench.audit()
                #expect(lines.contains { $0["check"] == "protection" && $0["decision"] == "deny" })
            } else {
                #expect(response.status == 200, "\(Self.refusal(response))")
            }
        }
    }

    @Test func `manifests know the protections that the verifier knows`() throws {
        let manifest = try #require(StandingTests.debugManifest.objectValue)
        for protection in Protection.allCases {
            var changed = manifest
            changed["protections"] = .array(Set(["attested", protection.rawValue]).sorted().map { .string($0) })
            #expect(throws: Never.self) { try PodManifest(parsing: .object(changed)) }
        }
        var changed = manifest
        changed["protections"] = ["attested", "world-peace"]
        #expect(throws: WireError.self) { try PodManifest(parsing: .object(changed)) }
    }

    @Test func `token keys rotate by hand and by age, and old tokens stay good until they expire`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let (_, token) = try await bench.attest(guest)
        func keys() async throws -> [String?] {
            let response = await bench.send("GET", ".well-known/jwks.json")
            return try JSONValue.parse(response.body)["keys"]?.arrayValue?.map { $0["kid"]?.stringValue } ?? []
        }
        let first = try await keys()
        #expect(first.count == 1)
        #expect(await bench.send("POST", "kbs/v0/testudo/token-key").status == 401)
        let rotated = try await bench.administer("POST", "testudo/token-key")
        let name = try JSONValue.parse(rotated.body)["kid"]?.stringValue
        #expect(try await keys() == [name] + first)
        #expect(await bench.send("GET", "kbs/v0/resource/default/key/one", bearer: token).status == 200)
        // A restart finds the same keys.
        let configuration = try BrokerConfiguration(file: bench.folder + "/config.json")
        let again = try await TokenAuthority(
            store: bench.broker.store, minutes: configuration.tokenMinutes, clock: bench.time.clock)
        #expect(again.keySet["keys"]?.arrayValue?.count == 2)
        #expect(throws: Never.self) { try again.bearer(of: token) }
        bench.time.advance(301)
        #expect(try await keys() == [name])
        bench.time.advance(30 * 86_400 - 301)
        try await bench.publish(version: "0.1.0", measurement: BrokerBench.measurement)
        let late = FakeGuest(instance: String(repeating: "02", count: 16))
        try await bench.prepare(late)
        _ = try await bench.attest(late)
        #expect(try await keys().count == 2)
        #expect(try await keys().first != name)
    }

    @Test func `tokens can be signed on P-384`() async throws {
        let bench = try await BrokerBench { _, configuration in configuration.tokenAlgorithm = .es384 }
        #expect(bench.broker.tokens.keySet["keys"]?.arrayValue?.first?["crv"] == "P-384")
    }
}
