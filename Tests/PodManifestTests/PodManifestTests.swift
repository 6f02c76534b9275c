import Crypto
import Envelope
import PodManifest
import Testing
import WireFormat

@Suite("The pod manifest")
struct PodManifestTests {
    @Test("a manifest is read back as it was written")
    func roundTrip() throws {
        let manifest = try Samples.manifest()
        #expect(try PodManifest(parsing: manifest.json) == manifest)
        #expect(manifest.isConfidential)
        #expect(manifest.containers[0].image == "127.0.0.1:5000/hello@\(Samples.digest)")
        #expect(manifest.containers[0].environment[1].secret == "kbs:///default/db/password.txt")
        #expect(manifest.containers[0].user == "1000")
        #expect(manifest.resources == PodResources(vcpus: 2, memoryMiB: 256))
        #expect(manifest.network.hostnames == ["hello.default.localhost"])
        #expect(manifest.concurrency == 10 && manifest.timeoutSeconds == 300 && !manifest.network.plaintext)
    }

    @Test(
        "each wrong field is refused by name",
        arguments: [
            ("apiVersion", "v2"), ("kind", "Pod"), ("name", "Hello"), ("name", "-a"), ("namespace", ""), ("name", 1),
            ("runtimeClass", "kata"), ("guestVersion", ""), ("guestVersion", "1 2"), ("debug", "no"),
            ("protections", []),
            ("protections", ["attested", "magic"]), ("protections", ["attested", "attested"]), ("containers", []),
            ("containers/0/name", "queue-proxy"), ("containers/0/image", "127.0.0.1:5000/hello:latest"),
            ("containers/0/image", .string("hello@sha256:" + String(repeating: "0", count: 64))),
            ("containers/0/image", "127.0.0.1:5000/hello@sha256:00"),
            ("containers/0/imageKey", "kbs:///a/b"), ("containers/0/imageKey", "kbs:///a/b/c/d"),
            ("containers/0/imageKey", "kbs:///a/../c"), ("containers/0/imageKey", "kbs://host/a/b/c"),
            ("containers/0/imageKey", "kbs:///a/b/c d"), ("containers/0/imageKey", "kbs:////b/c"),
            ("containers/0/command", "sh"), ("containers/0/args", [1]), ("containers/0/args", ["a\u{0}b"]),
            ("containers/0/port", 0), ("containers/0/port", 65536), ("containers/0/user", "root"),
            ("containers/0/user", "0:"), ("containers/0/user", "4294967295"), ("containers/0/user", "01"),
            ("containers/0/workingDir", "tmp"), ("containers/0/workingDir", "/a/../b"), ("containers/0/tty", true),
            ("containers/0/env/0/name", "1A"), ("containers/0/env/0/name", "A=B"), ("containers/0/env/0/name", "PORT"),
            ("containers/0/env/0/name", "DB_PASSWORD"), ("containers/0/env/0/secret", "kbs:///a/b/c"),
            ("resources/vcpus", 0), ("resources/memoryMiB", 1), ("resources/gpus", 1),
            ("registry/endpoint", "127.0.0.1:5000"), ("registry/endpoint", "http://a/path"),
            ("registry/endpoint", "http://user@a"), ("registry/endpoint", "http://a:0"),
            ("registry/endpoint", "https://a"), ("registry/certificate", "x"), ("imagePolicy", []),
            ("lookaside", "ftp://a"), ("lookaside", "http://a/../b"), ("network/hostnames", []),
            ("network/hostnames", ["*.default.localhost"]), ("network/hostnames", ["a.b."]),
            ("network/hostnames", ["127.0.0.1"]), ("network/hostnames", ["Hello.localhost"]),
            ("network/hostnames", ["a.b", "a.b"]), ("network/egress", ["example.com:443"]),
            ("hostOperations", ["exec"]), ("hostOperations", ["debug-console"]), ("logs/recipient", ""),
            ("logs/recipient", "BAAA"), ("keyBroker/url", "http://127.0.0.1:8480"), ("keyBroker/certificate", ""),
            ("concurrency", -1), ("timeoutSeconds", 0), ("timeoutSeconds", 601), ("timeoutSeconds", 1.5), ("extra", 1),
        ] as [(String, JSONValue)])
    func refused(path: String, value: JSONValue) throws {
        let json = try Samples.manifest().json
        _ = try PodManifest(parsing: json)
        #expect(throws: WireError.self) { try PodManifest(parsing: json.with(path, value)) }
    }

