import WireFormat

/// Evidence of NVIDIA devices as it travels.
public struct NVIDIAEvidence: Equatable, Sendable {
    /// One device.
    public struct Device: Equatable, Sendable {
        /// The architecture, e.g. `HOPPER`.
        public var architecture: String
        /// The device's identity.
        public var identifier: String
        /// The report; SPDM for Hopper.
        public var report: [UInt8]
        /// The chain of certificates in PEM.
        public var certificates: [UInt8]
    }

    /// The devices.
    public var devices: [Device]

    private static let deviceLimit = 32

    /// Reads `{"device_evidence_list": [{arch, uuid, evidence, certificate}]}`; reports are in hex or base64.
    public init(json: JSONValue) throws(WireError) {
        guard let list = json["device_evidence_list"]?.arrayValue, list.count <= Self.deviceLimit else {
            throw WireError(field: "device_evidence_list", reason: "must be a list of at most \(Self.deviceLimit)")
        }
        devices = []
        for (index, element) in list.enumerated() {
            var fields = try JSONFields(element, path: "device_evidence_list[\(index)]")
            let evidence = try fields.string("evidence")
            let isHex = evidence.utf8.count.isMultiple(of: 2) && evidence.allSatisfy(\.isHexDigit)
            devices.append(
                Device(
                    architecture: try fields.string("arch"), identifier: try fields.optionalString("uuid") ?? "",
                    report: isHex
                        ? try Hex.decode(evidence, field: fields.path("evidence"))
                        : try Base64.decodeEither(evidence, field: fields.path("evidence")),
                    certificates: try Base64.decodeEither(
                        try fields.string("certificate"), field: fields.path("certificate"))))
        }
    }
}
