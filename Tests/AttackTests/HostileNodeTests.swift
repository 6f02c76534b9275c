import FakeGuest
import Foundation
import PodManifest
import SoftTEE
import Synchronization
import TestSupport
import Testing
import WireFormat

/// The real guest under a node with ill will; the pod's key broker does not exist.
@Suite(
    "A hostile node and the real guest", .serialized,
    .enabled(if: TinyGuest.isAvailable, "needs QEMU, cc and a built guest image"))
struct HostileNodeTests {
    /// A folder that another account may pass through, with a chip and a pod in it.
    private final class Scene: Sendable {
        let path = NSTemporaryDirectory() + "testudo-\(UUID().uuidString)"

        init() throws {
            try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
            let pod = try InitData(manifest: try SamplePods.manifest(runtimeClass: "testudo-cvm"))
            try Data(pod.bytes).write(to: URL(fileURLWithPath: "\(self.path)/pod.toml"))
            let keys = SoftKeyFolder(path: "\(self.path)/keys")
            _ = try geteuid() == 0 ? keys.create(for: 64321) : keys.create()
        }

        deinit { try? FileManager.default.removeItem(atPath: self.path) }

        func play(_ attack: String, _ more: [String] = []) throws -> JSONValue {
            let line = try run(
                try HostileNodeTests.program("hostile-node"),
                [
                    attack, "--init-data", "\(self.path)/pod.toml", "--guest-image", TinyGuest.image, "--softtee",
                    try HostileNodeTests.program("testudo-softtee"), "--softtee-keys", "\(self.path)/keys", "--state",
                    "\(self.path)/state",
                ] + more)
            let left = try FileManager.default.contentsOfDirectory(atPath: "\(self.path)/state")
            #expect(left.allSatisfy { $0 == "accelerator.json" }, "\(left)")
            return try JSONValue.parse(line)
        }
    }

    /// A place that hangs up on whoever comes, and counts them.
    private final class Listener: Sendable {
        let port: UInt16
        private let descriptor: Int32
        private let visitors = Mutex(0)

        var count: Int { self.visitors.withLock { $0 } }

        init() throws {
            self.descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let descriptor = self.descriptor
            let listens = withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, length) == 0 && listen(descriptor, 16) == 0
                        && getsockname(descriptor, $0, &length) == 0
                }
            }
            self.port = UInt16(bigEndian: address.sin_port)
            guard listens else { throw POSIXError(.EADDRNOTAVAIL) }
            Thread { [self] in
                while case let visitor = accept(self.descriptor, nil, nil), visitor >= 0 {
                    self.visitors.withLock { $0 += 1 }
                    close(visitor)
                }
            }.start()
        }

        func stop() { shutdown(self.descriptor, Int32(SHUT_RDWR)) }
        deinit { close(self.descriptor) }
    }

    /// A program that was built beside this test's own.
    private static func program(_ name: String) throws -> String {
        let here = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
        let folders: [String] = [Bundle.main.bundlePath, here]
        return try #require(folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) })
    }

    @Test func `R3 a guest given another manifest than its machine's stops before it asks for a key`() throws {
        let scene = try Scene()
        // The control: an honest launch gets past the check and fails at the broker that is not there.
        let honest = try scene.play("none")
        #expect(honest["check"] == "Unreachable", "\(honest.canonicalText)")
        let lied = try scene.play("host-data")
        #expect(lied["check"] == "GuestFailed" && lied["refused"] == true, "\(lied.canonicalText)")
        #expect(lied["reason"] == "the guest tells its host this word and no reason")
    }

    @Test func `a guest whose manifest names another broker goes to that one`() throws {
        let scene = try Scene()
        let place = try Listener()
        defer { place.stop() }
        let certificate = Data(try Stage.processor.get().arkDER).base64EncodedString(options: .lineLength64Characters)
        let pem =
            "-----BEGIN CERTIFICATE-----\n\(certificate.replacing("\r\n", with: "\n"))\n-----END CERTIFICATE-----\n"
        let file = "\(scene.path)/relay.pem"
        try Data(pem.utf8).write(to: URL(fileURLWithPath: file))
        let there = ["--broker-url", "https://127.0.0.1:\(place.port)", "--broker-certificate", file]
        let sent = try scene.play("broker", there)
        #expect(sent["check"] == "Unreachable" && sent["refused"] == true, "\(sent.canonicalText)")
        #expect(place.count > 0)
        // Neither half of another broker is enough, and no other attack takes one.
        #expect(throws: (any Error).self) { try scene.play("broker") }
        #expect(throws: (any Error).self) { try scene.play("none", there) }
    }
}
