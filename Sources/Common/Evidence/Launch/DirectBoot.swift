import WireFormat

/// What the registers of a TDX guest hold after QEMU has booted a kernel directly, through TDVF.
public enum DirectBoot {
    /// The events of RTMR 0 in their order: what the guest was given by the hypervisor and how the firmware is set up.
    public struct Platform: Equatable, Sendable {
        /// The list of memory; see ``HandoffBlocks``.
        public var handoffBlocks: [UInt8]
        /// The bytes of the configuration volume.
        public var configurationVolume: [UInt8]
        /// The variables of secure boot in the order `SecureBoot`, `PK`, `KEK`, `db`, `dbx`.
        public var variables: [[UInt8]] = FirmwareEvent.SecureBootVariable.allCases.map { FirmwareEvent.variable($0) }
        /// The end of what the firmware is given.
        public var separator = FirmwareEvent.separator
        /// The ACPI loader script, the root pointer and the tables. They depend on QEMU's version and every device, and are
        /// not computed here.
        public var acpi: [[UInt8]]
        /// The boot order.
        public var bootOrder = FirmwareEvent.bootOrder([0])
        /// The boot option `Boot0000`; its data depend on the firmware's build.
        public var bootOption: [UInt8]

        /// States the digests of what differs from launch to launch.
        public init(handoffBlocks: [UInt8], configurationVolume: [UInt8], acpi: [[UInt8]], bootOption: [UInt8]) {
            self.handoffBlocks = handoffBlocks
            self.configurationVolume = configurationVolume
            self.acpi = acpi
            self.bootOption = bootOption
        }

        /// RTMR 0.
        public func register() throws(WireError) -> MeasurementRegister {
            try MeasurementRegister(
                [handoffBlocks, configurationVolume] + variables + [separator] + acpi + [bootOrder, bootOption])
        }
    }

    /// RTMR 1: the kernel that the firmware starts, and that it leaves.
    ///
    /// - Parameter kernel: The Authenticode digest of the kernel as it is started; see ``PortableExecutable``.
    public static func bootRegister(kernel: [UInt8]) throws(WireError) -> MeasurementRegister {
        try MeasurementRegister([
            kernel, FirmwareEvent.callingApplication, FirmwareEvent.separator, FirmwareEvent.exitInvocation,
            FirmwareEvent.exitSuccess,
        ])
    }

    /// RTMR 2: what the kernel was given.
    ///
    /// - Parameters:
    ///   - commandLine: The event of the command line.
    ///   - initrd: The digest of the initrd; nil when there is none.
    public static func kernelRegister(commandLine: [UInt8], initrd: [UInt8]?) throws(WireError) -> MeasurementRegister {
        try MeasurementRegister([commandLine] + (initrd.map { [$0] } ?? []))
    }
}
