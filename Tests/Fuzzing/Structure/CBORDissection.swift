/// Cuts CBOR into items, also what byte strings hold.
enum CBORDissection {
    static func dissect(_ bytes: [UInt8], depth: Int = 0) -> Node? {
        var index = 0
        guard let node = item(bytes, &index, depth), index == bytes.count else { return nil }
        return node
    }

    private static func item(_ bytes: [UInt8], _ index: inout Int, _ depth: Int) -> Node? {
        guard depth < 24, index < bytes.count else { return nil }
        let start = index
        let (major, low) = (bytes[index] >> 5, bytes[index] & 0x1F)
        index += 1
        var argument = Int(low)
        if low >= 24 {
            guard low <= 27 else { return nil }
            let width = 1 << Int(low - 24)
            guard index + width <= bytes.count else { return nil }
            argument = FieldDissection.value(Array(bytes[index..<index + width]), true)
            index += width
        }
        let head = Array(bytes[start..<index])
        switch major {
        case 2, 3:
            guard (0...bytes.count - index).contains(argument) else { return nil }
            let content = Array(bytes[index..<index + argument])
            index += argument
            let inner = major == 2 && argument > 2 ? dissect(content, depth: depth + 1) : nil
            return .sized(.cbor(major: major), inner ?? .bytes(content))
        case 4, 5:
            guard (0...bytes.count - index).contains(argument) else { return nil }
            var members: [Node] = []
            for _ in 0..<(major == 4 ? argument : 2 * argument) {
                guard let member = item(bytes, &index, depth + 1) else { return nil }
                members.append(member)
            }
            return .sized(.cbor(major: major), .list(members, separator: []))
        case 6:
            guard let tagged = item(bytes, &index, depth + 1) else { return nil }
            return .list([.bytes(head), tagged], separator: [])
        default: return .number(head, bigEndian: true)
        }
    }
}
