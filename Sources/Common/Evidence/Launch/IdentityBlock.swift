import Crypto
import WireFormat

/// The block by which a guest's owner signs what may be launched (AMD 56860, ID_BLOCK).
public struct IdentityBlock: Equatable, Sendable {
    /// The launch measurement that the block allows.
    public var measurement: LaunchMeasurement
    /// The family, 16 bytes.
    public var familyID: [UInt8]
    /// The image, 16 bytes.
    public var imageID: [UInt8]
    /// The guest's security version.
    public var guestSVN: UInt32
    /// The policy.
    public var policy: GuestPolicy

    /// Describes a block.
    public init(
        measurement: LaunchMeasurement, familyID: [UInt8], imageID: [UInt8], guestSVN: UInt32, policy: GuestPolicy
    ) throws(WireError) {
        guard familyID.count == 16, imageID.count == 16 else {
            throw WireError(field: "identity block", reason: "family and image must be 16 bytes each")
        }
        self.measurement = measurement
        self.familyID = familyID
        self.imageID = imageID
        self.guestSVN = guestSVN
        self.policy = policy
    }

    /// The 96 bytes that are signed.
    public var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.append(measurement.bytes)
        writer.append(familyID)
        writer.append(imageID)
        writer.u32LE(1)
        writer.u32LE(guestSVN)
        writer.u64LE(policy.rawValue)
        return writer.bytes
    }

    /// The digest under which a report names a P-384 key, given its coordinates (48 bytes each, big-endian).
    public static func keyDigest(x: [UInt8], y: [UInt8]) throws(WireError) -> [UInt8] {
        guard x.count == 48, y.count == 48 else {
            throw WireError(field: "identity key", reason: "coordinates must be 48 bytes each")
        }
        var writer = ByteWriter()
        writer.u32LE(2)  // P-384
        writer.append(x.reversed())
        writer.pad(to: 4 + 72)
        writer.append(y.reversed())
        writer.pad(to: 0x404)
        return Array(SHA384.hash(data: writer.bytes))
    }
}
