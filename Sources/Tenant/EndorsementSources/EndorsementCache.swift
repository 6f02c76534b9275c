import Foundation
import Verifier
import WireFormat

/// Endorsements kept in a folder, one file for each, for as long as they are valid.
///
/// The folder is not trusted: what is read is checked like what comes from the network, so that an entry that was tampered
/// with, or has expired, is no entry. Files are replaced whole: a reader sees the old one or the new one.
public struct EndorsementCache: Sendable {
    /// What was found.
    public struct Entry: Sendable {
        /// The endorsement, valid at the time that was asked about.
        public let endorsement: CheckedEndorsement
        /// When it was fetched, in seconds since 1970, as the entry says.
        public let fetched: Int64
    }

    private let folder: String

    /// Creates a cache in a folder, which is made when the first entry is written.
    public init(folder: String) { self.folder = folder }

    /// Where the entry of an item is.
    public func path(of item: EndorsementItem) -> String { "\(folder)/\(item.key).json" }

    /// The entry of an item; nil when there is none.
    ///
    /// - Throws: ``WireError`` or ``EvidenceRefusal`` for one that is broken, forged, of something else or not valid at `now`.
    public func entry(for item: EndorsementItem, at now: Int64, checker: EndorsementChecker) throws -> Entry? {
        // Base64 and the members' names take half as much again.
        let limit = item.sizeLimit * 2 + 64 * 1024
        guard let bytes = try BoundedFile.read(path(of: item), limit: limit) else { return nil }
        let json = try JSONValue.parse(bytes, limits: JSONLimits(depth: 4, size: limit))
        var fields = try JSONFields(json, path: "cache entry")
        guard try fields.integer("version") == 1, try fields.string("item") == item.key else {
            throw WireError(field: "cache entry", reason: "is of another version or item")
        }
        let published = PublishedEndorsement(
            bytes: try Base64.decode(try fields.string("body"), field: "cache entry.body"),
            issuerChain: try fields.optionalString("issuer_chain").map { Array($0.utf8) })
        return Entry(
            endorsement: try checker.check(published, as: item, at: now),
            fetched: try fields.integer("fetched"))
    }

    /// Keeps an endorsement.
    public func store(_ endorsement: CheckedEndorsement, fetched: Int64) throws {
        let manager = FileManager.default
        try manager.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let entry: JSONValue = [
            "version": 1, "item": .string(endorsement.item.key), "fetched": .integer(fetched),
            "body": .string(Base64.encode(endorsement.bytes)),
            "issuer_chain": endorsement.issuerChain.map { .string(String(decoding: $0, as: UTF8.self)) } ?? .null,
        ]
        let temporary = "\(folder)/.\(endorsement.item.key).\(UUID().uuidString)"
        guard
            manager.createFile(
                atPath: temporary, contents: Data(entry.canonicalBytes), attributes: [.posixPermissions: 0o600])
        else { throw WireError(field: temporary, reason: "cannot be written") }
        guard rename(temporary, path(of: endorsement.item)) == 0 else {
            try? manager.removeItem(atPath: temporary)
            throw WireError(field: path(of: endorsement.item), reason: "cannot be replaced")
        }
    }
}
