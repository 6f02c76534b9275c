import WireFormat

/// The body of `/auth`.
struct ChallengeRequest: Sendable {
    /// The version of the protocol as the guest named it.
    let versionText: String
    /// The TEE name that the guest announced.
    let technology: String
    /// The digests that the guest can make for its report data; nil when it does not say, as older ones do not.
    let hashes: [String]?

    init(_ body: [UInt8]) throws(WireError) {
        var fields = try JSONFields(try JSONValue.parse(body), path: "request")
        versionText = try fields.string("version")
        technology = try fields.string("tee")
        // Any JSON is allowed here; only the list is understood.
        hashes = fields.optionalValue("extra-params")?["supported-hash-algorithms"]?.arrayValue.map { list in
            list.compactMap(\.stringValue)
        }
        // What later clients say beside it is left alone, as trustee does: nothing is decided by what nobody here reads.
    }

    /// The version, when it is one of those that are spoken here. The text of the refusal is the one that clients know.
    func version(among spoken: Set<ProtocolVersion>) throws(BrokerError) -> ProtocolVersion {
        if let version = ProtocolVersion(rawValue: versionText), spoken.contains(version) { return version }
        let wanted = spoken.map(\.rawValue).sorted(by: >).map { "=\($0)" }.joined(separator: ", ")
        throw BrokerError(
            .attestation, check: "protocol-version",
            "KBS Client Protocol Version Mismatch: expect \(wanted) while the request is "
                + ShownText.cut(versionText, bytes: 32))
    }

    /// Evidence of the TEE has to be understood.
    func checkTechnology(among understood: Set<String>) throws(BrokerError) {
        guard technology != "se" else {
            throw BrokerError(
                .malformed, check: "technology",
                "request.tee: IBM Secure Execution (se) needs a challenge of its own, which this broker does not make")
        }
        guard understood.contains(technology) else {
            throw BrokerError(.malformed, check: "technology", "evidence of this TEE is not understood")
        }
    }

    /// Report data is SHA-384 here, which needs no mention in the challenge; a guest that cannot make it is told at once.
    func checkHashes() throws(BrokerError) {
        guard let hashes, !hashes.contains("sha384") else { return }
        throw BrokerError(
            .malformed, check: "hash-algorithm",
            "request.extra-params.supported-hash-algorithms: must hold sha384")
    }
}
