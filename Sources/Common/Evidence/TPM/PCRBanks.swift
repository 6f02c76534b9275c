import WireFormat

/// Values of platform configuration registers by bank, as somebody states them; a quote says whether they are true.
public struct PCRBanks: Equatable, Sendable {
    /// The values by bank and register.
    public private(set) var values: [TPMHash: [Int: [UInt8]]] = [:]

    /// The highest register that is kept.
    public static let registerLimit = 255

    /// Starts without values.
    public init() {}

    /// The value of a register.
    public subscript(bank: TPMHash, register: Int) -> [UInt8]? { values[bank]?[register] }

    /// The values of a bank from register 0 on, up to the first that is missing.
    public func leading(_ bank: TPMHash) -> [[UInt8]] {
        var list: [[UInt8]] = []
        while let value = self[bank, list.count] { list.append(value) }
        return list
    }

    /// The values of the given registers only.
    public func restricted(to registers: Set<Int>) -> PCRBanks {
        var kept = self
        kept.values = values.mapValues { $0.filter { registers.contains($0.key) } }
        return kept
    }

    /// States a value.
    public mutating func set(_ bank: TPMHash, _ register: Int, _ value: [UInt8]) throws(WireError) {
        let field = "\(bank.name) PCR \(register)"
        guard (0...Self.registerLimit).contains(register) else {
            throw WireError(field: field, reason: "is not a register from 0 to \(Self.registerLimit)")
        }
        guard value.count == bank.length else {
            throw WireError(field: field, reason: "must have \(bank.length) bytes, not \(value.count)")
        }
        values[bank, default: [:]][register] = value
    }

    /// The values as `{"sha256": {"0": hex, …}, …}`.
    public var json: JSONValue {
        .object(
            Dictionary(
                uniqueKeysWithValues: values.map { bank, registers in
                    (
                        bank.name,
                        JSONValue.object(
                            Dictionary(
                                uniqueKeysWithValues: registers.map { ("\($0)", .string(Hex.encode($1))) }))
                    )
                }))
    }

    /// Reads the forms in use: `{"sha256": {"0": hex, …}, …}`, and of one bank `{"0": hex, …}` or a list from register 0 on.
    ///
    /// - Parameters:
    ///   - json: The values.
    ///   - listBank: The bank of the forms that name none.
    public init(json: JSONValue, listBank: TPMHash = .sha256) throws(WireError) {
        switch json {
        case .array(let list):
            try add(list, listBank)
        case .object(let registers) where !registers.isEmpty && registers.keys.allSatisfy({ Int($0) != nil }):
            try add(json, listBank)
        case .object(let banks):
            for (name, content) in banks {
                guard let bank = TPMHash(name: name) else {
                    throw WireError(field: "PCR bank \(name.prefix(32))", reason: "is not known")
                }
                try add(content, bank)
            }
        default: throw WireError(field: "PCRs", reason: "must be a list or banks by name")
        }
    }

    private mutating func add(_ content: JSONValue, _ bank: TPMHash) throws(WireError) {
        switch content {
        case .array(let list): try add(list, bank)
        case .object(let registers):
            for (name, value) in registers {
                guard let register = Int(name), String(register) == name else {
                    throw WireError(field: "\(bank.name) PCR \(name.prefix(32))", reason: "is not a number")
                }
                try set(bank, register, Self.bytes(value, "\(bank.name) PCR \(register)"))
            }
        default: throw WireError(field: "\(bank.name) PCRs", reason: "must be a list or values by register")
        }
    }

    private mutating func add(_ list: [JSONValue], _ bank: TPMHash) throws(WireError) {
        guard list.count <= Self.registerLimit + 1 else {
            throw WireError(field: "\(bank.name) PCRs", reason: "has more than \(Self.registerLimit + 1) values")
        }
        for (register, value) in list.enumerated() {
            try set(bank, register, Self.bytes(value, "\(bank.name) PCR \(register)"))
        }
    }

    /// A value in hex or as a list of bytes.
    private static func bytes(_ value: JSONValue, _ field: String) throws(WireError) -> [UInt8] {
        if let text = value.stringValue { return try Hex.decode(text, field: field) }
        guard let list = value.arrayValue else { throw WireError(field: field, reason: "must be hex or bytes") }
        return try SNPEvidence.byteList(list, field, limit: TPMHash.sha512.length)
    }
}
