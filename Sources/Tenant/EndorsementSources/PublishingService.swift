import Evidence
import Verifier
import WireFormat

/// The interfaces by which vendors publish endorsements.
public enum PublishingService: Sendable {
    /// AMD's key distribution service (AMD 57230).
    case keyDistribution
    /// Intel's provisioning certification service, version 4, and the caches of it that data centres run (PCCS).
    case provisioning
    /// Where Intel publishes the list of its root, which its provisioning service does not have.
    case rootList

    /// Where the vendor runs it.
    public var home: String {
        switch self {
        case .keyDistribution: "https://kdsintf.amd.com"
        case .provisioning: "https://api.trustedservices.intel.com"
        case .rootList: "https://certificates.trustedservices.intel.com"
        }
    }

    /// Path and query of an item; nil for one of another vendor.
    public func path(of item: EndorsementItem) -> String? {
        switch (self, item) {
        case (.keyDistribution, .chipKey(let line, let chip, let firmware)):
            let levels = firmware.levels.map { "\($0.name)=\(Self.twoDigits($0.value))" }.joined(separator: "&")
            return "/vcek/v1/\(line.rawValue)/\(Hex.encode(chip))?\(levels)"
        case (.keyDistribution, .authorities(let line, let isProviders)):
            return "/\(isProviders ? "vlek" : "vcek")/v1/\(line.rawValue)/cert_chain"
        case (.keyDistribution, .amdRevocationList(let line, let isProviders)):
            return "/\(isProviders ? "vlek" : "vcek")/v1/\(line.rawValue)/crl"
        case (.provisioning, .tcbInfo(let tee, let fmspc)):
            return "/\(tee.name)/certification/v4/tcb?fmspc=\(Hex.encode(fmspc))"
        case (.provisioning, .enclaveIdentity(let tee)): return "/\(tee.name)/certification/v4/qe/identity"
        case (.provisioning, .platformRevocationList(let authority)):
            return "/sgx/certification/v4/pckcrl?ca=\(authority.rawValue)&encoding=der"
        case (.provisioning, .rootRevocationList): return "/sgx/certification/v4/rootcacrl"
        case (.rootList, .rootRevocationList): return "/IntelSGXRootCA.der"
        default: return nil
        }
    }

    /// Whether it makes sense to ask a place for an item: the caches that data centres run have the list of Intel's root,
    /// Intel's own service has not.
    func isServed(_ item: EndorsementItem, at mirror: ServiceAddress) -> Bool {
        guard path(of: item) != nil else { return false }
        if case .provisioning = self, item == .rootRevocationList { return mirror.text != home }
        return true
    }

    /// The whole address of an item at the vendor's own service.
    public static func url(of item: EndorsementItem) -> String {
        let service: PublishingService =
            switch item {
            case .chipKey, .authorities, .amdRevocationList: .keyDistribution
            case .tcbInfo, .enclaveIdentity, .platformRevocationList: .provisioning
            case .rootRevocationList: .rootList
            }
        return service.home + (service.path(of: item) ?? "/")
    }

    /// The header in which an item's issuers come, in the spellings that are in use; empty when none comes.
    func issuerHeaders(of item: EndorsementItem) -> [String] {
        switch item {
        case .tcbInfo: ["TCB-Info-Issuer-Chain", "SGX-TCB-Info-Issuer-Chain"]
        case .enclaveIdentity: ["SGX-Enclave-Identity-Issuer-Chain"]
        case .platformRevocationList: ["SGX-PCK-CRL-Issuer-Chain"]
        case .chipKey, .authorities, .amdRevocationList, .rootRevocationList: []
        }
    }

    /// A level in decimal, two digits at least, as AMD's own tools write it.
    private static func twoDigits(_ value: UInt8) -> String { value < 10 ? "0\(value)" : "\(value)" }
}

/// Text in which some bytes stand as `%` and two hex digits (RFC 3986), as Intel sends PEM in headers.
enum PercentEncoding {
    static func decode(_ text: String) throws(WireError) -> [UInt8] {
        let encoded = Array(text.utf8)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(encoded.count)
        var index = 0
        while index < encoded.count {
            guard encoded[index] == UInt8(ascii: "%") else {
                bytes.append(encoded[index])
                index += 1
                continue
            }
            guard encoded.count - index > 2 else { throw WireError(field: "issuer chain", reason: "ends within a %") }
            bytes += try Hex.decode(
                String(decoding: encoded[index + 1...index + 2], as: UTF8.self), field: "issuer chain")
            index += 3
        }
        return bytes
    }
}
