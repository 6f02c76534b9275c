import EndorsementSources
import Foundation
import Glibc
import Synchronization
import Verifier
import WireFormat

/// The endorsements of the broker's own files, as the files hold them now, and what is fetched beside them.
///
/// Vendors revise what the files hold, and their owner renews them: a file that changed is read again, one that went away or
/// cannot be understood refuses evidence.
final class EndorsementShelf: Sendable {
    /// By what a file is told from what it was before.
    private struct Stamp: Equatable {
        var device: UInt64
        var inode: UInt64
        var size: Int64
        /// When content or owner changed last; a copy that keeps the former times cannot keep this one.
        var seconds: Int
        var nanoseconds: Int

        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
            size = Int64(status.st_size)
            (seconds, nanoseconds) = (status.st_ctim.tv_sec, status.st_ctim.tv_nsec)
        }
    }

    private struct Content {
        var stamps: [Stamp?]
        var files: EndorsementFiles
    }

    private let paths: [String]
    private let supply: EndorsementSupply
    private let content: Mutex<Content>

    /// Reads the files for the first time.
    init(paths: [String], supply: EndorsementSupply) throws(BrokerError) {
        self.paths = paths
        self.supply = supply
        content = Mutex(try Self.read(paths))
    }

    /// Verifies evidence with what the files hold now and what it needs beside that.
    ///
    /// - Parameters:
    ///   - evidence: What vendors publish something about; nil needs nothing.
    ///   - isBound: Whether evidence that cannot be verified yet states what is demanded of it.
    ///   - verify: Verifies with these endorsements.
    func verifying<Verified>(
        _ evidence: EndorsedEvidence?, isBound: Bool,
        _ verify: (EndorsementFiles) throws(EvidenceRefusal) -> Verified
    ) async throws(AppraisalFailure) -> Verified {
        let files: EndorsementFiles
        do throws(BrokerError) { files = try current() } catch {
            throw AppraisalFailure(
                check: EvidenceCheck.collateral.rawValue, reason: "the broker's endorsements cannot be read",
                note: error.detail)
        }
        do {
            return try await supply.verifying(evidence, isBound: isBound, with: files) { files in try verify(files) }
        } catch let refusal as EvidenceRefusal {
            throw AppraisalFailure(check: refusal.check.rawValue, reason: refusal.reason)
        } catch let shortage as EndorsementShortage {
            throw AppraisalFailure(
                check: EvidenceCheck.collateral.rawValue, reason: "endorsements of the machine could not be had",
                note: shortage.reason)
        } catch {
            throw AppraisalFailure(check: EvidenceCheck.collateral.rawValue, reason: "the evidence cannot be verified")
        }
    }

    private func current() throws(BrokerError) -> EndorsementFiles {
        try content.withLock { (content) throws(BrokerError) in
            if content.stamps.contains(nil) || content.stamps != paths.map({ Stamp($0) }) {
                content = try Self.read(paths)
            }
            return content.files
        }
    }

    private static func read(_ paths: [String]) throws(BrokerError) -> Content {
        // Stamps come first: a change while the files are read is seen the next time.
        let stamps = paths.map { Stamp($0) }
        var files: [(name: String, bytes: [UInt8])] = []
        for path in paths {
            files.append((name: path, bytes: try PrivateFile.readPublic(path, what: "endorsement")))
        }
        do throws(WireError) {
            return Content(stamps: stamps, files: try EndorsementFiles(files))
        } catch {
            throw BrokerError(.failed, check: "configuration", "\(error.field): \(error.reason)")
        }
    }
}
