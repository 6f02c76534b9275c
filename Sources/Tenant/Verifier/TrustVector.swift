import WireFormat

/// How far something is trusted (AR4SI tiers), from nothing said to refused.
public enum TrustTier: Int, Hashable, Sendable, Comparable {
    /// Nothing is claimed.
    case none = 0
    /// Trusted.
    case affirming = 2
    /// Trusted with a reservation.
    case warning = 32
    /// Not to be trusted.
    case contraindicated = 96

    /// The tier of a trust claim.
    public init(claim: Int8) {
        switch claim {
        case -1...1: self = .none
        case -32...31: self = .affirming
        case -96...95: self = .warning
        default: self = .contraindicated
        }
    }

    /// The name in a token.
    public var name: String {
        switch self {
        case .none: "none"
        case .affirming: "affirming"
        case .warning: "warning"
        case .contraindicated: "contraindicated"
        }
    }

    /// Orders by how little is trusted.
    public static func < (left: TrustTier, right: TrustTier) -> Bool { left.rawValue < right.rawValue }
}

/// The eight trust claims of an attestation result (AR4SI, draft-ietf-rats-ar4si).
public struct TrustVector: Equatable, Sendable {
    /// What a trust claim is about.
    public enum Subject: String, Hashable, Sendable, CaseIterable {
        /// Which instance it is.
        case instanceIdentity = "instance-identity"
        /// How it is configured.
        case configuration
        /// What it runs.
        case executables
        /// Its file systems.
        case fileSystem = "file-system"
        /// The hardware and firmware.
        case hardware
        /// Whether its memory is readable from outside.
        case runtimeOpaque = "runtime-opaque"
        /// Whether its storage is readable from outside.
        case storageOpaque = "storage-opaque"
        /// Where its data comes from.
        case sourcedData = "sourced-data"
    }

    /// The claims made; zero and absent are the same.
    public let claims: [Subject: Int8]

    /// Takes claims.
    public init(_ claims: [Subject: Int8]) { self.claims = claims.filter { $0.value != 0 } }

    /// The worst tier of all claims; nothing claimed is nothing trusted.
    public var status: TrustTier { claims.values.map { TrustTier(claim: $0) }.max() ?? .none }

    /// The claims by name.
    public var json: JSONValue {
        var members: [String: JSONValue] = [:]
        for (subject, value) in claims { members[subject.rawValue] = .integer(Int64(value)) }
        return .object(members)
    }
}
