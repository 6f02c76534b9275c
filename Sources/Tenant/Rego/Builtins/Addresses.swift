/// An IP address: 4 or 16 bytes, and reading and printing it as Go's `net` does.
struct Address: Hashable, Sendable {
    var bytes: [UInt8]

    init(bytes: [UInt8]) { self.bytes = bytes }

    init?(_ text: String) {
        let text = Array(text.utf8)
        for byte in text {
            if byte == 46 {
                guard let bytes = Self.version4(text[...]) else { return nil }
                self.bytes = bytes
                return
            }
            if byte == 58 { break }
        }
        guard let bytes = Self.version6(text) else { return nil }
        self.bytes = bytes
        // An IPv4 address in IPv6 clothes is that IPv4 address.
        if bytes.prefix(12) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF] { self.bytes = Array(bytes.suffix(4)) }
    }

    private static func version4(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        let parts = text.split(separator: 46, omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            guard !part.isEmpty, part.count <= 3, part.allSatisfy(ASCII.isDigit), part.count == 1 || part.first != 48,
                let byte = UInt8(part.string)
            else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    private static func version6(_ text: [UInt8]) -> [UInt8]? {
        var bytes: [UInt8] = []
        var gap: Int?
        var rest = text[...]
        if rest.starts(with: [58, 58]) {
            gap = 0
            rest = rest.dropFirst(2)
            if rest.isEmpty { return [UInt8](repeating: 0, count: 16) }
        }
        while bytes.count < 16 {
            let digits = rest.prefix { ASCII.hexValue($0) != nil }
            let after = rest.dropFirst(digits.count)
            if after.first == 46 {
                guard gap != nil || bytes.count == 12, bytes.count <= 12, let last = version4(rest) else { return nil }
                bytes += last
                rest = []
                break
            }
            guard !digits.isEmpty, digits.count <= 4, let word = UInt16(digits.string, radix: 16) else { return nil }
            bytes += [UInt8(word >> 8), UInt8(word & 0xFF)]
            rest = after
            if rest.isEmpty { break }
            guard rest.first == 58, rest.count > 1 else { return nil }
            rest = rest.dropFirst()
            if rest.first == 58 {
                guard gap == nil else { return nil }
                gap = bytes.count
                rest = rest.dropFirst()
                if rest.isEmpty { break }
            }
        }
        guard rest.isEmpty else { return nil }
        if let gap {
            guard bytes.count < 16 else { return nil }
            bytes.insert(contentsOf: [UInt8](repeating: 0, count: 16 - bytes.count), at: gap)
        }
        return bytes.count == 16 ? bytes : nil
    }

    var text: String {
        if bytes.count == 4 { return bytes.map(String.init).joined(separator: ".") }
        let words = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
        // The first of the longest runs of two or more zeros becomes `::`.
        var best = 0..<0
        var index = 0
        while index < 8 {
            var end = index
            while end < 8, words[end] == 0 { end += 1 }
            if end - index > max(best.count, 1) { best = index..<end }
            index = max(end, index + 1)
        }
        func join(_ words: ArraySlice<UInt16>) -> String {
            words.map { String($0, radix: 16) }.joined(separator: ":")
        }
        if best.isEmpty { return join(words[...]) }
        return join(words[..<best.lowerBound]) + "::" + join(words[best.upperBound...])
    }

    /// The address after this one; nil after the last.
    var next: Address? {
        var bytes = bytes
        for index in bytes.indices.reversed() {
            if bytes[index] < 255 {
                bytes[index] += 1
                return Address(bytes: bytes)
            }
            bytes[index] = 0
        }
        return nil
    }
}

/// An address and how many of its bits are fixed.
struct AddressBlock: Hashable, Sendable {
    /// The first address of the block.
    let first: Address
    let length: Int

    /// `192.168.0.0/16`, `fd00::/8`.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard let slash = bytes.firstIndex(of: 47) else { return nil }
        let digits = bytes[(slash + 1)...]
        let address = bytes[..<slash]
        guard let first = Address(address.string), !digits.isEmpty, digits.count <= 3, digits.allSatisfy(ASCII.isDigit),
            let length = Int(digits.string)
        else { return nil }
        if first.bytes.count == 4, address.contains(58) {
            // Written as IPv6, so counted as IPv6.
            guard (96...128).contains(length) else { return nil }
            self.init(first, length - 96)
        } else {
            guard length <= first.bytes.count * 8 else { return nil }
            self.init(first, length)
        }
    }

    init(_ address: Address, _ length: Int) {
        var bytes = address.bytes
        for index in bytes.indices { bytes[index] &= Self.mask(index, length) }
        first = Address(bytes: bytes)
        self.length = length
    }

    private static func mask(_ index: Int, _ length: Int) -> UInt8 {
        let bits = min(max(length - index * 8, 0), 8)
        return bits == 0 ? 0 : 0xFF << UInt8(8 - bits)
    }

    var last: Address {
        var bytes = first.bytes
        for index in bytes.indices { bytes[index] |= ~Self.mask(index, length) }
        return Address(bytes: bytes)
    }

    var text: String { "\(first.text)/\(length)" }

    func contains(_ address: Address) -> Bool {
        guard address.bytes.count == first.bytes.count else { return false }
        return address.bytes.indices.allSatisfy { address.bytes[$0] & Self.mask($0, length) == first.bytes[$0] }
    }

    /// The fewest blocks that hold just the addresses from `first` to `last`.
    static func cover(_ first: Address, _ last: Address) -> [AddressBlock] {
        var blocks: [AddressBlock] = []
        var start: Address? = first
        let bits = first.bytes.count * 8
        while let address = start, !last.bytes.lexicographicallyPrecedes(address.bytes), blocks.count <= 2 * bits {
            var length = bits
            while length > 0 {
                let wider = AddressBlock(address, length - 1)
                guard wider.first == address, !last.bytes.lexicographicallyPrecedes(wider.last.bytes) else { break }
                length -= 1
            }
            let block = AddressBlock(address, length)
            blocks.append(block)
            start = block.last.next
        }
        return blocks
    }
}
