import Glibc
import WireFormat

/// Remembers what each instance has outside this process, so that a node that was killed finds what its earlier run left.
///
/// Everything is written down before it is made.
public actor InstanceJournal {
    /// What one instance may have left.
    public struct Entry: Equatable, Sendable {
        /// The instance's random name; it is part of every path and command line of the instance.
        public let id: String
        /// The folder of the instance.
        public let folder: String
        /// Whether containers of the host's runtime may exist, below `folder/runc`.
        public let usesHostRuntime: Bool
    }

    private let folder: String

    /// Uses `folder` for the folders of instances and their records.
    public init(folder: String) throws(AtomicFile.Failure) {
        self.folder = folder
        try AtomicFile.makeFolder(folder)
    }

    /// Writes down that an instance is about to be made and makes its folder.
    public func begin(usesHostRuntime: Bool) throws(AtomicFile.Failure) -> Entry {
        var random = SystemRandomNumberGenerator()
        let id =
            "i"
            + (0..<8).map { _ in
                let byte = UInt8.random(in: 0...255, using: &random)
                return (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }.joined()
        let entry = Entry(id: id, folder: "\(self.folder)/\(id)", usesHostRuntime: usesHostRuntime)
        let record = JSONValue.object(["id": .string(id), "usesHostRuntime": .bool(usesHostRuntime)])
        try AtomicFile.write(record.canonicalBytes, to: "\(self.folder)/\(id).json")
        try AtomicFile.makeFolder(entry.folder)
        return entry
    }

    /// Removes all that an instance had; what cannot be removed keeps its record for the next start.
    public func end(_ entry: Entry) async throws(AtomicFile.Failure) {
        try await Leftovers.remove(entry)
        try AtomicFile.remove("\(self.folder)/\(entry.id).json")
    }

    /// Removes what earlier runs left.
    ///
    /// - Returns: The instances that were found, and for each a reason when something of it could not be removed.
    public func recover() async -> [(id: String, fault: String?)] {
        var found: [(id: String, fault: String?)] = []
        for name in AtomicFile.names(in: self.folder) where name.hasSuffix(".json") {
            let id = String(name.dropLast(5))
            // A torn or foreign record still names its instance; assume the most that it can have left.
            let record = (try? AtomicFile.read("\(self.folder)/\(name)")).flatMap { try? JSONValue.parse($0) }
            let entry = Entry(
                id: id, folder: "\(self.folder)/\(id)",
                usesHostRuntime: record?["usesHostRuntime"]?.boolValue ?? true)
            do throws(AtomicFile.Failure) {
                try await self.end(entry)
                found.append((id, nil))
            } catch {
                found.append((id, error.description))
            }
        }
        for name in AtomicFile.names(in: self.folder) where name.hasSuffix(".new") {
            try? AtomicFile.remove("\(self.folder)/\(name)")
        }
        return found
    }
}
