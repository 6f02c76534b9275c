import WireFormat

/// A list of revoked certificates of an ECDSA P-256 hierarchy, taken apart but not trusted (RFC 5280, version 2).
struct P256RevocationList: Sendable {
    let signedPart: [UInt8]
    /// r || s.
    let signature: [UInt8]
    let issuer: [UInt8]
    /// Seconds since 1970.
    let thisUpdate: Int64
    let nextUpdate: Int64
    /// The minimal contents of the serial numbers.
    let serials: Set<[UInt8]>
    /// The list's number, 0 when it has none or one beyond 31 bits.
    let number: Int

    private static let sizeLimit = 1 << 20
    private static let version: [UInt8] = [0x02, 0x01, 0x01]
    private static let numberName: [UInt8] = [0x55, 0x1D, 0x14]

    init(der: [UInt8], _ field: String) throws(WireError) {
        guard der.count <= Self.sizeLimit else {
            throw WireError(field: field, reason: "exceeds \(Self.sizeLimit) bytes")
        }
        var document = DERReader(der, field)
        var outer = try document.element(DERReader.Tag.sequence)
        try document.finish()
        var (signedPart, body) = try outer.whole(DERReader.Tag.sequence)
        guard body.take(Self.version) else { throw body.refusal("is not a version 2 list") }
        guard body.take(P256Signature.algorithm), outer.take(P256Signature.algorithm) else {
            throw body.refusal("is not signed with ECDSA and SHA-256")
        }
        issuer = try body.whole(DERReader.Tag.sequence).encoded
        thisUpdate = try body.time()
        nextUpdate = try body.time()
        serials = body.nextTag == DERReader.Tag.sequence ? try Self.serials(body.element(DERReader.Tag.sequence)) : []
        var number: Int?
        if !body.isAtEnd {
            var wrapper = try body.element(DERReader.Tag.context(0))
            number = try Self.number(wrapper.element(DERReader.Tag.sequence), field)
            try wrapper.finish()
        }
        try body.finish()
        self.number = number ?? 0
        signature = try P256Signature.raw(outer.wholeBytes(), field)
        try outer.finish()
        self.signedPart = signedPart
    }

    /// Whether `authority` is named as the issuer, may sign lists, and signed this one.
    func isIssued(by authority: P256Certificate) -> Bool {
        issuer == authority.subject && authority.maySignLists
            && P256Signature.isValid(signature, over: signedPart, by: authority.key)
    }

    private static func serials(_ list: DERReader) throws(WireError) -> Set<[UInt8]> {
        var list = list
        var serials: Set<[UInt8]> = []
        while !list.isAtEnd {
            var entry = try list.element(DERReader.Tag.sequence)
            serials.insert(try entry.integer())
            _ = try entry.time()
            if !entry.isAtEnd {
                // Reasons and dates change nothing; what must be understood and is not, refuses the list.
                _ = try extensions(entry.element(DERReader.Tag.sequence))
            }
            try entry.finish()
        }
        return serials
    }

    private static func number(_ list: DERReader, _ field: String) throws(WireError) -> Int? {
        guard let value = try extensions(list)[numberName] else { return nil }
        var reader = DERReader(value, "\(field) number")
        let contents = try reader.integer()
        try reader.finish()
        return contents.count <= 4 && contents[0] < 0x80 ? contents.reduce(0) { $0 << 8 | Int($1) } : nil
    }

    private static func extensions(_ list: DERReader) throws(WireError) -> [[UInt8]: [UInt8]] {
        var list = list
        var values: [[UInt8]: [UInt8]] = [:]
        while !list.isAtEnd {
            var element = try list.element(DERReader.Tag.sequence)
            let name = try element.primitive(DERReader.Tag.objectIdentifier)
            // Delta lists and lists of part of the certificates say so in a critical extension.
            guard element.nextTag != DERReader.Tag.boolean else {
                throw element.refusal("has a critical extension that is not known")
            }
            guard values.updateValue(try element.primitive(DERReader.Tag.octetString), forKey: name) == nil else {
                throw element.refusal("has an extension twice")
            }
            try element.finish()
        }
        return values
    }
}
