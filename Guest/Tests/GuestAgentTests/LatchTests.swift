import AgentProtocol
import PodManifest
import Testing
import WireFormat

@testable import GuestAgent

@Suite("Latching a pod")
struct LatchTests {
    static func document(
        class runtimeClass: String, operations: [String] = ["status", "stop"], name: String = "hello"
    ) throws -> [UInt8] {
        let confidential = runtimeClass == "testudo-cvm"
        let value: JSONValue = [
            "apiVersion": "testudo.dev/v1", "kind": "PodManifest", "name": .string(name), "namespace": "default",
            "runtimeClass": .string(runtimeClass), "guestVersion": "0.1.0", "debug": false,
            "protections": confidential ? ["attested"] : [],
            "containers": [
                [
                    "name": "user-container",
                    "image": .string("127.0.0.1:5000/hello@sha256:" + String(repeating: "ab", count: 32)),
                    "command": [], "args": [], "env": [], "workingDir": "", "port": 8080, "user": "",
                ]
            ],
            "resources": ["vcpus": 1, "memoryMiB": 256],
            "registry": ["endpoint": "http://127.0.0.1:5000", "certificate": ""],
            "imagePolicy": ["default": [["type": "insecureAcceptAnything"]]], "lookaside": "",
            "network": [
                "hostnames": ["hello.default.localhost"], "plaintext": .bool(!confidential), "egress": [],
            ],
            "hostOperations": .array(operations.map { .string($0) }),
            "logs": ["recipient": .string(confidential ? Self.recipient : "")],
            "keyBroker": [
                "url": confidential ? "https://127.0.0.1:8480" : "",
                "certificate": confidential
                    ? "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" : "",
            ],
            "concurrency": 0, "timeoutSeconds": 300,
        ]
        return try InitData(manifest: PodManifest(parsing: value)).bytes
    }

    /// The generator of P-256: a valid point that nobody's key belongs to.
    static let recipient = Base64.encodeURL(
        [4]
            + ((try? Hex.decode("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296", field: "x")) ?? [])
            + ((try? Hex.decode("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5", field: "y")) ?? []))

    func kind(_ body: () throws(ControlRefusal) -> Void) -> RefusalKind? {
        do throws(ControlRefusal) {
            try body()
            return nil
        } catch {
            return error.kind
        }
    }

    @Test("the same bytes latch again, other bytes do not")
    func twice() throws {
        var latch = Latch(machine: .plain)
        let first = try Self.document(class: "testudo-vm")
        let other = try Self.document(class: "testudo-vm", name: "other")
        let pod = try latch.set(first)
        #expect(pod.manifest.name == "hello")
        #expect(try latch.set(first).digest == pod.digest)
        #expect(kind { () throws(ControlRefusal) in _ = try latch.set(other) } == .alreadyLatched)
        #expect(latch.pod?.digest == pod.digest)
    }

    @Test("one changed byte is another document, or none")
    func changed() throws {
        let bytes = try Self.document(class: "testudo-vm")
        for index in stride(from: 0, to: bytes.count, by: 37) {
            var latch = Latch(machine: .plain)
            _ = try latch.set(bytes)
            var damaged = bytes
            damaged[index] ^= 1
            #expect(kind { () throws(ControlRefusal) in _ = try latch.set(damaged) } == .alreadyLatched)
            var fresh = Latch(machine: .plain)
            if kind({ () throws(ControlRefusal) in _ = try fresh.set(damaged) }) == nil {
                #expect(fresh.pod?.digest != latch.pod?.digest)
            }
        }
    }

    @Test(
        "a class runs in its own kind of place only",
        arguments: ["testudo-cvm", "testudo-vm", "testudo-runc"], [Latch.Machine.confidential, .plain, .host])
    func places(runtimeClass: String, machine: Latch.Machine) throws {
        let fits = [("testudo-cvm", Latch.Machine.confidential), ("testudo-vm", .plain), ("testudo-runc", .host)]
            .contains { $0.0 == runtimeClass && $0.1 == machine }
        var latch = Latch(machine: machine)
        let bytes = try Self.document(class: runtimeClass)
        #expect(kind { () throws(ControlRefusal) in _ = try latch.set(bytes) } == (fits ? nil : .notAllowed))
    }

    @Test("operations need a latched manifest that names them")
    func operations() throws {
        var latch = Latch(machine: .plain)
        #expect(kind { () throws(ControlRefusal) in _ = try latch.permit(.status) } == .notLatched)
        _ = try latch.set(try Self.document(class: "testudo-vm", operations: ["status"]))
        #expect(kind { () throws(ControlRefusal) in _ = try latch.permit(.status) } == nil)
        #expect(kind { () throws(ControlRefusal) in _ = try latch.permit(.start) } == nil)
        for refused in [ControlOperation.stop(grace: 1), .debugConsole, .unknown("exec")] {
            #expect(kind { () throws(ControlRefusal) in _ = try latch.permit(refused) } == .notAllowed)
        }
    }
}
