import Evidence
import WireFormat

/// What a security processor adds to a machine's command line, as data.
///
/// The SNP and TDX profiles cannot run on a machine without that hardware; their arguments are built and tested all
/// the same. `reference/guest.md` 5.4 is the source of the property names.
public struct TEEProfile: Sendable, Equatable {
    /// A short name for logs.
    public let name: String
    /// Properties appended to `-machine`.
    public let machineOptions: [String]
    /// The `-cpu` the technology needs; nil leaves the choice to the accelerator.
    public let processor: String?
    /// The objects.
    public let objects: [QEMUObject]
    /// Whether the guest gets its reports over the simulated report device.
    public let hasReportPort: Bool

    /// No security processor.
    public static let none = TEEProfile(
        name: "none", machineOptions: [], processor: nil, objects: [], hasReportPort: false)

    /// The simulated security processor: an ordinary machine with a report device.
    public static let softSNP = TEEProfile(
        name: "soft-snp", machineOptions: [], processor: nil, objects: [], hasReportPort: true)

    /// What the SNP firmware of a host reports about memory encryption.
    public struct MemoryEncryption: Sendable, Equatable {
        /// The bit of a page table entry that marks encrypted memory (CPUID 8000001F EBX 5:0).
        public var encryptionBit: Int
        /// Physical address bits lost to encryption (CPUID 8000001F EBX 11:6).
        public var reducedAddressBits: Int

        /// Names the numbers; on Milan and Genoa they are 51 and 1.
        public init(encryptionBit: Int = 51, reducedAddressBits: Int = 1) {
            self.encryptionBit = encryptionBit
            self.reducedAddressBits = reducedAddressBits
        }
    }

    /// AMD SEV-SNP.
    ///
    /// - Parameters:
    ///   - hostData: 32 bytes for HOST_DATA; empty leaves it zero.
    ///   - policy: What the host may do; the default forbids debugging and migration and demands one socket.
    ///   - memory: The host's encryption parameters.
    public static func snp(
        hostData: [UInt8], policy: GuestPolicy = .launch, memory: MemoryEncryption = MemoryEncryption()
    ) -> TEEProfile {
        var properties: [(key: String, value: String)] = [
            ("cbitpos", "\(memory.encryptionBit)"), ("reduced-phys-bits", "\(memory.reducedAddressBits)"),
            ("kernel-hashes", "on"), ("policy", "\(policy.rawValue)"),
        ]
        if !hostData.isEmpty { properties.append(("host-data", Base64.encode(hostData))) }
        return TEEProfile(
            name: "snp", machineOptions: ["kernel_irqchip=split", "confidential-guest-support=snp"],
            processor: "EPYC-v4", objects: [.keyed(type: "sev-snp-guest", id: "snp", properties: properties)],
            hasReportPort: false)
    }

    /// Intel TDX.
    ///
    /// - Parameters:
    ///   - configurationID: The manifest's digest for MRCONFIGID, at most 48 bytes; zeros fill the rest.
    ///   - quoteSocket: The path of the quote generation service's socket.
    public static func tdx(
        configurationID: [UInt8], quoteSocket: String = "/var/run/tdx-qgs/qgs.socket"
    ) -> TEEProfile {
        let zeros = [UInt8](repeating: 0, count: max(0, 48 - configurationID.count))
        let padded = Array(configurationID.prefix(48)) + zeros
        let object: JSONValue = .object([
            "qom-type": .string("tdx-guest"), "id": .string("tdx"), "sept-ve-disable": .bool(true),
            "mrconfigid": .string(Base64.encode(padded)),
            "quote-generation-socket": .object(["type": .string("unix"), "path": .string(quoteSocket)]),
        ])
        return TEEProfile(
            name: "tdx", machineOptions: ["kernel_irqchip=split", "confidential-guest-support=tdx"],
            processor: "host", objects: [.json(object)], hasReportPort: false)
    }

    /// The profile of a launch plan.
    public init(for plan: LaunchPlan) {
        switch plan.technology {
        case .snp: self = .snp(hostData: plan.hostData)
        case .softSNP: self = .softSNP
        case .tdx: self = .tdx(configurationID: plan.hostData)
        // Nothing launches these: a machine without protection has no evidence, so no secret either.
        case .none, .softTDX, .sgx, .softSGX: self = .none
        }
    }

    init(name: String, machineOptions: [String], processor: String?, objects: [QEMUObject], hasReportPort: Bool) {
        self.name = name
        self.machineOptions = machineOptions
        self.processor = processor
        self.objects = objects
        self.hasReportPort = hasReportPort
    }
}
