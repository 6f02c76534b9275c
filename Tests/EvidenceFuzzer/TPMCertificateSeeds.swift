import Crypto
import Fuzzing
import WireFormat

/// Certificates of a TPM's keys up to a root, made from keys that are the same in each process.
enum TPMCertificateSeeds {
    /// The key that is asked for.
    static let attestationKey = key(3)
    /// A time at which all are valid, in seconds since 1970.
    static let time: Int64 = 1_800_000_000

    static let root = certificate(
        name("root"), by: (name("root"), key(1)), Array(key(1).publicKey.derRepresentation), authority(pathLength: 1))

    static var certificates: [[UInt8]] {
        let (maker, owner) = ((name("maker"), key(2)), (name("root"), key(1)))
        let authority = certificate(
            maker.0, by: owner, Array(maker.1.publicKey.derRepresentation), authority(pathLength: 0))
        let attesting = [
            pointed([0x55, 0x1D, 0x13], [0x30, 0x00], isCritical: true),
            pointed([0x55, 0x1D, 0x0F], [0x03, 0x02, 0x07, 0x80], isCritical: true),
            pointed([0x55, 0x1D, 0x25], element(0x30, element(0x06, [0x67, 0x81, 0x05, 0x08, 0x03]))),
            pointed([0x55, 0x1D, 0x23], [0x30, 0x02, 0x80, 0x00]),
        ]
        let leaf = certificate(
            name("ak"), by: maker, Array(attestationKey.publicKey.derRepresentation), attesting)
        let endorsing = certificate(
            element(0x30, []), by: maker, Array(key(4).publicKey.derRepresentation), endorsement(usage: 0x08))
        let rsa = certificate(
            element(0x30, []), by: maker, rsaKey, endorsement(usage: 0x20),
            signature: [UInt8](repeating: 7, count: 256),
            [0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0B, 0x05, 0x00])
        let large =
            [Array(P384.Signing.PrivateKey().publicKey.derRepresentation)]
            + [Array(P521.Signing.PrivateKey().publicKey.derRepresentation)]
        let others = large.map { certificate(name("other"), by: maker, $0, attesting) }
        let chains = [[leaf, authority], [authority, endorsing], [rsa, endorsing, authority, leaf], [leaf, root]]
        return [leaf, endorsing, rsa, authority, root] + others
            + chains.map { $0.flatMap { Armour.pem(label: "CERTIFICATE").encode($0) } }
    }

    private static func key(_ number: UInt8) -> P256.Signing.PrivateKey {
        guard let key = try? P256.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: number, count: 32)) else {
            fatalError("the number is no key")
        }
        return key
    }

    private static func element(_ tag: UInt8, _ parts: [UInt8]...) -> [UInt8] {
        Node.sized(.der(tag: tag), .bytes(parts.flatMap { $0 })).encoded
    }

    private static func attribute(_ type: [UInt8], _ text: String) -> [UInt8] {
        element(0x31, element(0x30, element(0x06, type), element(0x0C, Array(text.utf8))))
    }

    private static func name(_ common: String) -> [UInt8] { element(0x30, attribute([0x55, 0x04, 0x03], common)) }

    private static func pointed(_ name: [UInt8], _ value: [UInt8], isCritical: Bool = false) -> [UInt8] {
        element(0x30, element(0x06, name), isCritical ? [0x01, 0x01, 0xFF] : [], element(0x04, value))
    }

    private static func authority(pathLength: UInt8) -> [[UInt8]] {
        [
            pointed([0x55, 0x1D, 0x13], [0x30, 0x06, 0x01, 0x01, 0xFF, 0x02, 0x01, pathLength], isCritical: true),
            pointed([0x55, 0x1D, 0x0F], [0x03, 0x02, 0x02, 0x04], isCritical: true),
        ]
    }

    private static func endorsement(usage: UInt8) -> [[UInt8]] {
        let attributes: [UInt8] = [0x67, 0x81, 0x05, 0x02]
        let texts = ["id:53544D20", "ST33HTPHAHD4", "id:00010101"]
        let machine = zip(1...3, texts).flatMap { attribute(attributes + [UInt8($0)], $1) }
        return [
            pointed([0x55, 0x1D, 0x13], [0x30, 0x00], isCritical: true),
            pointed([0x55, 0x1D, 0x0F], [0x03, 0x02, 0x03, usage], isCritical: true),
            pointed([0x55, 0x1D, 0x25], element(0x30, element(0x06, [0x67, 0x81, 0x05, 0x08, 0x01]))),
            pointed(
                [0x55, 0x1D, 0x11], element(0x30, [0x82, 0x01, 0x61], element(0xA4, element(0x30, machine))),
                isCritical: true),
        ]
    }

    /// An RSA key of 2048 bits that nobody has.
    private static var rsaKey: [UInt8] {
        let numbers = element(
            0x30, element(0x02, [0x00, 0xC1] + [UInt8](repeating: 0x35, count: 255)), [0x02, 0x03, 0x01, 0x00, 0x01])
        return element(
            0x30, [0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00],
            element(0x03, [0] + numbers))
    }

    private static func certificate(
        _ subject: [UInt8], by issuer: (name: [UInt8], key: P256.Signing.PrivateKey), _ key: [UInt8],
        _ extensions: [[UInt8]], signature: [UInt8]? = nil,
        _ algorithm: [UInt8] = [0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02]
    ) -> [UInt8] {
        let validity = element(
            0x30, element(0x17, Array("240101000000Z".utf8)), element(0x18, Array("20990101000000Z".utf8)))
        let body = element(
            0x30, [0xA0, 0x03, 0x02, 0x01, 0x02], [0x02, 0x01, 0x07], algorithm, issuer.name, validity, subject, key,
            element(0xA3, element(0x30, extensions.flatMap { $0 })))
        let made = try? issuer.key.signature(for: SHA256.hash(data: body)).derRepresentation
        return element(0x30, body, algorithm, element(0x03, [0] + (signature ?? made.map(Array.init) ?? [])))
    }
}
