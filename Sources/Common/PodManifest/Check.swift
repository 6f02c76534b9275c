import WireFormat

/// The rules for single values of a manifest.
enum Check {
    /// The longest text in a manifest: what one argument of a program may have.
    static let maximumText = 128 << 10

    static func range(_ value: Int, _ range: ClosedRange<Int>, _ field: String) throws(WireError) {
        guard range.contains(value) else {
            throw WireError(field: field, reason: "must be between \(range.lowerBound) and \(range.upperBound)")
        }
    }

    static func oneOf(_ value: String, _ allowed: [String], _ field: String) throws(WireError) {
        guard allowed.contains(value) else {
            throw WireError(field: field, reason: "must be one of \(allowed.joined(separator: ", "))")
        }
    }

    static func closedList(_ values: [String], _ allowed: [String], _ field: String) throws(WireError) {
        for value in values { try oneOf(value, allowed, field) }
        guard Set(values).count == values.count else { throw WireError(field: field, reason: "names something twice") }
    }

    /// A label of RFC 1123 in lower case.
    static func label(_ text: String, _ field: String) throws(WireError) {
        guard isLabel(text.utf8) else {
            throw WireError(
                field: field, reason: "must be a DNS label: 1 to 63 of a-z, 0-9 and -, no - at either end")
        }
    }

    /// A name of labels; no wildcard, no trailing dot, no bare address.
    static func hostname(_ text: String, _ field: String) throws(WireError) {
        let labels = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let isNumeric = labels.last.map { $0.allSatisfy { (0x30...0x39).contains($0) } } ?? true
        guard text.utf8.count <= 253, labels.allSatisfy({ isLabel($0) }), !isNumeric else {
            throw WireError(field: field, reason: "must be a lower-case DNS name without wildcard")
        }
    }

    private static func isLabel(_ label: some Collection<UInt8>) -> Bool {
        let bytes = Array(label)
        return (1...63).contains(bytes.count) && bytes.first != 0x2D && bytes.last != 0x2D
            && bytes.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
    }

    static func version(_ text: String, _ field: String) throws(WireError) {
        let allowed = text.utf8.allSatisfy { Character(Unicode.Scalar($0)).isVersionCharacter }
        guard (1...64).contains(text.utf8.count), allowed else {
            throw WireError(field: field, reason: "must be 1 to 64 letters, digits, dots, plus and minus signs")
        }
    }

    static func text(_ text: String, _ field: String) throws(WireError) {
        guard text.utf8.count <= maximumText, !text.utf8.contains(0) else {
            throw WireError(field: field, reason: "must be at most \(maximumText) bytes without NUL")
        }
    }

    static func arguments(_ list: [String], _ field: String) throws(WireError) {
        guard list.count <= 1024 else { throw WireError(field: field, reason: "has more than 1024 entries") }
        for (position, argument) in list.enumerated() {
            try text(argument, "\(field)[\(position)]")
            if let what = SecretScan.finding(value: argument) {
                throw WireError(
                    field: "\(field)[\(position)]", reason: "looks like \(what), which the host would see")
            }
        }
    }

    static func variableName(_ name: String, _ field: String) throws(WireError) {
        let allowed = name.utf8.enumerated().allSatisfy { position, byte in
            (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == UInt8(ascii: "_")
                || (position > 0 && ((0x30...0x39).contains(byte) || byte == 0x2D || byte == 0x2E))
        }
        guard (1...256).contains(name.utf8.count), allowed else {
            throw WireError(field: field, reason: "must be letters, digits, _, - and ., not beginning with a digit")
        }
    }

    static func folder(_ path: String, _ field: String) throws(WireError) {
        let parts = path.utf8.split(separator: UInt8(ascii: "/"))
        guard path.hasPrefix("/"), path.utf8.count <= 4096, !path.utf8.contains(0),
            !parts.contains(where: { $0.elementsEqual("..".utf8) })
        else { throw WireError(field: field, reason: "must be an absolute path without ..") }
    }

    /// Empty, `uid` or `uid:gid`, in decimal.
    static func user(_ text: String, _ field: String) throws(WireError) {
        guard !text.isEmpty else { return }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        // The highest number means "no change" to the kernel and must not be reachable.
        let numbers = parts.compactMap { part in
            UInt32(part).flatMap { $0 < UInt32.max && String($0) == part ? $0 : nil }
        }
        guard (1...2).contains(parts.count), numbers.count == parts.count else {
            throw WireError(field: field, reason: "must be a user number, or user and group numbers with a colon")
        }
    }

    /// An https place needs a pinned certificate, an http place must not pretend to have one.
    static func pin(_ certificate: String, of url: String, _ field: String) throws(WireError) {
        guard url.hasPrefix("https://") else {
            guard certificate.isEmpty else { throw WireError(field: field, reason: "must be empty for http") }
            return
        }
        guard certificate.hasPrefix("-----BEGIN CERTIFICATE-----\n"), certificate.utf8.count <= 64 << 10 else {
            throw WireError(field: field, reason: "must be a certificate in PEM")
        }
    }
}

extension Character {
    fileprivate var isVersionCharacter: Bool {
        isASCII && (isLetter || isNumber || self == "." || self == "+" || self == "-")
    }
}
