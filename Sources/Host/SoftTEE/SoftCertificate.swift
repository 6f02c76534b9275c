import Crypto
import CryptoExtras
import Glibc
import WireFormat

/// Writes certificates of AMD's shape: RSA-PSS signatures over DER that is put together here.
///
/// The general X.509 library neither reads nor writes such certificates.
struct SoftCertificate {
    /// What the certificate is for.
    enum Role {
        /// Signs other certificates and lists of revoked ones.
        case authority
        /// The key of a security processor, with AMD's extensions.
        case processor(extensions: [UInt8])
    }

    let commonName: String
    let issuerName: String
    let serial: [UInt8]
    let publicKeyInfo: [UInt8]
    let role: Role

    /// The organisation in every name, so that nobody takes the certificates for AMD's.
    static let organisation = "Testudo software stand-in (simulated, not AMD)"
    private static let lifetime: Int64 = 10 * 365 * 86_400

    /// Seconds since 1970 at which a certificate made at `now` expires.
    static func expiry(_ now: Int64) -> Int64 { now + lifetime }

    /// The certificate, signed by `issuer` and valid from an hour before `now`.
    func signed(by issuer: _RSA.Signing.PrivateKey, now: Int64) throws -> [UInt8] {
        let body = DERBytes.sequence(
            DERBytes.value(0xA0, DERBytes.value(0x02, [2])), DERBytes.value(0x02, serial), Self.algorithm,
            Self.name(issuerName),
            DERBytes.sequence(Self.time(now - 3_600), Self.time(Self.expiry(now))),
            Self.name(commonName), publicKeyInfo, DERBytes.value(0xA3, DERBytes.sequence(extensions)))
        let signature = try issuer.signature(for: SHA384.hash(data: body), padding: .PSS)
        return DERBytes.sequence(body, Self.algorithm, DERBytes.value(0x03, [0] + Array(signature.rawRepresentation)))
    }

    private var extensions: [UInt8] {
        switch role {
        case .processor(let extensions): return extensions
        case .authority:
            let isAuthority = DERBytes.sequence(DERBytes.value(0x01, [0xFF]))
            let mayCertify = DERBytes.value(0x03, [1, 0x06])  // keyCertSign, cRLSign
            return Self.authorityExtension(0x13, isAuthority) + Self.authorityExtension(0x0F, mayCertify)
        }
    }

    private static func authorityExtension(_ number: UInt8, _ value: [UInt8]) -> [UInt8] {
        DERBytes.sequence(
            DERBytes.value(0x06, [0x55, 0x1D, number]), DERBytes.value(0x01, [0xFF]), DERBytes.value(0x04, value))
    }

    /// RSASSA-PSS, SHA-384, MGF1 with SHA-384, 48 bytes of salt.
    private static let algorithm: [UInt8] = {
        let digest = DERBytes.sequence(
            DERBytes.value(0x06, [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02]), DERBytes.value(0x05, []))
        let mask = DERBytes.sequence(
            DERBytes.value(0x06, [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x08]), digest)
        return DERBytes.sequence(
            DERBytes.value(0x06, [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0A]),
            DERBytes.sequence(
                DERBytes.value(0xA0, digest), DERBytes.value(0xA1, mask),
                DERBytes.value(0xA2, DERBytes.value(0x02, [48]))))
    }()

    private static func name(_ commonName: String) -> [UInt8] {
        func attribute(_ number: UInt8, _ text: String) -> [UInt8] {
            DERBytes.value(
                0x31,
                DERBytes.sequence(
                    DERBytes.value(0x06, [0x55, 0x04, number]), DERBytes.value(0x0C, Array(text.utf8))))
        }
        return DERBytes.sequence(attribute(0x0A, organisation), attribute(0x03, commonName))
    }

    /// UTCTime before 2050 and GeneralizedTime from then on, as RFC 5280 wants.
    private static func time(_ seconds: Int64) -> [UInt8] {
        var instant = time_t(seconds)
        var parts = tm()
        gmtime_r(&instant, &parts)
        let year = Int(parts.tm_year) + 1900
        let numbers = [
            Int(parts.tm_mon) + 1, Int(parts.tm_mday), Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec),
        ]
        func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let rest = numbers.map(padded).joined() + "Z"
        return year < 2050
            ? DERBytes.value(0x17, Array((padded(year % 100) + rest).utf8))
            : DERBytes.value(0x18, Array("\(year)\(rest)".utf8))
    }
}

/// Tag, length and contents of DER.
enum DERBytes {
    /// One value.
    static func value(_ tag: UInt8, _ contents: [UInt8]) -> [UInt8] {
        var length: [UInt8] = []
        if contents.count < 0x80 {
            length = [UInt8(contents.count)]
        } else {
            var rest = contents.count
            while rest > 0 {
                length.insert(UInt8(truncatingIfNeeded: rest), at: 0)
                rest >>= 8
            }
            length.insert(0x80 | UInt8(length.count), at: 0)
        }
        return [tag] + length + contents
    }

    /// A sequence of parts.
    static func sequence(_ parts: [UInt8]...) -> [UInt8] { value(0x30, Array(parts.joined())) }

    /// An integer from 0 to 255.
    static func integer(_ byte: UInt8) -> [UInt8] { value(0x02, byte < 0x80 ? [byte] : [0, byte]) }
}
