import Evidence
import TestSupport
import Testing
import WireFormat

@testable import Verifier

@Suite("Event log replay", .enabled(if: Vectors.available))
struct EventLogReplayTests {
    private static let folder = "trustee/deps/eventlog/test_data"
    private static let zero = String(repeating: "0", count: 96)

    /// The values that trustee's documentation gives for its logs.
    @Test(arguments: [
        (
            "CCEL_data",
            [
                "2dc712306a963eadb894ad47dbaa17df44814151555aee11cbb843becca88950ffd079664902e6f22c66f7c8213543f4",
                "0fa3be56af61208bbd179dc7b124988eb929319154663c539d6f46445ecac2fec287075047ff7bd1922829fec28cd3cf",
                zero, zero,
            ]
        ),
        (
            "CCEL_data_ovmf",
            [
                "8566f998798db09443b244c62de9a3041fb02e2e6936c4396d784bba2e90177329ec5aba3bb484404f2ab9cc90abe193",
                "775b9f6bfe99f8a31396f0d0218e67ffa796d3b96ccf961cbb0deba48c79c00f082cda1a5567c1c16305f1fc210c13c6",
                "94eaf7a7bf398ed8d888c91057ae0261802e4f3df084213a76ca7f0b5055ac9d2241de43cd58d9e8b49c503bbf25f34a",
                zero,
            ]
        ),
        (
            "CCEL_data_grub",
            [
                "cec0a104f691f60da2387fea3c2de00c4ac035e2bb479ff02edcce69039d9e9907f0b3e55031da3dc7038f423adebd79",
                "6c289e0c62182d41ebe97bdbc9872d10998a08eaa86adcdc684001a363207ee72942c7522cdf00a4bbc3d784bed7b670",
                "08919d017ba0e52cd6d966351c7de16fe76c1d3d3d3da4554239e4c7d16cb8b82a94e7eaea3a0e6e18eb690b999fd31e",
                zero,
            ]
        ),
        (
            "CCEL_data_gcp",
            [
                "3300980705adf09d28b707b79699d9874892164280832be2c386a715b6e204e0897fb564a064f810659207ba862b304f",
                "204d49f78d29918fe7b2f694e76653861a0c2a018987d2c3a54266eff737232524cf0af68c4d180e2f8c2c0937f21967",
                zero, zero,
            ]
        ),
        (
            "CCEL_data_grub_gke",
            [
                "bc9945139042cf2cc75caf920aa57f14884ecfd7e893bccc51250c8ce90eb53ce72741e6adaa18183eb1331a87d4544a",
                "c17cb288a4dee302bb9ed8d27257a168f3264ad68cab53757f37eeaa7039657fa887cad65cf910e0fdc435ff110f8a7b",
                "334aeba2c985f8886cea97d1ecffbd512769d528b9a94009583db667ad7d2faa7d37fa145d75b192ceee2d2f10b2eb6d",
                zero,
            ]
        ),
    ])
    func `logs give the published registers`(name: String, published: [String]) throws {
        let log = try BootEventLog(parsing: try Vectors.bytes("\(Self.folder)/\(name)"))
        #expect(try EventLogReplay.rtmrs(log).map { Hex.encode($0) } == published)
        let rtmrs = try published.map { try Hex.decode($0, field: "RTMR") }
        #expect(throws: Never.self) { try EventLogVerifier.verify(log, rtmrs: rtmrs) }
        for index in rtmrs.indices {
            var wrong = rtmrs
            wrong[index][47] ^= 1
            let refusal = #expect(throws: EvidenceRefusal.self) { try EventLogVerifier.verify(log, rtmrs: wrong) }
            #expect(refusal?.check == .eventLogReplay)
            #expect(refusal?.reason.hasPrefix("RTMR \(index):") == true)
            VerificationRecord.$switchedOff.withValue([.eventLogReplay]) {
                #expect(throws: Never.self) { try EventLogVerifier.verify(log, rtmrs: wrong) }
            }
        }
        #expect(throws: EvidenceRefusal.self) { try EventLogVerifier.verify(log, rtmrs: []) }
    }

