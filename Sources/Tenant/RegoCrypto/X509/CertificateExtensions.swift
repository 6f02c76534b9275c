import Rego

/// The extensions of a certificate or a request, taken apart as Go takes them.
struct CertificateExtensions {
    struct Extension {
        let identifier: [Int]
        let isCritical: Bool
        let bytes: [UInt8]
    }

    struct Names {
        var dns: [String] = []
        var emails: [String] = []
        var addresses: [[UInt8]] = []
        var uris: [String] = []
    }

    private(set) var all: [Extension] = []
    private(set) var unhandled: [[Int]] = []
    private(set) var keyUsage = 0
    private(set) var extendedKeyUsage: [Int] = []
    private(set) var unknownExtendedKeyUsage: [[Int]] = []
    private(set) var hasBasicConstraints = false
    private(set) var isAuthority = false
    private(set) var pathLength: Int?
    private(set) var subjectKey: [UInt8]?
    private(set) var authorityKey: [UInt8]?
    private(set) var names = Names()
    private(set) var constraintsAreCritical = false
    private(set) var permitted = Names()
    private(set) var excluded = Names()
    private(set) var distributionPoints: [String] = []
    private(set) var policies: [[Int]] = []
    private(set) var responders: [String] = []
    private(set) var issuers: [String] = []

    init() {}

    /// Reads a list of extensions.
    init(_ node: DERNode) throws(Malformed) {
        for item in try node.sequence() {
            var parts = try item.sequence()[...]
            guard let identifier = try parts.popFirst()?.identifier(), let last = parts.popLast() else {
                throw Malformed()
            }
            let isCritical = try parts.first?.bool() ?? false
            let entry = Extension(identifier: identifier, isCritical: isCritical, bytes: try last.octets())
            all.append(entry)
            if try !read(entry), isCritical { unhandled.append(identifier) }
        }
    }

    /// Reads one extension; false when it is not one we know.
    private mutating func read(_ entry: Extension) throws(Malformed) -> Bool {
        switch entry.identifier {
        case [2, 5, 29, 15]:
            let bits = try DERNode(entry.bytes).bits().bytes
            for bit in 0..<9 where bit / 8 < bits.count && bits[bit / 8] & (0x80 >> UInt8(bit % 8)) != 0 {
                keyUsage |= 1 << bit
            }
        case [2, 5, 29, 19]:
            let parts = try DERNode(entry.bytes).sequence()
            hasBasicConstraints = true
            for part in parts {
                if part.node.identifier == .boolean {
                    isAuthority = try part.bool()
                } else {
                    pathLength = try part.int()
                }
            }
        case [2, 5, 29, 17]:
            names = try Self.names(try DERNode(entry.bytes).sequence())
            return !names.dns.isEmpty || !names.emails.isEmpty || !names.addresses.isEmpty || !names.uris.isEmpty
        case [2, 5, 29, 30]: return try readConstraints(entry)
        case [2, 5, 29, 31]:
            for point in try DERNode(entry.bytes).sequence() {
                let full = try point.sequence().first { $0.context == 0 }?.children().first { $0.context == 0 }
                if let full { distributionPoints += try Self.names(full.children()).uris }
            }
        case [2, 5, 29, 35]:
            authorityKey = try DERNode(entry.bytes).sequence().first { $0.context == 0 }?.primitive()
        case [2, 5, 29, 14]: subjectKey = try DERNode(entry.bytes).octets()
        case [2, 5, 29, 37]:
            for usage in try DERNode(entry.bytes).sequence() {
                let identifier = try usage.identifier()
                if let number = ExtendedKeyUsage.numbers[identifier] {
                    extendedKeyUsage.append(number)
                } else {
                    unknownExtendedKeyUsage.append(identifier)
                }
            }
        case [2, 5, 29, 32]:
            for policy in try DERNode(entry.bytes).sequence() {
                guard let identifier = try policy.sequence().first?.identifier() else { throw Malformed() }
                policies.append(identifier)
            }
        case [1, 3, 6, 1, 5, 5, 7, 1, 1]:
            for access in try DERNode(entry.bytes).sequence() {
                let parts = try access.sequence()
                guard parts.count == 2, parts[1].context == 6 else { continue }
                let place = String(decoding: try parts[1].primitive(), as: UTF8.self)
                switch try parts[0].identifier() {
                case [1, 3, 6, 1, 5, 5, 7, 48, 1]: responders.append(place)
                case [1, 3, 6, 1, 5, 5, 7, 48, 2]: issuers.append(place)
                default: break
                }
            }
        default: return false
        }
        return true
    }

