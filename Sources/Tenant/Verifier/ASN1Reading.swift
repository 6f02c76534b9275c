import SwiftASN1
import WireFormat

/// Reading of DER nodes with refusals that name the part.
enum ASN1Reading {
    static func parse(_ bytes: [UInt8], _ field: String) throws(WireError) -> ASN1Node {
        do { return try DER.parse(bytes) } catch { throw WireError(field: field, reason: "is not DER") }
    }

    /// The children of a constructed node with the given identifier.
    static func children(
        _ node: ASN1Node, _ identifier: ASN1Identifier, _ field: String
    ) throws(WireError) -> [ASN1Node] {
        guard node.identifier == identifier, case .constructed(let nodes) = node.content else {
            throw WireError(field: field, reason: "has an unexpected structure")
        }
        return Array(nodes)
    }

    /// The contents of a primitive node with the given identifier.
    static func primitive(
        _ node: ASN1Node, _ identifier: ASN1Identifier, _ field: String
    ) throws(WireError) -> [UInt8] {
        guard node.identifier == identifier, case .primitive(let bytes) = node.content else {
            throw WireError(field: field, reason: "has an unexpected structure")
        }
        return Array(bytes)
    }

    static func objectIdentifier(_ node: ASN1Node, _ field: String) throws(WireError) -> ASN1ObjectIdentifier {
        do {
            return try ASN1ObjectIdentifier(derEncoded: node)
        } catch {
            throw WireError(field: field, reason: "is not an object identifier")
        }
    }

    /// The bytes of a bit string without unused bits.
    static func bitString(_ node: ASN1Node, _ field: String) throws(WireError) -> [UInt8] {
        let contents = try primitive(node, .bitString, field)
        guard contents.first == 0 else { throw WireError(field: field, reason: "is not made of whole bytes") }
        return Array(contents.dropFirst())
    }

    /// An integer from 0 to 255.
    static func byte(_ bytes: [UInt8], _ field: String) throws(WireError) -> UInt8 {
        let contents = try primitive(parse(bytes, field), .integer, field)
        switch (contents.count, contents.first) {
        case (1, .some(let value)) where value < 0x80: return value
        case (2, .some(0)) where contents[1] >= 0x80: return contents[1]
        default: throw WireError(field: field, reason: "is not an integer from 0 to 255")
        }
    }

    /// Seconds since 1970 of a UTCTime or GeneralizedTime.
    static func time(_ node: ASN1Node, _ field: String) throws(WireError) -> Int64 {
        do {
            if node.identifier == .utcTime {
                let time = try UTCTime(derEncoded: node)
                return seconds(time.year, time.month, time.day, time.hours, time.minutes, time.seconds)
            }
            let time = try GeneralizedTime(derEncoded: node)
            return seconds(time.year, time.month, time.day, time.hours, time.minutes, time.seconds)
        } catch {
            throw WireError(field: field, reason: "is not a time")
        }
    }

    /// Seconds since 1970 in the Gregorian calendar; counts years from March so that leap days come last.
    private static func seconds(
        _ year: Int, _ month: Int, _ day: Int, _ hour: Int, _ minute: Int, _ second: Int
    ) -> Int64 {
        let shifted = month > 2 ? year : year - 1
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        return Int64(days * 86_400 + hour * 3_600 + minute * 60 + second)
    }
}
