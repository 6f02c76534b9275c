import WireFormat

/// Reads the module tags of a ``CoRIM`` and counts what it does not understand.
struct CoMIDReader {
    /// What was left out: nobody may believe that it was compared.
    var unread = 0
    private var measurements = 0

    mutating func module(_ bytes: [UInt8], _ field: String) throws(WireError) -> CoRIM.Module {
        let map = try CBORValue(parsing: bytes, field)
        guard let identity = map[1], let identifier = CoRIMText.identifier(identity[0]) else {
            throw WireError(field: "\(field) tag-identity", reason: "is missing or not understood")
        }
        var version: UInt64 = 0
        if let number = identity[1] {
            guard case .unsigned(let value) = number else {
                throw WireError(field: "\(field) tag-version", reason: "is not a number")
            }
            version = value
        }
        guard case .map(let triples)? = map[4] else {
            throw WireError(field: "\(field) triples", reason: "are missing")
        }
        var found: [CoRIM.Measurement] = []
        for pair in triples {
            guard pair.key == .unsigned(0) else {
                unread += 1
                continue
            }
            guard let references = pair.value.list else {
                throw WireError(field: "\(field) reference-triples", reason: "must be a list")
            }
            for (index, reference) in references.enumerated() {
                found += try triple(reference, "\(field) reference-triples[\(index)]")
            }
        }
        return CoRIM.Module(identifier: identifier, version: version, measurements: found)
    }

    private mutating func triple(_ value: CBORValue, _ field: String) throws(WireError) -> [CoRIM.Measurement] {
        guard let parts = value.list, parts.count == 2, case .map = parts[0], let claims = parts[1].list else {
            throw WireError(field: field, reason: "is not an environment with measurements")
        }
        measurements += claims.count
        guard measurements <= CoRIM.measurementLimit else {
            throw WireError(field: field, reason: "more than \(CoRIM.measurementLimit) measurements")
        }
        // What holds for one instance or group must not be believed of all.
        guard parts[0][1] == nil, parts[0][2] == nil else {
            unread += claims.count
            return []
        }
        let place = [parts[0][0]?[1], parts[0][0]?[2]].compactMap { $0?.textString }
        var found: [CoRIM.Measurement] = []
        for (index, claim) in claims.enumerated() {
            if let measurement = try measurement(claim, place, "\(field) measurements[\(index)]") {
                found.append(measurement)
            }
        }
        return found
    }

    private mutating func measurement(
        _ claim: CBORValue, _ place: [String], _ field: String
    ) throws(WireError) -> CoRIM.Measurement? {
        guard case .map(let properties)? = claim[1] else {
            throw WireError(field: field, reason: "has no values")
        }
        var path = place
        if let key = claim[0] {
            // Without its key a measurement would stand for every other of its place.
            guard let element = CoRIMText.element(key) else {
                unread += 1
                return nil
            }
            path.append(element)
        }
        for key: Int64 in [11, 8] {
            if let text = claim[1]?[key]?.textString { path.append(text) }
        }
        guard !path.isEmpty else {
            unread += 1
            return nil
        }
        let known: [CBORValue] = [2, 4, 8, 11].map { .unsigned($0) }
        unread += properties.count(where: { !known.contains($0.key) })
        return CoRIM.Measurement(
            path: path, digests: try digests(claim[1]?[2], field), rawValue: rawValue(claim[1]))
    }

    private func digests(_ value: CBORValue?, _ field: String) throws(WireError) -> [[UInt8]] {
        guard let value else { return [] }
        guard let elements = value.list, !elements.isEmpty else {
            throw WireError(field: "\(field) digests", reason: "must be a list with at least one")
        }
        var digests: [[UInt8]] = []
        for element in elements {
            guard let parts = element.list, parts.count == 2, let bytes = parts[1].byteString,
                parts[0].integer != nil || parts[0].textString != nil
            else { throw WireError(field: "\(field) digests", reason: "must be pairs of algorithm and bytes") }
            // SHA-256, SHA-384 and SHA-512 by their numbers; others only have to be of some length.
            let lengths = [1: 32...32, 7: 48...48, 8: 64...64][parts[0].integer ?? 0] ?? 16...64
            guard lengths.contains(bytes.count) else {
                throw WireError(field: "\(field) digests", reason: "\(bytes.count) bytes are no digest of that kind")
            }
            digests.append(bytes)
        }
        return digests
    }

    /// Tag 560; a value behind a mask (key 5, or tag 563) is not compared whole, and so is not taken.
    private mutating func rawValue(_ values: CBORValue?) -> [UInt8]? {
        guard let value = values?[4] else { return nil }
        guard case .tagged(560, .bytes(let bytes)) = value, values?[5] == nil else {
            unread += 1
            return nil
        }
        return bytes
    }
}

/// Identifiers of manifests as texts.
enum CoRIMText {
    /// A text, or a UUID with or without its tag.
    static func identifier(_ value: CBORValue?) -> String? {
        switch value {
        case .text(let text): text.isEmpty ? nil : text
        case .bytes(let bytes), .tagged(37, .bytes(let bytes)): uuid(bytes)
        default: nil
        }
    }

    /// The key of a measured element as trustee writes it.
    static func element(_ value: CBORValue) -> String? {
        switch value {
        case .text(let text): text
        case .unsigned(let number): "claim\(number)"
        case .tagged(37, .bytes(let bytes)): uuid(bytes)
        default: nil
        }
    }

    private static func uuid(_ bytes: [UInt8]) -> String? {
        guard bytes.count == 16 else { return nil }
        let parts = [bytes[0..<4], bytes[4..<6], bytes[6..<8], bytes[8..<10], bytes[10..<16]]
        return parts.map { Hex.encode(Array($0)) }.joined(separator: "-")
    }
}
