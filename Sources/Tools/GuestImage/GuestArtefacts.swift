import Envelope
import Evidence
import WireFormat

/// A finished guest image, in memory.
public struct GuestArtefacts: Sendable {
    /// The kernel image.
    public let kernel: [UInt8]
    /// The initrd, as the machine gets it: an archive packed with LZ4.
    public let initrd: [UInt8]
    /// The measured firmware.
    public let firmware: [UInt8]
    /// The stripped agent.
    public let agent: [UInt8]
    /// Bytes by part, largest concept first; the initrd's total is the last.
    public let sizes: [(part: String, bytes: Int)]
    private let entries: [CpioEntry]

    /// Puts the inputs together.
    public init(_ inputs: GuestInputs) throws(GuestBuildError) {
        self.entries = inputs.entries
        self.kernel = inputs.kernel
        let archive = try CpioWriter.archive(inputs.entries)
        self.initrd = try LegacyLZ4.packed(archive)
        self.firmware = inputs.firmware
        self.agent = inputs.agent
        self.sizes = inputs.sizes + [("archive", archive.count), ("initrd", initrd.count)]
    }

    /// Every file with its digest, and what the image was made from.
    ///
    /// - Parameters:
    ///   - version: The guest's version.
    ///   - lock: The packages used.
    ///   - tools: What else had a part in the bytes: compiler and statically linked system libraries, by name.
    public func manifest(version: String, lock: PackageLock, tools: [String: String]) -> JSONValue {
        let files = entries.map { entry in
            var file: [String: JSONValue] = [
                "path": .string("/\(entry.path)"), "mode": .string(String(entry.mode, radix: 8)),
            ]
            if case .file(let bytes) = entry.content {
                file["size"] = .integer(Int64(bytes.count))
                file["sha256"] = .string(SHA256Digest(hashing: bytes).hex)
            }
            return JSONValue.object(file)
        }
        let packages = lock.packages.map { package in
            JSONValue.object([
                "name": .string(package.name), "version": .string(package.version),
                "sha256": .string(package.digest.hex), "why": .string(package.why),
            ])
        }
        return [
            "version": .string(version), "kernel": Self.describe(kernel), "initrd": Self.describe(initrd),
            "firmware": Self.describe(firmware), "agent": Self.describe(agent), "files": .array(files),
            "packages": .array(packages), "tools": .object(tools.mapValues { .string($0) }),
            "commandLine": [
                "release": .string(GuestCommandLine.release), "debug": .string(GuestCommandLine.debug),
            ],
            "sizes": .object(
                Dictionary(sizes.map { ($0.part, JSONValue.integer(Int64($0.bytes))) }, uniquingKeysWith: { $1 })),
        ]
    }

    private static func describe(_ bytes: [UInt8]) -> JSONValue {
        ["size": .integer(Int64(bytes.count)), "sha256": .string(SHA256Digest(hashing: bytes).hex)]
    }
}
