/// The checks that can refuse evidence, by the names that refusals, audit lines and `testudo attest` use.
public enum EvidenceCheck: String, Hashable, Sendable, CaseIterable {
    /// The evidence could not be parsed.
    case format
    /// The technology is not known or gives no evidence.
    case technology
    /// The report carries no usable signature.
    case unsigned
    /// A certificate is missing or malformed.
    case certificate
    /// The certificates do not vouch for one another.
    case chain
    /// The chain ends in a root that is not trusted for this technology.
    case root
    /// A certificate is not valid now.
    case validity
    /// A certificate was revoked, or that could not be found out.
    case revocation
    /// The report was not signed by the certified key.
    case signature
    /// Report and certificates name different product lines.
    case product
    /// Report and certificate name different firmware versions.
    case tcb
    /// Report and certificate name different chips.
    case chipID = "chip-id"
    /// The provider whose key signed is not an allowed one.
    case provider
    /// The report is over other data: another key, another nonce or another guest's evidence.
    case reportData = "report-data"
    /// The guest was launched for another manifest.
    case hostData = "host-data"
    /// What runs is not a published guest.
    case measurement
    /// The guest is of another version than the manifest names.
    case guestVersion = "guest-version"
    /// The host may read the guest's memory.
    case debug = "policy.debug"
    /// A migration agent may export the guest.
    case migrationAgent = "policy.migrate-ma"
    /// The guest may span sockets.
    case singleSocket = "policy.single-socket"
    /// The report was made at a lower privilege level.
    case vmpl = "policy.vmpl"
    /// The firmware is too old.
    case minimumTCB = "policy.minimum-tcb"
    /// The guest is too old.
    case guestSVN = "policy.guest-svn"
    /// The launch was signed by another identity key.
    case identityKey = "policy.identity-key"
    /// The guest is a debug build and a release was asked for.
    case debugGuest = "policy.debug-guest"
    /// The quoting enclave is not of a known maker.
    case qeVendor = "qe-vendor"
    /// The quoting enclave's report was not signed by the platform's key.
    case qeReport = "qe-report"
    /// The key that signed the quote is not the one that the quoting enclave vouches for.
    case qeBinding = "qe-binding"
    /// The quoting enclave is not the one that Intel published.
    case qeIdentity = "qe-identity"
    /// The vendor's published data is missing or malformed.
    case collateral
    /// The vendor's published data comes from a signer that may not sign it.
    case collateralSigner = "collateral-signer"
    /// The vendor's published data was changed or signed by another key.
    case collateralSignature = "collateral-signature"
    /// The vendor's published data is not current.
    case collateralDate = "collateral-date"
    /// The vendor's published data is about another platform or technology.
    case collateralTarget = "collateral-target"
    /// The TDX module is not one that Intel published.
    case tdxModule = "tdx-module"
    /// The platform was revoked, or reaches no level that Intel supports.
    case tcbStatus = "tcb-status"
    /// The vendor's published data is older than demanded.
    case evaluationNumber = "policy.tcb-evaluation"
    /// The host could make pages of the trust domain vanish unnoticed.
    case septVEDisable = "policy.sept-ve-disable"
    /// A service trust domain is bound to the guest.
    case serviceTD = "policy.service-td"
    /// The appraisal policy refused.
    case policy
}
