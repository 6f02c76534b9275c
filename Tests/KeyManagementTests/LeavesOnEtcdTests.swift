import Crypto
import EtcdStorage
import SealedStorage
import TestSupport
import Testing
import X509

@testable import KeyManagement

/// etcd takes about a hundred changes in a transaction.
@Suite("Leaves on etcd", .enabled(if: EtcdCluster.isInstalled, "etcd is not installed"))
struct LeavesOnEtcdTests {
    @Test func `of a manifest with more leaves than a commit takes all are revoked`() async throws {
        let cluster = try await EtcdCluster.shared.value
        let clock = TestClock()
        let store = try await SealedStore(
            try EtcdBackend(
                EtcdConfiguration(
                    endpoints: cluster.endpoints, authorities: cluster.workshop.path("ca.pem"),
                    certificate: cluster.workshop.path("client.pem"), key: cluster.workshop.path("client.key"),
                    prefix: "leaves-\(UInt32.random(in: .min ... .max))")), rootKey: KeptKey())
        let keys = KeyStore(store, policy: AllowAll(), now: clock.read)
        let authorities = CertificateAuthorities(keys: keys, listAddress: nil)
        let name = try AuthorityName(namespace: "bank", line: .tenant)
        _ = try await authorities.makeRoot(.tenant)
        try await authorities.certify(name, suffixes: ["bank.example"], life: 86_400)
        let count = 130
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<count + 1 {
                group.addTask {
                    _ = try await authorities.issue(
                        name,
                        to: LeafSubject(
                            publicKey: Certificate.PublicKey(P256.Signing.PrivateKey().publicKey),
                            names: ["pay.bank.example"], manifest: number < count ? "aa" : "bb",
                            instance: "\(number)"), until: clock.now + 86_400)
                }
            }
            try await group.waitForAll()
        }
        let revoked = try await authorities.revoke(.manifest("aa"), namespace: "bank", reason: .privilegeWithdrawn)
        #expect(revoked == count)
        let leaves = try await store.list(EntryFamily.issuedLeaf).map { try IssuedLeaf($0.value) }
        #expect(leaves.count == count + 1)
        #expect(leaves.allSatisfy { ($0.revoked != nil) == ($0.manifest == "aa") })
        // All of them are in the list, the other one is not.
        let folder = try ScratchFolder()
        let openssl = OpenSSL(folder: folder.path)
        try openssl.write(try await authorities.revocationList(name), "crl.der")
        let list = try openssl.run(["crl", "-inform", "DER", "-in", "crl.der", "-noout", "-text"]).text
        #expect(list.split(separator: "\n").count { $0.contains("Serial Number:") } == count)
        await store.shutdown()
    }
}
