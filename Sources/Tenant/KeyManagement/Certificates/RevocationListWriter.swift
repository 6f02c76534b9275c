import Crypto
import Foundation
import SwiftASN1
import X509

/// Why a certificate was revoked (RFC 5280, section 5.3.1).
public enum RevocationReason: String, Sendable, CaseIterable {
    /// No reason is given.
    case unspecified
    /// Somebody else may have the key.
    case keyCompromise = "key-compromise"
    /// The guest or manifest was replaced.
    case superseded
    /// The service ended.
    case cessation
    /// It lost its rights.
    case privilegeWithdrawn = "privilege-withdrawn"

    var code: UInt8 {
        switch self {
        case .unspecified: 0
        case .keyCompromise: 1
        case .superseded: 4
        case .cessation: 5
        case .privilegeWithdrawn: 9
        }
    }
}

/// A list of revoked certificates (RFC 5280, section 5) before it is signed.
struct RevocationListWriter {
    struct Entry {
        let serial: [UInt8]
        let time: Int64
        let reason: RevocationReason
    }

    let issuer: Certificate
    let number: UInt64
    let thisUpdate: Int64
    let nextUpdate: Int64
    let entries: [Entry]

    /// Signs the list; the key is P-256 with SHA-256 or P-384 with SHA-384.
    func signed(_ material: KeyMaterial) throws(KeyFailure) -> [UInt8] {
        // ecdsa-with-SHA384 and ecdsa-with-SHA256 (RFC 5758, section 3.2).
        let algorithm: ASN1ObjectIdentifier = [1, 2, 840, 10045, 4, 3, material.kind == .ecdsaP384 ? 3 : 2]
        return try X509Check.making("crl") {
            var body = DER.Serializer()
            try write(to: &body, algorithm)
            let signature = try Self.derSignature(try material.sign(body.serializedBytes), material.kind)
            var list = DER.Serializer()
            try list.appendConstructedNode(identifier: .sequence) { list in
                list.serializeRawBytes(body.serializedBytes)
                try Self.write(algorithm, to: &list)
                try list.serialize(ASN1BitString(bytes: signature[...]))
            }
            return list.serializedBytes
        }
    }

    private static func derSignature(_ raw: [UInt8], _ kind: KeyKind) throws -> [UInt8] {
        kind == .ecdsaP384
            ? Array(try P384.Signing.ECDSASignature(rawRepresentation: raw).derRepresentation)
            : Array(try P256.Signing.ECDSASignature(rawRepresentation: raw).derRepresentation)
    }

    private static func write(_ algorithm: ASN1ObjectIdentifier, to coder: inout DER.Serializer) throws {
        try coder.appendConstructedNode(identifier: .sequence) { try $0.serialize(algorithm) }
    }

    private func write(to coder: inout DER.Serializer, _ algorithm: ASN1ObjectIdentifier) throws {
        try coder.appendConstructedNode(identifier: .sequence) { list in
            try list.serialize(1)
            try Self.write(algorithm, to: &list)
            try list.serialize(issuer.subject)
            try Self.write(thisUpdate, to: &list)
            try Self.write(nextUpdate, to: &list)
            if !entries.isEmpty {
                try list.appendConstructedNode(identifier: .sequence) { list in
                    for entry in entries { try Self.write(entry, to: &list) }
                }
            }
            try list.appendConstructedNode(
                identifier: ASN1Identifier(tagWithNumber: 0, tagClass: .contextSpecific)
            ) { list in
                try list.appendConstructedNode(identifier: .sequence) { list in
                    let identifier = SubjectKeyIdentifier(hash: issuer.publicKey).keyIdentifier
                    try Self.writeExtension([2, 5, 29, 35], to: &list) { value in
                        value.appendConstructedNode(identifier: .sequence) { value in
                            value.appendPrimitiveNode(
                                identifier: ASN1Identifier(tagWithNumber: 0, tagClass: .contextSpecific)
                            ) { $0.append(contentsOf: identifier) }
                        }
                    }
                    try Self.writeExtension([2, 5, 29, 20], to: &list) { try $0.serialize(number) }
                }
            }
        }
    }

    private static func write(_ entry: Entry, to coder: inout DER.Serializer) throws {
        try coder.appendConstructedNode(identifier: .sequence) { coder in
            coder.appendPrimitiveNode(identifier: .integer) { $0.append(contentsOf: entry.serial) }
            try write(entry.time, to: &coder)
            // RFC 5280 wants no extension that says nothing.
            guard entry.reason != .unspecified else { return }
            try coder.appendConstructedNode(identifier: .sequence) { coder in
                try writeExtension([2, 5, 29, 21], to: &coder) { value in
                    value.appendPrimitiveNode(identifier: .enumerated) { $0.append(entry.reason.code) }
                }
            }
        }
    }

    private static func writeExtension(
        _ oid: ASN1ObjectIdentifier, to coder: inout DER.Serializer, _ value: (inout DER.Serializer) throws -> Void
    ) throws {
        var content = DER.Serializer()
        try value(&content)
        try coder.appendConstructedNode(identifier: .sequence) { coder in
            try coder.serialize(oid)
            try coder.serialize(ASN1OctetString(contentBytes: content.serializedBytes[...]))
        }
    }

    /// Years to 2049 as UTCTime, later ones as GeneralizedTime.
    private static func write(_ seconds: Int64, to coder: inout DER.Serializer) throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second], from: Date(seconds))
        guard let year = parts.year, let month = parts.month, let day = parts.day, let hour = parts.hour,
            let minute = parts.minute, let second = parts.second
        else { throw KeyFailure(.failed, "crl", "has no time") }
        if year < 2050 {
            try coder.serialize(
                UTCTime(year: year, month: month, day: day, hours: hour, minutes: minute, seconds: second))
        } else {
            try coder.serialize(
                GeneralizedTime(
                    year: year, month: month, day: day, hours: hour, minutes: minute, seconds: second,
                    fractionalSeconds: 0))
        }
    }
}
