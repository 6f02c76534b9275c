import Verifier

/// One question to the policy: may this guest have this resource?
public struct ReleaseRequest: Sendable {
    /// Who asks.
    public let guest: AttestedGuest
    /// What is asked for.
    public let path: ResourcePath
    /// The registration of the guest's manifest; nil when there is none.
    public let registration: Registration?
    /// The reference value of the guest's measurement; nil when no release has it.
    public let reference: ReferenceValue?
    /// The present second since 1970.
    public let now: Int64
}

/// A policy's answer, with the rule that gave it.
public struct PolicyDecision: Sendable, Equatable {
    /// Whether the resource is released.
    public let allowed: Bool
    /// The rule that decided.
    public let check: String
    /// Why, for the tenant.
    public let reason: String

    /// Grants the release.
    public static func allow(_ check: String, _ reason: String) -> PolicyDecision {
        PolicyDecision(allowed: true, check: check, reason: reason)
    }

    /// Denies the release.
    public static func deny(_ check: String, _ reason: String) -> PolicyDecision {
        PolicyDecision(allowed: false, check: check, reason: reason)
    }
}

/// Decides on the release of resources to attested guests.
public protocol ResourcePolicy: Sendable {
    /// Answers one question; what a policy cannot decide, it denies.
    func decide(_ request: ReleaseRequest) async -> PolicyDecision
}

/// The built-in policy: the manifest must be registered for the resource and run on a released measurement.
public struct RegistrationPolicy: ResourcePolicy {
    /// Creates the policy; it has no state.
    public init() {}

    /// Denies unless every condition holds.
    public func decide(_ request: ReleaseRequest) async -> PolicyDecision {
        if let refusal = GuestStanding.refusal(
            request.guest, registration: request.registration, reference: request.reference, now: request.now)
        {
            return refusal
        }
        guard request.registration?.resources.contains(request.path) == true else {
            return .deny("resource-not-registered", "the manifest is not registered for \(request.path)")
        }
        return .allow("registration", "the manifest is registered for the resource")
    }
}
