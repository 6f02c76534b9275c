import Envelope
import WireFormat

/// Attacks with genuine evidence in the wrong hands. The host can get evidence from any running guest (that is what
/// `attest` is for) and talk to the broker as anybody can; it must not get a token with it.
enum EvidenceAttacks {
    static let all = [replay, foreignKey, foreignCookie, relay, chosenReportData]

    private static let replay = HostAttack(
        name: "replayed evidence", altered: "evidence of an earlier challenge sent under a new session's nonce",
        expected: "report-data"
    ) { scene in
        let evidence = try await scene.genuineEvidence(
            of: scene.victim.name, nonce: SecretBytes(random: 32).copyBytes())
        let session = try await RawSession.open(scene)
        return try await session.attest(evidence, nonce: session.nonce, key: TEEKey.fresh())
    }

    private static let foreignKey = HostAttack(
        name: "second VM's evidence with the first's key",
        altered: "tee-pubkey of somebody else beside evidence of a genuine second VM", expected: "report-data",
        needsSecondVM: true
    ) { scene in
        let session = try await RawSession.open(scene)
        let evidence = try await scene.genuineEvidence(of: scene.victim.name, nonce: try session.nonceBytes)
        return try await session.attest(evidence, nonce: session.nonce, key: TEEKey.fresh())
    }

    private static let foreignCookie = HostAttack(
        name: "second VM's evidence with the first's cookie",
        altered: "the cookie of one session beside nonce and evidence of another", expected: "nonce",
        needsSecondVM: true
    ) { scene in
        let (first, other) = (try await RawSession.open(scene), try await RawSession.open(scene))
        let evidence = try await scene.genuineEvidence(of: scene.victim.name, nonce: try other.nonceBytes)
        return try await first.attest(evidence, nonce: other.nonce, key: TEEKey.fresh())
    }

    private static let relay = HostAttack(
        name: "second VM's evidence relayed live",
        altered: "the broker's fresh nonce handed to a genuine second VM's attestation endpoint",
        expected: "report-data",
        needsSecondVM: true
    ) { scene in
        let session = try await RawSession.open(scene)
        let evidence = try await scene.genuineEvidence(of: scene.victim.name, nonce: try session.nonceBytes)
        return try await session.attest(evidence, nonce: session.nonce, key: TEEKey.fresh())
    }

    private static let chosenReportData = HostAttack(
        name: "report data of the host's choosing",
        altered: "the 48 bytes that the broker expects, passed to the guest as a nonce", expected: "report-data"
    ) { scene in
        let session = try await RawSession.open(scene)
        let key = TEEKey.fresh()
        let wanted = RawSession.reportData(
            nonce: session.nonce, key: key, manifest: scene.victim.initData.digest.hex)
        let evidence = try await scene.genuineEvidence(of: scene.victim.name, nonce: wanted)
        return try await session.attest(evidence, nonce: session.nonce, key: key)
    }
}

extension RawSession {
    /// The challenge's bytes.
    var nonceBytes: [UInt8] { get throws { try Base64.decode(nonce, field: "nonce") } }
}
