import Crypto

/// DER put together by hand, so that tests can put it together wrongly.
enum TestDER {
    static func element(_ tag: UInt8, _ contents: [UInt8]) -> [UInt8] {
        switch contents.count {
        case ..<0x80: [tag, UInt8(contents.count)] + contents
        case ..<0x100: [tag, 0x81, UInt8(contents.count)] + contents
        default: [tag, 0x82, UInt8(contents.count >> 8), UInt8(contents.count & 0xFF)] + contents
        }
    }

    static func sequence(_ parts: [UInt8]...) -> [UInt8] { element(0x30, parts.flatMap { $0 }) }

    static func name(_ commonName: String) -> [UInt8] {
        sequence(element(0x31, sequence([0x06, 0x03, 0x55, 0x04, 0x03], element(0x0C, Array(commonName.utf8)))))
    }

    static func `extension`(_ name: [UInt8], _ value: [UInt8], isCritical: Bool = false) -> [UInt8] {
        sequence(element(0x06, name), isCritical ? [0x01, 0x01, 0xFF] : [], element(0x04, value))
    }

    static func time(_ text: String) -> [UInt8] { element(0x17, Array(text.utf8)) }
}

/// A certificate to be made; every part can be replaced by a wrong one.
struct CertificateRecipe {
    static let algorithm: [UInt8] = [0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02]
    static let basicConstraints: [UInt8] = [0x55, 0x1D, 0x13]
    static let keyUsage: [UInt8] = [0x55, 0x1D, 0x0F]
    static let authority = [
        TestDER.extension(basicConstraints, [0x30, 0x03, 0x01, 0x01, 0xFF], isCritical: true),
        TestDER.extension(keyUsage, [0x03, 0x02, 0x01, 0x06], isCritical: true),
    ]

    let key = P256.Signing.PrivateKey()
    var version: [UInt8] = [0xA0, 0x03, 0x02, 0x01, 0x02]
    var serial: [UInt8] = [0x02, 0x01, 0x07]
    var innerAlgorithm = algorithm
    var outerAlgorithm = algorithm
    var issuer = TestDER.name("Intel SGX Root CA")
    var validity = TestDER.sequence(TestDER.time("240101000000Z"), TestDER.time("340101000000Z"))
    var subject = TestDER.name("Intel SGX Root CA")
    var publicKeyInfo: [UInt8]?
    var extensions = authority
    var trailer: [UInt8] = []
    var signature: [UInt8]?

    func der(signedBy signer: P256.Signing.PrivateKey? = nil) throws -> [UInt8] {
        let body = TestDER.sequence(
            version, serial, innerAlgorithm, issuer, validity, subject,
            publicKeyInfo ?? Array(key.publicKey.derRepresentation),
            TestDER.element(0xA3, TestDER.element(0x30, extensions.flatMap { $0 })), trailer)
        let made = try Array((signer ?? key).signature(for: SHA256.hash(data: body)).derRepresentation)
        return TestDER.sequence(body, outerAlgorithm, TestDER.element(0x03, [0] + (signature ?? made)))
    }
}
