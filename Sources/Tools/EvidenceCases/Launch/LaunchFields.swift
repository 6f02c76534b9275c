import Evidence
import WireFormat

/// The members of a JSON object that describe a launch, by the names that manifests and calculators have for them.
struct LaunchFields {
    let json: JSONValue

    /// The text of a member; nil when it is absent or null.
    func text(_ name: String) -> String? { json[name]?.stringValue }

    /// A member as a number, which may also be written in hex with `0x`.
    func number<Integer: FixedWidthInteger>(_ name: String) throws -> Integer? {
        guard let member = json[name], member != .null else { return nil }
        if let text = member.stringValue, text.hasPrefix("0x"), let number = Integer(text.dropFirst(2), radix: 16) {
            return number
        }
        guard let number = member.integerValue.flatMap(Integer.init(exactly:)) else {
            throw WireError(field: name, reason: "must be a number of \(Integer.bitWidth) bits")
        }
        return number
    }

    /// A member that must be there.
    func required<Integer: FixedWidthInteger>(_ name: String) throws -> Integer {
        guard let number: Integer = try number(name) else { throw WireError(field: name, reason: "is missing") }
        return number
    }

    /// The bytes that a member has in hex; nil when it is absent or null.
    func hex(_ name: String) throws -> [UInt8]? { try text(name).map { try Hex.decode($0, field: name) } }

    /// The ranges that a member lists as pairs of address and size.
    func ranges(_ name: String) throws -> [HandoffBlocks.Range]? {
        try json[name]?.arrayValue?.map { pair in
            let numbers = (pair.arrayValue ?? []).compactMap(\.integerValue).compactMap(UInt64.init(exactly:))
            guard numbers.count == 2 else { throw WireError(field: name, reason: "must be pairs of address and size") }
            return try HandoffBlocks.Range(address: numbers[0], size: numbers[1])
        }
    }

    /// Who starts the guest; QEMU when nobody is named.
    func writer() throws -> SaveArea.Writer {
        guard let name = text("vmm_type") else { return .qemu }
        guard let writer = SaveArea.Writer(name: name) else {
            throw WireError(field: "vmm_type", reason: "is not known")
        }
        return writer
    }

    /// The CPUID signature of the processors.
    func signature() throws -> UInt32 {
        if let signature: UInt32 = try number("vcpu_sig") { return signature }
        if let family: UInt16 = try number("vcpu_family") {
            return try ProcessorModel.signature(
                family: family, model: try required("vcpu_model"), stepping: try required("vcpu_stepping"))
        }
        guard let name = text("vcpu_type") else {
            // Only QEMU's save areas show it.
            guard try writer() != .qemu else {
                throw WireError(field: "vcpu_type", reason: "is missing, and the launch depends on it")
            }
            return 0
        }
        guard let model = ProcessorModel(name: name) else {
            throw WireError(field: "vcpu_type", reason: "is not known")
        }
        return model.rawValue
    }

    /// The sections that a member lists as objects with these names of address, size and type.
    func sections(_ name: String, address: String, size: String, type: String) throws -> [OVMFTables.Section] {
        try (json[name]?.arrayValue ?? []).map { item in
            let fields = LaunchFields(json: item)
            return try OVMFTables.Section(
                address: try fields.required(address), size: try fields.required(size),
                type: try fields.required(type))
        }
    }
}
