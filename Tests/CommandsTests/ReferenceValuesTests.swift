import ArgumentParser
import Crypto
import Envelope
import Evidence
import EvidenceSamples
import Foundation
import GuestImage
import TestSupport
import Testing
import Verifier
import WireFormat

@testable import Commands

@Suite("testudo reference-values")
struct ReferenceValuesTests {
    private let stage: PolicyStage
    private let key = Curve25519.Signing.PrivateKey()

    init() throws {
        stage = try PolicyStage([:])
        try write("key.pub", Array(key.publicKey.pemRepresentation.utf8))
    }

    private func write(_ name: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: stage.path(name)))
    }

    /// Runs a command on the file of the stage; words that begin with `@` name files.
    private func run(_ words: String...) async throws {
        let words = words.map { $0.hasPrefix("@") ? stage.path(String($0.dropFirst())) : $0 }
        var command = try ReferenceValuesCommand.parseAsRoot(words + ["--file", stage.path("values.json")])
        if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
    }

    private func entries(now: Int64 = ReferenceValueFile.now) async throws -> [JSONValue] {
        try await ReferenceValuesList.parse(["--file", stage.path("values.json")]).entries(now: now)
    }

    private func signed(_ claims: JSONValue, by key: Curve25519.Signing.PrivateKey) throws -> [UInt8] {
        Array(try JWS.signEdDSA(claims: claims, key: key).utf8)
    }

    @Test func `values of a file are added, listed, asked for and removed`() async throws {
        try await run("add", "svn", "[3, 4]", "--expires", "2999-01-01", "--provenance", "the lab")
        try await run("add", "name", #""text""#, "--expires", "never")
        let entries = try await entries()
        #expect(entries.map { $0["name"] } == ["name", "svn"] && entries[1]["state"] == "valid")
        #expect(entries[1]["expires"] == "2999-01-01T00:00:00Z" && entries[0]["expires"] == nil)
        #expect(entries[1]["provenance"]?["note"] == "the lab")
        #expect(ReferenceValueText.table(entries).contains("the lab"))
        let late = try await self.entries(now: 32_503_680_000)
        #expect(late[1]["state"]?.stringValue?.hasPrefix("expired at 2999") == true)
        let query = #"query_reference_value("svn")"#
        let values = ["--reference-values", "@values.json"]
        #expect(try stage.eval(["-f", "raw"] + values + [query]).output == "[3,4]")
        try await run("remove", "svn")
        #expect(try stage.eval(["-f", "raw"] + values + [query]).output == "null")
        await #expect(throws: CommandFailure.self) { try await run("remove", "svn") }
    }

    @Test func `a value that expired is not answered to a policy`() async throws {
        try await run("add", "svn", "[3]")
        let path = stage.path("values.json")
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let end = try #require(try await entries()[0]["expires"]?.stringValue)
        try text.replacingOccurrences(of: end, with: "2020-01-01T00:00:00Z").write(
            toFile: path, atomically: true, encoding: .utf8)
        let query = #"query_reference_value("svn")"#
        #expect(try stage.eval(["-f", "raw", "--reference-values", "@values.json", query]).output == "null")
    }

    @Test func `documents are imported when a named key signed them, and not rolled back`() async throws {
        func document(_ issuedAt: Int64, _ value: JSONValue) -> JSONValue {
            [
                "kind": "testudo.reference-values", "source": "acme", "issuedAt": .integer(issuedAt),
                "values": [["name": "a", "value": value]],
            ]
        }
        try write("new.jws", try signed(document(20, "new"), by: key))
        try write("old.jws", try signed(document(10, "old"), by: key))
        try write("other.jws", try signed(document(30, "other"), by: Curve25519.Signing.PrivateKey()))
        try write("bare.json", document(30, "bare").canonicalBytes)
        try await run("import", "@new.jws", "--key", "@key.pub")
        for words in [["@old.jws"], ["@other.jws"], ["@other.jws", "--allow-unsigned"], ["@bare.json"], ["@none"]] {
            await #expect(throws: (any Error).self) {
                switch words.count {
                case 1: try await run("import", words[0], "--key", "@key.pub")
                default: try await run("import", words[0], words[1], "--key", "@key.pub")
                }
            }
        }
        let old = await #expect(throws: CommandFailure.self) {
            try await run("import", "@old.jws", "--key", "@key.pub")
        }
        #expect(
            old?.what.hasSuffix(
                "roll-back: the issue of 1970-01-01T00:00:10Z is older than the issue of 1970-01-01T00:00:20Z, which was taken "
                    + "before") == true, "\(String(describing: old))")
        #expect(old?.status == 1 && old?.hint?.contains("--allow-rollback") == true)
        // Of several documents all are taken or none.
        await #expect(throws: (any Error).self) { try await run("import", "@new.jws", "@old.jws", "--key", "@key.pub") }
        #expect(try await entries().map { $0["value"] } == ["new"])
        // What nobody signed does not take the name of what somebody did.
        await #expect(throws: (any Error).self) { try await run("import", "@bare.json", "--allow-unsigned") }
        try await run("import", "@old.jws", "--key", "@key.pub", "--allow-rollback")
        #expect(try await entries().map { $0["value"] } == ["old"])
        #expect(throws: (any Error).self) { try ReferenceValuesImport.parse(["a", "--key", "k"]) }
        #expect(throws: (any Error).self) { try ReferenceValuesImport.parse(["a", "--expires", "soon"]) }
    }

    @Test func `a statement by hand keeps a signed document out until it is removed`() async throws {
        try await run("add", "a", "1")
        let document: JSONValue = [
            "kind": "testudo.reference-values", "source": "acme", "values": [["name": "a", "value": 2]],
        ]
        try write("a.jws", try signed(document, by: key))
        let blocked = await #expect(throws: CommandFailure.self) {
            try await run("import", "@a.jws", "--key", "@key.pub")
        }
        #expect(
            blocked?.what.contains("is taken: it was stated by hand, which nobody signed; remove the name first")
                == true,
            "\(String(describing: blocked))")
        #expect(blocked?.hint?.contains("`testudo reference-values remove NAME`") == true && blocked?.status == 1)
        try await run("remove", "a")
        try await run("import", "@a.jws", "--key", "@key.pub")
        #expect(try await entries().map { $0["value"] } == [2])
    }

    /// An image in the stage's folder, with its measurements.
    private func writeImage() throws -> LaunchMeasurements {
        let (kernel, initrd, firmware) = (
            [UInt8](repeating: 1, count: 4096), [UInt8](repeating: 2, count: 4096), [UInt8](repeating: 3, count: 65_536)
        )
        let measured = try LaunchMeasurements(kernel: kernel, initrd: initrd, firmware: firmware, ovmf: nil)
        try write("kernel", kernel)
        try write("initrd", initrd)
        try write("qboot.rom", firmware)
        try write("measurements.json", measured.json(version: "9.9.9").canonicalBytes)
        return measured
    }

    /// An image whose kernel is a program for UEFI, and a firmware for it.
    private func writeBootableImage() throws -> (kernel: [UInt8], initrd: [UInt8]) {
        let program = Vectors.url("evidence/launch/pe/td-payload.efi")
        let (kernel, initrd) = (try Array(Data(contentsOf: program)), [UInt8](repeating: 2, count: 4096))
        let firmware = [UInt8](repeating: 3, count: 65_536)
        try write("kernel", kernel)
        try write("initrd", initrd)
        try write("qboot.rom", firmware)
        try write(
            "measurements.json",
            try LaunchMeasurements(kernel: kernel, initrd: initrd, firmware: firmware, ovmf: nil).json(version: "9.9.9")
                .canonicalBytes)
        try write("ovmf", try VolumeImage.bytes())
        return (kernel, initrd)
    }

    @Test(.enabled(if: Vectors.available))
    func `a guest image is published with the registers of its measured boots`() async throws {
        let (kernel, initrd) = try writeBootableImage()
        let options = ["--tpm-firmware", stage.path("ovmf"), "--volume-write", "none"]
        try writeReleaseKey()
        try GuestPublish.parse(
            ["--release-key", stage.path("key.pem"), "--image", stage.folder.path] + options
        ).run()
        try await run("import", "@reference-values.jws", "--key", "@key.pub")
        let entries = try await entries()
        let boots = try GuestRegisterOptions.parse(options).boots(kernel: kernel, initrd: initrd)
        #expect(boots.map(\.debug) == [false, true])
        // Only what boots without a console stands under a name: nobody asks by it for a guest that can be looked into.
        for register in [0, 1, 2, 3, 4, 5, 6, 7, 9] {
            let entry = try #require(entries.first { $0["name"] == .string("tpm_pcr\(register)") })
            let value = try #require(boots[0].banks[.sha256, register])
            #expect(entry["value"] == [.string(Hex.encode(value))])
        }
        #expect(boots[0].banks[.sha256, 9] != boots[1].banks[.sha256, 9])
        #expect(entries.count == 10)
        #expect(boots.allSatisfy { $0.json["measurement"]?.stringValue?.count == 96 })
        try await GuestCommand.Measure.parse(["--image", stage.folder.path] + options).run()
        #expect(throws: (any Error).self) { try GuestRegisterOptions.parse(["--tpm-memory", "1024"]) }
    }

    private func writeReleaseKey() throws {
        let pkcs8: [UInt8] = [
            0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
        ]
        let pem = Base64.encode(pkcs8 + Array(key.rawRepresentation))
        try write("key.pem", Array("-----BEGIN PRIVATE KEY-----\n\(pem)\n-----END PRIVATE KEY-----\n".utf8))
    }

    @Test func `a guest image is published with every measurement of its build`() async throws {
        let measured = try writeImage()
        try writeReleaseKey()
        try GuestPublish.parse([
            "--release-key", stage.path("key.pem"), "--image", stage.folder.path, "--expires", "2999-01-01",
        ]).run()
        try await run("import", "@reference-values.jws", "--key", "@key.pub")
        let entry = try #require(try await entries().first)
        let release = Set(measured.values.filter { !$0.debug }.map(\.measurement.hex))
        #expect(entry["name"] == "snp_launch_measurement" && release.count == 8)
        #expect(Set(entry["value"]?.arrayValue?.compactMap(\.stringValue) ?? []) == release)
        #expect(entry["expires"] == "2999-01-01T00:00:00Z")
        try await run("remove", "--guest", "9.9.9")
        #expect(try await entries().isEmpty)
        // Measurements of another image are not published under this one's name.
        try write("kernel", [0])
        #expect(throws: CommandFailure.self) {
            try GuestPublish.publish(image: stage.folder.path, key: stage.path("key.pem"), expires: nil)
        }
    }

    @Test func `nothing is signed that the image beside it does not measure`() throws {
        let values = try writeImage().json(version: "9.9.9")["values"]?.arrayValue ?? []
        let snp: JSONValue = [
            "technology": "snp", "measurement": .string(String(repeating: "ab", count: 48)), "vcpus": 1, "debug": false,
        ]
        func changed(_ name: String, _ value: JSONValue) -> JSONValue {
            .object((values[0].objectValue ?? [:]).merging([name: value]) { $1 })
        }
        #expect(values.count == 16 && values[0]["debug"] == false)
        for wrong in [
            values + [snp], values + [.object((snp.objectValue ?? [:]).merging(["technology": "tdx"]) { $1 })],
            [snp] + values.dropFirst(), [changed("debug", true)] + values.dropFirst(),
            values + [changed("debug", true)],
            [changed("vcpus", 9)] + values.dropFirst(), [changed("technology", "snp")] + values.dropFirst(),
            values + [changed("measurement", snp["measurement"] ?? .null)], Array(values.dropFirst()),
        ] {
            let document: JSONValue = ["version": "9.9.9", "values": .array(wrong)]
            try write("measurements.json", document.canonicalBytes)
            #expect(throws: CommandFailure.self) { try ReleasePublication(image: stage.folder.path) }
        }
        try write("measurements.json", JSONValue.object(["version": "9.9.9", "values": .array(values)]).canonicalBytes)
        #expect(throws: Never.self) { try ReleasePublication(image: stage.folder.path) }
    }

    @Test func `up publishes its image each time, also after a clock that ran ahead`() async throws {
        _ = try writeImage()
        try await BrokerStage.run { broker in
            var settings = broker.settings
            settings.guestImage = stage.folder.path
            try StateFolder.write(P256.KeyAgreement.PrivateKey().pemRepresentation, to: broker.state.logKey)
            try StateFolder.write("key", to: broker.state.signingPublicKey)
            let setup = TenantSetup(state: broker.state, settings: settings, progress: Progress(quiet: true))
            func issued() async throws -> Int64? {
                let documents = try await broker.admin().json("GET", "/kbs/v0/testudo/reference-values")
                #expect(documents.arrayValue?.count == 1 && documents[0]?["artefacts"]?["kernel"] != nil)
                return documents[0]?["issuedAt"].flatMap(ReferenceTime.seconds)
            }
            try await setup.finish()
            let release = try Ed25519PEM.privateKey(try StateFolder.text("\(broker.state.broker)/release.key"))
            let ahead = ReferenceValueFile.now + 3600
            let document = try ReleasePublication(image: settings.guestImage).signed(
                by: release, issuedAt: ahead, expires: nil)
            try await broker.admin().call("PUT", "/kbs/v0/testudo/reference-values", body: Array(document.utf8))
            #expect(try await issued() == ahead)
            try await setup.finish()
            #expect(try await issued() == ahead + 1)
        }
    }

    @Test func `the broker takes what the file takes`() async throws {
        try await BrokerStage.run { broker in
            let folder = broker.state.broker
            try StateFolder.write(broker.settings.json.prettyText, to: broker.state.settingsFile)
            func run(_ words: String...) async throws {
                let words = words.map { $0.hasPrefix("@") ? stage.path(String($0.dropFirst())) : $0 }
                let command = try ReferenceValuesCommand.parseAsRoot(words + ["--state", broker.state.root])
                if var command = command as? any AsyncParsableCommand { try await command.run() }
            }
            let release = try Ed25519PEM.privateKey(try StateFolder.text("\(folder)/release.key"))
            try write(
                "guest.jws",
                try signed(
                    [
                        "version": "1", "issuedAt": 5,
                        "values": [
                            [
                                "technology": "snp", "measurement": .string(String(repeating: "ab", count: 48)),
                                "vcpus": 1, "debug": false,
                            ]
                        ],
                    ], by: release))
            try write("sample.json", Array(#"{"version":"0.1.0","type":"sample","payload":"eyJzdm4iOjN9"}"#.utf8))
            try await run("import", "@guest.jws")
            await #expect(throws: CommandFailure.self) { try await run("import", "@sample.json") }
            try await run("import", "@sample.json", "--allow-unsigned")
            // What a document says about itself is no order to the broker.
            for member in [#""allowUnsigned":true"#, #""allowRollback":true"#, #""note":"trusted""#] {
                let text = #"{"type":"sample","payload":"eyJzdm4iOjR9",\#(member)}"#
                try write("bold.json", Array(text.utf8))
                await #expect(throws: CommandFailure.self) { try await run("import", "@bold.json") }
                await #expect(throws: CommandFailure.self) {
                    try await run("import", "@bold.json", "--allow-unsigned")
                }
            }
            try await run("add", "a b/c", "1", "--expires", "2999-01-01", "--provenance", "by hand")
            let list = try ReferenceValuesList.parse(["--state", broker.state.root])
            let entries = try await list.entries(now: 0)
            #expect(entries.map { $0["name"] } == ["a b/c", "snp_launch_measurement", "svn"])
            #expect(entries[0]["provenance"]?["note"] == "by hand" && entries[0]["expires"] == "2999-01-01T00:00:00Z")
            try await run("remove", "a b/c", "svn", "--guest", "1")
            #expect(try await list.entries(now: 0).isEmpty)
            try write("stranger.jws", try signed(["version": "1", "values": []], by: key))
            await #expect(throws: CommandFailure.self) { try await run("import", "@stranger.jws") }
            // What keeps a document out is said as with a file.
            try await run("add", "snp_launch_measurement", "[]")
            let blocked = await #expect(throws: CommandFailure.self) { try await run("import", "@guest.jws") }
            #expect(
                blocked?.what.contains("stated by hand") == true && blocked?.hint?.contains("remove NAME") == true,
                "\(String(describing: blocked))")
        }
    }
}
