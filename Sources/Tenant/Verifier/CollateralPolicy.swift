/// What a verifier demands beside evidence and certificates.
///
/// A list of revoked certificates that is at hand is always checked; the policy says what its absence means.
public enum CollateralPolicy: Equatable, Sendable {
    /// Without a current list, evidence is refused.
    case revocationListRequired
    /// Evidence is accepted without one, for the stated reason, and the verdict says that nothing was checked.
    case revocationListOptional(because: String)
}
