/// Cuts DER into elements, also what octet and bit strings hold.
enum DERDissection {
    static func dissect(_ bytes: [UInt8], depth: Int = 0) -> Node? {
        guard depth < 24, let elements = elements(bytes, depth), !elements.isEmpty else { return nil }
        return elements.count == 1 ? elements[0] : .list(elements, separator: [])
    }

    private static func elements(_ bytes: [UInt8], _ depth: Int) -> [Node]? {
        var nodes: [Node] = []
        var index = 0
        while index < bytes.count {
            guard let (header, length) = header(bytes, index), index + header + length <= bytes.count else {
                return nil
            }
            let tag = bytes[index]
            let content = Array(bytes[index + header..<index + header + length])
            nodes.append(.sized(.der(tag: tag), part(tag, content, depth)))
            index += header + length
        }
        return nodes
    }

    private static func part(_ tag: UInt8, _ content: [UInt8], _ depth: Int) -> Node {
        if tag & 0x20 != 0 {
            return elements(content, depth + 1).map { .list($0, separator: []) } ?? .bytes(content)
        }
        if tag == 0x04, content.first == 0x30, let inner = dissect(content, depth: depth + 1) { return inner }
        if tag == 0x03, content.starts(with: [0, 0x30]), let inner = dissect(Array(content[1...]), depth: depth + 1) {
            return .list([.bytes([0]), inner], separator: [])
        }
        return .bytes(content)
    }

    private static func header(_ bytes: [UInt8], _ index: Int) -> (header: Int, length: Int)? {
        guard index + 2 <= bytes.count, bytes[index] & 0x1F != 0x1F else { return nil }
        let first = bytes[index + 1]
        if first < 0x80 { return (2, Int(first)) }
        let count = Int(first & 0x7F)
        guard (1...3).contains(count), index + 2 + count <= bytes.count else { return nil }
        return (2 + count, FieldDissection.value(Array(bytes[index + 2..<index + 2 + count]), true))
    }
}

/// Cuts PEM into its blocks.
enum PEMDissection {
    static func dissect(_ bytes: [UInt8]) -> Node {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        var parts: [Node] = []
        var label: String?
        var body = ""
        for line in lines {
            if line.hasPrefix("-----BEGIN "), line.hasSuffix("-----") {
                label = String(line.dropFirst(11).dropLast(5))
                body = ""
            } else if line.hasPrefix("-----END "), let name = label {
                let der = JSONDissection.base64(Array(body.utf8))?.bytes
                parts.append(
                    der.map { .armoured(.pem(label: name), DERDissection.dissect($0) ?? .bytes($0)) }
                        ?? .bytes(Array("-----BEGIN \(name)-----\n\(body)\n-----END \(name)-----\n".utf8)))
                label = nil
            } else if label != nil {
                body += line.filter { !$0.isWhitespace }
            } else if !line.isEmpty {
                parts.append(.bytes(Array("\(line)\n".utf8)))
            }
        }
        return .list(parts, separator: [])
    }
}
