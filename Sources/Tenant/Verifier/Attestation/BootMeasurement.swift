import Evidence

/// One measurement of all that boots, for technologies whose launch measurement covers less; SHA-384, as the registration
/// of a manifest names it.
///
/// What the hardware measures of a trust domain, or of a machine on Azure, is firmware that everybody may launch: kernel and
/// command line are in registers that the firmware extends. A TPM has no launch measurement at all.
public enum BootMeasurement {
    /// Firmware, its settings and the boot loader (0 to 7), what Linux's stub loads (9), a unified kernel image (11).
    public static let registers = [0, 1, 2, 3, 4, 5, 6, 7, 9, 11]

    /// Of a trust domain: over MRTD and the registers 0 to 2; the third is the running system's own.
    public static func domain(mrTD: [UInt8], rtmr: [[UInt8]]) -> [UInt8] {
        HashAlgorithm.sha384.digest(mrTD + rtmr.prefix(3).flatMap { $0 })
    }

    /// Of a machine with a TPM: over what the hardware measured, if it did, and the SHA-256 ``registers``; nil when one of
    /// them was not quoted.
    public static func machine(_ banks: PCRBanks, behind hardware: [UInt8] = []) -> [UInt8]? {
        var content = hardware
        for register in registers {
            guard let value = banks[.sha256, register] else { return nil }
            content += value
        }
        return HashAlgorithm.sha384.digest(content)
    }
}
