import Crypto
import Foundation
import SwiftASN1
import Testing
import X509

@testable import KeyManagement

/// What OpenSSL says of certificates and lists that lie in files.
struct OpenSSL {
    let folder: String

    struct Verdict {
        let isGood: Bool
        let text: String
    }

    func write(_ bytes: some Sequence<UInt8>, _ name: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    }

    func run(_ arguments: [String]) throws -> Verdict {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return Verdict(isGood: process.terminationStatus == 0, text: text)
    }

    /// `openssl verify` at a second, with the list when there is one.
    func verify(leaf: String, issuing: String, root: String, crl: [UInt8]? = nil, at now: Int64) throws -> Verdict {
        try write(leaf.utf8, "leaf.pem")
        try write(issuing.utf8, "issuing.pem")
        try write(root.utf8, "root.pem")
        var arguments = [
            "verify", "-attime", "\(now)", "-x509_strict", "-purpose", "sslserver", "-CAfile", "root.pem", "-untrusted",
            "issuing.pem",
        ]
        if let crl {
            try write(crl, "crl.der")
            let converted = try run(["crl", "-inform", "DER", "-in", "crl.der", "-out", "crl.pem"])
            guard converted.isGood else { return converted }
            arguments += ["-crl_check", "-CRLfile", "crl.pem"]
        }
        return try run(arguments + ["leaf.pem"])
    }
}

@Suite("Certificate authorities, as OpenSSL sees them")
struct AuthorityTests {
    let bench: KeyBench
    let authorities: CertificateAuthorities
    let openssl: OpenSSL
    let name: AuthorityName

    init() async throws {
        bench = try KeyBench()
        authorities = CertificateAuthorities(
            keys: try await bench.keys(), listAddress: "https://broker.example:8080/kbs/v0/testudo/crl")
        openssl = OpenSSL(folder: bench.folder)
        name = try AuthorityName(namespace: "bank", line: .tenant)
    }

    /// An authority under an offline root.
    private func establish(_ name: AuthorityName? = nil) async throws -> RootAuthority {
        let name = name ?? self.name
        let (root, _) = try RootAuthority.create(name: "Offline \(name.line)", now: bench.clock.now)
        let request = try await authorities.request(name, suffixes: ["bank.example"])
        let pem = try root.sign(request, suffixes: ["bank.example"], life: 86_400 * 90, now: bench.clock.now)
        try await authorities.install(name, certificate: pem, root: root.pem)
        return root
    }

    private func subject(
        _ names: [String] = ["pay.bank.example"], manifest: String = "aa", instance: String = "01"
    ) -> LeafSubject {
        LeafSubject(
            publicKey: Certificate.PublicKey(P256.Signing.PrivateKey().publicKey), names: names, manifest: manifest,
            instance: instance)
    }

    private func issue(_ subject: LeafSubject, _ name: AuthorityName? = nil) async throws -> LeafCertificate {
        try await authorities.issue(name ?? self.name, to: subject, until: bench.clock.now + 86_400)
    }

    @Test func `a leaf verifies with its list, for an hour`() async throws {
        let root = try await establish()
        let leaf = try await issue(subject(["bank.example", "pay.bank.example"]))
        let chain = try await authorities.chain(name)
        let crl = try await authorities.revocationList(name)
        let now = bench.clock.now
        let verdict = try openssl.verify(
            leaf: leaf.chain, issuing: chain.issuing, root: root.pem, crl: crl, at: now + 3530)
        #expect(verdict.isGood, "\(verdict.text)")
        #expect(leaf.notAfter == now + 3540)
        let late = try openssl.verify(leaf: leaf.chain, issuing: chain.issuing, root: root.pem, at: now + 3541)
        #expect(!late.isGood)
        #expect(late.text.contains("expired"))
        let stale = try openssl.verify(
            leaf: leaf.chain, issuing: chain.issuing, root: root.pem, crl: crl, at: now + 3601)
        #expect(!stale.isGood)
        let shown = try openssl.run(["x509", "-in", "leaf.pem", "-noout", "-text"])
        #expect(shown.text.contains("URI:https://broker.example:8080/kbs/v0/testudo/crl/bank/tenant/1"))
        let list = try openssl.run([
            "crl", "-inform", "DER", "-in", "crl.der", "-noout", "-text", "-CAfile", "issuing.pem",
        ])
        #expect(list.text.contains("verify OK"))
        #expect(list.text.contains("No Revoked Certificates"))
    }

