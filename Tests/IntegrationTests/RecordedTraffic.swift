import Foundation
import TestSupport
import WireFormat

@testable import AgentProtocol

/// What one machine and its host said to each other, channel by channel.
struct RecordedMachine {
    /// QEMU's arguments as the node or the simulated processor gave them.
    let arguments: [String]
    private let folder: String

    /// Every machine of a recorder that ran a pod; those that only probe for KVM have no agent.
    static func all(in folder: String) throws -> [RecordedMachine] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted().compactMap {
            let machine = try RecordedMachine(folder: "\(folder)/\($0)")
            return try machine.bytes("agent", .toHost).isEmpty ? nil : machine
        }
    }

    private init(folder: String) throws {
        self.folder = folder
        arguments = try String(contentsOfFile: "\(folder)/arguments", encoding: .utf8)
            .split(separator: "\0", omittingEmptySubsequences: false).map(String.init)
    }

    enum Way: String, CaseIterable {
        case toGuest = "to-guest"
        case toHost = "to-host"
    }

    var isConfidential: Bool { arguments.contains { $0.contains("org.testudo.report") } }

    /// The channels that the node or the processor holds the other end of.
    var channels: [String] { ["agent", "monitor"] + (isConfidential ? ["report"] : []) }

    /// What passed on a channel; empty when there is no such channel.
    func bytes(_ channel: String, _ way: Way) throws -> [UInt8] {
        let file = "\(folder)/\(channel).\(way.rawValue)"
        guard FileManager.default.fileExists(atPath: file) else { return [] }
        return [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
    }

    /// Why this machine may have disk blocks or a channel that is not recorded; empty when it has neither.
    func unrecorded() throws -> [String] {
        var found: [String] = []
        if !arguments.contains("-nodefaults") { found.append("QEMU's default devices") }
        let quiet: Set<String> = [
            "-name", "-no-user-config", "-nodefaults", "-nographic", "-no-reboot", "-vga", "-sandbox", "-machine",
            "-accel", "-cpu", "-smp", "-m", "-bios", "-kernel", "-initrd", "-append", "-mon",
        ]
        for (place, option) in arguments.enumerated() where option.hasPrefix("-") && !quiet.contains(option) {
            let value = place + 1 < arguments.count ? arguments[place + 1] : ""
            let devices = ["virtio-serial-pci,", "virtserialport,"]
            let isKnown =
                option == "-chardev" && value.hasPrefix("socket,")
                || option == "-device" && devices.contains(where: value.hasPrefix)
            if !isKnown { found.append("\(option) \(value)") }
        }
        // QEMU's own word, on a monitor that is the recorder's.
        let answers = try bytes("recorder", .toHost).split(separator: 0x0A).map { try JSONValue.parse(Array($0)) }
        for question in ["block", "nodes"] {
            let answer = answers.first { $0["id"]?.stringValue == question }
            if answer?["return"] != [] { found.append("\(question): \(answer?.canonicalText ?? "no answer")") }
        }
        // A disk could also come later.
        let commands = text(try bytes("monitor", .toGuest))
        for command in ["device_add", "blockdev", "object-add", "chardev-add", "netdev", "migrate", "dump"]
        where commands.contains(command) {
            found.append("the monitor's \(command)")
        }
        return found
    }
}

/// The streams inside one way of a multiplexed link, each in one piece.
struct MuxRecording {
    /// Stream numbers start anew with each HELLO.
    private(set) var streams: [String: [UInt8]] = [:]
    /// Bytes before the first HELLO, and of the frame that the recording ends in.
    let unread: Int

    init(_ bytes: [UInt8]) throws {
        let hello = [0, 0, 0, 0, 0, 0, 0, UInt8(MuxFrame.magic.count + 1)] + MuxFrame.magic
        let start = bytes.withUnsafeBytes { ByteSearch.first(hello, in: $0) } ?? bytes.count
        var offset = start
        var life = 0
        while let frame = try MuxFrame.decode(bytes, at: offset) {
            offset += MuxFrame.headerLength + frame.payload.count
            switch frame.kind {
            case .hello: life += 1
            // Targets and reasons are text of the sender too; they stand apart, not inside what the stream carries.
            case .open, .reset: streams["\(frame.kind) of \(life).\(frame.stream)", default: []] += frame.payload
            case .data: streams["stream \(life).\(frame.stream)", default: []] += frame.payload
            case .window, .end: break
            }
        }
        unread = start + bytes.count - offset
    }
}
