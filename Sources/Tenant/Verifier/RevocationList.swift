import SwiftASN1
import WireFormat

/// A list of revoked certificates of AMD's shape, taken apart but not trusted.
struct RevocationList: Sendable {
    let der: [UInt8]
    let signedPart: [UInt8]
    let signature: [UInt8]
    let issuer: [UInt8]
    let thisUpdate: Int64
    let nextUpdate: Int64
    let serials: Set<[UInt8]>

    private static let sizeLimit = 1 << 20

    init(der: [UInt8]) throws(WireError) {
        let field = "revocation list"
        guard der.count <= Self.sizeLimit else {
            throw WireError(field: field, reason: "exceeds \(Self.sizeLimit) bytes")
        }
        self.der = der
        let parts = try ASN1Reading.children(try ASN1Reading.parse(der, field), .sequence, field)
        guard parts.count == 3 else { throw WireError(field: field, reason: "has an unexpected structure") }
        signedPart = Array(parts[0].encodedBytes)
        signature = try ASN1Reading.bitString(parts[2], field)
        var body = try ASN1Reading.children(parts[0], .sequence, field)
        if body.first?.identifier == .integer {
            guard try ASN1Reading.primitive(body.removeFirst(), .integer, field) == [1] else {
                throw WireError(field: field, reason: "is not of version 2")
            }
        }
        guard body.count >= 4 else { throw WireError(field: field, reason: "has no next update") }
        try PSSSignature.check(inner: body[0], outer: parts[1], field)
        issuer = Array(body[1].encodedBytes)
        thisUpdate = try ASN1Reading.time(body[2], field)
        nextUpdate = try ASN1Reading.time(body[3], field)
        var serials: Set<[UInt8]> = []
        if body.count > 4, body[4].identifier == .sequence {
            for entry in try ASN1Reading.children(body[4], .sequence, field) {
                let members = try ASN1Reading.children(entry, .sequence, field)
                guard let serial = members.first else { throw WireError(field: field, reason: "has an empty entry") }
                serials.insert(try ASN1Reading.primitive(serial, .integer, field))
            }
        }
        self.serials = serials
    }
}
