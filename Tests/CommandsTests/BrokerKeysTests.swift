import ArgumentParser
import Crypto
import Envelope
import Foundation
import KeyManagement
import TestSupport
import Testing
import WireFormat

@testable import Commands
@testable import KeyBroker

@Suite("Commands for the broker's keys, sealed secrets and authorities", .serialized, .timeLimit(.minutes(2)))
struct BrokerKeysTests {
    /// Runs a command as it would be typed.
    private func run(_ stage: BrokerStage, _ arguments: String...) async throws {
        var command = try TestudoCommand.parseAsRoot(arguments + ["--state", stage.state.root])
        if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
    }

    /// A stage whose settings lie in its folder, where commands look for them.
    private func stage(_ body: (BrokerStage, ScratchFolder) async throws -> Void) async throws {
        try await BrokerStage.run { stage in
            try StateFolder.write(stage.settings.json.prettyText, to: stage.state.settingsFile)
            let folder = try ScratchFolder()
            try await body(stage, folder)
        }
    }

    private func versions(_ stage: BrokerStage, _ key: String) async throws -> [String] {
        let shown = try await stage.admin().json("GET", try BrokerKeys.path(key))
        return (shown["versions"]?.arrayValue ?? []).compactMap { $0["state"]?.stringValue }
    }

