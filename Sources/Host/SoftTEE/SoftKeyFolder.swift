import CLinux
import Evidence
import Glibc

/// The folder that holds a simulated chip's generated root and report key (mode 0700).
public struct SoftKeyFolder: Sendable {
    /// Its path.
    public let path: String

    /// Names a folder.
    public init(path: String) { self.path = path }

    /// Makes the keys, or uses those that are there: a root that verifiers have pinned is never replaced.
    public func create() throws(SoftTEEError) -> SoftReportSigner {
        if access("\(self.path)/vcek.der", F_OK) == 0 { return try self.load() }
        var chipID = [UInt8](repeating: 0, count: 64)
        guard cl_getrandom(&chipID, chipID.count) >= 0 else { throw SoftTEEError("the kernel gives no randomness") }
        do {
            let endorsements = try SoftEndorsements.generate(chipID: chipID, tcb: SoftReportSigner.tcb)
            try endorsements.save(to: self.path)
            return try SoftReportSigner(endorsements)
        } catch {
            throw Self.wrapped(error, "make the keys in \(self.path)")
        }
    }

    /// Makes the keys for another account, which then owns them; only root can do this.
    ///
    /// - Parameter user: The user and group number of the account.
    public func create(for user: UInt32) throws(SoftTEEError) -> SoftReportSigner {
        let signer = try self.create()
        for path in SoftEndorsements.files.map({ "\(self.path)/\($0)" }) + [self.path] {
            guard lchown(path, user, user) == 0 else {
                throw SoftTEEError("cannot give \(path) to user \(user): \(String(cString: strerror(errno)))")
            }
        }
        return signer
    }

    /// Reads the keys.
    public func load() throws(SoftTEEError) -> SoftReportSigner {
        do {
            return try SoftReportSigner(try SoftEndorsements.load(from: self.path))
        } catch {
            throw Self.wrapped(error, "read the keys in \(self.path) (made by testudo-softtee init)")
        }
    }

    private static func wrapped(_ error: any Error, _ attempt: String) -> SoftTEEError {
        error as? SoftTEEError ?? SoftTEEError("cannot \(attempt): \(error)")
    }
}
