import Evidence
import Testing
import WireFormat

@testable import Hypervisor

@Suite("QEMU arguments")
struct QEMUArgumentsTests {
    static func plan(_ technology: Technology = .none, _ accelerator: Accelerator = .tcg) -> LaunchPlan {
        LaunchPlan(
            name: "hello,x", kernel: .path("/k"), initrd: .path("/i"), commandLine: "panic=-1 a=b,c", vcpus: 2,
            memoryMiB: 256, accelerator: accelerator, technology: technology,
            hostData: [UInt8](repeating: 7, count: 32))
    }

    static func arguments(_ plan: LaunchPlan, console: CInt? = nil, report: CInt? = nil) -> [String] {
        QEMUArguments(
            plan: plan, profile: TEEProfile(for: plan), firmware: "/f", kernel: "/k", initrd: "/i",
            descriptors: .init(monitor: 3, agent: 4, report: report, console: console)
        ).arguments
    }

    @Test func `the whole command line of a plain machine is this one`() {
        #expect(
            Self.arguments(Self.plan()) == [
                "-name", "testudo-hello,,x,debug-threads=off", "-no-user-config", "-nodefaults", "-nographic",
                "-no-reboot", "-vga", "none", "-sandbox",
                "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", "-machine",
                "q35,smm=off,hpet=off,sata=off,smbus=off,usb=off,vmport=off,graphics=off,dump-guest-core=off,mem-merge=off",
                "-accel", "tcg,tb-size=\(QEMUArguments.translationBufferMiB)", "-cpu", QEMUArguments.emulatedProcessor,
                "-smp", "2,maxcpus=2", "-m", "size=256M", "-bios", "/f", "-kernel", "/k", "-initrd", "/i", "-append",
                "panic=-1 a=b,c", "-chardev", "socket,id=monitor,fd=3", "-mon", "chardev=monitor,mode=control",
                "-device", "virtio-serial-pci,id=serial,max_ports=4", "-chardev", "socket,id=agent,fd=4", "-device",
                "virtserialport,bus=serial.0,nr=1,chardev=agent,name=org.testudo.agent",
            ])
    }

    @Test func `no machine has a network device or a console unless it is asked for`() {
        for technology in Technology.allCases {
            let text = Self.arguments(Self.plan(technology)).joined(separator: " ")
            #expect(!text.contains("-net") && !text.contains("-nic") && !text.contains("-serial "))
        }
        #expect(Self.arguments(Self.plan(), console: 8).contains("chardev:console"))
    }

    @Test func `the simulated processor adds its report port and nothing else`() {
        let soft = Self.arguments(Self.plan(.softSNP), report: 5)
        #expect(
            soft == Self.arguments(Self.plan()) + [
                "-chardev", "socket,id=report,fd=5", "-device",
                "virtserialport,bus=serial.0,nr=2,chardev=report,name=org.testudo.report",
            ])
    }

    @Test func `SNP binds the host data and forbids debugging`() throws {
        let arguments = Self.arguments(Self.plan(.snp, .kvm))
        let object = try #require(arguments.firstIndex(of: "-object"))
        #expect(
            arguments[object + 1]
                == "sev-snp-guest,id=snp,cbitpos=51,reduced-phys-bits=1,kernel-hashes=on,policy=1245184,"
                + "host-data=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=")
        #expect(arguments.contains("EPYC-v4"))
        #expect(arguments.contains { $0.hasSuffix("kernel_irqchip=split,confidential-guest-support=snp") })
    }

    @Test func `TDX pads the manifest's digest into MRCONFIGID`() throws {
        let profile = TEEProfile.tdx(configurationID: [UInt8](repeating: 7, count: 32))
        let arguments = QEMUArguments(
            plan: Self.plan(.none, .kvm), profile: profile, firmware: "/f", kernel: "/k", initrd: "/i",
            descriptors: .init(monitor: 3, agent: 4)
        ).arguments
        let object = try #require(arguments.firstIndex(of: "-object"))
        let value = try JSONValue.parse(text: arguments[object + 1])
        #expect(value["qom-type"] == "tdx-guest")
        let identity = try Base64.decode(try #require(value["mrconfigid"]?.stringValue), field: "mrconfigid")
        #expect(identity == [UInt8](repeating: 7, count: 32) + [UInt8](repeating: 0, count: 16))
        #expect(value["quote-generation-socket"]?["path"] == "/var/run/tdx-qgs/qgs.socket")
    }

    @Test func `the guest's command line is this one, and only debugging adds a console`() {
        let common =
            "panic=-1 random.trust_bootloader=off random.trust_cpu=on tsc=reliable no_timer_check noreplace-smp "
            + "i8042.noaux=1 i8042.nopnp=1 i8042.dumbkbd=1 pci=lastbus=0 cryptomgr.notests rcupdate.rcu_expedited=1 "
            + "init=/init "
        #expect(GuestCommandLine.release == common + "quiet loglevel=0 testudo.debug=0")
        #expect(GuestCommandLine.debug == common + "console=ttyS0 testudo.debug=1")
    }

    @Test func `a plan out of bounds is refused`() {
        for change: (inout LaunchPlan) -> Void in [
            { $0.vcpus = 0 }, { $0.memoryMiB = 1 }, { $0.hostData = [1] },
            { $0.commandLine = String(repeating: "a", count: 2048) }, { $0.commandLine = "a\0b" },
        ] {
            var plan = Self.plan()
            change(&plan)
            #expect(throws: MachineError.self) { try plan.validate() }
        }
    }
}
