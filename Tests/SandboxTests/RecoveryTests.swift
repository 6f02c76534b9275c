import FakeGuest
import Foundation
import TestSupport
import Testing
import WireFormat

@testable import Sandbox

@Suite struct RecoveryTests {
    @Test func `what a killed node left is found and removed`() async throws {
        let scratch = try ScratchFolder()
        let folder = "\(scratch.path)/instances"
        let entry = try await InstanceJournal(folder: folder).begin(usesHostRuntime: true)
        _ = try scratch.write("instances/\(entry.id)/console", [1])
        try AtomicFile.makeFolder("\(entry.folder)/a/b")
        #expect(symlink("/etc", "\(entry.folder)/a/link") == 0)
        // A process of that instance, as an agent of testudo-runc would be: its command line names the folder.
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "while read line; do :; done", "agent", "--state", entry.folder]
        process.standardInput = Pipe()
        try process.run()
        // A record torn by the crash, and a half-written one.
        _ = try scratch.write("instances/itorn.json", Array("{\"id\"".utf8))
        _ = try scratch.write("instances/ihalf.json.new", [0])

        let found = try await InstanceJournal(folder: folder).recover()
        #expect(found.map(\.id).sorted() == [entry.id, "itorn"].sorted())
        #expect(found.allSatisfy { $0.fault == nil })
        process.waitUntilExit()
        #expect(process.terminationReason == .uncaughtSignal)
        #expect(AtomicFile.names(in: folder).isEmpty)
        #expect(access("/etc/passwd", F_OK) == 0)
    }

    @Test(.enabled(if: geteuid() == 0)) func `mounts of an instance are removed`() async throws {
        let scratch = try ScratchFolder()
        let journal = try InstanceJournal(folder: "\(scratch.path)/instances")
        let entry = try await journal.begin(usesHostRuntime: true)
        try AtomicFile.makeFolder("\(entry.folder)/root fs")
        // Where mounting is not allowed there is nothing to remove either.
        guard mount("tmpfs", "\(entry.folder)/root fs", "tmpfs", 0, nil) == 0 else { return }
        #expect(Leftovers.mounts(below: entry.folder) == ["\(entry.folder)/root fs"])
        try await journal.end(entry)
        #expect(Leftovers.mounts(below: entry.folder).isEmpty)
        #expect(AtomicFile.names(in: "\(scratch.path)/instances").isEmpty)
    }
}

@Suite struct SealedLogRingTests {
    @Test func `the ring keeps the newest records within its bound and survives a torn end`() async throws {
        let scratch = try ScratchFolder()
        let path = "\(scratch.path)/r.ring"
        let ring = SealedLogRing(path: path, segmentLimit: 1000)
        for number in 0..<100 {
            try await ring.append(.init(instance: "i1", bytes: [UInt8](repeating: UInt8(number), count: 90)))
        }
        var records = await ring.records()
        #expect(records.last?.bytes.first == 99 && (10...30).contains(records.count))
        #expect(zip(records, records.dropFirst()).allSatisfy { $0.bytes[0] + 1 == $1.bytes[0] })
        let bytes = try AtomicFile.read(path)
        try AtomicFile.write(bytes + [2, 105], to: path)
        records = await SealedLogRing(path: path, segmentLimit: 1000).records()
        #expect(records.last?.bytes.first == 99)
        await #expect(throws: AtomicFile.Failure.self) {
            try await ring.append(
                .init(instance: "i1", bytes: [UInt8](repeating: 0, count: SealedLogRing.recordLimit + 1)))
        }
    }
}
