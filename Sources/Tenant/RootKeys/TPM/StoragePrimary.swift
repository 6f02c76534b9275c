import Crypto
import WireFormat

/// The storage key at the top of a TPM's owner hierarchy, as `tpm2_createprimary` leaves it in a context file.
///
/// Its name is the digest of its public part. A TPM makes the same key each time from a seed that never leaves it, so
/// the name stands for the TPM; it changes when the TPM is cleared. Sessions are salted to the public part in this very
/// file: comparing its name with the one from the key's making keeps out a second TPM and one who pretends on the bus.
enum StoragePrimary {
    static let attributes = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|decrypt|noda"

    /// Reads a context file of tpm2-tools 5: a TPMS_CONTEXT whose blob ends in what the ESAPI knows of the object.
    static func name(inContext bytes: [UInt8]) throws(WireError) -> [UInt8] {
        var reader = ByteReader(bytes)
        guard try reader.u32BE("magic") == 0xBADC_C0DE, try reader.u32BE("version") == 1 else {
            throw WireError(field: "context", reason: "is of a form that this program does not know")
        }
        _ = try reader.u32BE("hierarchy")
        _ = try reader.u32BE("handle")
        _ = try reader.u64BE("sequence")
        var blob = ByteReader(try reader.bytes(Int(try reader.u16BE("blob size")), "blob"))
        try reader.finish()
        _ = try blob.u32BE("reserved")
        _ = try blob.bytes(Int(try blob.u16BE("TPM context size")), "TPM context")
        // The ESAPI leaves the size of its own part zero.
        let size = Int(try blob.u16BE("metadata size"))
        guard size == 0 || size == blob.remaining else {
            throw WireError(field: "metadata size", reason: "does not fit")
        }
        var metadata = ByteReader(blob.rest())
        _ = try metadata.u32BE("object handle")
        let name = try metadata.bytes(Int(try metadata.u16BE("name size")), "name")
        guard try metadata.u32BE("object type") == 1 else {
            throw WireError(field: "object type", reason: "must be a key")
        }
        let area = try metadata.bytes(Int(try metadata.u16BE("public size")), "public")
        try metadata.finish()
        // TPMT_PUBLIC: the type (ECC, 0x0023), then the algorithm of the name (SHA-256, 0x000B).
        guard area.starts(with: [0x00, 0x23, 0x00, 0x0B]) else {
            throw WireError(field: "public", reason: "must be an elliptic curve key with names by SHA-256")
        }
        let expected = [0x00, 0x0B] + Array(SHA256.hash(data: area))
        guard name == expected else { throw WireError(field: "name", reason: "does not belong to the public part") }
        return name
    }
}
