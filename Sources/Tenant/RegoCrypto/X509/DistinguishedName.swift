import Rego

/// The name of an issuer or a subject.
struct DistinguishedName {
    let raw: [UInt8]
    private var attributes: [(type: [Int], value: String?)] = []

    init(_ node: DERNode) throws(Malformed) {
        raw = node.encoded
        for set in try node.sequence() {
            for attribute in try set.children() {
                let parts = try attribute.sequence()
                guard parts.count == 2 else { throw Malformed() }
                attributes.append((try parts[0].identifier(), try parts[1].text()))
            }
        }
    }

    private func values(_ type: Int) -> [String] {
        attributes.filter { $0.type == [2, 5, 4, type] }.compactMap(\.value)
    }

    var value: Value {
        var fields = Fields()
        let lists = [
            ("Country", 6), ("Organization", 10), ("OrganizationalUnit", 11), ("Locality", 7), ("Province", 8),
            ("StreetAddress", 9), ("PostalCode", 17),
        ]
        for (name, type) in lists { fields.add(name, texts: values(type)) }
        fields.add("SerialNumber", .string(values(5).last ?? ""))
        fields.add("CommonName", .string(values(3).last ?? ""))
        let names = attributes.map { attribute in
            var fields = Fields()
            fields.add("Type", Fields.identifier(attribute.type))
            fields.add("Value", attribute.value.map { .string($0) } ?? .null)
            return fields.value
        }
        fields.add("Names", names.isEmpty ? .null : .array(names))
        fields.addNull("ExtraNames")
        return fields.value
    }
}
