import Crypto
import Envelope
import Evidence
import Testing
import WireFormat

@testable import KeyBroker

/// A machine with a TPM: a key, registers of the SHA-256 bank, and quotes in the form of trustee's guests.
struct SoftwareTPM {
    let key = P256.Signing.PrivateKey()
    var registers: [[UInt8]] = Array(repeating: [UInt8](repeating: 0, count: 32), count: 24)

    /// Boots a kernel for an init-data document, which is measured into register 8.
    init(initData: String, kernel: UInt8 = 11) {
        registers[11] = [UInt8](repeating: kernel, count: 32)
        let digest = SHA256Digest(hashing: Array(initData.utf8)).bytes
        registers[8] = SHA256Digest(hashing: registers[8] + digest).bytes
    }

    var publicKey: String { Base64.encode(Array(key.publicKey.derRepresentation)) }

    /// What registrations name: the registers of firmware, boot loader and kernel.
    var measurement: String {
        let boot = [0, 1, 2, 3, 4, 5, 6, 7, 9, 11].flatMap { registers[$0] }
        return Hex.encode(Array(SHA384.hash(data: boot)))
    }

    /// `primary_evidence` for report data, of which the TPM takes the first 32 bytes.
    func evidence(_ reportData: [UInt8]) throws -> JSONValue {
        let quoted = Array(SHA256.hash(data: registers.flatMap { $0 }))
        var message: [UInt8] = [0xFF, 0x54, 0x43, 0x47, 0x80, 0x18]
        message += Self.sized([UInt8](repeating: 1, count: 34))
        message += Self.sized(Array(reportData.prefix(32)))
        message += [UInt8](repeating: 0, count: 16) + [1] + [UInt8](repeating: 0, count: 8)
        message += [0, 0, 0, 1, 0x00, 0x0B, 3, 0xFF, 0xFF, 0xFF]
        message += Self.sized(quoted)
        let raw = Array(try key.signature(for: SHA256.hash(data: message)).rawRepresentation)
        let signature: [UInt8] =
            [0x00, 0x18, 0x00, 0x0B] + Self.sized(Array(raw[..<32])) + Self.sized(Array(raw[32...]))
        return [
            "ak_public": .string(publicKey),
            "tpm_quote": [
                "message": .string(Base64.encode(message)), "signature": .string(Base64.encode(signature)),
                "pcrs": .array(registers.map { .string(Hex.encode($0)) }),
            ],
        ]
    }

    private static func sized(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8(bytes.count >> 8), UInt8(bytes.count & 0xFF)] + bytes
    }
}
