import EvidenceSamples
import Testing
import WireFormat

@testable import Evidence

/// A boot as it was recorded.
private struct RecordedBoot {
    struct Event: Equatable {
        let register: Int
        let type: UInt32
        let digests: [TPMHash: [UInt8]]
    }

    let events: [Event]
    let registers: JSONValue
    let version: String
    let hasSecureBoot: Bool

    init(_ json: JSONValue) throws {
        events = try #require(json["events"]?.arrayValue).map { event in
            let parts = try #require(event.arrayValue)
            return Event(
                register: Int(try #require(parts[0].integerValue)),
                type: UInt32(try #require(parts[1].integerValue)),
                digests: [
                    .sha256: try Hex.decode(parts[2].stringValue ?? "", field: "event"),
                    .sha384: try Hex.decode(parts[3].stringValue ?? "", field: "event"),
                ])
        }
        registers = try #require(json["registers"])
        version = try #require(json["version"]?.stringValue)
        hasSecureBoot = json["hasSecureBoot"] == .bool(true)
    }

    static func named(_ name: String) throws -> RecordedBoot {
        try RecordedBoot(try #require(RecordedBoots.all().first { $0.key.contains(name) }?.value))
    }

    /// The digests of the events of a kind, for what is not computed from other bytes here.
    func measured(_ register: Int, _ type: EventType) -> [MeasuredBoot.Measured] {
        events.filter { $0.register == register && $0.type == type.rawValue }.map {
            MeasuredBoot.Measured(digests: $0.digests)
        }
    }

    /// The boot, told by what stands for firmware, kernel and initrd; everything else is computed.
    func described() throws -> MeasuredBoot {
        let volumes = measured(0, .firmwareBlob)
        let given = measured(9, .eventTag)
        return MeasuredBoot(
            firmware: MeasuredBoot.Firmware(
                version: version, early: volumes[0], drivers: volumes[1], secureBoot: hasSecureBoot ? [0] : [],
                bootOption: try Self.menu(), tables: measured(1, .platformConfiguration)),
            kernel: try #require(measured(4, .bootApplication).first),
            loadOptions: MeasuredBoot.Measured(
                FirmwareEvent.commandLineBytes(RecordedBoots.commandLine, initrd: .last)),
            initrd: given[1])
    }

    /// `Boot0000`, written out: `UiApp`, in the volume of the drivers.
    private static func menu() throws -> [UInt8] {
        try Hex.decode(
            "090100002c00550069004100700070000000"
                + "04071400c9bdb87cebf8344faaea3ee4af6516a104061400" + "21aa2c4614760345836e8ab6f46623317fff0400",
            field: "option")
    }
}

@Suite("Measured boots") struct MeasuredBootTests {
    @Test(arguments: ["deb12u2, OVMF_CODE_4M.fd", "deb12u2, OVMF_CODE_4M.secboot.fd", "Debian 13"])
    func `every event of a recorded boot is told, and every register`(name: String) throws {
        let recorded = try RecordedBoot.named(name)
        let boot = try recorded.described()
        #expect(boot.open.isEmpty)
        for register in MeasuredBoot.registers {
            let told = boot.events.filter { $0.register == register }.map {
                RecordedBoot.Event(register: $0.register, type: $0.type.rawValue, digests: $0.measured.digests)
            }
            #expect(told == recorded.events.filter { $0.register == register }, "register \(register)")
        }
        let banks = try boot.banks()
        for register in MeasuredBoot.registers {
            let told: [JSONValue] = MeasuredBoot.banks.map { .string(Hex.encode(banks[$0, register] ?? [])) }
            #expect(recorded.registers["\(register)"] == .array(told), "register \(register)")
        }
        // Nothing is measured into register 8, and nothing is said of it.
        #expect(recorded.registers["8"]?.arrayValue?.first?.stringValue == String(repeating: "0", count: 64))
        #expect(banks[.sha256, 8] == nil)
        #expect(try PCRBanks(json: banks.json) == banks)
    }

    @Test func `what is not known of the machine leaves its register untold and no other`() throws {
        var boot = try RecordedBoot.named("Debian 13").described()
        let whole = try boot.banks()
        boot.firmware.early = nil
        boot.firmware.tables = nil
        #expect(Set(boot.open.keys) == [0, 1])
        let known = try boot.banks()
        for bank in MeasuredBoot.banks {
            #expect(Set(known.values[bank].map { Array($0.keys) } ?? []) == [2, 3, 4, 5, 6, 7, 9])
            for register in [2, 3, 4, 5, 6, 7, 9] { #expect(known[bank, register] == whole[bank, register]) }
        }
        boot.firmware.tables = []
        boot.firmware.bootOption = nil
        #expect(Set(boot.open.keys) == [0, 1])
    }

    @Test func `each artefact decides its own registers`() throws {
        let boot = try RecordedBoot.named("deb12u2, OVMF_CODE_4M.fd").described()
        let other = MeasuredBoot.Measured(Array("other".utf8))
        func changed(_ change: (inout MeasuredBoot) -> Void) throws -> Set<Int> {
            var altered = boot
            change(&altered)
            let (before, after) = (try boot.banks(), try altered.banks())
            return Set(
                MeasuredBoot.registers.filter { before[.sha256, $0] != after[.sha256, $0] }
                    + MeasuredBoot.registers.filter { before[.sha384, $0] != after[.sha384, $0] })
        }
        #expect(try changed { $0.kernel = other } == [4])
        #expect(try changed { $0.initrd = other } == [9])
        #expect(try changed { $0.initrd = nil } == [9])
        #expect(try changed { $0.loadOptions = other } == [9])
        #expect(try changed { $0.firmware.drivers = other } == [0])
        #expect(try changed { $0.firmware.early = other } == [0])
        #expect(try changed { $0.firmware.version = "1" } == [0])
        #expect(try changed { $0.firmware.secureBoot = [1] } == [7])
        #expect(try changed { $0.firmware.tables = [other] } == [1])
    }

    @Test func `a digest that is missing or too short is an error`() throws {
        var boot = try RecordedBoot.named("deb12u2, OVMF_CODE_4M.fd").described()
        boot.kernel = MeasuredBoot.Measured(digests: [.sha256: [UInt8](repeating: 1, count: 32)])
        #expect(throws: WireError.self) { try boot.banks() }
        boot.kernel = MeasuredBoot.Measured(digests: [.sha256: [1], .sha384: [1]])
        #expect(throws: WireError.self) { try boot.banks() }
    }
}
