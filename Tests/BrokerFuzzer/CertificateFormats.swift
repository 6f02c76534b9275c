import Crypto
import Envelope
import Foundation
import Fuzzing
import SwiftASN1
import WireFormat
import X509

@testable import KeyBroker
@testable import KeyManagement

/// Requests for certificates, and certificates of authorities. The first byte says what follows: 0 a request of a guest, 1 what a guest
/// signs in one, 2 a certificate or a request in PEM, 3 what a root signs in a certificate.
enum CertificateFormat: FormatFamily {
    static let room = 8_192
    static let shape = Shape.chosen { bytes in .fields([.bytes(1), .rest(bytes.first == 2 ? .any : .der)]) }
    static let sources =
        ["X509Check", "RootAuthority"].map {
            "Sources/Tenant/KeyManagement/Certificates/\($0).swift"
        } + ["Sources/Tenant/KeyBroker/KeyManagement/TenantCA.swift"]

    static let root = Fixed.made {
        try RootAuthority.create(
            name: "Fuzzed root", key: Certificate.PrivateKey(Fixed.authority), now: Fixed.now,
            life: RootAuthority.lifeLimit)
    }
    private static let suffixes = ["acme.example"]
    private static let permitted = Fixed.made { try PermittedNames(suffixes) }
    private static let registration = Fixed.made {
        try Registration(
            digest: Guests.manifest,
            body: [
                "name": "a", "namespace": "acme", "hostnames": ["a.acme.example", "b.acme.example"],
                "measurements": "any-reference", "guestVersion": "1", "expires": .integer(Fixed.now + 86_400),
            ], now: Fixed.now)
    }
    private static let guest = Fixed.made { try Guests.attested() }
    private static let authority = Fixed.made {
        try wait {
            let store = BrokerStore(try await SealedStorageOpening.open())
            return try await TenantCA(folder: "\(Scratch.folder)/ca", store: store, now: Fixed.clock.now)
        }
    }

    static func prepare() { _ = authority }

    static func run(_ bytes: [UInt8]) throws {
        let rest = Array(bytes.dropFirst())
        switch bytes.first {
        case 0:
            try guestRequest(rest)
            require(Honest.contains(bytes) || isSigned(rest), "a request passes that its key did not sign")
        case 1:
            try guestRequest(
                try signed(rest, [1, 2, 840, 10045, 4, 3, 2]) { try Fixed.signing.signature(for: $0).derRepresentation }
            )
        case 2: try pem(String(decoding: rest, as: UTF8.self))
        default:
            let der = try signed(rest, [1, 2, 840, 10045, 4, 3, 2]) {
                try Fixed.authority.signature(for: $0).derRepresentation
            }
            try issuing(try Certificate(derEncoded: der))
        }
    }

    /// A structure with the signature over its first part.
    private static func signed(
        _ body: [UInt8], _ algorithm: ASN1ObjectIdentifier, _ sign: ([UInt8]) throws -> Data
    ) throws -> [UInt8] {
        let signature = Array(try sign(body))
        var coder = DER.Serializer()
        try coder.appendConstructedNode(identifier: .sequence) { list in
            list.serializeRawBytes(body)
            try list.appendConstructedNode(identifier: .sequence) { try $0.serialize(algorithm) }
            try list.serialize(ASN1BitString(bytes: signature[...]))
        }
        return coder.serializedBytes
    }

    private static func isSigned(_ der: [UInt8]) -> Bool {
        guard let request = try? CertificateSigningRequest(derEncoded: der) else { return false }
        return request.publicKey.isValidSignature(request.signature, for: request)
    }

    private static func guestRequest(_ der: [UInt8]) throws {
        let (key, names) = try TenantCA.check(der, guest: guest, registration: registration)
        require(key == Certificate.PublicKey(Fixed.signing.publicKey), "a leaf for another key")
        require(!names.isEmpty && names.allSatisfy(registration.hostnames.contains), "a leaf for other names")
        guard der.count % 4 == 0 else { return }
        let leaf = try authority.issue(
            key, names: names, guest: guest, registration: registration, now: Fixed.clock.now)
        require(leaf.notAfter.seconds <= Fixed.now + 3600, "a leaf lives too long")
    }