    @Test func `a key is made, rotated and destroyed, and a message moved to its newest version`() async throws {
        try await stage { stage, folder in
            try await run(stage, "broker", "keys", "create", "default/disk", "--kind", "aes-256-gcm", "--overlap", "60")
            let admin = try stage.admin()
            let made = try await admin.json(
                "POST", try BrokerKeys.path("default/disk", "/encrypt"),
                ["plaintext": .string(Base64.encode([1])), "associated": .string(Base64.encode(Array("disk".utf8)))])
            let sealed = try Base64.decode(made["ciphertext"]?.stringValue ?? "", field: "ciphertext")
            let file = folder.path + "/sealed"
            try StateFolder.write(sealed, to: file)
            try await run(stage, "broker", "keys", "rotate", "default/disk")
            await #expect(throws: CommandFailure.self) {
                try await run(stage, "broker", "keys", "rewrap", "default/disk", file)
            }
            try await run(stage, "broker", "keys", "rewrap", "default/disk", file, "--associated", "disk")
            #expect(try StateFolder.read(file)[6] == 2)
            for (words, hint) in [
                (["destroy", "default/disk", "--version", "2", "--yes"], "--newest"),
                (["destroy", "default/disk", "--version", "7", "--yes"], "keys show default/disk"),
                (["destroy", "default/none", "--version", "1", "--yes"], "keys list default"),
                (["create", "default/disk", "--kind", "ed25519"], "keys list default"),
                (["create", "default/new", "--kind", "x"], "--kind aes-256-gcm"),
                (["wrap", "default/disk", "--file", file, "--output", file + ".never"], "keys show default/disk"),
            ] {
                let refused = try await BrokerStage.complaint(["broker", "keys"] + words + stage.named)
                #expect(refused.hint?.contains(hint) == true && refused.status == 1, "\(words): \(refused)")
            }
            try await run(stage, "broker", "keys", "destroy", "default/disk", "--version", "1", "--yes")
            #expect(try await versions(stage, "default/disk") == ["destroyed", "active"])
            try StateFolder.write([UInt8](0..<32), to: folder.path + "/raw")
            try await run(
                stage, "broker", "keys", "create", "default/mine", "--kind", "ed25519", "--raw", folder.path + "/raw")
            try await run(stage, "broker", "keys", "list")
            try await run(stage, "broker", "keys", "show", "default/mine", "--public-key")
            for wrong in ["disk", "default/disk/1", "/disk", "default/.x"] {
                #expect(throws: CommandFailure.self) { try BrokerKeys.path(wrong) }
            }
            #expect(throws: (any Error).self) { try KeysCreate.parse(["a/b", "--kind", "ed25519", "--wrapped", "f"]) }
        }
    }

    @Test func `an administrator encrypts and wraps for guests, and does not open it again`() async throws {
        try await stage { stage, folder in
            let (plain, sealed) = (folder.path + "/plain", folder.path + "/sealed")
            try StateFolder.write([UInt8](0..<32), to: plain)
            try await run(stage, "broker", "keys", "create", "default/disk", "--kind", "aes-256-gcm")
            try await run(
                stage, "broker", "keys", "encrypt", "default/disk", "--file", plain, "-o", sealed, "--associated", "a")
            let keys = KeyStore(stage.broker.store.sealed, policy: Everything(), now: { 1_800_000_000 })
            let opened = try await keys.decrypt(
                try StateFolder.read(sealed), with: try KeyName(namespace: "default", name: "disk"),
                associated: Array("a".utf8), by: .guest(AttestedCaller(manifest: "any")))
            #expect(opened.copyBytes() == [UInt8](0..<32))
            let admin = try stage.admin()
            let body: JSONValue = ["ciphertext": .string(Base64.encode(try StateFolder.read(sealed)))]
            await #expect(throws: CommandFailure.self) {
                try await admin.json("POST", try BrokerKeys.path("default/disk", "/decrypt"), body)
            }
            // What was wrapped here is imported there.
            try await run(stage, "broker", "keys", "create", "default/outer", "--kind", "aes-256-kw")
            try await run(stage, "broker", "keys", "wrap", "default/outer", "--file", plain, "-o", sealed)
            try await run(
                stage, "broker", "keys", "create", "default/inner", "--kind", "aes-256-gcm", "--wrapped", sealed,
                "--by",
                "outer")
            #expect(try await versions(stage, "default/inner") == ["active"])
        }
    }

    @Test func `a secret is sealed in both forms, and only its wrapped key opens the envelope`() async throws {
        try await stage { stage, folder in
            let (signing, plain) = (folder.path + "/signing.pem", folder.path + "/plain")
            try await run(stage, "secret", "keygen", signing)
            await #expect(throws: CommandFailure.self) { try await run(stage, "secret", "keygen", signing) }
            // Another key in the place of the one that sealed what is in use.
            await #expect(throws: CommandFailure.self) { try await run(stage, "secret", "keygen", signing + "2") }
            #expect(!FileManager.default.fileExists(atPath: signing + "2"))
            try await run(stage, "broker", "keys", "create", "default/seal", "--kind", "aes-256-kw")
            try StateFolder.write("a password", to: plain)
            let key = try SecretCommand.signingKey(signing)
            let command = try SecretSeal.parse([
                "--file", plain, "--key", "default/seal", "--signing-key", signing, "--state", stage.state.root,
            ])
            let text = try await command.secret().signed(by: key, keyID: command.kid)
            let read = try SealedText(text).verified(by: key.publicKey)
            guard case .envelope(let envelope) = read.content else {
                Issue.record("not an envelope")
                return
            }
            #expect(!text.contains(Base64.encodeURL(Array("a password".utf8))))
            // The guest's part, with the broker's own hand in place of an attested guest's.
            let keys = KeyStore(stage.broker.store.sealed, policy: Everything(), now: { 1_800_000_000 })
            let opened = try await keys.unwrap(read, by: .guest(AttestedCaller(manifest: "any")))
            #expect(try envelope.open(with: opened).copyBytes() == Array("a password".utf8))
            let file = folder.path + "/sealed"
            try StateFolder.write(text, to: file)
            try await run(stage, "secret", "show", file, "--signing-key", signing)
            let vault = try SecretSeal.parse(["--resource", "default/env/key", "--signing-key", signing])
            #expect(try await vault.secret().content == .vault(name: "kbs:///default/env/key"))
            #expect(throws: (any Error).self) { try SecretSeal.parse(["--file", plain, "--signing-key", signing]) }
        }
    }

    @Test func `sealing says what guests would miss at the broker, and which command makes it`() async throws {
        try await stage { stage, folder in
            let signing = folder.path + "/signing.pem"
            func warnings(_ words: String..., state: String? = nil) async throws -> [String] {
                try await SecretSeal.parse(words + ["--signing-key", signing, "--state", state ?? stage.state.root])
                    .warnings()
            }
            let both = try await warnings("--resource", "default/env/api")
            #expect(both.count == 2)
            #expect(
                both.first?.contains("`testudo secret publish \(signing) --resource default/signing-key/sealed-secret`")
                    == true, "\(both)")
            #expect(both.last?.contains("`testudo key set default/env/api --file FILE`") == true, "\(both)")
            try await run(stage, "secret", "keygen", signing)
            try StateFolder.write("a password", to: folder.path + "/plain")
            try await run(stage, "key", "set", "default/env/api", "--file", folder.path + "/plain")
            #expect(try await warnings("--resource", "default/env/api") == [])
            let other = "kbs:///default/signing-key/other"
            let unknown = try await warnings("--resource", "default/env/api", "--kid", other)
            #expect(unknown.count == 1 && unknown[0].contains("no public half in \(other)"), "\(unknown)")
            let file = try await warnings("--resource", "default/env/api", "--kid", "signing.jwk")
            #expect(file.count == 1 && file[0].contains("kbs:///repository/type/tag"), "\(file)")
            // Nobody to ask is no warning, one who does not answer is.
            #expect(try await warnings("--resource", "default/env/api", state: folder.path + "/nowhere") == [])
            var away = stage.settings
            away.brokerPort = try FreePorts.take(1)[0]
            try StateFolder.write(away.json.prettyText, to: stage.state.settingsFile)
            let silent = try await warnings("--resource", "default/env/api")
            #expect(silent.count == 1 && silent[0].contains("was not looked up: the key broker at"), "\(silent)")
        }
    }

    @Test func `a public half is published from a key that is there, and is enough to look at sealed text`()
        async throws
    {
        try await stage { stage, folder in
            let key = P256.Signing.PrivateKey()
            let jwk = JSONWebKey(key.publicKey).json
            let files = [
                try folder.write("key.pem", Array(key.pemRepresentation.utf8)),
                try folder.write("key.pub", Array(key.publicKey.pemRepresentation.utf8)),
                try folder.write("key.jwk", jwk.canonicalBytes),
            ]
            let text = try SealedSecret(.vault(name: "kbs:///default/env/api")).signed(by: key, keyID: "kbs:///a/b/c")
            let sealed = try folder.write("sealed", Array("\(text)\n".utf8))
            for (number, file) in files.enumerated() {
                let path = "default/signing-key/k\(number)"
                try await run(stage, "secret", "publish", file, "--resource", "kbs:///\(path)")
                let stored = try await stage.broker.store.resource(try ResourcePath(parsing: path), now: 0)
                #expect(stored?.copyBytes() == jwk.canonicalBytes)
                let again = try await BrokerStage.complaint(
                    ["secret", "publish", file, "--resource", path] + stage.named)
                #expect(again.what.contains("already") && again.hint?.contains("--replace") == true, "\(again)")
                try await run(stage, "secret", "publish", file, "--resource", path, "--replace")
                try await run(stage, "secret", "show", sealed, "--signing-key", file)
            }
            let taken = try await BrokerStage.complaint(["secret", "keygen", files[0]] + stage.named)
            #expect(taken.hint?.contains("`testudo secret publish \(files[0])`") == true, "\(taken)")
            let other = try folder.write("other.pub", Array(P256.Signing.PrivateKey().publicKey.pemRepresentation.utf8))
            await #expect(throws: EnvelopeError.self) {
                try await run(stage, "secret", "show", sealed, "--signing-key", other)
            }
            for (name, bytes) in [
                ("none", Array("no key".utf8)),
                ("ed25519", Array(Curve25519.Signing.PrivateKey().publicKey.pemRepresentation.utf8)),
            ] {
                let wrong = try folder.write(name, bytes)
                let refused = try await BrokerStage.complaint(["secret", "show", sealed, "--signing-key", wrong])
                #expect(refused.status == 2 && refused.what.contains(wrong), "\(refused)")
            }
        }
    }

    @Test func `sealed text is read from standard input`() async throws {
        let folder = try ScratchFolder()
        let key = P256.Signing.PrivateKey()
        let text = try SealedSecret(.vault(name: "kbs:///default/env/api")).signed(by: key, keyID: "kbs:///a/b/c")
        let (sealed, half) = (folder.path + "/sealed", folder.path + "/key.pub")
        try StateFolder.write(text + "\n", to: sealed)
        try StateFolder.write(key.publicKey.pemRepresentation, to: half)
        let (before, input) = (dup(STDIN_FILENO), open(sealed, O_RDONLY))
        #expect(dup2(input, STDIN_FILENO) == STDIN_FILENO)
        defer {
            dup2(before, STDIN_FILENO)
            close(before)
            close(input)
        }
        try await BrokerStage.enter(["secret", "show", "-", "--signing-key", half])
    }

    @Test func `what is gone for good is asked for, and refused where nobody can be asked`() throws {
        try Confirmation.check("x is gone.", "a/b/1", answer: " a/b/1 ")
        for answer in ["", "y", "a/b/2"] {
            #expect(throws: CommandFailure.self) { try Confirmation.check("x is gone.", "a/b/1", answer: answer) }
        }
        do {
            try Confirmation.check("x is gone.", "a/b/1", answer: nil)
            Issue.record("nobody was asked")
        } catch let failure as CommandFailure { #expect(failure.hint?.contains("--yes") == true) }
    }

    private struct Everything: KeyPolicy {
        func decide(_ caller: AttestedCaller, _ key: KeyName, _ operation: KeyOperation) async -> KeyDecision {
            KeyDecision(isAllowed: true, check: "test", reason: "a test allows everything")
        }
    }

    @Test func `an authority is established under an offline root, or the broker's, and lists what was revoked`()
        async throws
    {
        try await stage { stage, folder in
            let admin = try stage.admin()
            let path = "/kbs/v0/testudo/authority/default/tenant"
            let asked = try await admin.json("POST", "\(path)/request", ["suffixes": ["default.localhost"]])
            try StateFolder.write(asked["request"]?.stringValue ?? "", to: folder.path + "/request.pem")
            try OfflineRoot.create(folder: folder.path + "/root", name: "Offline", years: 1)
            let pem = try OfflineRoot(folder: folder.path + "/root").sign(
                requestFile: folder.path + "/request.pem", suffixes: ["default.localhost"], days: 30)
            try StateFolder.write(pem, to: folder.path + "/issuing.pem")
            try await run(
                stage, "broker", "ca", "install", "--certificate", folder.path + "/issuing.pem", "--root",
                folder.path + "/root/root.pem")
            #expect(try await admin.json("GET", path)["certificate"]?.stringValue == pem)
            let simulated = ["broker", "ca", "certify", "--line", "simulated", "--suffix", "default.localhost"]
            try await BrokerStage.enter(simulated + stage.named)
            // One that issues already stays until somebody says otherwise.
            for line in ["tenant", "simulated"] {
                let place = "/kbs/v0/testudo/authority/default/\(line)"
                let before = try await admin.json("GET", place)
                let again = ["broker", "ca", "certify", "--line", line, "--suffix", "default.localhost"] + stage.named
                let refused = try await BrokerStage.complaint(again)
                #expect(refused.hint?.contains("--replace") == true, "\(refused)")
                #expect(try await admin.json("GET", place) == before)
            }
            let before = try await admin.json("GET", "/kbs/v0/testudo/authority/default/simulated")
            try await BrokerStage.enter(simulated + ["--replace"] + stage.named)
            #expect(try await admin.json("GET", "/kbs/v0/testudo/authority/default/simulated") != before)
            try await run(stage, "broker", "ca", "show", "--line", "simulated", "--issuing")
            try await run(stage, "broker", "ca", "leaves")
            let list = folder.path + "/list.der"
            try await run(stage, "broker", "ca", "crl", "--output", list)
            #expect(try StateFolder.read(list).first == 0x30)
            try await run(stage, "broker", "ca", "revoke", "--manifest", "ab")
            await #expect(throws: CommandFailure.self) {
                try await run(stage, "broker", "ca", "revoke", "--serial", "ab")
            }
            #expect(throws: (any Error).self) { try AuthorityRevoke.parse(["--serial", "a", "--manifest", "b"]) }
            #expect(throws: (any Error).self) { try AuthorityShow.parse(["--line", "other"]) }
        }
    }
}
