import Glibc
import ImageFormat
import PodManifest
import WireFormat

/// Prepares a bundle from an unpacked image and runs it.
enum Container {
    /// Writes everything that the runtime needs beside `rootfs`.
    static func prepare(_ plan: ContainerPlan) throws(SystemFailure) {
        let files = [
            ("config.json", RuntimeConfiguration.render(plan).canonicalBytes, mode_t(0o600)),
            // No name service inside: there is no network but the loopback device.
            ("resolv.conf", Array("options attempts:1 timeout:1\n".utf8), 0o644),
            ("hosts", Array("127.0.0.1 localhost\n::1 localhost\n127.0.0.1 \(plan.hostname)\n".utf8), 0o644),
            ("hostname", Array((plan.hostname + "\n").utf8), 0o644),
        ]
        for (name, bytes, mode) in files { try writeFile(plan.bundle + "/" + name, bytes, mode: mode) }
        try prepareTemporaryFolder(plan.bundle + "/rootfs")
    }

    /// Runtimes give the file system that they mount on /tmp the mode of the image's own folder.
    private static func prepareTemporaryFolder(_ path: String) throws(SystemFailure) {
        let root = try OpenFile(opening: path, flags: O_RDONLY | O_DIRECTORY)
        mkdirat(root.number, "tmp", 0o1777)
        let number = openat(root.number, "tmp", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        let folder = OpenFile(owning: try SystemFailure.checkErrno(number, "open the image's /tmp"))
        try SystemFailure.checkErrno(fchmod(folder.number, 0o1777), "set the mode of the image's /tmp")
    }

    /// Waits until something accepts connections on the port, or the container has ended, or the time is up.
    static func waitUntilReady(
        port: UInt16, network: NetworkNamespace, seconds: Int, ended: @escaping @Sendable () -> Bool
    ) async -> Bool {
        for _ in 0..<(seconds * 100) {
            if await network.accepts(port: port) { return true }
            if ended() { return false }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return false
    }
}