    private static func pem(_ text: String) throws {
        // Signing takes longer than all the rest.
        if text.utf8.count % 4 == 0, let pem = try? root.sign(text, suffixes: suffixes, life: 86_400, now: Fixed.now) {
            let certificate = try X509Check.certificate(pem, "certificate")
            require(
                (try? X509Check.issuing(certificate, names: permitted, root: root.certificate, now: Fixed.now)) != nil,
                "what the root signed is not taken")
        }
        let certificate = try X509Check.certificate(text, "certificate")
        let shown = try X509Check.pem(certificate)
        require((try? X509Check.certificate(shown, "certificate")) == certificate, "a certificate is another")
        let isRoot: Void? = try? X509Check.root(certificate)
        require(isRoot == nil || certificate.issuer == certificate.subject, "a root that is none")
        _ = try? RootAuthority(certificate: certificate, key: Certificate.PrivateKey(Fixed.authority))
        _ = try? RootAuthority(certificatePEM: text, keyPEM: text)
        try issuing(certificate)
    }

    private static func issuing(_ certificate: Certificate) throws {
        try X509Check.issuing(certificate, names: permitted, root: root.certificate, now: Fixed.now)
        let constraints = try? certificate.extensions.nameConstraints
        require(
            constraints?.permittedDNSDomains.allSatisfy { $0 == suffixes[0] || $0.hasSuffix(".\(suffixes[0])") }
                ?? false,
            "an authority for other names")
        require(certificate.issuer == root.certificate.subject, "an authority of another root")
    }

    /// A chain for the key of tokens, as a header carries it.
    static var tokenChain: [[UInt8]] {
        Fixed.made {
            let leaf = try Certificate(
                version: .v3, serialNumber: Certificate.SerialNumber(bytes: [1, 2]),
                publicKey: Certificate.PublicKey(Fixed.signing.publicKey), notValidBefore: Date(Fixed.now - 60),
                notValidAfter: Date(Fixed.now + 86_400), issuer: root.certificate.subject,
                subject: try DistinguishedName { CommonName("tokens") },
                extensions: try Certificate.Extensions {
                    Critical(BasicConstraints.notCertificateAuthority)
                    KeyUsage(digitalSignature: true)
                }, issuerPrivateKey: Certificate.PrivateKey(Fixed.authority))
            return try [leaf, root.certificate].map { certificate in
                var coder = DER.Serializer()
                try coder.serialize(certificate)
                return coder.serializedBytes
            }
        }
    }

    private static func request(
        _ names: [String]?, _ key: Certificate.PrivateKey = Certificate.PrivateKey(Fixed.signing)
    ) throws -> CertificateSigningRequest {
        var attributes = CertificateSigningRequest.Attributes()
        if let names {
            let extensions = try Certificate.Extensions {
                SubjectAlternativeNames(names.map { .dnsName($0) })
            }
            attributes = try .init([.init(ExtensionRequest(extensions: extensions))])
        }
        return try CertificateSigningRequest(
            version: .v1, subject: try DistinguishedName { CommonName("guest") }, privateKey: key,
            attributes: attributes)
    }

    /// The first part of a signed structure.
    private static func body(_ der: [UInt8]) throws -> [UInt8] {
        let node = try DER.parse(der)
        guard case .constructed(let children) = node.content, let first = children.makeIterator().nextNode else {
            return der
        }
        return Array(first.encodedBytes)
    }

    static func seeds(_ vectors: URL) -> [[UInt8]] {
        Fixed.made {
            var seeds: [[UInt8]] = []
            for names in [nil, ["a.acme.example"], ["a.acme.example", "b.acme.example"], ["c.example"], []] {
                var coder = DER.Serializer()
                try coder.serialize(try request(names))
                seeds += [[0] + coder.serializedBytes, [1] + (try body(coder.serializedBytes))]
            }
            let other = Certificate.PrivateKey(Curve25519.Signing.PrivateKey())
            for key in [Certificate.PrivateKey(Fixed.signing), other] {
                let text = try request(nil, key).serializeAsPEM().pemString
                seeds.append([2] + Array(text.utf8))
                guard let pem = try? root.sign(text, suffixes: suffixes, life: 86_400, now: Fixed.now) else { continue }
                seeds.append([2] + Array(pem.utf8))
                var coder = DER.Serializer()
                try coder.serialize(try Certificate(pemEncoded: pem))
                seeds.append([3] + (try body(coder.serializedBytes)))
            }
            seeds.append([2] + Array(root.pem.utf8))
            let weak = try RootAuthority.create(name: "Other", now: Fixed.now)
            return seeds + [[2] + Array((weak.root.pem + weak.keyPEM).utf8)]
        }
    }
}

extension ASN1NodeCollection.Iterator {
    fileprivate var nextNode: ASN1Node? {
        var copy = self
        return copy.next()
    }
}
