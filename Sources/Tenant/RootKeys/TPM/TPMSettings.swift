import WireFormat

/// How a TPM is reached.
public struct TPMSettings: Equatable, Sendable {
    /// Where the TPM is, as tpm2-tools write it: `device:/dev/tpmrm0`, `swtpm:host=127.0.0.1,port=2321`,
    /// `mssim:…` or `tabrmd:…`.
    public var tcti: String
    /// The folder of the programs of tpm2-tools.
    public var programs: String
    /// How many seconds one operation may take, all its commands together.
    public var timeoutSeconds: Int
    /// A file with the authorisation of the owner hierarchy (0600), where one was set; mostly there is none.
    public var ownerAuth: String?

    /// Creates settings; ``checkedTCTI(_:field:)`` says which texts name a TPM.
    public init(
        tcti: String, programs: String = "/usr/bin", timeoutSeconds: Int = 30, ownerAuth: String? = nil
    ) {
        self.tcti = tcti
        self.programs = programs
        self.timeoutSeconds = timeoutSeconds
        self.ownerAuth = ownerAuth
    }

    /// Refuses what names no TPM. `cmd:`, which runs any command, is among that.
    public static func checkedTCTI(_ text: String, field: String) throws(WireError) -> String {
        let known = ["device:", "swtpm:", "mssim:", "tabrmd:"]
        guard known.contains(where: text.hasPrefix), text.utf8.count <= 256,
            text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else {
            throw WireError(
                field: field,
                reason: "must begin with device:, swtpm:, mssim: or tabrmd:, such as device:/dev/tpmrm0")
        }
        return text
    }
}