    /// Whoever edits only what an event says leaves all registers as they were.
    @Test(arguments: ["evidence/eventlog/gcp-cos113/ccel.bin", "\(folder)/CCEL_AAEL_alibabacloud"])
    func `an edited event is refused though the registers agree`(path: String) throws {
        let log = try BootEventLog(parsing: try Vectors.bytes(path))
        let rtmrs = try EventLogReplay.rtmrs(log)
        let verified = try EventLogVerifier.verify(log, rtmrs: rtmrs)
        var edits = 0
        for (index, payload) in verified.payloads.enumerated() where payload == .matches {
            var edited = log
            edited.events[index].data[edited.events[index].data.count / 2] ^= 1
            // An edited head can make an event one of those that only name things.
            guard EventPayload(edited.events[index]) != .opaque else { continue }
            edits += 1
            let refusal = #expect(throws: EvidenceRefusal.self) { try EventLogVerifier.verify(edited, rtmrs: rtmrs) }
            #expect(refusal?.check == .eventLogPayload)
            VerificationRecord.$switchedOff.withValue([.eventLogPayload]) {
                #expect(throws: Never.self) { try EventLogVerifier.verify(edited, rtmrs: rtmrs) }
            }
        }
        #expect(edits >= 10)
    }

    @Test(arguments: ["lite", "gpu"])
    func `an edited payload or name in JSON is refused though the registers agree`(name: String) throws {
        let json = try JSONValue.parse(try Vectors.bytes("evidence/eventlog/dstack-\(name)/events.json"))
        let log = try RuntimeEventLog(json: json)
        let rtmrs = EventLogReplay.rtmrs(log)
        #expect(throws: Never.self) { try EventLogVerifier.verify(log, rtmrs: rtmrs) }
        for index in log.events.indices where log.events[index].register == 3 {
            var edited = log
            edited.events[index].payload.append(0)
            var renamed = log
            renamed.events[index].name += "x"
            for changed in [edited, renamed] {
                let refusal = #expect(throws: EvidenceRefusal.self) {
                    try EventLogVerifier.verify(changed, rtmrs: rtmrs)
                }
                #expect(refusal?.check == .eventLogPayload)
                // A digest that is left away is computed, so the registers no longer agree.
                var computed = changed
                computed.events[index].digest = nil
                let other = #expect(throws: EvidenceRefusal.self) {
                    try EventLogVerifier.verify(computed, rtmrs: rtmrs)
                }
                #expect(other?.check == .eventLogReplay)
            }
        }
    }

    @Test func `a TPM's log gives the quoted registers of all banks`() throws {
        let folder = "evidence/eventlog/gce-cos-85-nonce9009"
        let log = try BootEventLog(parsing: try Vectors.bytes("\(folder)/binary_bios_measurements.bin"))
        let registers = try PCRBanks(json: try JSONValue.parse(try Vectors.bytes("\(folder)/expected_pcrs.json")))
        #expect(try EventLogVerifier.verify(log, registers: registers).registers == Set(0...9))
        for (bank, values) in registers.values {
            for register in values.keys {
                var wrong = registers
                try wrong.set(bank, register, Array(repeating: 1, count: bank.length))
                let refusal = #expect(throws: EvidenceRefusal.self) {
                    try EventLogVerifier.verify(log, registers: wrong)
                }
                #expect(refusal?.check == .eventLogReplay)
            }
        }
        #expect(throws: EvidenceRefusal.self) { try EventLogVerifier.verify(log, registers: PCRBanks()) }
        var other = PCRBanks()
        try other.set(.sha512, 0, Array(repeating: 0, count: 64))
        #expect(throws: EvidenceRefusal.self) { try EventLogVerifier.verify(log, registers: other) }
    }

    @Test func `the locality of the start counts in register 0 only`() throws {
        var log = try BootEventLog(
            parsing: try Vectors.bytes("evidence/eventlog/gce-cos-85-nonce9009/binary_bios_measurements.bin"))
        let before = try EventLogReplay.registers(log)
        log.events.insert(
            BootEvent(register: 0, type: .noAction, digests: [], data: Array("StartupLocality\0".utf8) + [3]), at: 0)
        let after = try EventLogReplay.registers(log)
        #expect(before[.sha256, 0] != after[.sha256, 0])
        #expect(before[.sha256, 1] == after[.sha256, 1])
    }

    @Test func `events of registers that do not exist are refused`() throws {
        var log = try BootEventLog(parsing: try Vectors.bytes("\(Self.folder)/CCEL_data"))
        log.events[0].register = 5
        #expect(throws: WireError.self) { try EventLogReplay.rtmrs(log) }
        log.events[0].register = 0
        #expect(throws: WireError.self) { try EventLogReplay.rtmrs(log) }
        log.events[0].register = .max
        #expect(throws: WireError.self) { try EventLogReplay.registers(log) }
        log.events[0].register = 1
        log.events[0].digests = []
        #expect(throws: WireError.self) { try EventLogReplay.rtmrs(log) }
    }
}
