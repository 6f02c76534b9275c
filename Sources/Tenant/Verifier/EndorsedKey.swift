import Evidence
import SwiftASN1
import WireFormat

/// What AMD certifies of a report key, in the extensions of its certificate (AMD 57230).
public struct EndorsedKey: Sendable, Equatable {
    /// The version of the certificate's structure: 0, and 1 for Turin.
    public let structureVersion: UInt8
    /// The line that the product name belongs to.
    public let productLine: ProductLine
    /// The product as the certificate names it, e.g. `Milan-B0`.
    public let productName: String
    /// The firmware that the key was derived from.
    public let tcb: TCBVersion.Components
    /// The chip's identity (64 bytes, 8 for Turin); for a chip's own key.
    public let hardwareID: [UInt8]?
    /// The provider; for a provider's key.
    public let provider: String?

    private static let structureExtension: ASN1ObjectIdentifier = [1, 3, 6, 1, 4, 1, 3704, 1, 1]
    private static let productNameExtension: ASN1ObjectIdentifier = [1, 3, 6, 1, 4, 1, 3704, 1, 2]
    private static let hardwareExtension: ASN1ObjectIdentifier = [1, 3, 6, 1, 4, 1, 3704, 1, 4]
    private static let providerExtension: ASN1ObjectIdentifier = [1, 3, 6, 1, 4, 1, 3704, 1, 5]
    private static let bootLoaderLevel: ASN1ObjectIdentifier = [1, 3, 6, 1, 4, 1, 3704, 1, 3, 1]
    private static let teeLevel: ASN1ObjectIdentifier = [1, 3, 6, 1, 4, 1, 3704, 1, 3, 2]
    private static let snpLevel: ASN1ObjectIdentifier = [1, 3, 6, 1, 4, 1, 3704, 1, 3, 3]
    private static let reservedLevels: [ASN1ObjectIdentifier] = [
        [1, 3, 6, 1, 4, 1, 3704, 1, 3, 4], [1, 3, 6, 1, 4, 1, 3704, 1, 3, 5], [1, 3, 6, 1, 4, 1, 3704, 1, 3, 6],
        [1, 3, 6, 1, 4, 1, 3704, 1, 3, 7],
    ]
    private static let microcodeLevel: ASN1ObjectIdentifier = [1, 3, 6, 1, 4, 1, 3704, 1, 3, 8]
    private static let fmcLevel: ASN1ObjectIdentifier = [1, 3, 6, 1, 4, 1, 3704, 1, 3, 9]

    /// Reads the extensions of a key under the root of `line`; whether they name that line is for the caller to compare.
    init(
        _ certificate: EndorsementCertificate, kind: SNPReport.SigningKey, line: ProductLine, _ field: String
    ) throws(WireError) {
        structureVersion = try Self.level(certificate, Self.structureExtension, "\(field) structure version")
        productName = try Self.text(certificate, Self.productNameExtension, "\(field) product name")
        guard let named = ProductLine(productName: productName) else {
            throw WireError(field: "\(field) product name", reason: "is not a known product line")
        }
        productLine = named
        tcb = TCBVersion.Components(
            fmc: line == .turin ? try Self.level(certificate, Self.fmcLevel, "\(field) FMC level") : nil,
            bootLoader: try Self.level(certificate, Self.bootLoaderLevel, "\(field) boot loader level"),
            tee: try Self.level(certificate, Self.teeLevel, "\(field) TEE level"),
            snp: try Self.level(certificate, Self.snpLevel, "\(field) SNP level"),
            microcode: try Self.level(certificate, Self.microcodeLevel, "\(field) microcode level"))
        for reserved in Self.reservedLevels where certificate.extensions[reserved] != nil {
            guard try Self.level(certificate, reserved, "\(field) reserved level") == 0 else {
                throw WireError(field: "\(field) reserved level", reason: "must be zero")
            }
        }
        switch kind {
        case .vcek:
            hardwareID = try Self.hardwareID(certificate, line, "\(field) chip identity")
            provider = nil
        case .vlek:
            hardwareID = nil
            provider = try Self.text(certificate, Self.providerExtension, "\(field) provider")
        case .none:
            throw WireError(field: field, reason: "belongs to no signing key")
        }
    }

    private static func value(
        _ certificate: EndorsementCertificate, _ name: ASN1ObjectIdentifier, _ field: String
    ) throws(WireError) -> [UInt8] {
        guard let value = certificate.extensions[name]?.value else {
            throw WireError(field: field, reason: "is missing")
        }
        return value
    }

    private static func level(
        _ certificate: EndorsementCertificate, _ name: ASN1ObjectIdentifier, _ field: String
    ) throws(WireError) -> UInt8 {
        try ASN1Reading.byte(value(certificate, name, field), field)
    }

    private static func text(
        _ certificate: EndorsementCertificate, _ name: ASN1ObjectIdentifier, _ field: String
    ) throws(WireError) -> String {
        let node = try ASN1Reading.parse(value(certificate, name, field), field)
        let bytes = try ASN1Reading.primitive(node, .ia5String, field)
        guard !bytes.isEmpty, bytes.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            throw WireError(field: field, reason: "is not a text")
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The identity stands bare in the extension, or in an octet string of its own.
    private static func hardwareID(
        _ certificate: EndorsementCertificate, _ line: ProductLine, _ field: String
    ) throws(WireError) -> [UInt8] {
        let value = try value(certificate, hardwareExtension, field)
        if value.count == line.chipIDLength { return value }
        guard value.count == line.chipIDLength + 2, value[0] == 4, Int(value[1]) == line.chipIDLength else {
            throw WireError(field: field, reason: "has a wrong length")
        }
        return Array(value[2...])
    }
}
