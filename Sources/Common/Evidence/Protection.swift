/// What a machine keeps from whoever owns it, by the names that manifests, policies and tokens use.
///
/// The rows follow the threat model of AMD's white paper "SEV-SNP: Strengthening VM Isolation with Integrity Protection and
/// More" (January 2020, table 1), with what evidence says beside it: debugging, migration, firmware. They concern software
/// on the machine; nobody here promises anything against whoever taps its wires.
public enum Protection: String, Hashable, Sendable, CaseIterable {
    /// What runs was measured, and a key that is vouched for signed the measurement.
    case attested
    /// The host reads ciphertext where the guest's memory is.
    case memoryConfidentiality = "memory-confidentiality"
    /// The host cannot change, alias or remap the guest's memory unnoticed.
    case memoryIntegrity = "memory-integrity"
    /// The host cannot put back what memory held before.
    case replayProtection = "replay-protection"
    /// The host cannot read the guest's processor registers.
    case registerConfidentiality = "register-confidentiality"
    /// The host cannot change the guest's processor registers.
    case registerIntegrity = "register-integrity"
    /// The host cannot raise interrupts or exceptions that a processor would not raise.
    case interruptProtection = "interrupt-protection"
    /// Memory was checked for addresses that lead to the same cells.
    case aliasCheck = "alias-check"
    /// The host does not even see the ciphertext of the guest's memory.
    case ciphertextHiding = "ciphertext-hiding"
    /// Nobody debugs the guest from outside.
    case debugOff = "debug-off"
    /// Nobody moves the guest to another machine.
    case migrationOff = "migration-off"
    /// Older firmware has other keys or another name: the host cannot go back and go on as if nothing had happened.
    case rollbackProtection = "firmware-rollback-protection"
    /// Nothing is known against the firmware's version.
    case firmwareCurrency = "firmware-currency"
}
