import WireFormat

/// What the extensions of a certificate of a TPM's key say.
struct TPMCertificateExtensions: Sendable {
    /// Which TPM it is, out of the alternative name (TCG EK credential profile, section 3.2.9).
    struct Machine: Equatable, Sendable {
        /// `id:` and the maker's four letters in hex.
        var manufacturer: String
        var model: String
        /// `id:` and the firmware's version in hex.
        var version: String

        /// The maker's letters, where the form is the registered one; the text otherwise.
        var maker: String {
            guard manufacturer.hasPrefix("id:"),
                let bytes = try? Hex.decode(String(manufacturer.dropFirst(3)), field: "id"),
                bytes.count == 4
            else { return manufacturer }
            let letters = bytes.filter { $0 != 0 && $0 != 0x20 }
            return letters.allSatisfy { (0x21...0x7E).contains($0) }
                ? String(decoding: letters, as: UTF8.self) : manufacturer
        }

        /// Maker, model and version in one line.
        var title: String { "TPM of \(maker), model \(model), firmware \(version)" }
    }

    /// `keyUsage`, first byte, `digitalSignature` highest; nil without the extension.
    private(set) var usage: UInt8?
    /// `extKeyUsage`: contents of the object identifiers.
    private(set) var purposes: Set<[UInt8]> = []
    /// What the alternative name says of the TPM; nil when it does not.
    private(set) var machine: Machine?
    private(set) var isAlternativeNameCritical = false
    /// Whether the certificate claims to be an authority.
    private(set) var claimsAuthority = false
    private var pathLength: Int?

    private static let limit = 32
    private static let basicConstraints: [UInt8] = [0x55, 0x1D, 0x13]
    private static let keyUsage: [UInt8] = [0x55, 0x1D, 0x0F]
    private static let extendedKeyUsage: [UInt8] = [0x55, 0x1D, 0x25]
    private static let alternativeName: [UInt8] = [0x55, 0x1D, 0x11]
    /// 2.23.133.8.1 (endorsement keys) and 2.23.133.8.3 (attestation keys).
    static let endorsementPurpose: [UInt8] = [0x67, 0x81, 0x05, 0x08, 0x01]
    static let attestationPurpose: [UInt8] = [0x67, 0x81, 0x05, 0x08, 0x03]
    /// 2.23.133.2: below it 1 is the maker, 2 the model, 3 the version.
    private static let attributes: [UInt8] = [0x67, 0x81, 0x05, 0x02]

    init(_ list: DERReader, _ field: String) throws(WireError) {
        var list = list
        var seen: Set<[UInt8]> = []
        while !list.isAtEnd {
            var element = try list.element(DERReader.Tag.sequence)
            let name = try element.primitive(DERReader.Tag.objectIdentifier)
            let isCritical = element.nextTag == DERReader.Tag.boolean ? try element.boolean() : false
            let value = try element.primitive(DERReader.Tag.octetString)
            try element.finish()
            guard seen.insert(name).inserted else { throw element.refusal("has an extension twice") }
            guard seen.count <= Self.limit else { throw element.refusal("has too many extensions") }
            switch name {
            case Self.basicConstraints: try readConstraints(value, field)
            case Self.keyUsage: usage = try Self.usage(value, field)
            case Self.extendedKeyUsage: purposes = try Self.purposes(value, field)
            case Self.alternativeName:
                machine = try Self.machine(value, field)
                isAlternativeNameCritical = isCritical
            default:
                guard !isCritical else { throw element.refusal("has a critical extension that is not known") }
            }
        }
    }

    /// Whether the certificate may sign others that have at most `below` authorities under them.
    func isAuthority(below: Int) -> Bool {
        claimsAuthority && (pathLength.map { $0 >= below } ?? true) && (usage ?? 0) & 0x04 != 0
    }

    private mutating func readConstraints(_ value: [UInt8], _ field: String) throws(WireError) {
        var reader = DERReader(value, "\(field) basic constraints")
        var body = try reader.element(DERReader.Tag.sequence)
        try reader.finish()
        if body.nextTag == DERReader.Tag.boolean { claimsAuthority = try body.boolean() }
        if !body.isAtEnd { pathLength = try body.number(upTo: 255) }
        try body.finish()
    }

    private static func usage(_ value: [UInt8], _ field: String) throws(WireError) -> UInt8 {
        var reader = DERReader(value, "\(field) key usage")
        let contents = try reader.primitive(DERReader.Tag.bitString)
        try reader.finish()
        guard (2...3).contains(contents.count), contents[0] < 8 else { throw reader.refusal("has malformed bits") }
        return contents[1]
    }

    private static func purposes(_ value: [UInt8], _ field: String) throws(WireError) -> Set<[UInt8]> {
        var reader = DERReader(value, "\(field) extended key usage")
        var list = try reader.element(DERReader.Tag.sequence)
        try reader.finish()
        var purposes: Set<[UInt8]> = []
        while !list.isAtEnd { purposes.insert(try list.primitive(DERReader.Tag.objectIdentifier)) }
        return purposes
    }

    /// The directory name among the alternative names; other forms say nothing of a TPM.
    private static func machine(_ value: [UInt8], _ field: String) throws(WireError) -> Machine? {
        var reader = DERReader(value, "\(field) alternative name")
        var names = try reader.element(DERReader.Tag.sequence)
        try reader.finish()
        while let tag = names.nextTag {
            guard tag == DERReader.Tag.context(4) else {
                _ = try names.primitive(tag)
                continue
            }
            var wrapper = try names.element(tag)
            var found: [UInt8: String] = [:]
            for (type, text) in try attributes(of: wrapper.element(DERReader.Tag.sequence))
            where type.count == Self.attributes.count + 1 && type.starts(with: Self.attributes) {
                guard found.updateValue(text, forKey: type[type.count - 1]) == nil else {
                    throw names.refusal("names the TPM twice")
                }
            }
            try wrapper.finish()
            if let maker = found[1], let model = found[2], let version = found[3] {
                return Machine(manufacturer: maker, model: model, version: version)
            }
        }
        return nil
    }

    /// The attributes of a name: object identifiers and texts.
    private static func attributes(of name: DERReader) throws(WireError) -> [(type: [UInt8], text: String)] {
        var name = name
        var found: [(type: [UInt8], text: String)] = []
        while !name.isAtEnd {
            var set = try name.element(DERReader.Tag.set)
            while !set.isAtEnd {
                var pair = try set.element(DERReader.Tag.sequence)
                let type = try pair.primitive(DERReader.Tag.objectIdentifier)
                guard let tag = pair.nextTag, tag & 0x20 == 0 else { throw pair.refusal("has a malformed name") }
                let value = try pair.primitive(tag)
                try pair.finish()
                guard value.count <= 256, let text = String(validating: value, as: UTF8.self) else { continue }
                found.append((type, text))
            }
        }
        return found
    }

    /// The first common name of an encoded name.
    static func commonName(of encoded: [UInt8]) -> String? {
        var reader = DERReader(encoded, "name")
        guard let name = try? reader.element(DERReader.Tag.sequence), let found = try? attributes(of: name) else {
            return nil
        }
        return found.first { $0.type == [0x55, 0x04, 0x03] }?.text
    }
}
