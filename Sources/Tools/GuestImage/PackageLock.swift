import Envelope
import WireFormat

/// A Debian package of one exact content.
public struct LockedPackage: Equatable, Sendable {
    /// The package's name.
    public let name: String
    /// Its version, with epoch.
    public let version: String
    /// SHA-256 of the `.deb`.
    public let digest: SHA256Digest
    /// Why the guest needs it.
    public let why: String
}

/// The lock file of the guest's packages, `Guest/packages.lock`: `{"packages":[{"name","version","sha256","why"}]}`.
public struct PackageLock: Equatable, Sendable {
    /// The packages, in the order of the file.
    public let packages: [LockedPackage]

    /// Parses a lock file.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        var fields = try JSONFields(try JSONValue.parse(bytes), path: "packages.lock")
        var packages: [LockedPackage] = []
        for (index, value) in try fields.array("packages").enumerated() {
            var entry = try JSONFields(value, path: "packages.lock.packages[\(index)]")
            let package = LockedPackage(
                name: try entry.string("name"), version: try entry.string("version"),
                digest: try SHA256Digest(hex: try entry.string("sha256")), why: try entry.string("why"))
            try entry.finish()
            guard Self.isPlain(package.name), Self.isPlain(package.version), !package.why.isEmpty else {
                throw WireError(field: entry.path("name"), reason: "name, version or reason is not usable")
            }
            guard !packages.contains(where: { $0.name == package.name }) else {
                throw WireError(field: entry.path("name"), reason: "\(package.name) comes twice")
            }
            packages.append(package)
        }
        try fields.finish()
        self.packages = packages
    }

    /// Names and versions become arguments of `apt-get`.
    private static func isPlain(_ text: String) -> Bool {
        guard let first = text.utf8.first, first != 0x2d else { return false }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x3a, 0x41...0x5a, 0x61...0x7a, 0x2b, 0x2d, 0x2e, 0x5f, 0x7e: true
            default: false
            }
        }
    }
}
