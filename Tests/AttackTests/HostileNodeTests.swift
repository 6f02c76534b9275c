import FakeGuest
import Foundation
import PodManifest
import SoftTEE
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

        func play(_ attack: String) throws -> JSONValue {
            let line = try run(
                try HostileNodeTests.program("hostile-node"),
                [
                    attack, "--init-data", "\(self.path)/pod.toml", "--guest-image", TinyGuest.image, "--softtee",
                    try HostileNodeTests.program("testudo-softtee"), "--softtee-keys", "\(self.path)/keys", "--state",
                    "\(self.path)/state",
                ])
            let left = try FileManager.default.contentsOfDirectory(atPath: "\(self.path)/state")
            #expect(left.allSatisfy { $0 == "accelerator.json" }, "\(left)")
            return try JSONValue.parse(line)
        }
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
}
