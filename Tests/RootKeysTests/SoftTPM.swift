import Foundation
import RootKeys
import Synchronization
import TestSupport

/// A TPM 2.0 in a process: `swtpm` on two neighbouring ports of the loopback, ended with its owner.
final class SoftTPM {
    static let isInstalled = areInstalled("swtpm", "tpm2_unseal")

    let port: UInt16
    private let state: String
    private let process = Process()

    /// Starts a TPM with the state in `folder`; an empty one makes a new TPM. PCR 4 is extended as a boot would.
    init(state folder: String, boot: String = "11") throws {
        state = folder
        port = try freePair()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        process.executableURL = URL(fileURLWithPath: "/usr/bin/swtpm")
        process.arguments = [
            "socket", "--tpm2", "--tpmstate", "dir=\(folder)", "--flags", "not-need-init,startup-clear",
            "--server", "type=tcp,port=\(port),bindaddr=127.0.0.1",
            "--ctrl", "type=tcp,port=\(port + 1),bindaddr=127.0.0.1",
        ]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        try waitUntilReady()
        try extend(4, boot)
    }

    deinit { stop() }

    /// Ends the TPM as a loss of power does; it starts with the threads' signal mask, so that it would sleep through SIGTERM.
    func stop() {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    var tcti: String { "swtpm:host=127.0.0.1,port=\(port)" }
    var settings: TPMSettings { TPMSettings(tcti: tcti, timeoutSeconds: 60) }

    /// Runs one of tpm2-tools.
    @discardableResult
    func tool(_ name: String, _ arguments: String...) throws -> [UInt8] {
        try run(name, arguments, environment: ["TPM2TOOLS_TCTI": tcti])
    }

    func extend(_ register: Int, _ byte: String) throws {
        try tool("tpm2_pcrextend", "\(register):sha256=\(String(repeating: byte, count: 32))")
    }

    private func waitUntilReady() throws {
        for _ in 0..<200 {
            if (try? tool("tpm2_getcap", "properties-fixed")) != nil { return }
            usleep(20_000)
        }
        throw FixtureFailure(reason: "swtpm does not answer on port \(port)")
    }
}

/// What a test needs and could not have.
struct FixtureFailure: Error {
    let reason: String
}

/// A port whose neighbour is free too.
func freePair() throws -> UInt16 {
    for _ in 0..<100 {
        let port = UInt16.random(in: 20_000..<32_000)
        let pair = [port, port + 1].map { listen(on: $0) }
        for socket in pair where socket >= 0 { close(socket) }
        if pair.allSatisfy({ $0 >= 0 }) { return port }
    }
    throw FixtureFailure(reason: "no two neighbouring ports are free")
}

/// A socket that listens on a port of the loopback, or -1.
func listen(on port: UInt16) -> Int32 {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var yes: Int32 = 1
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    guard withAddress(port, { bind(listener, $0, $1) }) == 0, listen(listener, 8) == 0 else {
        close(listener)
        return -1
    }
    return listener
}

/// A connection to a port of the loopback, or -1.
func connect(to port: UInt16) -> Int32 {
    let connection = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard withAddress(port, { connect(connection, $0, $1) }) == 0 else {
        close(connection)
        return -1
    }
    return connection
}

private func withAddress<Result>(
    _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
) -> Result {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
}
