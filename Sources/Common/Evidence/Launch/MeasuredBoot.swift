import WireFormat

/// All that decides the registers of a TPM when OVMF measures its boot: the firmware, and the kernel that QEMU was given with
/// it (TCG PC Client Platform Firmware Profile; Linux, the EFI stub).
///
/// What holds for it: no variables are stored and no keys of secure boot enrolled, no device brings a program of its own (an
/// option ROM), and the kernel's stub measures what it was given, as Linux does since 6.0.
public struct MeasuredBoot: Equatable, Sendable {
    /// One thing that is measured, by its digests in the banks of ``MeasuredBoot/banks``.
    public struct Measured: Equatable, Sendable {
        /// The digests.
        public let digests: [TPMHash: [UInt8]]

        /// States digests that are known.
        public init(digests: [TPMHash: [UInt8]]) { self.digests = digests }

        /// Bytes that are measured as they are.
        public init(_ bytes: [UInt8]) {
            digests = Dictionary(uniqueKeysWithValues: banks.map { ($0, $0.digest(bytes)) })
        }

        /// A program, which is measured by its Authenticode digest.
        public init(_ program: PortableExecutable) {
            digests = [.sha256: program.sha256, .sha384: program.sha384]
        }
    }

    /// One event, as the boot log has it.
    public struct Event: Equatable, Sendable {
        /// The register, 0 to 9.
        public let register: Int
        /// What was measured.
        public let type: EventType
        /// Its digests.
        public let measured: Measured
    }

    /// What the firmware measures of itself.
    public struct Firmware: Equatable, Sendable {
        /// The version that it was built with; Debian's of 2022 has none.
        public var version = ""
        /// The early volume as it is in memory; nil when that is not known.
        public var early: Measured?
        /// The volume of the drivers.
        public var drivers: Measured
        /// What the variable `SecureBoot` holds.
        public var secureBoot: [UInt8]
        /// The boot option `Boot0000`; nil when it is not known.
        public var bootOption: [UInt8]?
        /// What else goes into register 1 before the boot options: the ACPI tables; nil when that is not known.
        public var tables: [Measured]?

        /// States what is known of a firmware.
        public init(
            version: String, early: Measured?, drivers: Measured, secureBoot: [UInt8], bootOption: [UInt8]?,
            tables: [Measured]?
        ) {
            self.version = version
            self.early = early
            self.drivers = drivers
            self.secureBoot = secureBoot
            self.bootOption = bootOption
            self.tables = tables
        }

        /// Takes it from the image.
        ///
        /// - Parameters:
        ///   - volumes: The image's volumes.
        ///   - version: The version that it was built with.
        ///   - writes: What it has written into its early volume when it measures that; nil when that is not known.
        public init(
            _ volumes: FirmwareVolumes, version: String = "", writes: [FirmwareVolumes.Write]? = nil
        ) throws(WireError) {
            self.version = version
            if let writes { early = Measured(try volumes.early(after: writes)) }
            drivers = Measured(volumes.drivers.bytes)
            (secureBoot, bootOption) = (volumes.secureBoot, volumes.menuOption)
            tables = volumes.measuresTables ? nil : []
        }
    }

    /// The banks that are computed.
    public static let banks: [TPMHash] = [.sha256, .sha384]
    /// The registers that this kind of boot extends; the others stay as they were, but for what the running kernel does.
    public static let registers = Array(0...7) + [9]

    /// The firmware.
    public var firmware: Firmware
    /// The kernel as the firmware gets it; see ``LinuxSetupHeader``.
    public var kernel: Measured
    /// The command line as the kernel gets it.
    public var loadOptions: Measured
    /// The initrd; nil when there is none.
    public var initrd: Measured?

    /// Describes a boot by digests.
    public init(firmware: Firmware, kernel: Measured, loadOptions: Measured, initrd: Measured?) {
        self.firmware = firmware
        self.kernel = kernel
        self.loadOptions = loadOptions
        self.initrd = initrd
    }

    /// Describes a boot by what is booted.
    ///
    /// - Parameters:
    ///   - firmware: The firmware.
    ///   - kernel: The kernel as the firmware gets it.
    ///   - initrd: The initrd; nil when there is none.
    ///   - commandLine: The command line that QEMU was given.
    ///   - initrdName: Where the firmware names the initrd in the command line.
    public init(
        firmware: Firmware, kernel: [UInt8], initrd: [UInt8]?, commandLine: String,
        initrdName: FirmwareEvent.InitrdName = .last
    ) throws(WireError) {
        self.init(
            firmware: firmware, kernel: Measured(try PortableExecutable(parsing: kernel)),
            loadOptions: Measured(
                FirmwareEvent.commandLineBytes(commandLine, initrd: initrd == nil ? .none : initrdName)),
            initrd: initrd.map { Measured($0) })
    }

    /// The registers that cannot be told, each with the reason.
    public var open: [Int: String] {
        var open: [Int: String] = [:]
        if firmware.early == nil { open[0] = "what the firmware writes into its early volume was not given" }
        if firmware.tables == nil { open[1] = "this firmware measures the machine's ACPI tables" }
        if firmware.bootOption == nil { open[1] = "this firmware's boot menu is not known" }
        return open
    }

    /// The events of all registers that can be told, for each register in its order.
    public var events: [Event] {
        var events: [Event] = []
        func add(_ register: Int, _ type: EventType, _ measured: Measured) {
            events.append(Event(register: register, type: type, measured: measured))
        }
        func add(_ register: Int, _ type: EventType, _ bytes: some Sequence<UInt8>) {
            add(register, type, Measured(Array(bytes)))
        }
        if let early = firmware.early {
            add(0, .crtmVersion, (firmware.version + "\0").utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] })
            add(0, .firmwareBlob, early)
            add(0, .firmwareBlob, firmware.drivers)
        }
        for variable in FirmwareEvent.SecureBootVariable.allCases {
            let data = variable == .secureBoot ? firmware.secureBoot : []
            add(7, .variableDriverConfig, FirmwareEvent.variableBytes(variable, data: data))
        }
        add(7, .separator, Self.separator)
        add(4, .bootApplication, kernel)
        if let option = firmware.bootOption, let tables = firmware.tables {
            for table in tables { add(1, .platformConfiguration, table) }
            add(1, .variableBoot, [0, 0])  // the order: option 0 alone
            add(1, .variableBoot, option)
        }
        add(4, .action, FirmwareEvent.callingApplicationText.utf8)
        for register in 0...6 where open[register] == nil { add(register, .separator, Self.separator) }
        add(9, .eventTag, loadOptions)
        if let initrd { add(9, .eventTag, initrd) }
        add(5, .action, FirmwareEvent.exitInvocationText.utf8)
        add(5, .action, FirmwareEvent.exitSuccessText.utf8)
        return events
    }

    private static let separator: [UInt8] = [0, 0, 0, 0]

    /// The values that the registers end with; those that cannot be told are left out.
    public func banks() throws(WireError) -> PCRBanks {
        var values = PCRBanks()
        for event in events {
            for bank in Self.banks {
                guard let digest = event.measured.digests[bank], digest.count == bank.length else {
                    throw WireError(
                        field: "event of PCR \(event.register)", reason: "has no digest of the \(bank.name) bank")
                }
                let value = values[bank, event.register] ?? [UInt8](repeating: 0, count: bank.length)
                try values.set(bank, event.register, bank.extended(value, with: digest))
            }
        }
        return values
    }
}
