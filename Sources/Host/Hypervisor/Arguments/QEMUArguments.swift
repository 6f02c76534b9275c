import Evidence

/// QEMU's command line for a launch plan: a pure function, so that a test can hold it to the letter.
///
/// Nothing is taken from configuration files or QEMU's defaults, there is no network device, and every channel is a
/// descriptor that was connected before QEMU started.
public struct QEMUArguments: Sendable, Equatable {
    /// The descriptor numbers inside QEMU's process.
    public struct Descriptors: Sendable, Equatable {
        /// The monitor's socket.
        public var monitor: CInt
        /// The agent's port.
        public var agent: CInt
        /// The report device's port, if the machine has one.
        public var report: CInt?
        /// The console file, if the machine has a serial port.
        public var console: CInt?

        /// Names the descriptors.
        public init(monitor: CInt, agent: CInt, report: CInt? = nil, console: CInt? = nil) {
            self.monitor = monitor
            self.agent = agent
            self.report = report
            self.console = console
        }
    }

    /// The name of the agent's virtio-serial port in the guest.
    public static let agentPort = "org.testudo.agent"
    /// The name of the report device's virtio-serial port in the guest.
    public static let reportPort = "org.testudo.report"
    /// QEMU's program.
    public static let program = "/usr/bin/qemu-system-x86_64"

    /// The bound of the translation buffer in MiB: a guest makes 45 of code until its agent answers, and what is then
    /// flushed, once, is mostly the kernel's start. 64 start a guest no faster and cost the host 24 MiB for each.
    static let translationBufferMiB = 40

    /// What emulation offers the guest: all it has, but for the hints to copy and clear memory bytewise (`rep movsb`).
    /// Those are fast on a processor; emulated, eight bytes in a turn are: a guest starts a tenth sooner.
    static let emulatedProcessor = "max,erms=off,fsrm=off"

    /// The arguments after the program's name, in order.
    public let arguments: [String]

    /// Builds the arguments.
    ///
    /// - Parameters:
    ///   - plan: What to start; its files are named by `firmware`, `kernel` and `initrd`.
    ///   - profile: What the technology adds.
    ///   - firmware: The path of the firmware as QEMU's process sees it.
    ///   - kernel: The path of the kernel as QEMU's process sees it.
    ///   - initrd: The path of the initial RAM disk as QEMU's process sees it.
    ///   - descriptors: The connected channels.
    public init(
        plan: LaunchPlan, profile: TEEProfile, firmware: String, kernel: String, initrd: String,
        descriptors: Descriptors
    ) {
        var list: [String] = ["-name", Self.escaped("testudo-\(plan.name)") + ",debug-threads=off"]
        list += ["-no-user-config", "-nodefaults", "-nographic", "-no-reboot", "-vga", "none"]
        list += ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"]
        list += ["-machine", Self.machine(profile)]
        list += ["-accel", Self.accelerator(plan.accelerator)]
        list += ["-cpu", profile.processor ?? (plan.accelerator == .kvm ? "host" : Self.emulatedProcessor)]
        list += ["-smp", "\(plan.vcpus),maxcpus=\(plan.vcpus)"]
        list += ["-m", "size=\(plan.memoryMiB)M"]
        for object in profile.objects { list += ["-object", object.text] }
        list += ["-bios", firmware, "-kernel", kernel, "-initrd", initrd, "-append", plan.commandLine]
        list += ["-chardev", "socket,id=monitor,fd=\(descriptors.monitor)", "-mon", "chardev=monitor,mode=control"]
        list += ["-device", "virtio-serial-pci,id=serial,max_ports=4"]
        list += Self.port(Self.agentPort, id: "agent", number: 1, descriptor: descriptors.agent)
        if let report = descriptors.report {
            list += Self.port(Self.reportPort, id: "report", number: 2, descriptor: report)
        }
        if let console = descriptors.console {
            list += ["-add-fd", "fd=\(console),set=1"]
            list += ["-chardev", "file,id=console,path=/dev/fdset/1,append=on", "-serial", "chardev:console"]
        }
        self.arguments = list
    }

    private static func machine(_ profile: TEEProfile) -> String {
        // Devices nobody uses are switched off: less to emulate, less for a guest to attack.
        let unused = ["smm", "hpet", "sata", "smbus", "usb", "vmport", "graphics", "dump-guest-core", "mem-merge"]
        return (["q35"] + unused.map { "\($0)=off" } + profile.machineOptions).joined(separator: ",")
    }

    private static func accelerator(_ accelerator: Accelerator) -> String {
        switch accelerator {
        case .kvm: "kvm"
        case .tcg: "tcg,tb-size=\(self.translationBufferMiB)"
        }
    }

    private static func port(_ name: String, id: String, number: Int, descriptor: CInt) -> [String] {
        [
            "-chardev", "socket,id=\(id),fd=\(descriptor)",
            "-device", "virtserialport,bus=serial.0,nr=\(number),chardev=\(id),name=\(name)",
        ]
    }

    /// A value inside QEMU's `key=value,key=value` syntax, where a comma is written twice.
    static func escaped(_ value: String) -> String {
        value.split(separator: ",", omittingEmptySubsequences: false).joined(separator: ",,")
    }
}
