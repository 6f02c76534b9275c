import Evidence

/// What executes the guest's instructions.
public enum Accelerator: String, Sendable, Hashable, Codable, CaseIterable {
    /// The processor's own virtualisation.
    case kvm
    /// QEMU's software emulation.
    case tcg
}

/// A file that a machine is started with.
public enum MachineFile: Sendable, Equatable {
    /// The file at this path; whoever starts the machine opens it.
    case path(String)
    /// A file that is already open; it stays the caller's and is duplicated into the machine's process.
    case descriptor(CInt)
}

/// The user and group a machine's processes run as when the node itself is root.
public struct Account: Sendable, Equatable {
    /// The user id.
    public let user: UInt32
    /// The only group; supplementary groups are dropped.
    public let group: UInt32

    /// Names an account by its numbers.
    public init(user: UInt32, group: UInt32) {
        self.user = user
        self.group = group
    }
}

/// Everything that decides what a machine is: the inputs that are measured and the resources it gets.
public struct LaunchPlan: Sendable, Equatable {
    /// A short name for logs; no meaning to the machine.
    public var name: String
    /// The only firmware; no option ROM runs beside it.
    public var firmware: MachineFile
    /// The Linux kernel (bzImage).
    public var kernel: MachineFile
    /// The initial RAM disk.
    public var initrd: MachineFile
    /// The kernel's command line; see `GuestCommandLine` in Evidence.
    public var commandLine: String
    /// Virtual processors.
    public var vcpus: Int
    /// Guest memory in MiB.
    public var memoryMiB: Int
    /// What runs the guest's instructions.
    public var accelerator: Accelerator
    /// Which security processor stands behind the machine.
    public var technology: Technology
    /// What the launch binds: the manifest's SHA-256, 32 bytes, or empty where nothing is bound.
    public var hostData: [UInt8]
    /// Where the serial console goes; only for debug machines, nil leaves the machine without a serial port.
    public var consolePath: String?
    /// The account of the machine's processes; nil keeps the node's.
    public var runAs: Account?

    /// Debian's one-file firmware that boots a kernel directly.
    public static let qboot = MachineFile.path("/usr/share/qemu/qboot.rom")

    /// Describes a machine.
    public init(
        name: String, firmware: MachineFile = LaunchPlan.qboot, kernel: MachineFile, initrd: MachineFile,
        commandLine: String, vcpus: Int = 1, memoryMiB: Int = 512, accelerator: Accelerator = .tcg,
        technology: Technology = .none, hostData: [UInt8] = [], consolePath: String? = nil, runAs: Account? = nil
    ) {
        self.name = name
        self.firmware = firmware
        self.kernel = kernel
        self.initrd = initrd
        self.commandLine = commandLine
        self.vcpus = vcpus
        self.memoryMiB = memoryMiB
        self.accelerator = accelerator
        self.technology = technology
        self.hostData = hostData
        self.consolePath = consolePath
        self.runAs = runAs
    }

    /// Refuses what no driver can start, naming the field.
    func validate() throws(MachineError) {
        guard (1...64).contains(self.vcpus) else {
            throw MachineError(.invalidPlan, "\(self.name): vcpus is \(self.vcpus), allowed are 1 to 64")
        }
        guard (64...1_048_576).contains(self.memoryMiB) else {
            throw MachineError(.invalidPlan, "\(self.name): memoryMiB is \(self.memoryMiB), allowed are 64 to 1048576")
        }
        guard self.hostData.isEmpty || self.hostData.count == 32 else {
            throw MachineError(.invalidPlan, "\(self.name): hostData has \(self.hostData.count) bytes, not 32")
        }
        // The kernel's own limit on x86 (COMMAND_LINE_SIZE) including the terminating zero.
        guard self.commandLine.utf8.count < 2048, !self.commandLine.utf8.contains(0) else {
            throw MachineError(.invalidPlan, "\(self.name): the command line is longer than 2047 bytes or holds a zero")
        }
    }
}
