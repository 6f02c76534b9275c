import Evidence
import WireFormat

@testable import Verifier

enum InitDataParsing {
    static func document(_ bytes: [UInt8]) throws(WireError) {
        var failure: WireError?
        do throws(WireError) {
            let document = try InitDataDocument(parsing: bytes)
            require(document.bytes == bytes, "a document is not given back")
            require([32, 48, 64].contains(document.digest.count), "a digest has another length")
            // What a token says is read by others.
            let claims = document.claims.canonicalBytes
            require(try JSONValue.parse(claims).canonicalBytes == claims, "claims read again are others")
        } catch {
            failure = error
        }
        // What holds no init-data may be TOML all the same, as the agents' configurations are.
        if failure != nil { _ = try TOMLParser.parse(String(decoding: bytes, as: UTF8.self)).canonicalBytes }
        if let failure { throw failure }
    }
}

enum TPMCertificateParsing {
    private static let roots = [(name: "root", bytes: TPMCertificateSeeds.root)]
    private static let key = try? AttestationKey(
        publicKeyInfo: Array(TPMCertificateSeeds.attestationKey.publicKey.derRepresentation))

    static func certificates(_ bytes: [UInt8]) throws(WireError) {
        let isPEM = bytes.first(where: { $0 > 0x20 }) == UInt8(ascii: "-")
        let endorsements = try TPMEndorsements(certificates: [(name: "file", bytes: bytes)], roots: roots)
        if !isPEM {
            let certificate = try TPMCertificate(der: bytes, "certificate")
            require(certificate.der == bytes && !certificate.title.isEmpty, "a certificate is not given back")
            require(certificate.fingerprint.count == 32, "a digest has another length")
            require(
                !certificate.extensions.isAuthority(below: 0) || certificate.extensions.claimsAuthority,
                "rights of nobody")
        }
        // Verifying takes longer than all the rest.
        guard bytes.count % 8 == 0 else { return }
        guard let key else { return require(false, "the key is none") }
        var fields: [FieldVerdict] = []
        do throws(EvidenceRefusal) {
            let finding = try endorsements.examine(key, at: TPMCertificateSeeds.time, fields: &fields)
            require(finding != .nothing, "certificates are nothing")
            require(fields.contains { $0.field == "TPM root" && $0.verdict == .passed }, "a chain without a root")
        } catch {
            require(error.fields.contains { $0.verdict == .failed }, "a refusal without a field")
        }
    }
}
