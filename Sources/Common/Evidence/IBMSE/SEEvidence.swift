import WireFormat

/// Evidence of IBM Secure Execution as it travels: the ultravisor's response to an attestation request. What it is worth shows
/// only with the request's keys, which are not here.
public struct SEEvidence: Equatable, Sendable {
    /// HMAC-SHA-512 under a key that only requester and ultravisor know.
    public var measurement: [UInt8]
    /// Hashes of the host keys of image and request, as far as asked for.
    public var additionalData: [UInt8]
    /// The guest's bytes.
    public var userData: [UInt8]
    /// The guest's configuration identity (16 bytes).
    public var configurationID: [UInt8]
    /// The encrypted key of the measurement.
    public var encryptedMeasurementKey: [UInt8]
    /// The encrypted nonce of the request.
    public var encryptedNonce: [UInt8]
    /// The tags of the image's header.
    public var imageTags: [UInt8]

    private static let partLimit = 16 * 1024

    /// Reads the JSON; byte strings are in base64.
    public init(json: JSONValue) throws(WireError) {
        var fields = try JSONFields(json, path: "")
        func part(_ key: String) throws(WireError) -> [UInt8] {
            let bytes = try Base64.decodeEither(try fields.string(key), field: key)
            guard bytes.count <= Self.partLimit else {
                throw WireError(field: key, reason: "exceeds \(Self.partLimit) bytes")
            }
            return bytes
        }
        measurement = try part("measurement")
        additionalData = try part("additional_data")
        userData = try part("user_data")
        configurationID = try part("cuid")
        encryptedMeasurementKey = try part("encr_measurement_key")
        encryptedNonce = try part("encr_request_nonce")
        imageTags = try part("image_hdr_tags")
    }

    /// The evidence as JSON.
    public var json: JSONValue {
        let parts: [String: [UInt8]] = [
            "measurement": measurement, "additional_data": additionalData, "user_data": userData,
            "cuid": configurationID, "encr_measurement_key": encryptedMeasurementKey,
            "encr_request_nonce": encryptedNonce, "image_hdr_tags": imageTags,
        ]
        return .object(parts.mapValues { .string(Base64.encode($0)) })
    }
}
