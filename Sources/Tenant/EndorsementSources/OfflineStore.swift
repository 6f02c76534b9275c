import Foundation
import Verifier
import WireFormat

/// A folder of AMD's certificates of chips' keys in trustee's layout: `<chip>/bl03_tee00_snp08_ucode115_vcek.der`, with `_fmc01`
/// before `_vcek` for Turin, or `<chip>/vcek.der` for any firmware.
public struct OfflineStore: EndorsementSource {
    private let folder: String

    /// Creates a source over a folder, which need not be there.
    public init(folder: String) { self.folder = folder }

    /// The files that may have an item, the exact one first.
    static func names(of item: EndorsementItem) -> [String] {
        guard case .chipKey(_, let chip, let firmware) = item else { return [] }
        func part(_ name: String, _ value: UInt8) -> String { "\(name)\(value < 10 ? "0" : "")\(value)" }
        var parts = [
            part("bl", firmware.bootLoader), part("tee", firmware.tee), part("snp", firmware.snp),
            part("ucode", firmware.microcode),
        ]
        if let fmc = firmware.fmc { parts.append(part("fmc", fmc)) }
        let name = Hex.encode(chip)
        return ["\(name)/\(parts.joined(separator: "_"))_vcek.der", "\(name)/vcek.der"]
    }

    /// Reads the first file that is genuine.
    public func obtain(
        _ item: EndorsementItem, at now: Int64, checker: EndorsementChecker
    ) async throws(EndorsementFailure) -> CheckedEndorsement {
        var attempts: [EndorsementFailure.Attempt] = []
        for name in Self.names(of: item) {
            let path = "\(folder)/\(name)"
            do {
                guard let bytes = try BoundedFile.read(path, limit: item.sizeLimit) else {
                    attempts.append(.init(place: path, reason: "is not there", isAbsence: true))
                    continue
                }
                return try checker.check(PublishedEndorsement(bytes: bytes), as: item, at: now)
            } catch {
                attempts.append(.init(place: path, reason: "is refused: \(error)"))
            }
        }
        throw EndorsementFailure(item, attempts)
    }
}

/// Files whose size is limited before they are read.
enum BoundedFile {
    /// The bytes of a file; nil when there is none.
    static func read(_ path: String, limit: Int) throws(WireError) -> [UInt8]? {
        guard let file = FileHandle(forReadingAtPath: path) else {
            guard !FileManager.default.fileExists(atPath: path) else {
                throw WireError(field: path, reason: "cannot be opened")
            }
            return nil
        }
        defer { try? file.close() }
        let bytes: Data
        do { bytes = try file.read(upToCount: limit + 1) ?? Data() } catch {
            throw WireError(field: path, reason: "cannot be read as a file")
        }
        guard bytes.count <= limit else { throw WireError(field: path, reason: "exceeds \(limit) bytes") }
        return Array(bytes)
    }
}
