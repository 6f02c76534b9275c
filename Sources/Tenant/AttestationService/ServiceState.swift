import Foundation
import Glibc
import Verifier
import WireFormat

/// What a service keeps from one run to the next: policies, registered reference values, the keys of tokens.
///
/// Files are the owner's alone and replaced whole: a crash leaves the former or the new content. One process uses a folder
/// at a time.
public final class ServiceState: Sendable {
    private enum Limit {
        static let policies = AttestationEvaluator.policySizeLimit
        static let keys = 1 << 20
        static let values = ReferenceValueStore.sizeLimit
    }

    private let folder: String
    private let lock: Int32

    private var policyFolder: String { "\(folder)/policies" }
    private var valuePath: String { "\(folder)/reference-values.json" }
    private var keyPath: String { "\(folder)/token-keys.json" }

    /// Opens a folder, which is made with mode 0700 where there is none.
    public init(folder: String) throws(WireError) {
        self.folder = folder
        for path in [folder, "\(folder)/policies"] {
            guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw Self.failure(path, "cannot be made") }
        }
        var status = stat()
        guard stat(folder, &status) == 0, status.st_mode & 0o077 == 0 else {
            throw WireError(field: folder, reason: "must not be accessible to group or others (chmod 700)")
        }
        lock = open("\(folder)/lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0 else { throw Self.failure("\(folder)/lock", "cannot be opened") }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            close(lock)
            throw WireError(field: folder, reason: "is in use by another service")
        }
    }

    deinit { close(lock) }

    /// The policies by name.
    public func policies() throws(WireError) -> [(identifier: String, source: String)] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: policyFolder) else {
            throw Self.failure(policyFolder, "cannot be listed")
        }
        var policies: [(identifier: String, source: String)] = []
        for name in names.sorted() where name.hasSuffix(".rego") {
            let path = "\(policyFolder)/\(name)"
            guard let source = String(validating: try Self.read(path, limit: Limit.policies) ?? [], as: UTF8.self)
            else { throw WireError(field: path, reason: "is not UTF-8") }
            policies.append((identifier: String(name.dropLast(".rego".count)), source: source))
        }
        return policies
    }

    /// Keeps a policy under a name that the evaluator takes, which has no slash.
    func save(policy identifier: String, source: String) throws(WireError) {
        try Self.write(Array(source.utf8), to: "\(policyFolder)/\(identifier).rego")
    }

    /// The registered values, but for those whose signer is pinned no more.
    func values(keys: [ReferenceSigningKey]) throws(WireError) -> ReferenceValueStore {
        guard let bytes = try Self.read(valuePath, limit: Limit.values) else { return ReferenceValueStore() }
        let document = try JSONValue.parse(bytes, limits: JSONLimits(size: Limit.values))
        var fields = try JSONFields(document, path: valuePath)
        guard try fields.string("kind") == ReferenceValueStore.kind else {
            throw fields.refusal("kind", "is not \(ReferenceValueStore.kind)")
        }
        let store = try ReferenceValueStore(
            entries: try fields.array("values"), marks: try fields.optionalArray("issues"), keys: keys)
        try fields.finish()
        return store
    }

    /// Keeps the document of a store.
    func save(values document: JSONValue) throws(WireError) {
        try Self.write(document.canonicalBytes, to: valuePath)
    }

    /// The keys of tokens; nil when there are none yet.
    func tokenKeys(lifetime: Int64) throws(WireError) -> TokenKeyring? {
        guard let bytes = try Self.read(keyPath, limit: Limit.keys) else { return nil }
        return try TokenKeyring(restoring: try JSONValue.parse(bytes), lifetime: lifetime)
    }

    /// Keeps the keys of tokens, secrets included.
    func save(tokenKeys form: JSONValue) throws(WireError) { try Self.write(form.canonicalBytes, to: keyPath) }

    /// Reads a file that is its owner's alone; nil when there is none.
    private static func read(_ path: String, limit: Int) throws(WireError) -> [UInt8]? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            guard errno == ENOENT else { throw failure(path, "cannot be opened") }
            return nil
        }
        guard status.st_mode & 0o077 == 0 else {
            throw WireError(field: path, reason: "must not be accessible to group or others (chmod 600)")
        }
        guard status.st_size <= limit else { throw WireError(field: path, reason: "exceeds \(limit) bytes") }
        guard let data = FileManager.default.contents(atPath: path) else { throw failure(path, "cannot be read") }
        return Array(data)
    }

    private static func write(_ bytes: [UInt8], to path: String) throws(WireError) {
        let staging = path + ".new"
        unlink(staging)
        let file = open(staging, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw failure(staging, "cannot be made") }
        var offset = 0
        while offset < bytes.count {
            let written = bytes[offset...].withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else {
                close(file)
                throw failure(staging, "cannot be written")
            }
            offset += written
        }
        let isSynced = fsync(file) == 0
        close(file)
        guard isSynced, rename(staging, path) == 0 else { throw failure(path, "cannot be put in place") }
        let parent = open((path as NSString).deletingLastPathComponent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard parent >= 0 else { return }
        fsync(parent)
        close(parent)
    }

    private static func failure(_ path: String, _ what: String) -> WireError {
        WireError(field: path, reason: "\(what): \(String(cString: strerror(errno)))")
    }
}
