import Foundation
import Testing

@testable import GuestImage

@Suite struct LockedPackagesTests {
    private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// The agent is a placeholder here: compiling it takes minutes, and `testudo guest build --check` does it.
    @Test func `the locked packages give the same initrd from an empty cache and from a full one`() throws {
        let lock = try GuestBuild.readLock(GuestBuild.Options(root: root, version: "test"))
        let empty = "\(NSTemporaryDirectory())/testudo-packages-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: empty) }
        let agent = Array("agent".utf8)
        let fresh = try GuestBuild.inputs(lock, cache: PackageCache(empty), agent: agent)
        let kept = try GuestBuild.inputs(lock, cache: PackageCache("\(root)/.build/package-cache"), agent: agent)
        #expect(fresh.modules.map(\.name).suffix(1) == ["virtio_console"])
        let initrd = try GuestArtefacts(fresh).initrd
        #expect(try GuestArtefacts(kept).initrd == initrd)
        #expect(kept.kernel == fresh.kernel)
        // A cache that somebody changed is not believed.
        let files = try FileManager.default.contentsOfDirectory(atPath: empty).filter { $0.hasSuffix(".deb") }
        #expect(files.count == lock.packages.count)
        let victim = "\(empty)/\(try #require(files.first { $0.hasPrefix("libyajl2") }))"
        try Data("changed".utf8).write(to: URL(fileURLWithPath: victim))
        let again = try GuestArtefacts(try GuestBuild.inputs(lock, cache: PackageCache(empty), agent: agent))
        #expect(again.initrd == initrd)
    }
}
