import Crypto
import Evidence
import TestSupport
import Testing
import WireFormat

@testable import Verifier

/// A platform with keys of its own, so that tests can have quotes and published data signed whatever they say.
struct IntelStandIn {
    private let root = CertificateRecipe()
    private var authority = CertificateRecipe()
    private var signer = CertificateRecipe()
    private var leaf = CertificateRecipe()
    private let attestationKey = P256.Signing.PrivateKey()

    private static let digitalSignature = TestDER.extension(
        CertificateRecipe.keyUsage, [0x03, 0x02, 0x07, 0x80], isCritical: true)

    /// The quote of the vectors that everything is taken from.
    private let model: IntelCase

    init(_ id: String = "tdx.syn.tdx5.valid") throws {
        model = try IntelCase.named(id)
        let certification = try Quote(parsing: model.bytes("evidence")).signature.certification
        let blocks = try PEMBlocks(certification.bytes, "chain")
        let platform = try P256Certificate(der: blocks.der(0), "leaf").extensions[EndorsedPlatform.extensionName]
        authority.subject = TestDER.name("Intel SGX PCK Platform CA")
        authority.serial = [0x02, 0x01, 0x08]
        signer.subject = TestDER.name("Intel SGX TCB Signing")
        signer.serial = [0x02, 0x01, 0x09]
        signer.extensions = [Self.digitalSignature]
        leaf.subject = TestDER.name("Intel SGX PCK Certificate")
        leaf.issuer = authority.subject
        leaf.serial = [0x02, 0x01, 0x0A]
        leaf.extensions = [
            Self.digitalSignature, TestDER.extension(EndorsedPlatform.extensionName, try #require(platform)),
        ]
        rootDER = try root.der()
        authorityDER = try authority.der(signedBy: root.key)
        signerDER = try signer.der(signedBy: root.key)
        leafDER = try leaf.der(signedBy: authority.key)
    }

    private let rootDER: [UInt8]
    private let authorityDER: [UInt8]
    private let signerDER: [UInt8]
    private let leafDER: [UInt8]

    func anchors() throws -> TrustAnchors { try TrustAnchors(softRoots: [Fingerprint.sha256(rootDER)]) }
    func now() throws -> Int64 { try model.now() }

    /// The model's quote with a changed body, signed by this platform.
    func quote(_ change: (inout [UInt8]) -> Void = { _ in }) throws -> Quote {
        var quote = try Quote(parsing: model.bytes("evidence"))
        var body = quote.body.bytes
        change(&body)
        switch quote.body {
        case .domain: quote.body = .domain(try TDReport(bytes: body))
        case .enclave: quote.body = .enclave(try SGXReportBody(bytes: body))
        }
        var parts = quote.signature
        parts.attestationKey = Array(attestationKey.publicKey.rawRepresentation)
        var report = Array(parts.qeReport.bytes.prefix(320))
        report += Fingerprint.sha256(parts.attestationKey + parts.authenticationData)
        report += [UInt8](repeating: 0, count: 32)
        parts.qeReport = try SGXReportBody(bytes: report)
        parts.qeReportSignature = try sign(report, leaf.key)
        parts.signature = try sign(quote.signedBytes, attestationKey)
        parts.certification = CertificationData(
            type: CertificationData.chain, bytes: Self.pem(leafDER, authorityDER, rootDER))
        quote.signature = parts
        return quote
    }

    /// The model's published data with changed members, signed under this platform's root.
    func collateral(
        info: (inout [String: JSONValue]) throws -> Void = { _ in }, revoked: [[UInt8]] = []
    ) throws -> IntelCollateral {
        let published = try #require(try model.collateral())
        let content = try #require(published.tcbInfo).content
        let identity = try #require(published.qeIdentity).content
        var members = try #require(try JSONValue.parse(content).objectValue)
        try info(&members)
        let chain = Self.pem(signerDER, rootDER)
        func document(_ content: [UInt8]) throws -> IntelCollateral.SignedDocument {
            IntelCollateral.SignedDocument(
                content: content, signature: try sign(content, signer.key), issuerChain: chain)
        }
        return IntelCollateral(
            tcbInfo: try document(JSONValue.object(members).canonicalBytes),
            qeIdentity: try document(identity),
            pckRevocationList: try list(authority.subject, revoked, authority.key),
            pckRevocationListChain: Self.pem(authorityDER, rootDER),
            rootRevocationList: try list(root.subject, [], root.key))
    }

    func verify(_ quote: Quote, _ collateral: IntelCollateral?) throws -> VerifiedTDXQuote {
        let now = try now()
        let anchors = try anchors()
        let endorsements = try collateral.map {
            IntelVerifier.Endorsements.collateral(try CheckedCollateral($0, for: .softTDX, anchors: anchors))
        }
        return try IntelVerifier(anchors: anchors, clock: { now })
            .verify(tdx: quote, as: .softTDX, endorsements ?? .none(because: "a test"))
    }

    private func sign(_ bytes: [UInt8], _ key: P256.Signing.PrivateKey) throws -> [UInt8] {
        Array(try key.signature(for: SHA256.hash(data: bytes)).rawRepresentation)
    }

    private func list(_ issuer: [UInt8], _ serials: [[UInt8]], _ key: P256.Signing.PrivateKey) throws -> [UInt8] {
        let entries = serials.map {
            TestDER.sequence(TestDER.element(0x02, $0), TestDER.time("250101000000Z"))
        }
        let body = TestDER.sequence(
            [0x02, 0x01, 0x01], CertificateRecipe.algorithm, issuer, TestDER.time("240101000000Z"),
            TestDER.time("340101000000Z"),
            entries.isEmpty ? [] : TestDER.element(0x30, entries.flatMap { $0 }))
        let signature = try Array(key.signature(for: SHA256.hash(data: body)).derRepresentation)
        return TestDER.sequence(body, CertificateRecipe.algorithm, TestDER.element(0x03, [0] + signature))
    }

    private static func pem(_ certificates: [UInt8]...) -> [UInt8] {
        let blocks = certificates.map {
            "-----BEGIN CERTIFICATE-----\n\(Base64.encode($0))\n-----END CERTIFICATE-----\n"
        }
        return Array(blocks.joined().utf8)
    }
}
