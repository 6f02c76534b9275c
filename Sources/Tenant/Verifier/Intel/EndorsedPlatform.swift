import WireFormat

/// What Intel certifies of a platform, in the extension of its PCK certificate (PCK certificate and CRL profile).
public struct EndorsedPlatform: Equatable, Sendable {
    /// What kind of SGX the platform has.
    public enum SGXType: UInt8, Sendable {
        /// With replay protection in memory.
        case standard = 0
        /// Encrypted memory only.
        case scalable = 1
        /// Encrypted memory with integrity.
        case scalableWithIntegrity = 2
    }

    /// The platform's configuration; only platforms of several packages have it.
    public struct Configuration: Equatable, Sendable {
        /// Packages may be added to the platform.
        public var isDynamic: Bool?
        /// Intel keeps the platform's root keys.
        public var hasCachedKeys: Bool?
        /// Cores run two threads.
        public var isSMTEnabled: Bool?
    }

    /// The platform's provisioning identity (16 bytes).
    public let ppid: [UInt8]
    /// The security versions of the 16 components that the key was made for.
    public let components: [UInt8]
    /// The security version of the provisioning enclave.
    public let pceSVN: UInt16
    /// The same security versions as the processor encodes them (16 bytes).
    public let cpuSVN: [UInt8]
    /// The provisioning enclave (2 bytes).
    public let pceID: [UInt8]
    /// Family, model, stepping, platform and custom SKU (6 bytes).
    public let fmspc: [UInt8]
    /// The kind of SGX.
    public let sgxType: SGXType
    /// The platform's instance (16 bytes); only platforms of several packages have one.
    public let instanceID: [UInt8]?
    /// The configuration.
    public let configuration: Configuration

    /// 1.2.840.113741.1.13.1
    static let extensionName: [UInt8] = [0x2A, 0x86, 0x48, 0x86, 0xF8, 0x4D, 0x01, 0x0D, 0x01]

    /// Reads the extension of a PCK certificate.
    init(_ certificate: P256Certificate, _ field: String) throws(WireError) {
        guard let value = certificate.extensions[Self.extensionName] else {
            throw WireError(field: field, reason: "has no SGX extension")
        }
        var reader = DERReader(value, "\(field) SGX extension")
        let list = try reader.element(DERReader.Tag.sequence)
        try reader.finish()
        var members = try Self.members(list, under: Self.extensionName)
        ppid = try Self.bytes(&members, 1, 16, reader)
        (components, pceSVN, cpuSVN) = try Self.tcb(&members, reader)
        pceID = try Self.bytes(&members, 3, 2, reader)
        fmspc = try Self.bytes(&members, 4, 6, reader)
        var type = try Self.member(&members, 5, reader)
        let number = try type.number(DERReader.Tag.enumerated, upTo: 255)
        guard let sgxType = SGXType(rawValue: UInt8(truncatingIfNeeded: number)) else {
            throw type.refusal("has an unknown type of SGX")
        }
        self.sgxType = sgxType
        try type.finish()
        instanceID = members[6] == nil ? nil : try Self.bytes(&members, 6, 16, reader)
        configuration = try Self.configuration(&members)
    }

    private typealias Members = [UInt8: DERReader]

    /// The pairs of a sequence by the last number of their names, each with a reader that stands before the value.
    private static func members(_ list: DERReader, under prefix: [UInt8]) throws(WireError) -> Members {
        var list = list
        var members: Members = [:]
        while !list.isAtEnd {
            var pair = try list.element(DERReader.Tag.sequence)
            let name = try pair.primitive(DERReader.Tag.objectIdentifier)
            guard name.count == prefix.count + 1, name.starts(with: prefix), let last = name.last, last < 0x80 else {
                throw pair.refusal("has a member that is not known")
            }
            guard members.updateValue(pair, forKey: last) == nil else { throw pair.refusal("has a member twice") }
        }
        return members
    }

    private static func member(
        _ members: inout Members, _ number: UInt8, _ parent: DERReader
    ) throws(WireError) -> DERReader {
        guard let member = members.removeValue(forKey: number) else {
            throw parent.refusal("lacks member \(number)")
        }
        return member
    }

    private static func bytes(
        _ members: inout Members, _ number: UInt8, _ count: Int, _ parent: DERReader
    ) throws(WireError) -> [UInt8] {
        var member = try member(&members, number, parent)
        let value = try member.primitive(DERReader.Tag.octetString)
        guard value.count == count else { throw member.refusal("has \(value.count) bytes instead of \(count)") }
        try member.finish()
        return value
    }

    private static func tcb(
        _ members: inout Members, _ parent: DERReader
    ) throws(WireError) -> ([UInt8], UInt16, [UInt8]) {
        var member = try member(&members, 2, parent)
        var inner = try Self.members(member.element(DERReader.Tag.sequence), under: extensionName + [2])
        try member.finish()
        var components: [UInt8] = []
        for number: UInt8 in 1...16 {
            var component = try Self.member(&inner, number, parent)
            components.append(UInt8(truncatingIfNeeded: try component.number(upTo: 255)))
            try component.finish()
        }
        var version = try Self.member(&inner, 17, parent)
        let pceSVN = try version.number(upTo: 65_535)
        try version.finish()
        return (components, UInt16(truncatingIfNeeded: pceSVN), try bytes(&inner, 18, 16, parent))
    }

    private static func configuration(_ members: inout Members) throws(WireError) -> Configuration {
        guard var member = members.removeValue(forKey: 7) else { return Configuration() }
        let inner = try Self.members(member.element(DERReader.Tag.sequence), under: extensionName + [7])
        try member.finish()
        func flag(_ number: UInt8) throws(WireError) -> Bool? {
            guard var member = inner[number] else { return nil }
            let value = try member.boolean()
            try member.finish()
            return value
        }
        return Configuration(isDynamic: try flag(1), hasCachedKeys: try flag(2), isSMTEnabled: try flag(3))
    }
}
