import Evidence
import WireFormat

/// A log whose events give the values of registers; only ``EventLogVerifier`` makes it. It is as trustworthy as those values.
public struct VerifiedEventLog: Sendable {
    /// The log.
    public enum Log: Sendable {
        /// A boot log of a TPM or of a TD.
        case boot(BootEventLog)
        /// A log in JSON.
        case runtime(RuntimeEventLog)
    }

    /// What was replayed.
    public let log: Log
    /// For each event, whether its digest is that of what it says.
    public let payloads: [EventPayload]
    /// The registers whose values the log explains; events of others are not vouched for.
    public let registers: Set<Int>
    let record: VerificationRecord

    /// What was looked at.
    public var fields: [FieldVerdict] { record.fields }
}

/// Compares logs with the values of registers that somebody trustworthy states.
public enum EventLogVerifier {
    /// Compares a CCEL with the four RTMRs of a TD.
    public static func verify(
        _ log: BootEventLog, rtmrs: [[UInt8]]
    ) throws(EvidenceRefusal) -> VerifiedEventLog {
        var record = VerificationRecord()
        let replayed: [[UInt8]]
        do throws(WireError) {
            replayed = try EventLogReplay.rtmrs(log)
        } catch {
            throw record.refusal(.eventLogReplay, error.field, "", error.description)
        }
        try compare(replayed, rtmrs, &record)
        let payloads = log.events.map { EventPayload($0) }
        try check(payloads, &record)
        return VerifiedEventLog(
            log: .boot(log), payloads: payloads, registers: Set(1...EventLogReplay.rtmrCount), record: record)
    }

    /// Compares a log in JSON with the four RTMRs of a TD.
    public static func verify(
        _ log: RuntimeEventLog, rtmrs: [[UInt8]]
    ) throws(EvidenceRefusal) -> VerifiedEventLog {
        var record = VerificationRecord()
        try compare(EventLogReplay.rtmrs(log), rtmrs, &record)
        let payloads = log.events.map { EventPayload($0) }
        try check(payloads, &record)
        return VerifiedEventLog(
            log: .runtime(log), payloads: payloads, registers: Set(0..<EventLogReplay.rtmrCount), record: record)
    }

    /// Compares a TPM's log with the values of PCRs: each value given must come out of the log. Events of registers that have
    /// no value among `registers` stay unproven.
    public static func verify(
        _ log: BootEventLog, registers: PCRBanks
    ) throws(EvidenceRefusal) -> VerifiedEventLog {
        var record = VerificationRecord()
        let replayed: PCRBanks
        do throws(WireError) {
            replayed = try EventLogReplay.registers(log)
        } catch {
            throw record.refusal(.eventLogReplay, error.field, "", error.description)
        }
        var compared: Set<Int> = []
        for (bank, values) in registers.values.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            let isLogged = log.algorithms.contains { $0.identifier == bank.rawValue }
            for (register, value) in values.sorted(by: { $0.key < $1.key }) {
                let result = replayed[bank, register] ?? EventLogReplay.initial(bank, register)
                try record.require(
                    isLogged && result == value, .eventLogReplay, "\(bank.name) PCR \(register)", Hex.encode(value),
                    passed: "comes out of the log", failed: "the log gives \(Hex.encode(result))")
                compared.insert(register)
            }
        }
        try record.require(
            !compared.isEmpty, .eventLogReplay, "PCRs", "", passed: "\(compared.count) registers were compared",
            failed: "there is no value to compare the log with")
        let payloads = log.events.map { EventPayload($0) }
        try check(payloads, &record)
        return VerifiedEventLog(log: .boot(log), payloads: payloads, registers: compared, record: record)
    }

    private static func compare(
        _ replayed: [[UInt8]], _ stated: [[UInt8]], _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        try record.require(
            stated.count == replayed.count, .eventLogReplay, "RTMRs", "\(stated.count)", passed: "all are given",
            failed: "\(replayed.count) values are needed")
        for (index, (replayed, stated)) in zip(replayed, stated).enumerated() {
            try record.require(
                replayed == stated, .eventLogReplay, "RTMR \(index)", Hex.encode(stated),
                passed: "comes out of the log", failed: "RTMR \(index): the log gives \(Hex.encode(replayed))")
        }
    }

    private static func check(
        _ payloads: [EventPayload], _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        let wrong = payloads.firstIndex(of: .differs)
        let matching = payloads.count { $0 == .matches }
        try record.require(
            wrong == nil, .eventLogPayload, "event payloads", "\(matching) of \(payloads.count)",
            passed: "have the digests that were extended; the others only name what was measured",
            failed: "event \(wrong ?? 0) is not what was measured")
    }
}
