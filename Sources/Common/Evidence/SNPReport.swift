import WireFormat

/// The attestation report of AMD SEV-SNP: 1184 bytes, signed by the security processor (AMD 56860, ATTESTATION_REPORT).
///
/// A parsed report is well formed, nothing more: who signed it is for the verifier to find out. Versions 2, 3 and 5 are
/// known; reserved bytes must be zero, so ``bytes`` always gives back exactly what was parsed.
public struct SNPReport: Equatable, Sendable {
    /// The number of bytes of every report.
    public static let length = 1184
    /// The number of leading bytes that the signature covers.
    public static let signedLength = 0x2A0
    /// The versions that are understood.
    public static let versions: Set<UInt32> = [2, 3, 5]

    /// The key that a report says it is signed with.
    public enum SigningKey: UInt32, Sendable {
        /// The chip's own key.
        case vcek = 0
        /// A key loaded by a provider.
        case vlek = 1
        /// None; such a report proves nothing.
        case none = 7
    }

    /// The version of a firmware.
    public struct FirmwareVersion: Hashable, Sendable {
        /// The major number.
        public var major: UInt8
        /// The minor number.
        public var minor: UInt8
        /// The build.
        public var build: UInt8

        /// Names a version.
        public init(major: UInt8, minor: UInt8, build: UInt8) {
            self.major = major
            self.minor = minor
            self.build = build
        }
    }

    /// The processor's combined family, model and stepping; zero before version 3.
    public struct Processor: Hashable, Sendable {
        /// The combined family.
        public var family: UInt8
        /// The combined model.
        public var model: UInt8
        /// The stepping.
        public var stepping: UInt8

        /// Names a processor.
        public init(family: UInt8, model: UInt8, stepping: UInt8) {
            self.family = family
            self.model = model
            self.stepping = stepping
        }
    }

    /// The layout version.
    public var version: UInt32
    /// The guest's security version, from its identity block.
    public var guestSVN: UInt32
    /// What the host may do.
    public var policy: GuestPolicy
    /// The family, from the identity block (16 bytes).
    public var familyID: [UInt8]
    /// The image, from the identity block (16 bytes).
    public var imageID: [UInt8]
    /// The privilege level that asked; 0 is the highest, 0xFFFFFFFF the host.
    public var vmpl: UInt32
    /// Always 1: ECDSA P-384 with SHA-384.
    public let signatureAlgorithm: UInt32
    /// The firmware that runs.
    public var currentTCB: TCBVersion
    /// What the platform says of itself.
    public var platformInfo: PlatformInfo
    /// Bit 0: an author key is present; bit 1: the chip key is masked; bits 4:2: the signing key.
    public let keyInfo: UInt32
    /// The caller's 64 bytes.
    public var reportData: [UInt8]
    /// The launch measurement.
    public var measurement: LaunchMeasurement
    /// The host's 32 bytes, fixed at launch.
    public var hostData: [UInt8]
    /// SHA-384 of the identity key (48 bytes).
    public var idKeyDigest: [UInt8]
    /// SHA-384 of the author key (48 bytes).
    public var authorKeyDigest: [UInt8]
    /// The report's identity (32 bytes).
    public var reportID: [UInt8]
    /// The identity of the migration agent's report (32 bytes); all ones without one.
    public var reportIDMA: [UInt8]
    /// The firmware that the signing key was derived from.
    public var reportedTCB: TCBVersion
    /// The processor.
    public var processor: Processor
    /// The chip's identity (64 bytes); zero when masked or signed by a provider's key.
    public var chipID: [UInt8]
    /// The least firmware the platform can go back to.
    public var committedTCB: TCBVersion
    /// The firmware's version.
    public var current: FirmwareVersion
    /// The committed firmware's version.
    public var committed: FirmwareVersion
    /// The firmware at launch.
    public var launchTCB: TCBVersion
    /// The mitigations at launch; version 5.
    public var launchMitigations: UInt64
    /// The mitigations now; version 5.
    public var currentMitigations: UInt64
    /// The signature's first number, 72 bytes little-endian.
    public var signatureR: [UInt8]
    /// The signature's second number, 72 bytes little-endian.
    public var signatureS: [UInt8]

    /// The key that the report says it is signed with.
    public var signingKey: SigningKey { SigningKey(rawValue: keyInfo >> 2 & 7) ?? .none }
    /// Whether the chip's key is masked, in which case the signature of a VCEK is void.
    public var masksChipKey: Bool { keyInfo >> 1 & 1 == 1 }
    /// Whether an author key is present.
    public var hasAuthorKey: Bool { keyInfo & 1 == 1 }
    /// The product line, where the report names its processor (from version 3 on).
    public var productLine: ProductLine? {
        version < 3 ? nil : ProductLine(family: processor.family, model: processor.model)
    }

    /// The bytes that the signature covers.
    public var signedBytes: [UInt8] { Array(bytes.prefix(Self.signedLength)) }
}

