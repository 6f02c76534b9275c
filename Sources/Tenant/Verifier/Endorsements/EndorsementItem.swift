import Evidence
import WireFormat

/// One thing that a vendor publishes and that evidence may need: the name by which sources are asked for it.
public enum EndorsementItem: Hashable, Sendable {
    /// Which of Intel's authorities certified a platform.
    public enum PlatformAuthority: String, Hashable, Sendable, CaseIterable {
        /// Platforms of one package.
        case processor
        /// Platforms of several packages.
        case platform

        /// The common name of the authority's certificate.
        var commonName: String {
            switch self {
            case .processor: "Intel SGX PCK Processor CA"
            case .platform: "Intel SGX PCK Platform CA"
            }
        }
    }

    /// AMD's certificate of the key that a chip derives from its secret and from this firmware (VCEK). The chip's identity
    /// has 64 bytes, 8 for Turin.
    case chipKey(ProductLine, chip: [UInt8], firmware: TCBVersion.Components)
    /// AMD's intermediate certificate and root of a product line, for keys of chips or of providers (`cert_chain`).
    case authorities(ProductLine, forProviders: Bool)
    /// AMD's list of revoked certificates of a product line, for keys of chips or of providers.
    case amdRevocationList(ProductLine, forProviders: Bool)
    /// Intel's security versions of platforms of one FMSPC (6 bytes).
    case tcbInfo(QuoteHeader.TEE, fmspc: [UInt8])
    /// Intel's identity of the quoting enclave.
    case enclaveIdentity(QuoteHeader.TEE)
    /// The list of revoked platform certificates.
    case platformRevocationList(PlatformAuthority)
    /// The list of revoked certificates of Intel's root.
    case rootRevocationList

    /// Whose it is.
    public enum Vendor: Sendable {
        /// AMD.
        case amd
        /// Intel.
        case intel
    }

    /// Whose it is.
    public var vendor: Vendor {
        switch self {
        case .chipKey, .authorities, .amdRevocationList: .amd
        case .tcbInfo, .enclaveIdentity, .platformRevocationList, .rootRevocationList: .intel
        }
    }

    /// A name of lower-case letters, digits and hyphens that no other item has; the name of its file in a cache.
    public var key: String {
        switch self {
        case .chipKey(let line, let chip, let firmware):
            let levels = firmware.levels.map { "\($0.short)\($0.value)" }.joined(separator: "-")
            return "vcek-\(line.rawValue.lowercased())-\(Hex.encode(chip))-\(levels)"
        case .authorities(let line, let isProviders):
            return "\(isProviders ? "vlek" : "vcek")-\(line.rawValue.lowercased())-authorities"
        case .amdRevocationList(let line, let isProviders):
            return "\(isProviders ? "vlek" : "vcek")-\(line.rawValue.lowercased())-crl"
        case .tcbInfo(let tee, let fmspc): return "\(tee.name)-tcb-info-\(Hex.encode(fmspc))"
        case .enclaveIdentity(let tee): return "\(tee.name)-qe-identity"
        case .platformRevocationList(let authority): return "pck-\(authority.rawValue)-crl"
        case .rootRevocationList: return "intel-root-crl"
        }
    }

    /// What it is, in words.
    public var title: String {
        switch self {
        case .chipKey(let line, _, _): "AMD's certificate of the chip's key (VCEK, \(line.rawValue))"
        case .authorities(let line, _): "AMD's authorities for \(line.rawValue)"
        case .amdRevocationList(let line, _): "AMD's list of revoked certificates for \(line.rawValue)"
        case .tcbInfo(let tee, let fmspc): "Intel's TCB info for \(tee.name.uppercased()), FMSPC \(Hex.encode(fmspc))"
        case .enclaveIdentity(let tee): "Intel's QE identity for \(tee.name.uppercased())"
        case .platformRevocationList(let authority):
            "the list of revoked certificates of the PCK \(authority.rawValue) CA"
        case .rootRevocationList: "the list of revoked certificates of Intel's root"
        }
    }

    /// The most bytes that it may have.
    public var sizeLimit: Int {
        switch self {
        case .chipKey, .authorities: 64 * 1024
        case .amdRevocationList, .tcbInfo, .enclaveIdentity, .platformRevocationList, .rootRevocationList: 1 << 20
        }
    }

    /// Whether a newer one may say something else before this one expires: keys' certificates stay what they are.
    public var isRevised: Bool {
        switch self {
        case .chipKey, .authorities: false
        case .amdRevocationList, .tcbInfo, .enclaveIdentity, .platformRevocationList, .rootRevocationList: true
        }
    }
}

extension TCBVersion.Components {
    /// The levels in the order and under the names of AMD's key distribution service, and the shorter ones of files.
    public var levels: [(name: String, short: String, value: UInt8)] {
        var levels: [(name: String, short: String, value: UInt8)] = []
        if let fmc { levels.append(("fmcSPL", "fmc", fmc)) }
        return levels + [
            ("blSPL", "bl", bootLoader), ("teeSPL", "tee", tee), ("snpSPL", "snp", snp),
            ("ucodeSPL", "ucode", microcode),
        ]
    }
}

extension QuoteHeader.TEE {
    /// `sgx` or `tdx`, as in Intel's addresses.
    public var name: String {
        switch self {
        case .sgx: "sgx"
        case .tdx: "tdx"
        }
    }
}
