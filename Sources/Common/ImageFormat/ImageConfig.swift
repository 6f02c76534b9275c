import Envelope
import WireFormat

/// The configuration of an image: how to run it, and the digests of its unpacked layers.
public struct ImageConfig: Hashable, Sendable {
    /// The platform the image is built for.
    public var platform: Platform
    /// Environment entries of the form `NAME=value`.
    public var environment: [String]
    /// The program to run, before ``command``.
    public var entrypoint: [String]
    /// The default arguments, or the program if there is no entry point.
    public var command: [String]
    /// The folder to start in; empty means `/`.
    public var workingDirectory: String
    /// The user and group, as `user[:group]` by name or number; empty means root.
    public var user: String
    /// The signal that stops the program; empty means SIGTERM.
    public var stopSignal: String
    /// The digests of the uncompressed, unencrypted layer archives, bottom first.
    public var diffIDs: [SHA256Digest]

    /// The largest configuration accepted, in bytes.
    public static let maximumBytes = 4 << 20

    /// Parses the bytes of an OCI or Docker image configuration.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        guard bytes.count <= Self.maximumBytes else {
            throw WireError(field: "image config", reason: "larger than \(Self.maximumBytes) bytes")
        }
        let value = try JSONValue.parse(bytes)
        let path = "config"
        self.platform = Platform(
            operatingSystem: try value.requiredString("os", path),
            architecture: try value.requiredString("architecture", path))
        guard value["rootfs"]?["type"]?.stringValue == "layers" else {
            throw WireError(field: "config.rootfs.type", reason: "not \"layers\"")
        }
        self.diffIDs = []
        let rootfs = value["rootfs"] ?? .null
        for text in try rootfs.strings("diff_ids", "config.rootfs", limit: ImageManifest.maximumLayers) {
            self.diffIDs.append(try SHA256Digest.parse(text))
        }
        let run = value["config"] ?? .null
        self.environment = try run.strings("Env", "config.config", limit: 1024)
        self.entrypoint = try run.strings("Entrypoint", "config.config", limit: 1024)
        self.command = try run.strings("Cmd", "config.config", limit: 1024)
        self.workingDirectory = try run.text("WorkingDir", "config.config") ?? ""
        self.user = try run.text("User", "config.config") ?? ""
        self.stopSignal = try run.text("StopSignal", "config.config") ?? ""
        // A NUL would end the string early in the kernel: what was checked would not be what runs.
        let texts = self.environment + self.entrypoint + self.command + [self.workingDirectory, self.user]
        guard texts.allSatisfy({ !$0.utf8.contains(0) }) else {
            throw WireError(field: "config.config", reason: "a string holds a NUL")
        }
        guard
            self.environment.allSatisfy({
                $0.utf8.dropFirst().contains(UInt8(ascii: "=")) && $0.utf8.first != UInt8(ascii: "=")
            })
        else {
            throw WireError(field: "config.config.Env", reason: "an entry is not NAME=value")
        }
    }

    /// Checks that the configuration belongs to a manifest of `layers` layers and runs in this guest.
    public func check(layers: Int, platform: Platform = .guest) throws(WireError) {
        guard self.diffIDs.count == layers else {
            throw WireError(field: "config.rootfs.diff_ids", reason: "\(self.diffIDs.count) for \(layers) layers")
        }
        guard self.platform == platform else {
            throw WireError(
                field: "config",
                reason: "the image is for \(self.platform.operatingSystem)/\(self.platform.architecture)")
        }
    }
}