extension SNPReport {
    /// Parses exactly 1184 bytes.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        guard bytes.count == Self.length else {
            throw WireError(field: "report", reason: "must be \(Self.length) bytes, not \(bytes.count)")
        }
        var reader = ByteReader(bytes)
        version = try reader.u32LE("version")
        guard Self.versions.contains(version) else {
            throw WireError(field: "version", reason: "\(version) is not known")
        }
        guestSVN = try reader.u32LE("guest SVN")
        policy = try GuestPolicy(rawValue: reader.u64LE("policy"))
        familyID = try reader.bytes(16, "family ID")
        imageID = try reader.bytes(16, "image ID")
        vmpl = try reader.u32LE("VMPL")
        signatureAlgorithm = try reader.u32LE("signature algorithm")
        guard signatureAlgorithm == 1 else { throw WireError(field: "signature algorithm", reason: "must be 1") }
        currentTCB = try TCBVersion(bytes: reader.bytes(8, "current TCB"))
        platformInfo = PlatformInfo(rawValue: try reader.u64LE("platform info"))
        keyInfo = try reader.u32LE("key info")
        try Self.check(keyInfo: keyInfo)
        try reader.zeros(4, "reserved after key info")
        reportData = try reader.bytes(64, "report data")
        measurement = try LaunchMeasurement(bytes: reader.bytes(48, "measurement"))
        hostData = try reader.bytes(32, "host data")
        idKeyDigest = try reader.bytes(48, "ID key digest")
        authorKeyDigest = try reader.bytes(48, "author key digest")
        reportID = try reader.bytes(32, "report ID")
        reportIDMA = try reader.bytes(32, "report ID of the migration agent")
        reportedTCB = try TCBVersion(bytes: reader.bytes(8, "reported TCB"))
        let identity = try reader.bytes(3, "processor")
        processor = Processor(family: identity[0], model: identity[1], stepping: identity[2])
        guard version >= 3 || identity == [0, 0, 0] else {
            throw WireError(field: "processor", reason: "must be zero before version 3")
        }
        try reader.zeros(21, "reserved after processor")
        chipID = try reader.bytes(64, "chip ID")
        committedTCB = try TCBVersion(bytes: reader.bytes(8, "committed TCB"))
        current = try Self.firmwareVersion(&reader, "current version")
        committed = try Self.firmwareVersion(&reader, "committed version")
        launchTCB = try TCBVersion(bytes: reader.bytes(8, "launch TCB"))
        launchMitigations = try reader.u64LE("launch mitigations")
        currentMitigations = try reader.u64LE("current mitigations")
        guard version >= 5 || (launchMitigations == 0 && currentMitigations == 0) else {
            throw WireError(field: "mitigations", reason: "must be zero before version 5")
        }
        try reader.zeros(152, "reserved before signature")
        signatureR = try reader.bytes(72, "signature R")
        signatureS = try reader.bytes(72, "signature S")
        try reader.zeros(368, "reserved after signature")
        try reader.finish()
    }

    private static func check(keyInfo: UInt32) throws(WireError) {
        guard SigningKey(rawValue: keyInfo >> 2 & 7) != nil else {
            throw WireError(field: "signing key", reason: "has a reserved value")
        }
        guard keyInfo >> 5 == 0 else { throw WireError(field: "key info", reason: "reserved bits must be zero") }
    }

    private static func firmwareVersion(
        _ reader: inout ByteReader, _ field: String
    ) throws(WireError) -> FirmwareVersion {
        let parts = try reader.bytes(3, field)
        try reader.zeros(1, "reserved after \(field)")
        return FirmwareVersion(major: parts[2], minor: parts[1], build: parts[0])
    }

    /// The 1184 bytes.
    public var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.u32LE(version)
        writer.u32LE(guestSVN)
        writer.u64LE(policy.rawValue)
        writer.append(familyID)
        writer.append(imageID)
        writer.u32LE(vmpl)
        writer.u32LE(signatureAlgorithm)
        writer.append(currentTCB.bytes)
        writer.u64LE(platformInfo.rawValue)
        writer.u32LE(keyInfo)
        writer.u32LE(0)
        writer.append(reportData)
        writer.append(measurement.bytes)
        for part in [hostData, idKeyDigest, authorKeyDigest, reportID, reportIDMA, reportedTCB.bytes] {
            writer.append(part)
        }
        writer.append([processor.family, processor.model, processor.stepping])
        writer.pad(to: 0x1A0)
        writer.append(chipID)
        writer.append(committedTCB.bytes)
        for firmware in [current, committed] { writer.append([firmware.build, firmware.minor, firmware.major, 0]) }
        writer.append(launchTCB.bytes)
        writer.u64LE(launchMitigations)
        writer.u64LE(currentMitigations)
        writer.pad(to: Self.signedLength)
        writer.append(signatureR)
        writer.append(signatureS)
        writer.pad(to: Self.length)
        return writer.bytes
    }
}
