import EndorsementSources
import Evidence
import Verifier
import WireFormat

/// Completes the endorsements that evidence needs.
struct EndorsementGathering {
    /// Something that is not at hand.
    struct Missing: Equatable {
        let need: EndorsementNeed
        /// Why it could not be had.
        let reason: String

        /// What to do about it.
        var advice: String {
            if let obstacle = need.obstacle { return obstacle }
            let urls = need.candidates.map { PublishingService.url(of: $0) }.joined(separator: " or ")
            let name = need.candidates.first?.title ?? "it"
            let issuers =
                switch need.candidates.first {
                case .tcbInfo, .enclaveIdentity, .platformRevocationList:
                    " (save the certificates of the answer's …-Issuer-Chain header, percent-decoded, beside it)"
                default: ""
                }
            return "\(name) is at \(urls)\(issuers): pass the file with --endorsement FILE"
        }
    }

    /// What is at hand after all was tried.
    struct Gathered {
        var files: EndorsementFiles
        var missing: [Missing] = []
    }

    let fetcher: EndorsementFetcher
    let checker: EndorsementChecker
    /// Seconds since 1970.
    let now: Int64

    /// Obtains what `files` lack for the evidence. Stand-ins publish nothing.
    func complete(_ files: EndorsementFiles, for evidence: EvidenceFile, as technology: String) async -> Gathered {
        switch (evidence, technology) {
        case (.snp(let evidence), "snp"), (.snp(let evidence), "sev-snp"): await complete(files, for: evidence)
        case (.quote(let quote), "tdx"), (.quote(let quote), "sgx"): await complete(files, for: quote)
        case (.azure(let evidence), "az-snp-vtpm"): await completeAzure(files, evidence)
        case (.azure(let evidence), "az-tdx-vtpm"):
            if case .quote(let bytes) = evidence.endorsement, let quote = try? Quote(parsing: bytes) {
                await complete(files, for: quote)
            } else {
                Gathered(files: files)
            }
        default: Gathered(files: files)
        }
    }

    private func completeAzure(_ files: EndorsementFiles, _ evidence: AzureVTPMEvidence) async -> Gathered {
        guard case .chipCertificate(let der) = evidence.endorsement,
            let hcl = try? HCLReport(parsing: evidence.hclReport),
            let report = try? SNPReport(parsing: hcl.hardwareReport)
        else { return Gathered(files: files) }
        return await complete(files, for: SNPEvidence(report: report, certificates: [.vcek: der]))
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
                return .success(try await fetcher.obtain(item, at: now, checker: checker))
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
