import Evidence
import Foundation
import Glibc
import Hypervisor
import TestSupport
import Testing
import Verifier
import WireFormat

@testable import SoftTEE

/// A folder of a test's own with a chip in it.
final class ChipFolder: Sendable {
    let path: String
    var keys: String { "\(self.path)/softtee" }

    init() throws {
        self.path = NSTemporaryDirectory() + "testudo-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
        try SharedChip.endorsements.get().save(to: self.keys)
    }

    deinit { try? FileManager.default.removeItem(atPath: self.path) }
}

/// The built program beside this test's own.
let softTEEProgram: String = {
    let here = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    let beside = Bundle.main.bundleURL.appendingPathComponent("testudo-softtee").path
    let beneath = here.appendingPathComponent("testudo-softtee").path
    return FileManager.default.fileExists(atPath: beside) ? beside : beneath
}()

@Suite(
    "Machines behind the simulated processor", .serialized,
    .enabled(if: TinyGuest.isAvailable, "needs QEMU, cc and a built guest image"))
struct SimulatedMachineTests {
    static let hostData = [UInt8](repeating: 0x5A, count: 32)

    static func plan(_ folder: ChipFolder, mode: String = "report") throws -> LaunchPlan {
        LaunchPlan(
            name: mode, kernel: .path(TinyGuest.kernel), initrd: .path(try TinyGuest.initrd(in: folder.path)),
            commandLine: "\(GuestCommandLine.release) tiny=\(mode)", memoryMiB: 256, technology: .softSNP,
            hostData: self.hostData)
    }

    static func launch(_ plan: LaunchPlan, _ folder: ChipFolder) async throws -> SimulatedMachine {
        let driver = SoftTEEDriver(program: softTEEProgram, keysFolder: folder.keys)
        return try #require(try await driver.launch(plan) as? SimulatedMachine)
    }

