import Foundation
import Glibc
import TestSupport
import Testing

/// Writes down what crosses the sockets of a deployment's machines and gateways; the deployment's own programs run as
/// they are.
///
/// For QEMU's program, the deployment alone sees a script in its place (a mount of its own): it hands QEMU's sockets to
/// `byte-recorder` and becomes the real QEMU. In front of the gateways stand recording TCP relays, which clients call.
final class Recorder {
    static let qemu = "/usr/bin/qemu-system-x86_64"

    /// A mount namespace, for root or with a user namespace.
    private static let namespace =
        geteuid() == 0 ? ["--mount"] : ["--user", "--map-current-user", "--keep-caps", "--mount"]
    static let isAvailable = (try? run("unshare", namespace + ["true"])) != nil

    private let folder: String
    private let program: String
    private var relays: [Process] = []

    /// Where machines are recorded, a folder each.
    var machines: String { "\(folder)/machines" }
    /// Where connections to the gateways are recorded.
    var gateways: String { "\(folder)/gateways" }

    init(folder: String) throws {
        self.folder = folder
        // The recorder is copied to where the account of machines may go.
        program = "\(folder)/byte-recorder"
        for name in ["", "/machines", "/gateways", "/qemu/bin"] {
            try FileManager.default.createDirectory(atPath: folder + name, withIntermediateDirectories: true)
        }
        chmod("\(folder)/machines", 0o1777)
        try FileManager.default.copyItem(atPath: try Self.built("byte-recorder"), toPath: program)
        try FileManager.default.copyItem(atPath: Self.qemu, toPath: real)
        // QEMU looks for its data beside its program.
        for name in ["share", "lib"] {
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder)/qemu/\(name)", withDestinationPath: "/usr/\(name)")
        }
        let script = "#!/bin/sh\nexec '\(program)' machine '\(machines)' '\(real)' \"$@\"\n"
        try script.write(toFile: stand, atomically: true, encoding: .utf8)
        chmod(stand, 0o755)
    }

    /// Ends the relays; recorders of machines end with them.
    func stop() {
        for relay in relays {
            // Not SIGTERM, which may be blocked here and then is in children too.
            kill(relay.processIdentifier, SIGKILL)
            relay.waitUntilExit()
        }
        relays = []
    }

    private var real: String { "\(folder)/qemu/bin/qemu-system-x86_64" }
    private var stand: String { "\(folder)/stand-in" }

    /// The arguments of `unshare` that run a program which sees the script in QEMU's place.
    func recorded(_ program: String, _ arguments: [String]) -> [String] {
        let script = #"mount --bind "$0" \#(Self.qemu) && exec "$@""#
        return Self.namespace + ["sh", "-c", script, stand, program] + arguments
    }

    /// Starts a recording relay before a port of the loopback; the port to call instead.
    func relay(before port: Int, name: String) throws -> Int {
        let place = "\(gateways)/\(name)"
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        let relay = Process()
        relay.executableURL = URL(fileURLWithPath: program)
        relay.arguments = ["listen", place, "\(port)"]
        let output = Pipe()
        relay.standardOutput = output
        // Whoever started the tests waits until nobody holds their output any more.
        relay.standardError = FileHandle.nullDevice
        try relay.run()
        relays.append(relay)
        let line = text([UInt8](output.fileHandleForReading.availableData))
        return try #require(Int(line.trimmingCharacters(in: .whitespacesAndNewlines)), "the relay says \(line)")
    }

    /// A program that was built beside this test's own.
    private static func built(_ name: String) throws -> String {
        let here = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
        let folders: [String] = [Bundle.main.bundlePath, here]
        return try #require(folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) })
    }
}
