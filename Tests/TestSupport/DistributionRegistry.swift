import Foundation
import Glibc

/// A real `docker-registry` on a free port with its store in a scratch folder.
public final class DistributionRegistry: @unchecked Sendable {
    /// Whether the registry's program is here.
    public static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: "/usr/bin/docker-registry") }

    /// The port it listens on.
    public let port: Int
    /// A scratch folder that lives as long as the registry, with its store inside.
    public let folder: String
    private let process = Process()

    /// Starts a registry and waits until it accepts connections.
    public init() async throws {
        self.folder = NSTemporaryDirectory() + "testudo-registry-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: self.folder, withIntermediateDirectories: true)
        self.port = try Self.freePort()
        let config = """
            version: 0.1
            log: {level: error, accesslog: {disabled: true}}
            storage: {filesystem: {rootdirectory: \(self.folder)/store}}
            http: {addr: "127.0.0.1:\(self.port)"}
            """
        try Data(config.utf8).write(to: URL(fileURLWithPath: "\(self.folder)/config.yml"))
        self.process.executableURL = URL(fileURLWithPath: "/usr/bin/docker-registry")
        self.process.arguments = ["serve", "\(self.folder)/config.yml"]
        self.process.standardError = FileHandle.nullDevice
        self.process.standardOutput = FileHandle.nullDevice
        try self.process.run()
        try await self.waitUntilReady()
    }

    /// The address as image references spell it.
    public var name: String { "127.0.0.1:\(self.port)" }

    deinit {
        self.process.terminate()
        self.process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: self.folder)
    }

    private static func address(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        return address
    }

    /// A port that was free a moment ago: the registry cannot choose one itself.
    private static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = self.address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let outcome = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
            }
        }
        guard outcome == 0 else { throw ProgramFailure(program: "bind", complaint: String(cString: strerror(errno))) }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// Accepting a connection is the readiness signal; the registry has no other.
    private func waitUntilReady() async throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while true {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = Self.address(self.port)
            let outcome = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            close(descriptor)
            if outcome == 0 { return }
            guard ContinuousClock.now < deadline, self.process.isRunning else {
                throw ProgramFailure(program: "docker-registry", complaint: "does not accept connections")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