    /// Names that are permitted and excluded; false when there are kinds that we do not check.
    private mutating func readConstraints(_ entry: Extension) throws(Malformed) -> Bool {
        constraintsAreCritical = entry.isCritical
        var isHandled = true
        for part in try DERNode(entry.bytes).sequence() {
            var bases: [DERNode] = []
            for subtree in try part.children() {
                guard let base = try subtree.sequence().first else { throw Malformed() }
                bases.append(base)
            }
            if bases.contains(where: { ![1, 2, 6, 7].contains($0.context) }) { isHandled = false }
            if part.context == 0 { permitted = try Self.names(bases) } else { excluded = try Self.names(bases) }
        }
        return isHandled
    }

    private static func names(_ nodes: [DERNode]) throws(Malformed) -> Names {
        var names = Names()
        for node in nodes {
            switch node.context {
            case 1: names.emails.append(String(decoding: try node.primitive(), as: UTF8.self))
            case 2: names.dns.append(String(decoding: try node.primitive(), as: UTF8.self))
            case 6: names.uris.append(String(decoding: try node.primitive(), as: UTF8.self))
            case 7: names.addresses.append(try node.primitive())
            default: break
            }
        }
        return names
    }
}

/// What a certificate's key may be used for, by Go's numbers.
enum ExtendedKeyUsage {
    static let any = 0
    static let serverAuthentication = 1

    static let numbers: [[Int]: Int] = [
        [2, 5, 29, 37, 0]: 0, [1, 3, 6, 1, 5, 5, 7, 3, 1]: 1, [1, 3, 6, 1, 5, 5, 7, 3, 2]: 2,
        [1, 3, 6, 1, 5, 5, 7, 3, 3]: 3, [1, 3, 6, 1, 5, 5, 7, 3, 4]: 4, [1, 3, 6, 1, 5, 5, 7, 3, 5]: 5,
        [1, 3, 6, 1, 5, 5, 7, 3, 6]: 6, [1, 3, 6, 1, 5, 5, 7, 3, 7]: 7, [1, 3, 6, 1, 5, 5, 7, 3, 8]: 8,
        [1, 3, 6, 1, 5, 5, 7, 3, 9]: 9, [1, 3, 6, 1, 4, 1, 311, 10, 3, 3]: 10,
        [2, 16, 840, 1, 113730, 4, 1]: 11, [1, 3, 6, 1, 4, 1, 311, 2, 1, 22]: 12,
        [1, 3, 6, 1, 4, 1, 311, 61, 1, 1]: 13,
    ]

    static let names: [String: Int] = [
        "KeyUsageAny": 0, "KeyUsageServerAuth": 1, "KeyUsageClientAuth": 2, "KeyUsageCodeSigning": 3,
        "KeyUsageEmailProtection": 4, "KeyUsageIPSECEndSystem": 5, "KeyUsageIPSECTunnel": 6, "KeyUsageIPSECUser": 7,
        "KeyUsageTimeStamping": 8, "KeyUsageOCSPSigning": 9, "KeyUsageMicrosoftServerGatedCrypto": 10,
        "KeyUsageNetscapeServerGatedCrypto": 11, "KeyUsageMicrosoftCommercialCodeSigning": 12,
        "KeyUsageMicrosoftKernelCodeSigning": 13,
    ]
}
