import Evidence
import WireFormat

/// The roots that evidence may end in, kept apart by technology (rule R6).
///
/// AMD's root keys are built in. Roots of software stand-ins are trusted only when their fingerprints are listed here, and
/// then for `soft-snp` only: there is no way to add a root for `snp`.
public struct TrustAnchors: Equatable, Sendable {
    /// SHA-256 fingerprints of the root certificates (DER) of trusted stand-ins.
    public let softRoots: Set<[UInt8]>

    /// AMD's keys and no stand-in.
    public static let hardwareOnly = TrustAnchors()

    /// AMD's root keys: SHA-256 of the SubjectPublicKeyInfo of ARK-Milan, ARK-Genoa and ARK-Turin.
    static let amdKeys: [String: ProductLine] = [
        "9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9": .milan,
        "429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831": .genoa,
        "4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08": .turin,
    ]

    private init() { softRoots = [] }

    /// AMD's keys and the stand-ins with these fingerprints, 32 bytes each.
    public init(softRoots: Set<[UInt8]>) throws(WireError) {
        guard softRoots.allSatisfy({ $0.count == 32 }) else {
            throw WireError(field: "soft root", reason: "a fingerprint must be 32 bytes")
        }
        self.softRoots = softRoots
    }

    /// AMD's keys and the stand-ins with these fingerprints in hex.
    public init(softRootFingerprints: [String]) throws(WireError) {
        var roots: Set<[UInt8]> = []
        for text in softRootFingerprints { roots.insert(try Hex.decode(text, field: "soft root")) }
        try self.init(softRoots: roots)
    }

    /// Whether a certificate in DER has one of AMD's root keys; everything else can at most be the root of a stand-in.
    public static func isAMDRoot(_ der: [UInt8]) -> Bool {
        guard let root = try? EndorsementCertificate(der: der, "root") else { return false }
        return amdKeys[Hex.encode(root.publicKeyFingerprint)] != nil
    }

    /// What a trusted root vouches for.
    struct Match {
        let productLine: ProductLine
        let simulated: Bool
    }

    /// A root by what it is recognised by.
    struct Root: Sendable {
        /// Its name.
        let commonName: String
        /// SHA-256 of the certificate.
        let fingerprint: [UInt8]
        /// SHA-256 of the public key.
        let keyFingerprint: [UInt8]

        init(_ certificate: EndorsementCertificate) {
            commonName = certificate.commonName
            fingerprint = certificate.fingerprint
            keyFingerprint = certificate.publicKeyFingerprint
        }
    }

    /// Finds `root` among the roots of `technology`; nil when it is none of them.
    func match(_ root: Root, for technology: Technology) -> Match? {
        let hardware = Self.amdKeys[Hex.encode(root.keyFingerprint)]
        switch technology.roots {
        case .amd:
            guard let hardware else { return nil }
            return Match(productLine: hardware, simulated: false)
        case .soft:
            // A real root listed by mistake does not turn real evidence into simulated evidence.
            guard hardware == nil, softRoots.contains(root.fingerprint) else { return nil }
            guard let line = root.commonName.split(separator: "-", maxSplits: 1).last,
                root.commonName.hasPrefix("ARK-"), let product = ProductLine(rawValue: String(line))
            else { return nil }
            return Match(productLine: product, simulated: true)
        case .intel, .nothing:
            return nil
        }
    }
}
