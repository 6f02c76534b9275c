import Crypto
import Evidence
import Synchronization

/// Chains that were checked before, for whoever sees many reports of few processors.
///
/// A chain is known by all bytes that its checks read: certificates, the list that came along and the verifier's own. What
/// depends on the time or on the verifier's trust is looked at each time, see ``SNPVerifier/verify(_:endorsedBy:)``.
public final class EndorsementChains: Sendable {
    private struct Kept {
        var chains: [SHA256.Digest: EndorsementChain] = [:]
        /// The oldest first.
        var order: [SHA256.Digest] = []
    }

    /// How many are kept: some 20 KiB each.
    private let limit: Int
    private let kept = Mutex(Kept())

    /// Creates a memory of `limit` chains; the oldest go first.
    public init(limit: Int = 1024) { self.limit = limit }

    /// How many chains are kept.
    public var count: Int { kept.withLock { $0.chains.count } }

    /// The chain of `raw`, checked by `verifier` now or before.
    public func chain(
        of raw: RawEvidence, by verifier: SNPVerifier
    ) throws(EvidenceRefusal) -> EndorsementChain {
        let name = Self.name(raw, verifier)
        if let chain = kept.withLock({ $0.chains[name] }) { return chain }
        let chain = try verifier.endorse(raw)
        kept.withLock { kept in
            guard kept.chains.updateValue(chain, forKey: name) == nil else { return }
            kept.order.append(name)
            if kept.order.count > limit { kept.chains[kept.order.removeFirst()] = nil }
        }
        return chain
    }

    private static func name(_ raw: RawEvidence, _ verifier: SNPVerifier) -> SHA256.Digest {
        var hash = SHA256()
        func add(_ bytes: [UInt8]?) {
            withUnsafeBytes(of: Int64(bytes?.count ?? -1).littleEndian) { hash.update(bufferPointer: $0) }
            if let bytes { hash.update(data: bytes) }
        }
        add(Array(raw.technology.rawValue.utf8))
        add(Array("\(raw.evidence.report.signingKey)".utf8))
        // Those that are read: of others a stranger could make any number of names for one chain.
        let leaf: CertificateTable.Kind = raw.evidence.report.signingKey == .vlek ? .vlek : .vcek
        for kind in [leaf, .ask, .ark] { add(raw.evidence.certificates[kind]) }
        add(raw.revocationList)
        for list in verifier.revocationLists { add(list) }
        return hash.finalize()
    }
}