    @Test func `revoked leaves are refused, by serial, instance and manifest, and others are not`() async throws {
        let root = try await establish()
        let issuing = try await authorities.chain(name).issuing
        let leaves = [
            try await issue(subject(manifest: "aa", instance: "01")),
            try await issue(subject(manifest: "aa", instance: "02")),
            try await issue(subject(manifest: "bb", instance: "03")),
            try await issue(subject(manifest: "cc", instance: "04")),
        ]
        func good() async throws -> [Bool] {
            let crl = try await authorities.revocationList(name)
            return try leaves.map {
                let verdict = try openssl.verify(
                    leaf: $0.chain, issuing: issuing, root: root.pem, crl: crl, at: bench.clock.now)
                #expect(verdict.isGood || verdict.text.contains("certificate revoked"), "\(verdict.text)")
                return verdict.isGood
            }
        }
        #expect(try await good() == [true, true, true, true])
        let first = try await authorities.revoke(.serial(leaves[0].serial), namespace: "bank", reason: .keyCompromise)
        #expect(first == 1)
        #expect(try await good() == [false, true, true, true])
        let shown = try openssl.run(["crl", "-inform", "DER", "-in", "crl.der", "-noout", "-text"])
        #expect(shown.text.contains("Key Compromise"))
        #expect(shown.text.contains("X509v3 CRL Number"))
        try await authorities.revoke(.instance("02"), namespace: "bank", reason: .unspecified)
        #expect(try await good() == [false, false, true, true])
        try await authorities.revoke(.manifest("bb"), namespace: "bank", reason: .privilegeWithdrawn)
        #expect(try await good() == [false, false, false, true])
        // A guest whose leaf was revoked by serial may renew, the others may not.
        _ = try await issue(subject(manifest: "aa", instance: "01"))
        let refusals = [
            await failure { try await issue(subject(manifest: "aa", instance: "02")) },
            await failure { try await issue(subject(manifest: "bb", instance: "99")) },
        ]
        for refusal in refusals { #expect(refusal?.field == "revocation") }
        try await authorities.readmit(manifest: "bb", namespace: "bank")
        _ = try await issue(subject(manifest: "bb", instance: "99"))
        // Another tenant revokes nothing here, and what was revoked is not revoked twice.
        #expect(
            await failure {
                try await authorities.revoke(.serial(leaves[3].serial), namespace: "shop", reason: .unspecified)
            }?.kind == .notFound)
        #expect(
            await failure {
                try await authorities.revoke(.serial(leaves[0].serial), namespace: "bank", reason: .unspecified)
            }?.kind == .notFound)
        #expect(try await authorities.revoke(.manifest("cc"), namespace: "shop", reason: .unspecified) == 0)
        #expect(try await good() == [false, false, false, true])
    }

    @Test func `lists are numbered, kept for half an hour, and forget what has expired`() async throws {
        _ = try await establish()
        let leaf = try await issue(subject())
        let first = try await authorities.revocationList(name)
        #expect(try await authorities.revocationList(name) == first)
        bench.clock.pass(1799)
        #expect(try await authorities.revocationList(name) == first)
        bench.clock.pass(1)
        let second = try await authorities.revocationList(name)
        #expect(second != first)
        try await authorities.revoke(.serial(leaf.serial), namespace: "bank", reason: .superseded)
        let third = try await authorities.revocationList(name)
        #expect(third != second)
        for (number, list) in [first, second, third].enumerated() {
            try openssl.write(list, "list.der")
            let shown = try openssl.run(["crl", "-inform", "DER", "-in", "list.der", "-noout", "-crlnumber"])
            #expect(shown.text.lowercased().contains("=0x0\(number + 1)") || shown.text.hasSuffix("0\(number + 1)\n"))
        }
        bench.clock.pass(2 * 3600 + 1)
        try openssl.write(try await authorities.revocationList(name), "list.der")
        let shown = try openssl.run(["crl", "-inform", "DER", "-in", "list.der", "-noout", "-text"])
        #expect(shown.text.contains("No Revoked Certificates"))
        #expect(try await authorities.keys.store.list(.issuedLeaf).isEmpty)
    }

    @Test func `names outside the tenant's suffixes are not issued, and where they are, OpenSSL refuses them`()
        async throws
    {
        let root = try await establish()
        let outside = [
            "bank.example.org", "evilbank.example", "example", "shop.example", "*.bank.example", "PAY.bank.example",
            "", ".bank.example", "a..bank.example", "10.0.0.1",
        ]
        for wrong in outside {
            let refusal = await failure { try await issue(subject(["pay.bank.example", wrong])) }
            #expect(refusal?.field == "names", "\(wrong)")
        }
        #expect(await failure { try await issue(subject([])) }?.field == "names")
        // A broker that forgot its check: the same issuing key signs for another tenant's name.
        let signer = try await authorities.signer(try name.key(), 1).key
        let issuing = try await authorities.chain(name).issuing
        let issuer = try Certificate(pemEncoded: issuing)
        let names: [(GeneralName, Bool)] = [
            (.dnsName("pay.bank.example"), true), (.dnsName("pay.shop.example"), false),
            (.dnsName("evilbank.example"), false), (.ipAddress(ASN1OctetString(contentBytes: [10, 0, 0, 1])), false),
        ]
        for (name, isGood) in names {
            let key = Certificate.PublicKey(P256.Signing.PrivateKey().publicKey)
            let forged = try Certificate(
                version: .v3, serialNumber: X509Check.serialNumber(), publicKey: key,
                notValidBefore: Date(bench.clock.now - 60), notValidAfter: Date(bench.clock.now + 60),
                issuer: issuer.subject, subject: try DistinguishedName { CommonName("forged") },
                extensions: try Certificate.Extensions {
                    Critical(BasicConstraints.notCertificateAuthority)
                    Critical(KeyUsage(digitalSignature: true))
                    try ExtendedKeyUsage([.serverAuth])
                    SubjectAlternativeNames([name])
                    SubjectKeyIdentifier(hash: key)
                    AuthorityKeyIdentifier(keyIdentifier: SubjectKeyIdentifier(hash: issuer.publicKey).keyIdentifier)
                }, issuerPrivateKey: signer)
            let verdict = try openssl.verify(
                leaf: try X509Check.pem(forged), issuing: issuing, root: root.pem, at: bench.clock.now)
            #expect(verdict.isGood == isGood, "\(name): \(verdict.text)")
            if !isGood {
                #expect(verdict.text.contains("subtree violation"), "\(verdict.text)")
            }
        }
    }

    @Test func `only the certificate that was asked for is installed`() async throws {
        let now = bench.clock.now
        let (root, _) = try RootAuthority.create(name: "Offline", now: now)
        let (other, _) = try RootAuthority.create(name: "Offline", now: now)
        let request = try await authorities.request(name, suffixes: ["bank.example"])
        func refusal(_ pem: String, _ root: String) async -> KeyFailure? {
            await failure { try await authorities.install(name, certificate: pem, root: root) }
        }
        let good = try root.sign(request, suffixes: ["bank.example"], life: 86_400, now: now)
        #expect(await refusal(good, other.pem)?.reason == "is not signed by the root")
        #expect(await refusal(root.pem, root.pem)?.field == "certificate")
        #expect(await refusal("nonsense", root.pem)?.field == "certificate")
        #expect(await refusal(good, good)?.field == "root")
        let wider = try root.sign(request, suffixes: ["bank.example", "shop.example"], life: 86_400, now: now)
        #expect(await refusal(wider, root.pem)?.reason.contains("outside the tenant's suffixes") == true)
        let foreign = try await authorities.request(
            try AuthorityName(namespace: "shop", line: .tenant), suffixes: ["bank.example"])
        let theirs = try root.sign(foreign, suffixes: ["bank.example"], life: 86_400, now: now)
        #expect(await refusal(theirs, root.pem)?.reason.contains("key of the last request") == true)
        let past = try root.sign(request, suffixes: ["bank.example"], life: 3600, now: now - 7200)
        #expect(await refusal(past, root.pem)?.reason.contains("in force") == true)
        // Signed by OpenSSL, as an offline root elsewhere would be: first without constraints, then as it should be.
        let (file, key) = try RootAuthority.create(name: "Elsewhere", now: now)
        try openssl.write(file.pem.utf8, "ca.pem")
        try openssl.write(key.utf8, "ca.key")
        try openssl.write(request.utf8, "request.pem")
        let lines = [
            "basicConstraints=critical,CA:TRUE,pathlen:0", "keyUsage=critical,keyCertSign,cRLSign",
            "nameConstraints=critical,permitted;DNS:bank.example", "authorityKeyIdentifier=keyid",
        ]
        func signed(_ lines: [String]) throws -> String {
            try openssl.write(lines.joined(separator: "\n").utf8, "extensions.cnf")
            // Without `-not_before` in OpenSSL 3.0 the certificate begins with the machine's clock.
            let made = try openssl.run([
                "x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days",
                "3650", "-extfile", "extensions.cnf", "-out", "signed.pem",
            ])
            #expect(made.isGood, "\(made.text)")
            return try String(contentsOfFile: "\(bench.folder)/signed.pem", encoding: .utf8)
        }
        for missing in 0..<3 {
            var fewer = lines
            fewer.remove(at: missing)
            #expect(await refusal(try signed(fewer), file.pem)?.field == "certificate", "\(lines[missing])")
        }
        let deeper = [lines[0].replacing("pathlen:0", with: "pathlen:1")] + lines.dropFirst()
        #expect(await refusal(try signed(Array(deeper)), file.pem)?.reason.contains("signs no others") == true)
        #expect(await refusal(try signed(lines), file.pem) == nil)
        #expect(await refusal(good, root.pem)?.kind == .conflict)
        let leaf = try await issue(subject())
        let verdict = try openssl.verify(
            leaf: leaf.chain, issuing: try await authorities.chain(name).issuing, root: file.pem, at: now)
        #expect(verdict.isGood, "\(verdict.text)")
    }

    @Test func `the two lines never share a root`() async throws {
        let root = try await establish()
        let simulated = try AuthorityName(namespace: "shop", line: .simulated)
        let request = try await authorities.request(simulated, suffixes: ["shop.example"])
        let pem = try root.sign(request, suffixes: ["shop.example"], life: 86_400, now: bench.clock.now)
        let refusal = await failure { try await authorities.install(simulated, certificate: pem, root: root.pem) }
        #expect(refusal?.field == "root")
        #expect(try await authorities.isReady(simulated) == false)
    }

    @Test func `a root in the key management, and a renewed issuing key while leaves of the old one live`() async throws
    {
        let root = try await authorities.makeRoot(.tenant)
        #expect(await failure { try await authorities.makeRoot(.tenant) }?.kind == .conflict)
        try await authorities.certify(name, suffixes: ["bank.example"], life: 86_400)
        let old = try await authorities.chain(name).issuing
        let leaf = try await issue(subject(instance: "01"))
        try await authorities.certify(name, suffixes: ["bank.example"], life: 86_400)
        let new = try await authorities.chain(name).issuing
        #expect(old != new)
        let renewed = try await issue(subject(instance: "01"))
        try await authorities.revoke(.serial(leaf.serial), namespace: "bank", reason: .superseded)
        let lists = [
            try await authorities.revocationList(name, version: 1),
            try await authorities.revocationList(name, version: 2),
        ]
        let now = bench.clock.now
        #expect(try !openssl.verify(leaf: leaf.chain, issuing: old, root: root, crl: lists[0], at: now).isGood)
        let verdict = try openssl.verify(leaf: renewed.chain, issuing: new, root: root, crl: lists[1], at: now)
        #expect(verdict.isGood, "\(verdict.text)")
        #expect(await failure { try await authorities.revocationList(name, version: 3) }?.kind == .notFound)
        // No guest and no administrator signs with these keys, whatever the policy says.
        for key in [try name.key(), try KeyName(namespace: "_broker", name: "root-tenant")] {
            #expect(
                await failure { try await authorities.keys.sign([1], with: key, by: KeyBench.guest) }?.kind == .denied)
        }
    }
}
