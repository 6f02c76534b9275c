import Evidence

extension TrustAnchors {
    /// Intel's root key: SHA-256 of the SubjectPublicKeyInfo of "Intel SGX Root CA".
    static let intelKey: [UInt8] = [
        0xA0, 0xAF, 0x03, 0x12, 0x89, 0xF5, 0xD5, 0xD4, 0x13, 0x2F, 0x91, 0x86, 0x06, 0x8A, 0x7F, 0xC1, 0x36, 0x28,
        0x63, 0x3B, 0xA2, 0x35, 0x77, 0x74, 0x72, 0xE2, 0x9B, 0x6B, 0x6C, 0x67, 0xA4, 0x9E,
    ]

    /// Whether `root` may vouch for `technology`: Intel's key for the hardware, a pinned root for a stand-in, never crosswise.
    func vouches(_ root: P256Certificate, for technology: Technology) -> Bool {
        let isIntel = root.publicKeyFingerprint == Self.intelKey
        return switch technology {
        case .tdx, .sgx: isIntel
        // Intel's root listed by mistake does not turn real evidence into simulated evidence.
        case .softTDX, .softSGX: !isIntel && softRoots.contains(root.fingerprint)
        case .snp, .softSNP, .none: false
        }
    }
}

extension TrustAnchors {
    /// Whether a certificate in DER has Intel's root key; everything else can at most be the root of a stand-in.
    public static func isIntelRoot(_ der: [UInt8]) -> Bool {
        (try? P256Certificate(der: der, "root"))?.publicKeyFingerprint == intelKey
    }
}
