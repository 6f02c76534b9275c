import Crypto
import EvidenceSamples
import WireFormat

@testable import Evidence

extension Format {
    /// Inputs that need no vectors.
    var builtInSeeds: [[UInt8]] {
        switch self {
        case .bootEventLog: return [BootLog.bytes]
        case .firmware: return [(try? FirmwareImage().bytes()) ?? []]
        case .tpmSignature:
            let number = [0, 2] + [UInt8](repeating: 7, count: 2)
            return [[0, 0x14, 0, 0x0B] + number, [0, 0x16, 0, 0x0C] + number, [0, 0x18, 0, 0x0B] + number + number]
        case .tpmAttestation: return [Self.statement(type: 0x8018), Self.statement(type: 0x8017)]
        case .tpmKey: return Self.keys
        case .deviceEvidence:
            let se = [
                "measurement", "additional_data", "user_data", "cuid", "encr_measurement_key", "encr_request_nonce",
                "image_hdr_tags",
            ].map { "\"\($0)\":\"YWJjZGVmZ2hpamts\"" }
            let device =
                "{\"arch\":\"HOPPER\",\"uuid\":\"a\",\"evidence\":\"11e00000\",\"certificate\":\"YWJjZGVmZ2g=\"}"
            return [
                Array("{\(se.joined(separator: ","))}".utf8),
                Array("{\"device_evidence_list\":[\(device),\(device)]}".utf8),
            ]
        case .certificateTable:
            return [Self.table([.vcek, .ask, .ark, .vlek, .crl])]
        case .program: return [Self.program(withCertificates: false), Self.program(withCertificates: true)]
        case .pcrBanks:
            let value = String(repeating: "ab", count: 32)
            return [
                Array("[\"\(value)\",\"\(value)\"]".utf8), Array("{\"0\":\"\(value)\",\"7\":\"\(value)\"}".utf8),
                Array("{\"sha256\":{\"0\":\"\(value)\"},\"sha1\":[\"\(value.prefix(40))\"]}".utf8),
            ]
        case .corim: return ReferenceSeeds.corim
        case .swidManifest: return ReferenceSeeds.swid
        case .referenceDocument: return ReferenceSeeds.documents
        case .initData: return InitDataSeeds.documents
        case .tpmCertificate: return TPMCertificateSeeds.certificates
        default: return [[0]]
        }
    }

    /// A quote of two banks, or another statement.
    private static func statement(type: UInt16) -> [UInt8] {
        var writer = ByteWriter()
        writer.append([0xFF, 0x54, 0x43, 0x47])
        writer.u16BE(type)
        writer.sized16BE([0, 0x0B, 1, 2])
        writer.sized16BE([UInt8](repeating: 9, count: 32))
        writer.append([UInt8](repeating: 0, count: 16))
        writer.u8(1)
        writer.append([UInt8](repeating: 0, count: 8))
        writer.u32BE(2)
        for algorithm: UInt16 in [4, 0x0B] {
            writer.u16BE(algorithm)
            writer.append([3, 0xFF, 0x01, 0x80])
        }
        writer.sized16BE([UInt8](repeating: 5, count: 32))
        return writer.bytes
    }

    /// Keys on every curve as SubjectPublicKeyInfo and as a TPM's public area, and an RSA key.
    private static var keys: [[UInt8]] {
        let (p256, p384, p521) = (P256.Signing.PrivateKey(), P384.Signing.PrivateKey(), P521.Signing.PrivateKey())
        let infos = [
            p256.publicKey.derRepresentation, p384.publicKey.derRepresentation, p521.publicKey.derRepresentation,
        ]
        let areas = [
            area(curve: 3, Array(p256.publicKey.rawRepresentation)),
            area(curve: 4, Array(p384.publicKey.rawRepresentation)),
            area(curve: 5, Array(p521.publicKey.rawRepresentation)), rsaArea,
        ]
        return infos.map(Array.init) + [Array(p256.publicKey.pemRepresentation.utf8)] + areas
            + areas.map { [UInt8($0.count >> 8), UInt8($0.count & 0xFF)] + $0 }
    }

    private static func area(curve: UInt16, _ point: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        for number: UInt16 in [0x23, 0x0B] { writer.u16BE(number) }
        writer.u32BE(0x5_0072)
        writer.sized16BE([])
        for number: UInt16 in [0x10, 0x18, 0x0B, curve, 0x10] { writer.u16BE(number) }
        writer.sized16BE(Array(point.prefix(point.count / 2)))
        writer.sized16BE(Array(point.suffix(point.count / 2)))
        return writer.bytes
    }

    private static var rsaArea: [UInt8] {
        var writer = ByteWriter()
        for number: UInt16 in [0x01, 0x0B] { writer.u16BE(number) }
        writer.u32BE(0x5_0072)
        writer.sized16BE([])
        for number: UInt16 in [0x10, 0x14, 0x0B, 2048] { writer.u16BE(number) }
        writer.u32BE(0)
        writer.sized16BE([0xC1] + [UInt8](repeating: 0x35, count: 255))
        return writer.bytes
    }

    private static func table(_ kinds: [CertificateTable.Kind]) -> [UInt8] {
        var writer = ByteWriter()
        let start = 24 * (kinds.count + 1)
        for (index, kind) in kinds.enumerated() {
            writer.append(kind.guid)
            writer.u32LE(UInt32(start + 16 * index))
            writer.u32LE(16)
        }
        writer.append([UInt8](repeating: 0, count: 24))
        for (index, _) in kinds.enumerated() {
            writer.append(index == 1 ? Array("-----BEGIN A-----".utf8.prefix(16)) : [UInt8](repeating: 0x30, count: 16))
        }
        return writer.bytes
    }

    /// A small program for UEFI with one section.
    private static func program(withCertificates: Bool) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 0x400)
        func put(_ offset: Int, _ width: Int, _ value: Int) {
            for index in 0..<width { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
        }
        put(0, 2, 0x5A4D)
        put(0x3C, 4, 0x40)
        put(0x40, 4, 0x4550)
        put(0x46, 2, 1)
        put(0x54, 2, 240)
        put(0x58, 2, 0x20B)
        put(0x58 + 60, 4, 0x200)
        put(0x58 + 108, 4, 16)
        put(0x58 + 240 + 16, 4, 0x100)
        put(0x58 + 240 + 20, 4, 0x200)
        if withCertificates {
            put(0x58 + 112 + 32, 4, 0x380)
            put(0x58 + 112 + 36, 4, 0x80)
        }
        return bytes
    }
}
