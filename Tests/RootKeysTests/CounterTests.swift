import Envelope
import Foundation
import TestSupport
import Testing
import WireFormat

@testable import RootKeys

@Suite(.enabled(if: SoftTPM.isInstalled, "swtpm and tpm2-tools are not installed"), .serialized)
struct TPMCounterTests {
    let folder: ScratchFolder
    let tpm: SoftTPM
    let file: String

    init() async throws {
        folder = try ScratchFolder()
        tpm = try SoftTPM(state: "\(folder.path)/tpm")
        file = "\(folder.path)/counter.tpm"
        try await TPMCounter.create(file: file, tpm.settings)
    }

    @Test func `it counts by one, and goes on after a restart`() async throws {
        let counter = try await TPMCounter(file: file, tpm.settings)
        let start = try await counter.value()
        #expect(start > 0 && counter.wears && counter.kind == "tpm")
        #expect(try await counter.advance() == start + 1)
        #expect(try await counter.advance() == start + 2)
        #expect(try await counter.value() == start + 2)
        tpm.stop()
        let restarted = try SoftTPM(state: "\(folder.path)/tpm")
        #expect(try await TPMCounter(file: file, restarted.settings).value() == start + 2)
        for list in ["handles-transient", "handles-loaded-session", "handles-saved-session"] {
            #expect(try restarted.tool("tpm2_getcap", list).isEmpty, "\(list)")
        }
    }

    @Test func `a counter that was deleted and made again has no lower value`() async throws {
        let counter = try await TPMCounter(file: file, tpm.settings)
        for _ in 0..<3 { _ = try await counter.advance() }
        let before = try await counter.value()
        let index = try TPMCounterFile.read(file).text
        try tpm.tool("tpm2_nvundefine", "-C", "o", index)
        #expect(await code { try await counter.value() } == .missing)
        try tpm.tool(
            "tpm2_nvdefine", index, "-C", "o", "-s", "8", "-a",
            "authread|authwrite|ownerread|ownerwrite|no_da|nt=counter")
        // Until its first step such a counter has another name, and no value.
        #expect(await code { try await counter.value() } == .otherDevice)
        try tpm.tool("tpm2_nvincrement", "-C", index, index)
        #expect(try await counter.value() > before)
    }

    @Test func `plain memory in the counter's place is refused`() async throws {
        let counter = try await TPMCounter(file: file, tpm.settings)
        let index = try TPMCounterFile.read(file).text
        try tpm.tool("tpm2_nvundefine", "-C", "o", index)
        try tpm.tool(
            "tpm2_nvdefine", index, "-C", "o", "-s", "8", "-a", "authread|authwrite|ownerread|ownerwrite|no_da")
        try run(
            "tpm2_nvwrite", [index, "-C", index, "-i", "-"], input: [0, 0, 0, 0, 0, 0, 0, 1],
            environment: ["TPM2TOOLS_TCTI": tpm.tcti])
        #expect(await code { try await counter.value() } == .otherDevice)
        #expect(await code { try await counter.advance() } == .otherDevice)
    }

    @Test func `another TPM with a counter at the same index is refused`() async throws {
        let index = try TPMCounterFile.read(file).index
        let other = try SoftTPM(state: "\(folder.path)/other")
        try await TPMCounter.create(file: file + "2", index: index, other.settings)
        #expect(await code { try await TPMCounter(file: self.file, other.settings) } == .otherDevice)
        #expect(
            await code { try await TPMCounter.create(file: self.file + "3", index: index, other.settings) } == .exists)
        #expect(await code { try await TPMCounter.create(file: self.file + "2", other.settings) } == .exists)
    }

    @Test func `a value that was changed on the bus is refused`() async throws {
        let read: UInt32 = 0x14E
        let bus = try TappedBus(before: tpm.port, changingAnswersTo: read)
        defer { bus.close() }
        let refusal = await failed {
            try await TPMCounter(file: self.file, TPMSettings(tcti: bus.tcti, timeoutSeconds: 60))
        }
        #expect(
            refusal?.code == .refused && refusal?.reason.contains("changed on its way") == true, "\(refusal as Any)")
        let fair = try TappedBus(before: tpm.port)
        defer { fair.close() }
        _ = try await TPMCounter(file: file, TPMSettings(tcti: fair.tcti, timeoutSeconds: 60))
    }
}

