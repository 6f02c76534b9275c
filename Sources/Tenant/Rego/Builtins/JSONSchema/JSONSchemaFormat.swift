/// The formats that texts may be asked to have. Formats that are not known are never wrong.
enum JSONSchemaFormat {
    static func matches(
        _ text: String, _ format: String, _ charge: (Int) throws(Builtin.Failure) -> Void
    ) throws(Builtin.Failure) -> Bool {
        try charge(1 + text.utf8.count / 16)
        let bytes = Array(text.utf8)
        switch format {
        case "date": return isDate(bytes[...])
        case "time": return isTime(bytes[...])
        case "date-time":
            if isDate(bytes[...]) || isTime(bytes[...]) { return true }
            guard bytes.count > 10, bytes[10] == UInt8(ascii: "T") else { return false }
            return isDate(bytes[..<10]) && isTime(bytes[11...], needsZone: true)
        case "hostname": return text.utf8.count < 256 && isHost(text)
        case "email", "idn-email": return isMail(text)
        case "ipv4": return text.contains(".") && isAddress4(text[...])
        case "ipv6": return text.contains(":") && isAddress6(text)
        case "uri", "iri": return isPlace(bytes, needsScheme: true)
        case "uri-reference", "iri-reference": return isPlace(bytes, needsScheme: false)
        case "uri-template":
            return isPlace(bytes.filter { $0 != 123 && $0 != 125 }, needsScheme: false) && isBraced(bytes)
        case "uuid":
            let groups = text.split(separator: "-", omittingEmptySubsequences: false)
            return groups.map(\.utf8.count) == [8, 4, 4, 4, 12]
                && groups.allSatisfy { $0.utf8.allSatisfy { ASCII.hexValue($0) != nil } }
        case "regex": return (try? Regex(text)) != nil
        case "json-pointer": return isPointer(bytes[...])
        case "relative-json-pointer":
            let digits = bytes.prefix(while: ASCII.isDigit)
            guard !digits.isEmpty, digits.count == 1 || digits.first != 48 else { return false }
            let rest = bytes.dropFirst(digits.count)
            return rest.elementsEqual([35]) || isPointer(rest)
        default: return true
        }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard !bytes.isEmpty, bytes.allSatisfy(ASCII.isDigit) else { return nil }
        return bytes.reduce(0) { $0 * 10 + Int($1 - 48) }
    }

    private static func isDate(_ text: ArraySlice<UInt8>) -> Bool {
        let bytes = Array(text)
        guard bytes.count == 10, bytes[4] == 45, bytes[7] == 45, let year = number(bytes[0..<4]),
            let month = number(bytes[5..<7]), let day = number(bytes[8..<10]), (1...12).contains(month), day >= 1
        else { return false }
        let isLeap = year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
        return day <= [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
    }

    private static func isTime(_ text: ArraySlice<UInt8>, needsZone: Bool = false) -> Bool {
        let bytes = Array(text)
        guard bytes.count >= 8, bytes[2] == 58, bytes[5] == 58, let hour = number(bytes[0..<2]),
            let minute = number(bytes[3..<5]), let second = number(bytes[6..<8]), hour < 24, minute < 60, second < 60
        else { return false }
        var rest = bytes[8...]
        if rest.first == 46 || rest.first == 44 {
            let digits = rest.dropFirst().prefix(while: ASCII.isDigit)
            if digits.isEmpty { return false }
            rest = rest.dropFirst(1 + digits.count)
        }
        if rest.isEmpty { return !needsZone }
        if rest.elementsEqual([90]) { return true }
        let zone = Array(rest)
        guard zone.count == 6, zone[0] == 43 || zone[0] == 45, zone[3] == 58, let hours = number(zone[1..<3]),
            let minutes = number(zone[4..<6])
        else { return false }
        return hours <= 24 && minutes < 60
    }

    private static func isHost(_ text: String) -> Bool {
        text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            let bytes = Array(label.utf8)
            guard (1...63).contains(bytes.count), let first = bytes.first, let last = bytes.last else { return false }
            return ASCII.isAlphanumeric(first) && ASCII.isAlphanumeric(last)
                && bytes.allSatisfy { ASCII.isAlphanumeric($0) || $0 == 45 }
        }
    }

