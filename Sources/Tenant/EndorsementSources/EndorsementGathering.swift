import Evidence
import Verifier
import WireFormat

/// Completes the endorsements that evidence needs.
public struct EndorsementGathering: Sendable {
    /// Something that is not at hand.
    public struct Missing: Equatable, Sendable {
        /// What evidence needs.
        public let need: EndorsementNeed
        /// Why it could not be had.
        public let reason: String

        /// What to do about it.
        public var advice: String {
            if let obstacle = need.obstacle { return obstacle }
            let urls = need.candidates.map { PublishingService.url(of: $0) }.joined(separator: " or ")
            let name = need.candidates.first?.title ?? "it"
            let issuers =
                switch need.candidates.first {
                case .tcbInfo, .enclaveIdentity, .platformRevocationList:
                    " (its signer's certificates are in the answer's …-Issuer-Chain header: save them, percent-decoded, and pass "
                        + "that file too)"
                default: ""
                }
            return "\(name) is at \(urls)\(issuers): pass the file with --endorsement FILE"
        }
    }

    /// What is at hand after all was tried.
    public struct Gathered: Sendable {
        /// What was at hand, and what was obtained.
        public var files: EndorsementFiles
        /// What could not be had.
        public var missing: [Missing] = []

        /// Starts with what is at hand.
        public init(files: EndorsementFiles) { self.files = files }
    }

    private let source: any EndorsementSource
    private let checker: EndorsementChecker
    private let now: Int64

    /// Creates a gathering.
    ///
    /// - Parameters:
    ///   - source: Who is asked.
    ///   - checker: What tells the genuine from the rest.
    ///   - now: When it must be valid, in seconds since 1970.
    public init(from source: any EndorsementSource, checker: EndorsementChecker, now: Int64) {
        self.source = source
        self.checker = checker
        self.now = now
    }

    /// Obtains what `files` lack for the evidence.
    public func complete(_ files: EndorsementFiles, for evidence: EndorsedEvidence) async -> Gathered {
        switch evidence {
        case .report(let evidence): await complete(files, for: evidence)
        case .quote(let quote): await complete(files, for: quote)
        }
    }

    private func complete(_ files: EndorsementFiles, for evidence: SNPEvidence) async -> Gathered {
        var gathered = Gathered(files: files)
        // Which list is needed follows from the key's certificate: two rounds.
        for _ in 0..<2 {
            let open = gathered.files.missing(for: evidence).filter { need in
                !gathered.missing.contains { $0.need == need }
            }
            for need in open { await obtain(need, into: &gathered) }
        }
        return gathered
    }

    private func complete(_ files: EndorsementFiles, for quote: Quote) async -> Gathered {
        var gathered = Gathered(files: files)
        let needs = files.missing(for: quote)
        await withTaskGroup(of: (Int, Result<CheckedEndorsement, Missing.Failure>).self) { group in
            for (index, need) in needs.enumerated() {
                group.addTask { (index, await self.obtain(need)) }
            }
            for await (index, result) in group { Self.add(result, needs[index], to: &gathered) }
        }
        // A part of Intel's data says nothing: with none given and some not to be had, there is none.
        if !gathered.missing.isEmpty, (try? files.intel) == .some(nil) { gathered.files = files }
        return gathered
    }

    private func obtain(_ need: EndorsementNeed, into gathered: inout Gathered) async {
        Self.add(await obtain(need), need, to: &gathered)
    }

    private static func add(
        _ result: Result<CheckedEndorsement, Missing.Failure>, _ need: EndorsementNeed, to gathered: inout Gathered
    ) {
        do {
            try gathered.files.add(result.get())
        } catch {
            gathered.missing.append(Missing(need: need, reason: "\(error)"))
        }
    }

    private func obtain(_ need: EndorsementNeed) async -> Result<CheckedEndorsement, Missing.Failure> {
        var reasons: [String] = []
        for item in need.candidates {
            do throws(EndorsementFailure) {
                return .success(try await source.obtain(item, at: now, checker: checker))
            } catch { reasons.append(error.description) }
        }
        return .failure(Missing.Failure(description: reasons.joined(separator: "; ")))
    }
}

extension EndorsementGathering.Missing {
    /// Why nothing was obtained.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }
}
