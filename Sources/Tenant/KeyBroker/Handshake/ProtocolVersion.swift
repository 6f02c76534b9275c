import WireFormat

/// The versions of the KBS protocol that this broker speaks. Clients name one in `/auth`; there is no negotiation.
public enum ProtocolVersion: String, Sendable, CaseIterable {
    /// Until July 2024: evidence as a text, RSA keys only, and answers that are no JWE yet.
    case v0_1_0 = "0.1.0"
    /// Until December 2024: as before, with evidence as JSON.
    case v0_1_1 = "0.1.1"
    /// Until June 2025: keys on curves, and answers as JWE.
    case v0_2_0 = "0.2.0"
    /// June 2025: evidence of several devices.
    case v0_3_0 = "0.3.0"
    /// The present one: init-data and runtime data beside the evidence.
    case v0_4_0 = "0.4.0"

    /// The number that stands for the version in a cookie.
    var code: UInt8 {
        switch self {
        case .v0_1_0: 1
        case .v0_1_1: 2
        case .v0_2_0: 3
        case .v0_3_0: 4
        case .v0_4_0: 5
        }
    }

    init?(code: UInt8) {
        guard let found = Self.allCases.first(where: { $0.code == code }) else { return nil }
        self = found
    }

    /// Whether answers have the form from before JWE: the header as plain JSON and the tag behind the ciphertext.
    var hasLegacyAnswers: Bool { self == .v0_1_0 || self == .v0_1_1 }

    /// Takes `protocolVersions` out of the configuration; the present version is always among them.
    static func set(_ configuration: inout JSONFields) throws(WireError) -> Set<ProtocolVersion> {
        var versions: Set<ProtocolVersion> = [.v0_4_0]
        for text in try configuration.optionalStrings("protocolVersions") {
            guard let version = ProtocolVersion(rawValue: text) else {
                let known = allCases.map(\.rawValue).joined(separator: ", ")
                throw configuration.refusal("protocolVersions", "there are \(known)")
            }
            versions.insert(version)
        }
        return versions
    }
}
