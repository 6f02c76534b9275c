import Rego

/// Finds a way from a certificate to a root, as Go does.
struct ChainVerifier {
    struct Options {
        var dnsName = ""
        /// Seconds since 1970; nil for the time of the evaluation.
        var time: Int64?
        var usages: [Int] = []
    }

    let root: Certificate
    let intermediates: [Certificate]
    let options: Options
    let time: Int64
    private var attempts = 0

    /// The first certificate is the root, the last the leaf; those between may help.
    static func chain(
        _ certificates: [Certificate], _ options: Options, now: Int64?
    ) -> [Certificate]? {
        guard certificates.count >= 2, let root = certificates.first, let leaf = certificates.last,
            let time = options.time ?? now.map({ $0 / 1_000_000_000 })
        else { return nil }
        var verifier = ChainVerifier(
            root: root, intermediates: Array(certificates.dropFirst().dropLast()), options: options, time: time)
        return verifier.chain(from: leaf)
    }

    private init(root: Certificate, intermediates: [Certificate], options: Options, time: Int64) {
        (self.root, self.intermediates, self.options, self.time) = (root, intermediates, options, time)
    }

    private mutating func chain(from leaf: Certificate) -> [Certificate]? {
        guard isAcceptable(leaf, after: []) else { return nil }
        if !options.dnsName.isEmpty, !HostName.matches(options.dnsName, leaf.extensions.names) { return nil }
        if leaf.raw == root.raw { return allowsUsage([leaf]) ? [leaf] : nil }
        return extend([leaf])
    }

    private mutating func extend(_ chain: [Certificate]) -> [Certificate]? {
        guard let last = chain.last, chain.count <= intermediates.count + 1 else { return nil }
        if issues(root, last), isAcceptable(root, after: chain, isRoot: true), allowsUsage(chain + [root]) {
            return chain + [root]
        }
        for candidate in intermediates {
            guard !chain.contains(where: { $0.raw == candidate.raw }), issues(candidate, last),
                isAcceptable(candidate, after: chain)
            else { continue }
            if let found = extend(chain + [candidate]) { return found }
        }
        return nil
    }

    private mutating func issues(_ parent: Certificate, _ child: Certificate) -> Bool {
        attempts += 1
        guard attempts <= 100, parent.subject.raw == child.issuer.raw else { return false }
        let extensions = parent.extensions
        if parent.version == 3, !extensions.hasBasicConstraints { return false }
        if extensions.hasBasicConstraints, !extensions.isAuthority { return false }
        if extensions.keyUsage != 0, extensions.keyUsage & 1 << 5 == 0 { return false }
        return child.signature.isValid(for: child.signed, by: parent.publicKey)
    }

    /// Whether a certificate may stand after a chain.
    private func isAcceptable(_ certificate: Certificate, after chain: [Certificate], isRoot: Bool = false) -> Bool {
        let extensions = certificate.extensions
        guard extensions.unhandled.isEmpty else { return false }
        guard certificate.notBefore.seconds <= time, time <= certificate.notAfter.seconds else { return false }
        if chain.isEmpty { return true }
        if !isRoot, !extensions.hasBasicConstraints || !extensions.isAuthority { return false }
        if let limit = extensions.pathLength, chain.count - 1 > limit { return false }
        return chain.allSatisfy { extensions.allow($0.extensions.names) }
    }

    /// Whether every certificate of the chain may be used for one of the purposes asked for.
    private func allowsUsage(_ chain: [Certificate]) -> Bool {
        var wanted = options.usages.isEmpty ? [ExtendedKeyUsage.serverAuthentication] : options.usages
        if wanted.contains(ExtendedKeyUsage.any) { return true }
        for certificate in chain.reversed() {
            let extensions = certificate.extensions
            if extensions.extendedKeyUsage.isEmpty, extensions.unknownExtendedKeyUsage.isEmpty { continue }
            if extensions.extendedKeyUsage.contains(ExtendedKeyUsage.any) { continue }
            wanted = wanted.filter { extensions.extendedKeyUsage.contains($0) }
            if wanted.isEmpty { return false }
        }
        return true
    }
}