    /// `a@b`, also with a name before it in `Name <a@b>`.
    private static func isMail(_ text: String) -> Bool {
        var mail = text[...]
        if let open = mail.lastIndex(of: "<"), mail.hasSuffix(">") {
            mail = mail[mail.index(after: open)...].dropLast()
        }
        guard let at = mail.lastIndex(of: "@") else { return false }
        let (name, host) = (mail[..<at], mail[mail.index(after: at)...])
        func isAtom(_ part: Substring) -> Bool {
            !part.isEmpty
                && part.utf8.allSatisfy {
                    ASCII.isAlphanumeric($0) || $0 >= 0x80 || "!#$%&'*+-/=?^_`{|}~".utf8.contains($0)
                }
        }
        let isQuoted = name.count > 2 && name.hasPrefix("\"") && name.hasSuffix("\"")
        let isLiteral = host.hasPrefix("[") && host.hasSuffix("]")
        return (isQuoted || name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy(isAtom))
            && (isLiteral || host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy(isAtom))
    }

    private static func isAddress4(_ text: Substring) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                guard let value = number(Array(part.utf8)[...]), part.utf8.count <= 3 else { return false }
                return value < 256 && (part.utf8.count == 1 || !part.hasPrefix("0"))
            }
    }

    private static func isAddress6(_ text: String) -> Bool {
        var groups = text.split(separator: ":", omittingEmptySubsequences: false)
        guard groups.count >= 3, groups.count <= 9 else { return false }
        var count = 0
        if let last = groups.last, last.contains(".") {
            guard isAddress4(last) else { return false }
            groups.removeLast()
            count = 2
            if groups.last == "" { groups.append("") }
        }
        var gaps = 0
        for (index, group) in groups.enumerated() {
            if group.isEmpty {
                let isEdge = index == 0 || index == groups.count - 1
                if isEdge {
                    let neighbour = index == 0 ? groups[1] : groups[groups.count - 2]
                    if !neighbour.isEmpty { return false }
                } else {
                    gaps += 1
                }
            } else {
                guard group.utf8.count <= 4, group.utf8.allSatisfy({ ASCII.hexValue($0) != nil }) else { return false }
                count += 1
            }
        }
        return gaps == 0 ? count == 8 : gaps == 1 && count < 8
    }

    private static func isPlace(_ bytes: [UInt8], needsScheme: Bool) -> Bool {
        if bytes.contains(where: { $0 < 0x20 || $0 == 0x7f || $0 == UInt8(ascii: "\\") }) { return false }
        for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "%") {
            guard index + 2 < bytes.count, ASCII.hexValue(bytes[index + 1]) != nil,
                ASCII.hexValue(bytes[index + 2]) != nil
            else { return false }
        }
        let head = bytes.prefix { ASCII.isAlphanumeric($0) || "+-.".utf8.contains($0) }
        let hasColon = head.count < bytes.count && bytes[head.count] == 58
        let hasScheme = hasColon && !head.isEmpty && ASCII.isLetter(head[0])
        if hasColon, !hasScheme { return false }
        if hasScheme { return true }
        if needsScheme { return false }
        let first = bytes.prefix { $0 != 47 && $0 != 63 && $0 != 35 }
        return !first.contains(58)
    }

    private static func isBraced(_ bytes: [UInt8]) -> Bool {
        var isOpen = false
        for byte in bytes {
            if byte == 123 {
                if isOpen { return false }
                isOpen = true
            }
            if byte == 125 { isOpen = false }
        }
        return !isOpen
    }

    private static func isPointer(_ bytes: ArraySlice<UInt8>) -> Bool {
        if bytes.isEmpty { return true }
        guard bytes.first == 47 else { return false }
        for index in bytes.indices where bytes[index] == 126 {
            guard index + 1 < bytes.endIndex, bytes[index + 1] & 0xfe == 48 else { return false }
        }
        return true
    }
}