@Suite struct CheckpointTests {
    @Test(arguments: [
        (UInt64(7), UInt64(7), Checkpoint.current), (8, 7, .interrupted), (6, 7, .rolledBack(by: 1)),
        (0, UInt64.max, .rolledBack(by: .max)), (9, 7, .counterWentBack(by: 2)),
        (UInt64.max, 0, .counterWentBack(by: .max)),
    ])
    func `a head's number means one thing beside the counter`(head: UInt64, counter: UInt64, meaning: Checkpoint) {
        #expect(Checkpoint(head: head, counter: counter) == meaning)
    }
}

@Suite struct FileCounterTests {
    let folder: ScratchFolder
    let file: String
    let key = SecretBytes(random: 32)

    init() async throws {
        folder = try ScratchFolder()
        file = "\(folder.path)/counter"
        try await FileCounter.create(file: file, key: key)
    }

    @Test func `it counts by one, and goes on after a restart`() async throws {
        let counter = try await FileCounter(file: file, key: key)
        #expect(try await counter.value() == 1)
        #expect(try await counter.advance() == 2)
        #expect(try await counter.advance() == 3)
        #expect(try await FileCounter(file: file, key: key).value() == 3)
        #expect(!counter.wears && counter.kind == "file")
        #expect(await code { try await FileCounter.create(file: file, key: key) } == .exists)
    }

    @Test func `of many steps at once each counts`() async throws {
        let counter = try await FileCounter(file: file, key: key)
        let values = try await withThrowingTaskGroup { group in
            for _ in 0..<20 { group.addTask { try await counter.advance() } }
            return try await group.reduce(into: Set<UInt64>()) { $0.insert($1) }
        }
        #expect(values == Set(2...21))
    }

    @Test func `an older file is noticed while the broker runs, and by the store's head after that`() async throws {
        let counter = try await FileCounter(file: file, key: key)
        let old = try Data(contentsOf: URL(fileURLWithPath: file))
        for _ in 0..<5 { _ = try await counter.advance() }
        try old.write(to: URL(fileURLWithPath: file))
        #expect(await code { try await counter.value() } == .wentBack)
        #expect(await code { try await counter.advance() } == .wentBack)
        let later = try await FileCounter(file: file, key: key).value()
        #expect(Checkpoint(head: 6, counter: later) == .counterWentBack(by: 5))
    }

    @Test func `a value that the broker did not write is refused`() async throws {
        let text = try String(contentsOfFile: file, encoding: .utf8)
        for changed in [
            text.replacingOccurrences(of: "\"1\"", with: "\"2\""), text.replacingOccurrences(of: "\"1\"", with: "1"),
            text.replacingOccurrences(of: "\"1\"", with: "\"01\""), text.replacingOccurrences(of: "/1", with: "/2"),
            text.replacingOccurrences(of: "{", with: "{\"more\": 1,"), String(text.dropLast(4)), "", "1",
            String(repeating: " ", count: 4096),
        ] {
            #expect(changed != text)
            try changed.write(toFile: file, atomically: false, encoding: .utf8)
            // What is a counter and not this store's, or what is none.
            let expected = changed.contains("\"2\"") ? RootKeyFailure.Code.otherStore : .damaged
            #expect(await code { try await FileCounter(file: file, key: key) } == expected, "\(changed)")
            if expected == .damaged {
                let replacement = await code { try await FileCounter.create(file: file, key: key, replacing: true) }
                #expect(replacement == .exists, "\(changed)")
            }
        }
        try text.write(toFile: file, atomically: false, encoding: .utf8)
        #expect(try await FileCounter(file: file, key: key).value() == 1)
        let other = SecretBytes(random: 32)
        #expect(await code { try await FileCounter(file: file, key: other) } == .otherStore)
        // Its own store's counter never gives way, another one's does where that is asked for.
        #expect(await code { try await FileCounter.create(file: file, key: key, replacing: true) } == .exists)
        #expect(await code { try await FileCounter.create(file: file, key: other) } == .exists)
        try await FileCounter.create(file: file, key: other, replacing: true)
        #expect(try await FileCounter(file: file, key: other).value() == 1)
    }

    @Test func `a missing file is not taken for a new counter`() async throws {
        let counter = try await FileCounter(file: file, key: key)
        unlink(file)
        #expect(await code { try await counter.value() } == .missing)
        #expect(await code { try await counter.advance() } == .missing)
        #expect(await code { try await FileCounter(file: file, key: key) } == .missing)
        #expect(!FileManager.default.fileExists(atPath: file))
    }
}
