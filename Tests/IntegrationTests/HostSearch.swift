import Foundation
import TestSupport
import Testing

/// One search through everything that is the host's while two Services run: its folders, logs and processes, and what
/// crossed its sockets.
///
/// The tenant's folder, broker and command line are not the host's, and QEMU's memory is the guest's: no processor seals
/// it in a simulation.
final class HostSearch {
    /// Whether memory of the host's processes could be read.
    private(set) var hasMemory = true
    private var lines: [String] = []
    private let search: CanarySearch

    var sightings: [Sighting] { search.sightings }

    /// What was searched, how much of it, and where canaries were.
    var text: String {
        var all = ["canaries: \(search.bytesRead >> 20) MiB searched"] + lines.map { "  " + $0 } + ["found:"]
        for canary in search.canaries {
            let places = sightings.filter { $0.canary == canary.place }
            all.append("  \(canary.place): \(places.count) times, first \(places.first?.description ?? "nowhere")")
        }
        return all.joined(separator: "\n")
    }

    init(_ stack: LiveStack, _ canaries: [Canary]) throws {
        search = try CanarySearch(canaries)
        let recorder = try #require(stack.recorder)
        try searchGateways(recorder)
        try searchMachines(recorder)
        try searchProcesses(stack)
        for folder in ["node", "softtee", "registry"] {
            let before = search.bytesRead
            try search.search(folder: "\(stack.state)/\(folder)")
            #expect(search.bytesRead > before, "nothing lies in \(folder)")
            lines.append("\(folder)/, with what it caches: \(search.bytesRead - before) bytes")
        }
        for log in ["node", "registry"] {
            try search.search(file: "\(stack.state)/run/\(log).log", source: "the log of \(log)")
        }
    }

    /// What passed between clients and gateways; the gateway's other side is the agent port.
    private func searchGateways(_ recorder: Recorder) throws {
        for gateway in ["https gateway", "http gateway"] {
            for way in RecordedMachine.Way.allCases {
                let folder = "\(recorder.gateways)/\(gateway)"
                let files = try FileManager.default.contentsOfDirectory(atPath: folder)
                    .filter { $0.hasSuffix(way.rawValue) }
                var count = 0
                for file in files {
                    let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(file)"))
                    count += bytes.count
                    search.search(bytes, source: "\(gateway) \(way.rawValue)")
                }
                #expect(count > 0, "nothing was recorded at the \(gateway) \(way.rawValue)")
                lines.append("\(gateway) \(way.rawValue): \(files.count) connections, \(count) bytes")
            }
        }
    }

    /// What passed through virtio-serial and the monitors: as it is, and each multiplexed stream in one piece.
    private func searchMachines(_ recorder: Recorder) throws {
        let machines = try RecordedMachine.all(in: recorder.machines)
        #expect(machines.map(\.isConfidential).sorted { !$0 && $1 } == [false, true], "one machine of each kind")
        for machine in machines {
            let name = machine.isConfidential ? "testudo-cvm" : "testudo-vm"
            for channel in machine.channels {
                for way in RecordedMachine.Way.allCases {
                    let bytes = try machine.bytes(channel, way)
                    let source = "\(name)'s \(channel == "monitor" ? "QMP" : "\(channel) port") \(way.rawValue)"
                    #expect(!bytes.isEmpty, "nothing was recorded at \(source)")
                    search.search(bytes, source: source)
                    var line = "\(source): \(bytes.count) bytes"
                    if channel == "agent" {
                        let recording = try MuxRecording(bytes)
                        let carried = recording.streams.values.reduce(0) { $0 + $1.count }
                        #expect(
                            recording.unread < 128 << 10 && carried > bytes.count / 2, "\(source) is not understood")
                        for (stream, bytes) in recording.streams {
                            search.search(bytes, source: "\(source), \(stream)")
                        }
                        line += ", \(recording.streams.count) streams with \(carried)"
                    }
                    lines.append(line)
                }
            }
            search.search(Array(machine.arguments.joined(separator: " ").utf8), source: "\(name)'s arguments")
            let unrecorded = try machine.unrecorded()
            #expect(unrecorded.isEmpty, "\(unrecorded)")
            lines.append(
                "\(name)'s disk blocks: none to search, by its arguments and QEMU's own query-block: no block device")
        }
    }

    /// Command line and environment of every process; the memory of node, simulated processors and registry.
    private func searchProcesses(_ stack: LiveStack) throws {
        let all = ProcessTable.read().values.filter { !$0.isZombie }
        for entry in all { try search.search(process: entry, memory: false) }
        lines.append("command line and environment of \(all.count) processes")
        let registry = stack.process("registry").map { ProcessTable.family(of: $0) } ?? []
        let family = stack.nodeFamily()
        #expect(family.filter(\.isQEMU).count == 2, "both guests run while the host looks")
        for entry in family + registry where !entry.isQEMU {
            let before = search.bytesRead
            let isRead = try search.search(process: entry, memory: true)
            hasMemory = hasMemory && isRead
            lines.append("\(entry.name)'s memory: " + (isRead ? "\(search.bytesRead - before) bytes" : "not readable"))
        }
    }
}
