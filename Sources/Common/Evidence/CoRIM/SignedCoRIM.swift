import WireFormat

/// A signed ``CoRIM`` before its signature was checked: a COSE_Sign1 message (CBOR tag 18) whose payload is the manifest.
///
/// The payload is not parsed here: nobody reads values out of a message that nobody verified.
public struct SignedCoRIM: Equatable, Sendable {
    /// The content type that the protected header must have.
    public static let contentType = "application/rim+cbor"

    /// The message.
    public let message: COSESign1
    /// When the signature holds (`corim-meta`); nil says nothing.
    public let validity: CoRIM.Validity?

    /// Whether bytes begin like a signed manifest, behind the outer tags 500 and 502.
    public static func isSigned(_ bytes: [UInt8]) throws(WireError) -> Bool {
        if case .tagged(18, _) = CoRIM.unwrapped(try CBORValue(parsing: bytes, "CoRIM")) { true } else { false }
    }

    /// Parses the message and its header.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        message = try COSESign1(parsing: CoRIM.unwrapped(try CBORValue(parsing: bytes, "CoRIM")).bytes, "CoRIM")
        guard message.header[3]?.textString == Self.contentType else {
            throw WireError(field: "CoRIM header", reason: "the content type is not \(Self.contentType)")
        }
        var meta = message.header[8]
        if case .bytes(let bytes)? = meta { meta = try CBORValue(parsing: bytes, "CoRIM meta") }
        validity = try CoRIM.validity(meta?[1], "CoRIM signature validity")
    }

    /// The message as bytes.
    public var bytes: [UInt8] { message.bytes }
}