    @Test("each missing field is refused")
    func missing() throws {
        let json = try Samples.manifest().json
        for key in try #require(json.objectValue).keys where key != "debug" {
            #expect(throws: WireError.self, "\(key)") { try PodManifest(parsing: json.with(key, nil)) }
        }
    }

    @Test("a pod that is not confidential has neither broker nor keys nor secrets")
    func ordinary() throws {
        let plain = try Samples.manifest().json
            .with("runtimeClass", "testudo-vm").with("protections", []).with("logs/recipient", "")
            .with("keyBroker", ["url": "", "certificate": ""]).with("network/plaintext", true)
            .with("containers/0/imageKey", nil).with("containers/0/env", [])
        #expect(try !PodManifest(parsing: plain).isConfidential)
        for (path, value) in [
            ("protections", ["attested"]), ("logs/recipient", .string(Samples.recipient)),
            ("keyBroker/url", "https://127.0.0.1:8480"), ("network/plaintext", false),
            ("containers/0/imageKey", "kbs:///a/b/c"), ("containers/0/env", [["name": "A", "secret": "kbs:///a/b/c"]]),
        ] as [(String, JSONValue)] {
            #expect(throws: WireError.self, "\(path)") { try PodManifest(parsing: plain.with(path, value)) }
        }
    }

    @Test(
        "what looks like a secret is refused (R18)",
        arguments: [
            ("DB_PASSWORD", "x"), ("api.token", "x"), ("GITHUB_TOKEN", "x"), ("TOKEN", "x"), ("MY-SECRET", "x"),
            ("AWS_SECRET_ACCESS_KEY", "x"), ("A", "AKIAIOSFODNN7EXAMPLE"), ("A", "id=AKIAIOSFODNN7EXAMPLE;"),
            ("A", "-----BEGIN PRIVATE KEY-----\nAAAA"), ("A", "-----BEGIN OPENSSH PRIVATE KEY-----"),
            ("A", "ghp_0123456789abcdefghijABCDEFGHIJ012345"), ("A", "postgres://app:hunter2@db.example/app"),
            ("A", "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln"),
        ])
    func secrets(name: String, value: String) throws {
        #expect(SecretScan.finding(name: name, value: value) != nil)
        let json = try Samples.manifest().json
            .with("containers/0/env", [["name": .string(name), "value": .string(value)]])
        #expect(throws: WireError.self) { try PodManifest(parsing: json) }
        if name == "A" {
            #expect(throws: WireError.self) {
                try PodManifest(parsing: Samples.manifest().json.with("containers/0/args", [.string(value)]))
            }
        }
    }

    @Test func `a sealed secret may stand anywhere in a confidential pod, and has to be one`() throws {
        let text = try SealedSecret(.vault(name: "kbs:///default/db/password")).signed(
            by: P256.Signing.PrivateKey(), keyID: "kbs:///default/signing-key/sealed-secret")
        func environment(_ value: String) -> JSONValue { [["name": "DB_PASSWORD", "value": .string(value)]] }
        let json = try Samples.manifest().json
        let manifest = try PodManifest(parsing: json.with("containers/0/env", environment(text)))
        #expect(manifest.containers[0].environment[0].sealed == text)
        for broken in ["sealed.", "sealed.e30.e30.AA", "sealed.x", text + ".", " " + text, "\nSEALED.x"] {
            #expect(throws: WireError.self, "\(broken)") {
                try PodManifest(parsing: json.with("containers/0/env", environment(broken)))
            }
        }
        let plain = json.with("runtimeClass", "testudo-vm").with("protections", []).with("logs/recipient", "")
            .with("keyBroker", ["url": "", "certificate": ""]).with("network/plaintext", true)
            .with("containers/0/imageKey", nil)
        let failure = #expect(throws: WireError.self) {
            try PodManifest(parsing: plain.with("containers/0/env", environment(text)))
        }
        #expect(failure?.reason.contains("testudo-cvm only") == true)
    }

    @Test(
        "ordinary values are no secrets",
        arguments: [
            ("TARGET", "Testudo"), ("TOKENIZER", "bpe"), ("PASSWORD_FILE", "/run/x"), ("DB_PASSWORD", ""),
            ("URL", "https://user@example.com/a:b@c"), ("A", "AKIA"), ("KEY", "value"), ("PASSES", "3"),
        ])
    func noSecrets(name: String, value: String) { #expect(SecretScan.finding(name: name, value: value) == nil) }

    @Test("the node chooses from a closed list only")
    func choices() throws {
        let manifest = try Samples.manifest()
        let choices = try NodeChoices(parsing: ["revision": "hello-00001"], for: manifest)
        #expect(choices.environment.map(\.name) == NodeChoices.reservedNames)
        #expect(choices.environment.map(\.value) == ["hello", "hello", "hello-00001", "8081"])
        for text in [
            "hello", "hello-", "other-00001", "hello-00001\n", "hello-A", "hello-" + String(repeating: "1", count: 33),
        ] {
            #expect(throws: WireError.self) { try NodeChoices(revision: text, for: manifest) }
        }
        #expect(throws: WireError.self) {
            try NodeChoices(parsing: ["revision": "hello-1", "LD_PRELOAD": "x"], for: manifest)
        }
    }
}
