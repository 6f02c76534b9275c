import WireFormat

/// What a TPM signed (TPM 2.0 Part 2, TPMS_ATTEST): a quote, or a statement of another type that is kept as bytes.
///
/// A parsed statement is well formed, nothing more. ``bytes`` gives back exactly what was parsed.
public struct TPMAttestation: Equatable, Sendable {
    /// The first four bytes of all that a TPM made itself; it signs nothing external that begins like this.
    public static let magic: UInt32 = 0xFF54_4347
    /// The type of a quote.
    public static let quoteType: UInt16 = 0x8018
    /// The most bytes of a statement.
    public static let sizeLimit = 16 * 1024

    /// The TPM's clock.
    public struct Clock: Equatable, Sendable {
        /// Milliseconds while the TPM had power.
        public var milliseconds: UInt64
        /// How often the TPM was reset.
        public var resetCount: UInt32
        /// How often it was restarted or resumed since.
        public var restartCount: UInt32
        /// Whether no greater value of the clock was reported before.
        public var isSafe: Bool

        /// Joins its parts.
        public init(milliseconds: UInt64, resetCount: UInt32, restartCount: UInt32, isSafe: Bool) {
            self.milliseconds = milliseconds
            self.resetCount = resetCount
            self.restartCount = restartCount
            self.isSafe = isSafe
        }
    }

    /// The part that depends on the type.
    public enum Body: Equatable, Sendable {
        /// Registers and the digest of their values.
        case quote(selections: [TPMPCRSelection], digest: [UInt8])
        /// A statement of another type: its type and all bytes to the end.
        case other(type: UInt16, bytes: [UInt8])
    }

    /// The qualified name of the signing key; it hashes the whole chain of its parents.
    public var qualifiedSigner: [UInt8]
    /// The caller's bytes, usually the nonce.
    public var extraData: [UInt8]
    /// The clock at signing.
    public var clock: Clock
    /// The vendor's firmware version.
    public var firmwareVersion: UInt64
    /// What was attested.
    public var body: Body
    /// Bytes after a quote's end, which no TPM writes. They are signed too, so a verifier must look at them.
    public var trailing: [UInt8]

    /// Composes a statement.
    public init(
        qualifiedSigner: [UInt8], extraData: [UInt8], clock: Clock, firmwareVersion: UInt64, body: Body,
        trailing: [UInt8] = []
    ) {
        self.qualifiedSigner = qualifiedSigner
        self.extraData = extraData
        self.clock = clock
        self.firmwareVersion = firmwareVersion
        self.body = body
        self.trailing = trailing
    }

    /// Parses a statement.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        guard bytes.count <= Self.sizeLimit else {
            throw WireError(field: "TPMS_ATTEST", reason: "exceeds \(Self.sizeLimit) bytes")
        }
        var reader = ByteReader(bytes)
        guard try reader.u32BE("magic") == Self.magic else {
            throw WireError(field: "magic", reason: "at byte 0 is not ff544347")
        }
        let type = try reader.u16BE("type")
        qualifiedSigner = try reader.sized16BE("qualifiedSigner")
        extraData = try reader.sized16BE("extraData")
        let milliseconds = try reader.u64BE("clock")
        let resetCount = try reader.u32BE("resetCount")
        let restartCount = try reader.u32BE("restartCount")
        let safe = try reader.u8("safe")
        guard safe <= 1 else { throw WireError(field: "safe", reason: "at byte \(reader.offset - 1) is not 0 or 1") }
        clock = Clock(
            milliseconds: milliseconds, resetCount: resetCount, restartCount: restartCount, isSafe: safe == 1)
        firmwareVersion = try reader.u64BE("firmwareVersion")
        if type == Self.quoteType {
            let selections = try TPMPCRSelection.list(reading: &reader, "pcrSelect")
            body = .quote(selections: selections, digest: try reader.sized16BE("pcrDigest"))
            trailing = reader.rest()
        } else {
            body = .other(type: type, bytes: reader.rest())
            trailing = []
        }
    }

    /// The statement as bytes.
    public var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.u32BE(Self.magic)
        switch body {
        case .quote: writer.u16BE(Self.quoteType)
        case .other(let type, _): writer.u16BE(type)
        }
        writer.sized16BE(qualifiedSigner)
        writer.sized16BE(extraData)
        writer.u64BE(clock.milliseconds)
        writer.u32BE(clock.resetCount)
        writer.u32BE(clock.restartCount)
        writer.u8(clock.isSafe ? 1 : 0)
        writer.u64BE(firmwareVersion)
        switch body {
        case .quote(let selections, let digest):
            writer.u32BE(UInt32(truncatingIfNeeded: selections.count))
            for selection in selections { selection.write(to: &writer) }
            writer.sized16BE(digest)
        case .other(_, let bytes): writer.append(bytes)
        }
        writer.append(trailing)
        return writer.bytes
    }
}
