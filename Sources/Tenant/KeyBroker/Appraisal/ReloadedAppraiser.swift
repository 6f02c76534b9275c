/// The verifiers with what the configured files hold now: attestation policy, keys of TPMs, platforms.
///
/// Endorsements and revocation lists have readers of their own.
struct ReloadedAppraiser: EvidenceAppraiser {
    private let table: WatchedFiles<AppraiserTable>

    init(
        _ files: AttestationFiles, watch: FileWatch, make: @escaping @Sendable () throws(BrokerError) -> AppraiserTable
    ) throws(BrokerError) {
        let paths = [files.policy, files.platforms].compactMap { $0 } + files.attestationKeys
        table = try WatchedFiles("attestation policy and keys", paths: paths, watch: watch, read: make)
    }

    /// Makes the verifiers anew, whether a file changed or not. Answers why those of before stay; nil when they do not.
    func readAgain() -> String? { table.readAgain() }

    var technologies: Set<String> { table.contents.technologies }

    func appraise(_ bundle: EvidenceBundle) async throws(AppraisalFailure) -> AppraisedEvidence {
        try await table.contents.appraise(bundle)
    }
}
