import Crypto
import WireFormat

/// Registers of a TPM that a key is sealed to, written as tpm2-tools write them: `sha256:0,2,4,7`.
public struct PCRSelection: Equatable, Sendable, CustomStringConvertible {
    /// The banks that may be named; SHA-1 is too weak to seal to.
    public enum Bank: String, Sendable {
        /// SHA-256.
        case sha256
        /// SHA-384.
        case sha384

        var algorithm: UInt16 { self == .sha256 ? 0x000B : 0x000C }
        var digestSize: Int { self == .sha256 ? 32 : 48 }
    }

    /// The bank.
    public let bank: Bank
    /// The registers in ascending order.
    public let registers: [Int]

    /// Firmware (0), its extensions (2), the boot loader (4) and the state of Secure Boot (7).
    public static let standard = PCRSelection(bank: .sha256, registers: [0, 2, 4, 7])

    private init(bank: Bank, registers: [Int]) {
        self.bank = bank
        self.registers = registers
    }

    /// Reads the form above.
    public init(_ text: String, field: String = "pcrs") throws(WireError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let bank = Bank(rawValue: String(parts[0])) else {
            throw WireError(field: field, reason: "must be written as sha256:0,2,4,7 (or sha384:…)")
        }
        var registers: [Int] = []
        for part in parts[1].split(separator: ",", omittingEmptySubsequences: false) {
            guard let register = Int(part), (0...23).contains(register), String(register) == part else {
                throw WireError(field: field, reason: "must name registers from 0 to 23")
            }
            guard !registers.contains(register) else { throw WireError(field: field, reason: "names a register twice") }
            registers.append(register)
        }
        self.init(bank: bank, registers: registers.sorted())
    }

    /// The form above.
    public var description: String { "\(bank.rawValue):\(registers.map(String.init).joined(separator: ","))" }

    /// The digest of the policy that demands `values` in these registers (TPM 2.0 Part 3, TPM2_PolicyPCR).
    func policyDigest(_ values: [[UInt8]]) -> [UInt8] {
        var bits: UInt32 = 0
        for register in registers { bits |= 1 << UInt32(register) }
        let selection: [UInt8] = [
            0, 0, 0, 1, UInt8(bank.algorithm >> 8), UInt8(bank.algorithm & 0xFF), 3, UInt8(bits & 0xFF),
            UInt8(bits >> 8 & 0xFF), UInt8(bits >> 16),
        ]
        let composite = SHA256.hash(data: values.flatMap { $0 })
        let command: [UInt8] = [0, 0, 1, 0x7F]
        return Array(SHA256.hash(data: [UInt8](repeating: 0, count: 32) + command + selection + composite))
    }

    /// What a register holds, after the TCG's profile for PCs and the habits of Linux boot loaders.
    static func meaning(of register: Int) -> String {
        switch register {
        case 0: "firmware"
        case 1: "settings of the firmware"
        case 2: "extensions of the firmware"
        case 3: "settings of the firmware's extensions"
        case 4: "boot loader"
        case 5: "boot entries and partition table"
        case 7: "state of Secure Boot"
        case 8: "command line of the kernel"
        case 9: "kernel and initrd"
        case 10: "files measured by IMA"
        case 11: "unified kernel image"
        case 12: "options of the kernel image"
        case 14: "owner's Secure Boot keys"
        case 15: "identity of machine and root disk"
        default: "set by the system"
        }
    }
}
