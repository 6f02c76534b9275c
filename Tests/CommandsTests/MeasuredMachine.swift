import CLinux
import Evidence
import Foundation
import TestSupport
import WireFormat

/// A machine of QEMU with OVMF and a TPM in software, which boots a kernel and is then asked what its registers hold.
///
/// QEMU is killed when the guest has powered off, so that it does not end swtpm too: that then serves the test.
final class MeasuredMachine {
    static let firmware = "/usr/share/OVMF/OVMF_CODE_4M.fd"
    private static let variables = "/usr/share/OVMF/OVMF_VARS_4M.fd"
    static let memoryMiB = 1024

    /// Whether all that this needs is here.
    static var isAvailable: Bool {
        areInstalled("swtpm", "qemu-system-x86_64")
            && [firmware, variables, "\(TinyGuest.image)/kernel", "\(TinyGuest.image)/initrd"].allSatisfy {
                FileManager.default.fileExists(atPath: $0)
            }
    }

    struct Failure: Error { let what: String }

    private let emulator = Process()
    private let machine = Process()
    private let folder: ScratchFolder

    private var control: String { "\(folder.path)/control" }
    private var console: String { "\(folder.path)/console" }

    /// Boots and waits until the guest has powered off.
    init(kernel: String, initrd: String, commandLine: String) throws {
        folder = try ScratchFolder()
        let state = "\(folder.path)/state"
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: Self.variables, toPath: "\(folder.path)/variables")
        try start(
            emulator, "swtpm",
            ["socket", "--tpm2", "--tpmstate", "dir=\(state)", "--ctrl", "type=unixio,path=\(control)"])
        try wait(seconds: 30, for: "swtpm's socket") { FileManager.default.fileExists(atPath: control) }
        try start(
            machine, "qemu-system-x86_64",
            [
                "-machine", "q35", "-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", "\(Self.memoryMiB)",
                "-no-user-config", "-nodefaults", "-nographic", "-no-reboot", "-no-shutdown", "-drive",
                "if=pflash,format=raw,unit=0,readonly=on,file=\(Self.firmware)", "-drive",
                "if=pflash,format=raw,unit=1,file=\(folder.path)/variables", "-chardev",
                "socket,id=tpm,path=\(control)", "-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device",
                "tpm-crb,tpmdev=tpm0", "-serial", "file:\(console)", "-kernel", kernel, "-initrd", initrd, "-append",
                commandLine,
            ])
        try wait(seconds: 540, for: "the guest's end") { try said("Power down") }
        kill(machine.processIdentifier, SIGKILL)
        machine.waitUntilExit()
    }

    deinit {
        for process in [machine, emulator] where process.isRunning {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
    }

    private func start(_ process: Process, _ program: String, _ arguments: [String]) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/\(program)")
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    private func said(_ words: String) throws -> Bool {
        guard machine.isRunning else { throw Failure(what: "QEMU ended early") }
        let text = (try? Data(contentsOf: URL(fileURLWithPath: console))) ?? Data()
        return String(decoding: text, as: UTF8.self).contains(words)
    }

    private func wait(seconds: Int, for what: String, _ condition: () throws -> Bool) throws {
        for _ in 0..<seconds * 10 {
            if try condition() { return }
            usleep(100_000)
        }
        throw Failure(what: "\(what) did not come in \(seconds) s")
    }

    /// Takes QEMU's place at the emulator.
    func tpm() throws -> EmulatedTPM { try EmulatedTPM(of: self, control: control) }
}

/// Commands to swtpm's TPM (TCG TPM 2.0 Library, part 3), as bytes.
final class EmulatedTPM {
    private let channel: CInt
    /// Whoever ends swtpm when it goes away.
    private let owner: MeasuredMachine