    /// The measurement that the tenant expects of a plan.
    static func expected(_ plan: LaunchPlan) throws -> Evidence.LaunchMeasurement {
        guard case .path(let kernel) = plan.kernel, case .path(let initrd) = plan.initrd,
            case .path(let firmware) = plan.firmware
        else { throw SoftTEEError("the plan has no paths") }
        let read = { (path: String) in [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }
        let hashes = KernelHashTable(kernel: try read(kernel), initrd: try read(initrd), commandLine: plan.commandLine)
        return try SoftLaunch(firmware: try read(firmware), kernel: hashes, processors: plan.vcpus).measurement()
    }

    @Test func `a real guest gets a report over its own port and the tenant's verifier accepts it`() async throws {
        let folder = try ChipFolder()
        let plan = try Self.plan(folder)
        let machine = try await Self.launch(plan, folder)
        let socket = OwnedDescriptor(try #require(machine.takeAgentSocket()))
        let data = (0..<64).map { UInt8($0) }
        let answer = await Self.exchange(socket, data)
        let parsed = try #require(try ReportPortTests.parse(answer).answer)
        let verified = try SharedChip.verifier().verify(try SharedChip.evidence(parsed))
        #expect(verified.report.reportData == data && verified.report.hostData == Self.hostData)
        #expect(verified.report.measurement == (try Self.expected(plan)))
        #expect(verified.report.measurement.hex == machine.measurement && verified.simulated)
        await machine.terminate(grace: .seconds(3))
        #expect(await machine.exit().cause == .requested)
        #expect(machine.processes.allSatisfy { kill($0, 0) != 0 })
    }

    /// The node lies about what it starts: one byte of one input is another (rule R7).
    @Test(arguments: ["command line", "kernel", "initrd", "firmware", "vcpus"])
    func `a node that changes an input gets another measurement`(input: String) async throws {
        let folder = try ChipFolder()
        let honest = try Self.plan(folder, mode: "idle")
        var lying = honest
        switch input {
        case "command line": lying.commandLine += " "
        case "vcpus": lying.vcpus = 2
        case "kernel": lying.kernel = .path(try Self.altered(honest.kernel, folder))
        case "initrd": lying.initrd = .path(try Self.altered(honest.initrd, folder))
        default: lying.firmware = .path(try Self.altered(honest.firmware, folder))
        }
        let machine = try await Self.launch(lying, folder)
        #expect(machine.measurement != (try Self.expected(honest)).hex)
        await machine.terminate(grace: .seconds(3))
    }

    @Test func `an input that changes after the launch changes nothing`() async throws {
        let folder = try ChipFolder()
        var plan = try Self.plan(folder)
        let copy = try Self.altered(plan.initrd, folder, flip: false)
        plan.initrd = .path(copy)
        let expected = try Self.expected(plan)
        let machine = try await Self.launch(plan, folder)
        try Data().write(to: URL(fileURLWithPath: copy))
        let socket = OwnedDescriptor(try #require(machine.takeAgentSocket()))
        let answer = await Self.exchange(socket, [UInt8](repeating: 1, count: 64))
        let parsed = try #require(try ReportPortTests.parse(answer).answer)
        #expect(try SNPReport(parsing: parsed.report).measurement == expected)
        await machine.terminate(grace: .seconds(3))
    }

    /// A report with data of the host's choosing: the node holds one socket to the processor, and it answers nothing.
    @Test func `the node cannot ask for a report`() async throws {
        let folder = try ChipFolder()
        let plan = try Self.plan(folder, mode: "idle")
        let node = try NodeSocket(plan, keys: folder.keys)
        let started = try #require(node.line())
        guard case .started = try SoftTEEEvent(parsing: started) else {
            Issue.record("the machine did not start")
            return
        }
        node.send(ReportPortTests.request)
        node.send(Array(#"{"op":"report","reportData":"00"}"#.utf8) + [10])
        node.send(SoftTEERequest(plan).line)
        #expect(node.line(timeout: 500) == nil)
        node.stop()
    }

    @Test func `a killed QEMU or processor takes the other with it and is noticed at once`() async throws {
        let folder = try ChipFolder()
        let plan = try Self.plan(folder, mode: "idle")
        for victim in 0...1 {
            let machine = try await Self.launch(plan, folder)
            let start = ContinuousClock.now
            kill(machine.processes[victim], SIGKILL)
            let exit = await machine.exit()
            #expect(exit.cause == .died && exit.signal == SIGKILL)
            #expect(start.duration(to: .now) < .seconds(1))
            // What init has not reaped yet is a zombie, not a running process.
            for pid in machine.processes { #expect(Self.isGone(pid)) }
        }
    }

    /// The node dies by kill -9: processor and QEMU go with it, by parent-death signal and by the closed socket.
    @Test func `a killed node leaves no processor and no QEMU`() async throws {
        let folder = try ChipFolder()
        let node = try NodeSocket(try Self.plan(folder, mode: "idle"), keys: folder.keys)
        guard case .started(let qemu, _) = try SoftTEEEvent(parsing: try #require(node.line())) else { return }
        // What the kernel does for a killed node: its sockets close.
        node.close()
        for _ in 0..<200 where !Self.isGone(qemu) { try await Task.sleep(for: .milliseconds(10)) }
        #expect(Self.isGone(qemu))
        #expect(node.wait() == 128 + SIGKILL)
    }

    @Test(.enabled(if: geteuid() == 0, "only root may change to another account"))
    func `under a node that is root, processor and QEMU have an account of their own`() async throws {
        let folder = try ChipFolder()
        let account = Account(user: 64_321, group: 64_321)
        #expect(Self.run(["init", "--dir", folder.keys, "--uid", "64321"]).code == 0)
        let driver = SoftTEEDriver(program: softTEEProgram, keysFolder: folder.keys, account: account)
        let machine = try await driver.launch(try Self.plan(folder))
        for pid in machine.processes {
            let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
            #expect(status.contains("Uid:\t64321\t64321\t64321\t64321"))
        }
        let socket = OwnedDescriptor(try #require(machine.takeAgentSocket()))
        let answer = await Self.exchange(socket, [UInt8](repeating: 1, count: 64))
        #expect(try ReportPortTests.parse(answer).status == 0)
        await machine.terminate(grace: .seconds(3))
    }

    @Test func `what cannot start is an error with the reason and leaves nothing`() async throws {
        let folder = try ChipFolder()
        var plan = try Self.plan(folder, mode: "idle")
        let page = "\(folder.path)/page"
        try Data(repeating: 0, count: 4096).write(to: URL(fileURLWithPath: page))
        plan.firmware = .path(page)
        do {
            _ = try await Self.launch(plan, folder)
            Issue.record("a page of zeros served as firmware")
        } catch let error as MachineError {
            #expect(error.code == .launchFailed && error.message.contains("PC BIOS"), "\(error)")
        }
        plan.firmware = .path("/dev/null")
        await #expect(throws: MachineError.self) { _ = try await Self.launch(plan, folder) }
    }

    @Test func `wrong arguments, a missing key folder and an open one are named`() throws {
        let folder = try ChipFolder()
        #expect(Self.run(["run"]).code == 64)
        let missing = Self.run(["show", "--dir", "\(folder.path)/nowhere"])
        #expect(missing.code == 1 && missing.errors.contains("nowhere"))
        let shown = Self.run(["init", "--dir", folder.keys])
        let value = try JSONValue.parse(text: shown.output)
        #expect(value["arkSHA256"]?.stringValue == Hex.encode(try SharedChip.endorsements.get().rootFingerprint))
        #expect(value["simulated"] == true)
        chmod(folder.keys, 0o755)
        #expect(Self.run(["show", "--dir", folder.keys]).code == 1)
    }
}
