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
    /// The machine lacks a protection that is demanded.
    case protection
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
    /// The trust domain may be exported to another machine.
    case migratable = "policy.migratable"
    /// Processors of this product line are distrusted.
    case distrustedLine = "distrust.line"
    /// What this root vouches for is distrusted.
    case distrustedRoot = "distrust.root"
    /// The chip is distrusted, or hides which one it is.
    case distrustedChip = "distrust.chip"
    /// The appraisal policy refused.
    case policy
    /// The attestation key is not one that only signs what its TPM made.
    case tpmAttestationKey = "tpm.attestation-key"
    /// A certificate of a TPM's key is for another purpose.
    case tpmCertificate = "tpm.certificate"
    /// The TPM's signature rests on a hash that is not accepted.
    case tpmSignatureHash = "tpm.signature-hash"
    /// Bytes follow the TPM's statement.
    case tpmTrailingBytes = "tpm.trailing-bytes"
    /// The TPM signed something that is not a quote.
    case tpmQuoteType = "tpm.quote-type"
    /// The quote was made for another nonce.
    case tpmNonce = "tpm.nonce"
    /// The quote covers other registers or banks than demanded.
    case tpmPCRSelection = "tpm.pcr-selection"
    /// The registers' values are not those that were quoted.
    case tpmPCRDigest = "tpm.pcr-digest"
    /// Replaying the event log does not give the registers' values.
    case eventLogReplay = "event-log.replay"
    /// A digest in the event log is not that of its event.
    case eventLogPayload = "event-log.payload"
    /// The Azure report is of another kind than it is presented as.
    case azureReportType = "azure.report-type"
    /// The runtime data of an Azure report are hashed in a way that is not accepted.
    case azureHashType = "azure.hash-type"
    /// The hardware's report is over other runtime data.
    case azureRuntimeData = "azure.runtime-data"
    /// The TD quote is over other runtime data.
    case azureReport = "azure.td-report"
    /// The runtime data were made for other user data.
    case azureUserData = "azure.user-data"
    /// A CCA platform is not in the secured state of its life cycle.
    case ccaLifecycle = "cca.lifecycle"
    /// A CCA platform's token is over another realm's key.
    case ccaBinding = "cca.realm-key"
    /// A CCA realm's token is not signed by the realm's key.
    case ccaRealmSignature = "cca.realm-signature"
}
