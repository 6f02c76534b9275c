import Envelope
import Foundation
import WireFormat

/// Builds the guest image from the sources and the locked packages.
public enum GuestBuild {
    /// What to build and where.
    public struct Options: Sendable {
        /// The checkout.
        public var root: String
        /// The folder that gets the image.
        public var output: String
        /// The folder with fetched packages.
        public var cache: String
        /// The guest's version.
        public var version: String
        /// An OVMF with a place for kernel hashes, when launch measurements for SNP are wanted.
        public var ovmf: String?

        /// Options with the usual folders of a checkout.
        public init(root: String, version: String, output: String? = nil, cache: String? = nil, ovmf: String? = nil) {
            self.root = root
            self.version = version
            self.output = output ?? "\(root)/.build/guest-image"
            self.cache = cache ?? "\(root)/.build/package-cache"
            self.ovmf = ovmf
        }
    }

    /// What came of it.
    public struct Outcome: Sendable {
        /// The image.
        public let image: GuestArtefacts
        /// The content of `measurements.json`.
        public let measurements: JSONValue
        /// The content of `manifest.json`.
        public let manifest: JSONValue
    }

    /// Builds the image and writes it to the output folder, each file whole or not at all.
    public static func run(
        _ options: Options, progress: (String) -> Void = { _ in }
    ) throws(GuestBuildError) -> Outcome {
        let outcome = try make(options, progress: progress)
        try Disk.makeFolder(options.output)
        let files: [(String, [UInt8])] = [
            ("kernel", outcome.image.kernel), ("initrd", outcome.image.initrd), ("qboot.rom", outcome.image.firmware),
            ("testudo-agent", outcome.image.agent), ("manifest.json", Array("\(outcome.manifest.prettyText)\n".utf8)),
            ("measurements.json", Array("\(outcome.measurements.prettyText)\n".utf8)),
        ]
        for (name, bytes) in files {
            let path = "\(options.output)/\(name)"
            // Left alone when the same, so that time stamps tell of changes.
            if let present = try? Disk.read(path), present == bytes { continue }
            try Disk.write(bytes, to: path)
        }
        return outcome
    }

    /// Builds the image in memory.
    static func make(_ options: Options, progress: (String) -> Void) throws(GuestBuildError) -> Outcome {
        let lock = try readLock(options)
        let build = try AgentBuild(root: options.root)
        let agent = try build.run(progress: progress)
        let image = try GuestArtefacts(
            try inputs(lock, cache: PackageCache(options.cache), agent: agent, progress: progress))
        let measurements: LaunchMeasurements
        do {
            let ovmf: [UInt8]?
            if let path = options.ovmf { ovmf = try Disk.read(path) } else { ovmf = nil }
            measurements = try LaunchMeasurements(
                kernel: image.kernel, initrd: image.initrd, firmware: image.firmware, ovmf: ovmf)
        } catch {
            throw GuestBuildError("the launch cannot be measured: \(error)")
        }
        return Outcome(
            image: image, measurements: measurements.json(version: options.version),
            manifest: image.manifest(version: options.version, lock: lock, tools: build.tools()))
    }

    /// Fetches and unpacks the locked packages and picks the image's inputs out of them.
    static func inputs(
        _ lock: PackageLock, cache: PackageCache, agent: [UInt8], progress: (String) -> Void = { _ in }
    ) throws(GuestBuildError) -> GuestInputs {
        try Disk.makeFolder(cache.folder)
        return try Disk.scratch(beside: "\(cache.folder)/unpack") { (scratch) throws(GuestBuildError) in
            try unpack(lock, cache, agent: agent, in: scratch, progress: progress)
        }
    }

    static func readLock(_ options: Options) throws(GuestBuildError) -> PackageLock {
        do {
            return try PackageLock(parsing: try Disk.read("\(options.root)/Guest/packages.lock"))
        } catch {
            throw GuestBuildError("Guest/packages.lock: \(error)")
        }
    }

    private static func unpack(
        _ lock: PackageLock, _ cache: PackageCache, agent: [UInt8], in scratch: String, progress: (String) -> Void
    ) throws(GuestBuildError) -> GuestInputs {
        var kernelRoot: String?
        var roots: [String] = []
        for package in lock.packages {
            let path = try cache.fetch(package, progress: progress)
            let root = "\(scratch)/\(package.name)"
            try cache.unpack(path, into: root, log: "\(scratch)/log")
            if package.name.hasPrefix("linux-image-") { kernelRoot = root } else { roots.append(root) }
        }
        guard let kernelRoot else { throw GuestBuildError("Guest/packages.lock names no linux-image package") }
        return try GuestInputs(agent: agent, kernelRoot: kernelRoot, roots: roots)
    }
}
