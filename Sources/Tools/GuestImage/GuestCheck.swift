import Envelope
import Foundation
import WireFormat

extension GuestBuild {
    /// How a second build compares.
    public struct Comparison: Sendable {
        /// The measurements that were expected.
        public let expected: JSONValue
        /// Those of the second build.
        public let found: JSONValue
        /// The files whose digests differ, when a manifest to compare with is there.
        public let differingFiles: [String]

        /// Whether the second build gives the expected measurements.
        public var isEqual: Bool { expected == found && differingFiles.isEmpty }
    }

    /// Builds the image again, from a copy of the sources in another folder and with an empty package cache, and
    /// compares (rule R9).
    ///
    /// - Parameter published: A `measurements.json` from elsewhere; nil compares with the image built here before.
    public static func check(
        _ options: Options, published: String?, progress: (String) -> Void = { _ in }
    ) throws(GuestBuildError) -> Comparison {
        let expected = try readJSON(published ?? "\(options.output)/measurements.json")
        // Digests file by file are there for the image built here only.
        let wanted = published == nil ? digests(try readJSON("\(options.output)/manifest.json")) : nil
        let place = "\(NSTemporaryDirectory())/testudo-guest-check"
        return try Disk.scratch(beside: place) { (scratch) throws(GuestBuildError) in
            var second = options
            second.root = "\(scratch)/copy"
            second.cache = "\(scratch)/packages"
            try copySources(from: options.root, to: second.root)
            let outcome = try make(second, progress: progress)
            let differing = wanted.map { wanted in
                digests(outcome.manifest).filter { wanted[$0.key] != $0.value }.keys.sorted()
            }
            return Comparison(expected: expected, found: outcome.measurements, differingFiles: differing ?? [])
        }
    }

    /// Copies what the agent is built from, and nothing that was built.
    private static func copySources(from root: String, to copy: String) throws(GuestBuildError) {
        try Disk.makeFolder("\(copy)/Guest")
        do {
            for name in [
                "Package.swift", "Package.resolved", "Sources", "Guest/Package.swift", "Guest/Package.resolved",
                "Guest/Sources", "Guest/packages.lock", "Tests", "Guest/Tests",
            ]
            where FileManager.default.fileExists(atPath: "\(root)/\(name)") {
                try FileManager.default.copyItem(atPath: "\(root)/\(name)", toPath: "\(copy)/\(name)")
            }
        } catch {
            throw GuestBuildError("the sources cannot be copied to \(copy): \(error.localizedDescription)")
        }
    }

    private static func readJSON(_ path: String) throws(GuestBuildError) -> JSONValue {
        do {
            return try JSONValue.parse(try Disk.read(path))
        } catch {
            throw GuestBuildError("\(path): \(error)")
        }
    }

    private static func digests(_ manifest: JSONValue) -> [String: String] {
        var result: [String: String] = [:]
        for file in manifest["files"]?.arrayValue ?? [] {
            guard let path = file["path"]?.stringValue, let digest = file["sha256"]?.stringValue else { continue }
            result[path] = digest
        }
        for name in ["kernel", "initrd", "firmware"] { result[name] = manifest[name]?["sha256"]?.stringValue }
        return result
    }
}
