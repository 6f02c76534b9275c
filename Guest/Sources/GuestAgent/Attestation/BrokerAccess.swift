import AttestedChannel
import Crypto
import Envelope
import Glibc
import HTTPExchange
import NIOCore
import NIOSSL
import PodManifest

/// What the key broker of a pod's manifest gives to this guest: one attestation, secrets, and the TLS certificate.
final class BrokerAccess: Sendable {
    private let client: RCARClient
    private let keys: GuestKeys
    private let names: [String]

    /// Prepares access; nothing is sent yet. The broker's certificate is pinned by the manifest.
    init(
        pod: Latch.Pod, evidence: GuestEvidence, keys: GuestKeys, dialer: any Dialer, loop: any EventLoop
    ) throws(ExchangeError) {
        let broker = pod.manifest.keyBroker
        let endpoint = try HTTPEndpoint(url: broker.url, trust: .pinnedCertificate(pem: broker.certificate))
        self.keys = keys
        names = pod.manifest.network.hostnames
        client = RCARClient(
            exchanger: HTTPExchanger(endpoint: endpoint, dialer: dialer, eventLoopGroup: loop), source: evidence
        ) { token in
            try Entropy.mix(Array(token.utf8))
        }
    }

    /// Proves what this guest is.
    func attest() async throws(BrokerFailure) { try await client.attest() }

    /// The secret at a `kbs:///` address.
    func secret(_ address: String) async throws(BrokerFailure) -> SecretBytes { try await client.resource(address) }

    /// What a sealed secret holds.
    func unsealed(_ text: String) async throws(BrokerFailure) -> SecretBytes { try await client.unseal(text) }

    /// A TLS identity with a fresh certificate.
    func serverIdentity() async throws -> (identity: ServerIdentity, notAfter: Int64) {
        let (chain, key, notAfter) = try await certificate()
        return (try ServerIdentity(certificateChain: chain, privateKey: key), notAfter)
    }

    /// Keeps a TLS identity fresh, for ever. A leaf lives an hour at most (rule R11); failures are told and tried again.
    func renew(_ identity: ServerIdentity, from first: Int64, complain: @Sendable (String) -> Void) async {
        var notAfter = first
        while !Task.isCancelled {
            let left = max(0, min(notAfter - Int64(time(nil)), 3600))
            try? await Task.sleep(for: .seconds(max(15, left * 2 / 3)))
            do {
                let (chain, key, end) = try await certificate()
                try identity.replace(certificateChain: chain, privateKey: key)
                notAfter = end
            } catch {
                complain("the certificate was not renewed: \(error)")
            }
        }
    }

    private func certificate() async throws -> ([NIOSSLCertificate], NIOSSLPrivateKey, Int64) {
        guard let key = keys.made else { throw EvidenceFailure("there is no TLS key before attestation") }
        let issued = try await client.certificate(try CertificateRequest(key: key, names: names).der)
        let chain = try NIOSSLCertificate.fromPEMBytes(Array(issued.chain.utf8))
        let privateKey = try NIOSSLPrivateKey(bytes: Array(key.derRepresentation), format: .der)
        return (chain, privateKey, issued.notAfter)
    }
}
