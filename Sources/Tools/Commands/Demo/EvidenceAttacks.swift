import Crypto
import Envelope
import Foundation
import HTTPExchange
import NIOPosix
import WireFormat

/// Attacks with genuine evidence in the wrong hands. The host can get evidence from any running guest (that is what
/// `attest` is for) and talk to the broker as anybody can; it must not get a token with it.
enum EvidenceAttacks {
    static let all = [
        HostAttack(
            name: "replayed evidence", altered: "evidence of an earlier challenge sent with a new session's nonce"
        ) { scene in
            let evidence = try await scene.genuineEvidence(of: scene.victim.name, nonce: Nonce.random())
            let session = try await RawSession.open(scene)
            return try await session.attest(evidence, nonce: session.nonce, key: TEEKey())
        },
        HostAttack(
            name: "second VM's evidence with the first's key",
            altered: "tee-pubkey of another guest beside evidence of a genuine second VM"
        ) { scene in
            try await scene.withSecondVM { second in
                let session = try await RawSession.open(scene)
                let evidence = try await scene.genuineEvidence(of: second, nonce: session.nonce)
                return try await session.attest(evidence, nonce: session.nonce, key: TEEKey())
            }
        },
        HostAttack(
            name: "second VM's evidence with the first's cookie",
            altered: "session cookie of one handshake beside the nonce and evidence of another"
        ) { scene in
            try await scene.withSecondVM { second in
                let (first, other) = (try await RawSession.open(scene), try await RawSession.open(scene))
                let evidence = try await scene.genuineEvidence(of: second, nonce: other.nonce)
                return try await first.attest(evidence, nonce: other.nonce, key: TEEKey())
            }
        },
        HostAttack(
            name: "second VM's evidence relayed live", altered: "the broker's fresh nonce handed to a genuine second VM"
        ) { scene in
            try await scene.withSecondVM { second in
                let session = try await RawSession.open(scene)
                let evidence = try await scene.genuineEvidence(of: second, nonce: session.nonce)
                return try await session.attest(evidence, nonce: session.nonce, key: evidence.tlsKey ?? TEEKey())
            }
        },
        HostAttack(
            name: "report data of the host's choosing",
            altered: "the 48 bytes that the broker expects, passed to the guest as a nonce"
        ) { scene in
            let session = try await RawSession.open(scene)
            let key = TEEKey()
            let wanted = RawSession.reportData(nonce: session.nonce, key: key)
            let evidence = try await scene.genuineEvidence(of: scene.victim.name, nonce: wanted)
            if evidence.reportData == wanted + [UInt8](repeating: 0, count: 64 - wanted.count) {
                return .init(refused: false, check: "report-data", reason: "the guest signed bytes of the host's choice")
            }
            return try await session.attest(evidence, nonce: session.nonce, key: key)
        },
    ]
}