    /// Hands swtpm one end of a pair of sockets for commands (CMD_SET_DATAFD).
    init(of owner: MeasuredMachine, control path: String) throws {
        self.owner = owner
        let control = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(control) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw MeasuredMachine.Failure(what: "the path of swtpm's socket is too long")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(control, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        var pair: [CInt] = [-1, -1]
        guard connected == 0, cl_socketpair(CInt(SOCK_STREAM.rawValue), &pair) == 0 else {
            throw MeasuredMachine.Failure(what: "swtpm cannot be reached")
        }
        channel = pair[0]
        let request: [UInt8] = [0, 0, 0, 0x10]
        let sent = cl_send_fds(control, request, request.count, [pair[1]], 1)
        close(pair[1])
        var answer = [UInt8](repeating: 0xFF, count: 4)
        guard sent == 4, read(control, &answer, 4) == 4, answer == [0, 0, 0, 0] else {
            throw MeasuredMachine.Failure(what: "swtpm does not take the channel")
        }
    }

    deinit { close(channel) }

    /// Runs a command; answers what follows the head of the response.
    private func run(_ code: UInt32, sessions: Bool, _ body: [UInt8]) throws -> ByteReader {
        var command = ByteWriter()
        command.u16BE(sessions ? 0x8002 : 0x8001)
        command.u32BE(UInt32(10 + body.count))
        command.u32BE(code)
        command.append(body)
        for _ in 0..<100 {
            let (result, answer) = try exchange(command)
            if result == 0 { return answer }
            // TPM_RC_RETRY: it has begun something of its own first.
            guard result == 0x922 else { throw MeasuredMachine.Failure(what: "TPM command \(code): \(result)") }
            usleep(10_000)
        }
        throw MeasuredMachine.Failure(what: "the TPM is busy")
    }

    private func exchange(_ command: ByteWriter) throws -> (result: UInt32, answer: ByteReader) {
        guard write(channel, command.bytes, command.bytes.count) == command.bytes.count else {
            throw MeasuredMachine.Failure(what: "the TPM does not listen")
        }
        var answer = [UInt8](repeating: 0, count: 4096)
        let count = read(channel, &answer, answer.count)
        var reader = ByteReader(answer.prefix(max(count, 0)))
        _ = try reader.u16BE("tag")
        _ = try reader.u32BE("size")
        return (try reader.u32BE("result"), reader)
    }

    /// The value of a register.
    func register(_ bank: TPMHash, _ number: Int) throws -> [UInt8] {
        var selection: [UInt8] = [0, 0, 0]
        selection[number / 8] = 1 << UInt8(number % 8)
        var body = ByteWriter()
        body.u32BE(1)
        body.u16BE(bank.rawValue)
        body.append([3] + selection)
        var answer = try run(0x17E, sessions: false, body.bytes)
        _ = try answer.bytes(4 + 4 + 2 + 1 + 3, "selection")
        guard try answer.u32BE("count") == 1 else { throw MeasuredMachine.Failure(what: "the TPM has no such bank") }
        return try answer.bytes(Int(try answer.u16BE("length")), "value")
    }

    /// A password session with an empty password.
    private static let noPassword: [UInt8] = [0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0]

    /// Makes an attestation key on P-256: restricted, made in the TPM and fixed to it.
    func attestationKey() throws -> (handle: UInt32, area: [UInt8]) {
        let template: [UInt8] = [
            0x00, 0x23, 0x00, 0x0B, 0x00, 0x05, 0x00, 0x72, 0, 0, 0x00, 0x10, 0x00, 0x18, 0x00, 0x0B, 0x00, 0x03, 0x00,
            0x10, 0, 0, 0, 0,
        ]
        let body: [UInt8] =
            [0x40, 0, 0, 1] + Self.noPassword + [0, 4, 0, 0, 0, 0, 0, UInt8(template.count)] + template + [0, 0]
            + [0, 0, 0, 0]
        var answer = try run(0x131, sessions: true, body)
        let handle = try answer.u32BE("handle")
        _ = try answer.u32BE("size")
        return (handle, try answer.bytes(Int(try answer.u16BE("area size")), "area"))
    }

    /// A quote over all registers of the SHA-256 bank, as trustee's guests send it.
    func quote(nonce: [UInt8]) throws -> (evidence: JSONValue, key: [UInt8]) {
        let (handle, area) = try attestationKey()
        var body = ByteWriter()
        body.u32BE(handle)
        body.append(Self.noPassword)
        body.u16BE(UInt16(nonce.count))
        body.append(nonce)
        body.u16BE(0x10)
        body.append([0, 0, 0, 1, 0x00, 0x0B, 3, 0xFF, 0xFF, 0xFF])
        var answer = try run(0x158, sessions: true, body.bytes)
        let size = Int(try answer.u32BE("size"))
        let message = try answer.bytes(Int(try answer.u16BE("message size")), "message")
        let signature = try answer.bytes(size - 2 - message.count, "signature")
        let registers = try (0..<24).map { JSONValue.string(Hex.encode(try register(.sha256, $0))) }
        return (
            [
                "ak_public": .string(Base64.encode(area)),
                "tpm_quote": [
                    "message": .string(Base64.encode(message)), "signature": .string(Base64.encode(signature)),
                    "pcrs": .array(registers),
                ],
            ], area
        )
    }
}
