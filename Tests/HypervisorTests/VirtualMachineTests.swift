import Evidence
import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Hypervisor

/// A folder of a test's own, removed with it.
final class TestFolder: Sendable {
    let path: String

    init() throws {
        self.path = NSTemporaryDirectory() + "testudo-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: self.path) }
}

@Suite(
    "Real machines", .enabled(if: TinyGuest.isAvailable, "needs QEMU, cc and a built guest image"),
    .timeLimit(.minutes(2)))
struct VirtualMachineTests {
    static func plan(_ mode: String, _ folder: TestFolder) throws -> LaunchPlan {
        LaunchPlan(
            name: mode, kernel: .path(TinyGuest.kernel), initrd: .path(try TinyGuest.initrd(in: folder.path)),
            commandLine: "\(GuestCommandLine.release) tiny=\(mode)", memoryMiB: 256)
    }

    /// The processes of a machine that are still there.
    static func alive(_ processes: [pid_t]) -> [pid_t] { processes.filter { kill($0, 0) == 0 } }

    @Test func `a guest that powers off ends the machine and says so`() async throws {
        let folder = try TestFolder()
        let machine = try await VirtualMachine.start(try Self.plan("poweroff", folder))
        let exit = await machine.exit()
        #expect(exit.cause == .guestShutdown && exit.code == 0)
        #expect(Self.alive(machine.processes).isEmpty)
    }

    @Test func `a guest that resets ends the machine and says so`() async throws {
        let folder = try TestFolder()
        let machine = try await VirtualMachine.start(try Self.plan("reset", folder))
        #expect(await machine.exit().cause == .guestReset)
    }

    @Test func `the agent's stream carries what the guest says and nothing is left after the end`() async throws {
        let folder = try TestFolder()
        let machine = try await VirtualMachine.start(try Self.plan("hello", folder))
        let socket = OwnedDescriptor(try #require(machine.takeAgentSocket()))
        #expect(machine.takeAgentSocket() == nil)
        #expect(await Self.read(socket, 6) == Array("hello\n".utf8))
        #expect(try await machine.status() == "running")
        await machine.terminate(grace: .seconds(3))
        #expect(await machine.exit().cause == .requested)
        #expect(Self.alive(machine.processes).isEmpty)
    }

    @Test func `a killed QEMU is noticed at once`() async throws {
        let folder = try TestFolder()
        let machine = try await VirtualMachine.start(try Self.plan("idle", folder))
        let start = ContinuousClock.now
        kill(machine.processes[0], SIGKILL)
        let exit = await machine.exit()
        #expect(exit.cause == .died && exit.signal == SIGKILL)
        #expect(start.duration(to: .now) < .seconds(1))
    }

    @Test func `a console exists only where it is asked for, and only its owner reads it`() async throws {
        let folder = try TestFolder()
        var plan = try Self.plan("poweroff", folder)
        plan.commandLine = "\(GuestCommandLine.debug) tiny=poweroff"
        plan.consolePath = "\(folder.path)/console"
        let machine = try await VirtualMachine.start(plan)
        #expect(await machine.exit().cause == .guestShutdown)
        let text = try String(contentsOfFile: "\(folder.path)/console", encoding: .utf8)
        #expect(text.contains("Linux version"))
        let mode = try FileManager.default.attributesOfItem(atPath: "\(folder.path)/console")[.posixPermissions]
        #expect(mode as? Int == 0o600)
    }

    @Test(.enabled(if: getuid() == 0, "only root may change to another account"))
    func `a node that is root gives the machine another account`() async throws {
        let folder = try TestFolder()
        var plan = try Self.plan("idle", folder)
        plan.runAs = Account(user: 65534, group: 65534)
        let machine = try await VirtualMachine.start(plan)
        let status = try String(contentsOfFile: "/proc/\(machine.processes[0])/status", encoding: .utf8)
        #expect(status.contains("Uid:\t65534\t65534\t65534\t65534"))
        #expect(status.contains("Gid:\t65534\t65534\t65534\t65534"))
        await machine.terminate(grace: .seconds(3))
    }

    @Test func `what cannot start is an error with QEMU's own words and leaves nothing`() async throws {
        let folder = try TestFolder()
        var plan = try Self.plan("idle", folder)
        plan.firmware = .path("/dev/null")
        do {
            _ = try await VirtualMachine.start(plan)
            Issue.record("a machine without firmware started")
        } catch {
            #expect(error.code == .launchFailed && error.message.contains("could not load PC BIOS"), "\(error)")
        }
        plan.kernel = .path("/nowhere/kernel")
        let missing = MachineError(.missing, "cannot open the kernel /nowhere/kernel: No such file or directory")
        await #expect(throws: missing) {
            try await VirtualMachine.start(plan)
        }
        await #expect(throws: MachineError.self) {
            try await VirtualMachine.start(try Self.plan("idle", folder), program: "/nowhere/qemu")
        }
    }

    @Test func `the probe ends within its limit, finds an accelerator that boots and remembers it`() async throws {
        let folder = try TestFolder()
        let probe = AcceleratorProbe(
            kernel: TinyGuest.kernel, initrd: try TinyGuest.initrd(in: folder.path), cacheFile: "\(folder.path)/found")
        let start = ContinuousClock.now
        let finding = try await probe.find(commandLine: "\(GuestCommandLine.release) tiny=hello")
        #expect(start.duration(to: .now) < .seconds(15))
        #expect(!finding.isRemembered && !finding.reason.isEmpty)
        if access("/dev/kvm", R_OK | W_OK) == 0 {
            let again = try await probe.find(commandLine: "x")
            #expect(again.isRemembered && again.accelerator == finding.accelerator)
            try Data("{}".utf8).write(to: URL(fileURLWithPath: "\(folder.path)/found"))
            #expect(try await !probe.find(commandLine: "\(GuestCommandLine.release) tiny=hello").isRemembered)
        }
    }

    @Test func `without a device the probe says so and starts nothing`() async throws {
        let probe = AcceleratorProbe(
            kernel: "/nowhere", initrd: "/nowhere", cacheFile: nil, device: "/nowhere/kvm")
        let finding = try await probe.find(commandLine: "")
        #expect(finding == AcceleratorFinding(accelerator: .tcg, reason: "there is no /nowhere/kvm"))
    }

    /// Reads exactly `count` bytes or what comes before the end, off the test's thread.
    static func read(_ socket: OwnedDescriptor, _ count: Int) async -> [UInt8] {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var bytes: [UInt8] = []
                var buffer = [UInt8](repeating: 0, count: count)
                while bytes.count < count, let descriptor = socket.value {
                    let got = Glibc.read(descriptor, &buffer, count - bytes.count)
                    guard got > 0 else { break }
                    bytes += buffer[..<got]
                }
                continuation.resume(returning: bytes)
            }
        }
    }
}
