import Foundation
import WireFormat

/// Where one deployment keeps its files: `.testudo` in the current folder, `--state`, or `TESTUDO_STATE`.
///
/// `tenant/` holds the tenant's secrets (0700) and belongs on the tenant's own machine; `node/`, `softtee/` and
/// `registry/` are the host's. On one machine they share a folder and nothing else.
struct StateFolder: Sendable {
    let root: String

    init(option: String?) {
        let chosen = option ?? ProcessInfo.processInfo.environment["TESTUDO_STATE"] ?? ".testudo"
        self.root = URL(fileURLWithPath: chosen).standardizedFileURL.path
    }

    /// The tenant's keys, broker store, certificate roots and policies.
    var tenant: String { "\(root)/tenant" }
    /// The key broker's own folder.
    var broker: String { "\(root)/tenant/broker" }
    /// The node's state: Services, sealed logs, sockets.
    var node: String { "\(root)/node" }
    /// The software security processor's keys.
    var softTEE: String { "\(root)/softtee" }
    /// Blobs of the local registry.
    var registry: String { "\(root)/registry" }
    /// Process records and logs of what `testudo up` started.
    var run: String { "\(root)/run" }
    /// The ports and paths in use.
    var settingsFile: String { "\(root)/config.json" }
    /// What the node has to know of the tenant to render manifests; public.
    var profileFile: String { "\(root)/node/profile.json" }
    /// The bearer token of the node's API.
    var nodeTokenFile: String { "\(root)/node/token" }
    /// The private half of the tenant's image signing key.
    var signingKey: String { "\(tenant)/cosign.key" }
    /// The public half of the tenant's image signing key.
    var signingPublicKey: String { "\(tenant)/cosign.pub" }
    /// The private key that opens sealed logs, P-256 PEM.
    var logKey: String { "\(tenant)/logs.key" }
    /// The root that ordinary clients trust.
    var tenantRoot: String { "\(tenant)/tenant-ca.pem" }
    /// The root of everything simulated; never cross-signed by the other.
    var simulatedRoot: String { "\(tenant)/testudo-simulated-ca.pem" }

    /// Makes the folders with the permissions that they need.
    func create() throws {
        for (path, mode) in [
            (root, 0o755), (tenant, 0o700), (node, 0o755), (softTEE, 0o755), (registry, 0o755), (run, 0o755),
        ] {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: mode])
        }
    }

    /// Writes a file so that a reader sees the old content or the new one.
    static func write(_ bytes: [UInt8], to path: String, mode: Int = 0o644) throws {
        let temporary = "\(path).new"
        try? FileManager.default.removeItem(atPath: temporary)
        guard
            FileManager.default.createFile(
                atPath: temporary, contents: Data(bytes), attributes: [.posixPermissions: mode])
        else { throw CommandFailure("cannot write \(path)", hint: "check the folder's permissions and free space") }
        guard rename(temporary, path) == 0 else {
            throw CommandFailure("cannot replace \(path)", hint: "check the folder's permissions")
        }
    }

    static func write(_ text: String, to path: String, mode: Int = 0o644) throws {
        try write(Array(text.utf8), to: path, mode: mode)
    }

    /// Reads a whole file, or says which one is missing and what makes it.
    static func read(_ path: String, hint: String = "run `testudo up` first") throws -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFailure("cannot read \(path)", hint: hint)
        }
        return Array(data)
    }

    static func text(_ path: String, hint: String = "run `testudo up` first") throws -> String {
        String(decoding: try read(path, hint: hint), as: UTF8.self)
    }
}

/// What went wrong, and what to do about it, for the person at the terminal.
struct CommandFailure: Error, CustomStringConvertible {
    let what: String
    let hint: String?
    /// The exit status: 1 when something was refused or failed, 2 when something that was given cannot be read or used.
    let status: Int32

    init(_ what: String, hint: String? = nil, status: Int32 = 1) {
        self.what = what
        self.hint = hint
        self.status = status
    }

    var description: String { hint.map { "\(what)\n  what to do: \($0)" } ?? what }
}
