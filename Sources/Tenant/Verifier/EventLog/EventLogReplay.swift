import Evidence
import WireFormat

/// Extends the digests of logs into registers anew.
public enum EventLogReplay {
    /// The number of RTMRs of a TD.
    public static let rtmrCount = 4
    private static let pcrLimit: UInt32 = 24

    /// The PCRs that the events of a TPM's log give, in all known banks; registers without events are left away.
    public static func registers(_ log: BootEventLog) throws(WireError) -> PCRBanks {
        var banks = PCRBanks()
        let known = log.algorithms.compactMap { TPMHash(rawValue: $0.identifier) }
        let locality = startupLocality(log)
        for (index, event) in log.events.enumerated() where event.type != .noAction {
            guard event.register < pcrLimit else {
                throw WireError(field: "event \(index)", reason: "names register \(event.register)")
            }
            for bank in known {
                guard let digest = event.digest(bank) else {
                    throw WireError(field: "event \(index)", reason: "has no \(bank.name) digest")
                }
                let register = Int(event.register)
                let start = initial(bank, register, locality)
                try banks.set(bank, register, bank.extended(banks[bank, register] ?? start, with: digest))
            }
        }
        return banks
    }

    /// The value of a register before the first event. The registers of the dynamic root (17 to 22) start as ones, and
    /// register 0 holds the locality that the TPM was started from.
    public static func initial(_ bank: TPMHash, _ register: Int, _ locality: UInt8 = 0) -> [UInt8] {
        var value = [UInt8](repeating: (17...22).contains(register) ? 0xFF : 0, count: bank.length)
        if register == 0 { value[bank.length - 1] = locality }
        return value
    }

    /// The locality in the log's record of it (TCG PFP, EFI_SPECID StartupLocality); 0 without one.
    private static func startupLocality(_ log: BootEventLog) -> UInt8 {
        let signature = Array("StartupLocality\0".utf8)
        let record = log.events.first { $0.type == .noAction && $0.data.starts(with: signature) }
        guard let data = record?.data, data.count == signature.count + 1 else { return 0 }
        return data[signature.count]
    }

    /// The four RTMRs that the events of a CCEL give; its registers are numbered from 1.
    public static func rtmrs(_ log: BootEventLog) throws(WireError) -> [[UInt8]] {
        var registers = emptyRTMRs
        for (index, event) in log.events.enumerated() where event.type != .noAction {
            guard (1...UInt32(rtmrCount)).contains(event.register) else {
                throw WireError(field: "event \(index)", reason: "names register \(event.register)")
            }
            guard let digest = event.digest(.sha384) else {
                throw WireError(field: "event \(index)", reason: "has no SHA-384 digest")
            }
            let rtmr = Int(event.register) - 1
            registers[rtmr] = TPMHash.sha384.extended(registers[rtmr], with: digest)
        }
        return registers
    }

    /// The four RTMRs that the events of a log in JSON give.
    public static func rtmrs(_ log: RuntimeEventLog) -> [[UInt8]] {
        var registers = emptyRTMRs
        for event in log.events where registers.indices.contains(event.register) && event.type != .noAction {
            registers[event.register] = TPMHash.sha384.extended(registers[event.register], with: event.extended)
        }
        return registers
    }

    private static var emptyRTMRs: [[UInt8]] {
        Array(repeating: Array(repeating: 0, count: TPMHash.sha384.length), count: rtmrCount)
    }
}
