import Evidence
import WireFormat

/// Endorsements as files: certificates and chains in DER or PEM, AMD's certificate tables, lists of revoked certificates,
/// Intel's published data. What a file is follows from its content; nothing in it is trusted yet.
public struct EndorsementFiles: Sendable {
    private static let fileLimit = 64
    private static let sizeLimit = 4 << 20

    /// AMD's certificates by kind, the first of each.
    public private(set) var amd: [CertificateTable.Kind: [UInt8]] = [:]
    /// AMD's lists of revoked certificates, in DER.
    public private(set) var amdRevocationLists: [[UInt8]] = []
    private var collateral = IntelCollateral(
        tcbInfo: nil, qeIdentity: nil, pckRevocationList: nil, pckRevocationListChain: nil, rootRevocationList: nil)
    private var responses: [(member: String, body: [UInt8])] = []
    /// Certificates of Intel's signers by name, in PEM.
    private var signers: [(name: String, pem: String)] = []

    /// Intel's data; nil when no file has any of it.
    public var intel: IntelCollateral? {
        get throws(WireError) {
            var result = collateral
            let chain = chain { !$0.hasPrefix(Self.platformAuthority) && $0 != Self.intelRoot }
            guard responses.isEmpty || !chain.isEmpty else {
                throw WireError(
                    field: "endorsements",
                    reason: "have a document of Intel's without its signer: save the certificates of the answer's "
                        + "…-Issuer-Chain header, percent-decoded, and pass that file with --endorsement too")
            }
            for response in responses {
                let document = try IntelCollateral.SignedDocument(
                    response: response.body, member: response.member, issuerChain: chain)
                if response.member == "tcbInfo" { result.tcbInfo = document } else { result.qeIdentity = document }
            }
            if result.pckRevocationList != nil, result.pckRevocationListChain == nil {
                let chain = self.chain { $0.hasPrefix(Self.platformAuthority) }
                result.pckRevocationListChain = chain.isEmpty ? nil : chain
            }
            let isEmpty =
                result.tcbInfo == nil && result.qeIdentity == nil && result.pckRevocationList == nil
                && result.rootRevocationList == nil
            guard isEmpty else { return result }
            if signers.isEmpty { return nil }
            throw WireError(
                field: "endorsements", reason: "have certificates of Intel's signers and nothing that they signed")
        }
    }

    private static let platformAuthority = "Intel SGX PCK "
    private static let intelRoot = "Intel SGX Root CA"

    /// The certificates of the signer with a name, and the root's behind it; empty when there is no such signer.
    private func chain(of isSigner: (String) -> Bool) -> [UInt8] {
        guard let signer = signers.first(where: { isSigner($0.name) }) else { return [] }
        let root = signers.first { $0.name == Self.intelRoot }?.pem ?? ""
        return Array((signer.pem + root).utf8)
    }

    /// No file: what is built in is all there is.
    public init() {}

    func hasDocument(_ member: String) -> Bool {
        responses.contains { $0.member == member }
            || (member == "tcbInfo" ? collateral.tcbInfo : collateral.qeIdentity) != nil
    }

    var hasPlatformList: Bool { collateral.pckRevocationList != nil }
    var hasRootList: Bool { collateral.rootRevocationList != nil }

    mutating func keepAMDRevocationLists(_ isKept: ([UInt8]) -> Bool) { amdRevocationLists.removeAll { !isKept($0) } }

    /// Forgets the parts of Intel's data that are not to be kept.
    mutating func keepIntel(_ isKept: (IntelPart) -> Bool) {
        if let document = collateral.tcbInfo, !isKept(.tcbInfo(document.content)) { collateral.tcbInfo = nil }
        if let document = collateral.qeIdentity, !isKept(.enclaveIdentity(document.content)) {
            collateral.qeIdentity = nil
        }
        responses.removeAll { response in
            let document = try? IntelCollateral.SignedDocument(
                response: response.body, member: response.member, issuerChain: [])
            guard let content = document?.content else { return false }
            return !isKept(response.member == "tcbInfo" ? .tcbInfo(content) : .enclaveIdentity(content))
        }
        if let list = collateral.pckRevocationList, !isKept(.platformRevocationList(list)) {
            (collateral.pckRevocationList, collateral.pckRevocationListChain) = (nil, nil)
        }
        if let list = collateral.rootRevocationList, !isKept(.rootRevocationList(list)) {
            collateral.rootRevocationList = nil
        }
        // Certificates of signers serve nothing without what they signed.
        if responses.isEmpty, collateral.pckRevocationList == nil { signers = [] }
    }

    /// Adds something that a source gave. What is there already stays.
    public mutating func add(_ endorsement: CheckedEndorsement) throws(WireError) {
        switch endorsement.item {
        case .chipKey: keep(.vcek, endorsement.bytes)
        case .authorities(_, _): try add(endorsement.item.key, endorsement.bytes)
        case .amdRevocationList: amdRevocationLists.append(endorsement.bytes)
        case .tcbInfo where !hasDocument("tcbInfo"):
            collateral.tcbInfo = try Self.document(endorsement, "tcbInfo")
        case .enclaveIdentity where !hasDocument("enclaveIdentity"):
            collateral.qeIdentity = try Self.document(endorsement, "enclaveIdentity")
        case .platformRevocationList where !hasPlatformList:
            collateral.pckRevocationList = endorsement.bytes
            collateral.pckRevocationListChain = endorsement.issuerChain
        case .rootRevocationList where !hasRootList: collateral.rootRevocationList = endorsement.bytes
        case .tcbInfo, .enclaveIdentity, .platformRevocationList, .rootRevocationList: break
        }
    }

    private static func document(
        _ endorsement: CheckedEndorsement, _ member: String
    ) throws(WireError) -> IntelCollateral.SignedDocument {
        try IntelCollateral.SignedDocument(
            response: endorsement.bytes, member: member, issuerChain: endorsement.issuerChain ?? [])
    }

    /// Sorts files by what they are.
    public init(_ files: [(name: String, bytes: [UInt8])]) throws(WireError) {
        guard files.count <= Self.fileLimit else {
            throw WireError(field: "endorsements", reason: "are more than \(Self.fileLimit) files")
        }
        for file in files {
            guard file.bytes.count <= Self.sizeLimit else {
                throw WireError(field: file.name, reason: "exceeds \(Self.sizeLimit) bytes")
            }
            try add(file.name, file.bytes)
        }
    }

    private mutating func add(_ name: String, _ bytes: [UInt8]) throws(WireError) {
        switch bytes.first(where: { $0 > 0x20 }) {
        case UInt8(ascii: "{"): try addDocument(name, bytes)
        case UInt8(ascii: "-"): for block in try Self.blocks(name, bytes) { try addDER(name, block) }
        case 0x30: try addDER(name, bytes)
        default:
            let table: CertificateTable
            do throws(WireError) { table = try CertificateTable(parsing: bytes) } catch {
                throw WireError(
                    field: name, reason: "is no certificate, chain, certificate table, revocation list or collateral")
            }
            for (kind, der) in table.entries {
                if kind == .crl { amdRevocationLists.append(der) } else { keep(kind, der) }
            }
        }
    }

    private mutating func keep(_ kind: CertificateTable.Kind, _ der: [UInt8]) {
        if amd[kind] == nil { amd[kind] = der }
    }

    private mutating func addDER(_ name: String, _ der: [UInt8]) throws(WireError) {
        if let certificate = try? EndorsementCertificate(der: der, name) {
            switch certificate.commonName {
            case "SEV-VCEK": keep(.vcek, der)
            case "SEV-VLEK": keep(.vlek, der)
            case let common where common.hasPrefix("ARK-"): keep(.ark, der)
            case let common where common.hasPrefix("SEV-"): keep(.ask, der)
            default:
                throw WireError(field: name, reason: "is AMD's shape, but \(certificate.commonName) is no authority")
            }
        } else if (try? RevocationList(der: der)) != nil {
            amdRevocationLists.append(der)
        } else if let list = try? P256RevocationList(der: der, name) {
            // Intel's root and its PCK authorities sign lists of their own.
            if String(decoding: list.issuer, as: UTF8.self).contains("Root CA") {
                collateral.rootRevocationList = der
            } else {
                collateral.pckRevocationList = der
            }
        } else if let certificate = try? P256Certificate(der: der, name) {
            let lines = Base64.encode(der)
            let pem = "-----BEGIN CERTIFICATE-----\n\(lines)\n-----END CERTIFICATE-----\n"
            signers.append((name: certificate.commonName, pem: pem))
        } else {
            throw WireError(
                field: name, reason: "is neither a certificate nor a list of revoked ones that is understood")
        }
    }

    private mutating func addDocument(_ name: String, _ bytes: [UInt8]) throws(WireError) {
        let json = try JSONValue.parse(bytes)
        if json["tcbInfo"] != nil {
            responses.append((member: "tcbInfo", body: bytes))
        } else if json["enclaveIdentity"] != nil {
            responses.append((member: "enclaveIdentity", body: bytes))
        } else if json["tcb_info"] != nil || json["qe_identity"] != nil || json["pck_crl"] != nil {
            let read = try IntelCollateral(json: json)
            let isWhole =
                (read.tcbInfo != nil) == (json["tcb_info"] != nil)
                && (read.qeIdentity != nil) == (json["qe_identity"] != nil)
                && (read.pckRevocationList != nil) == (json["pck_crl"] != nil)
                && (read.rootRevocationList != nil) == (json["root_ca_crl"] != nil)
            guard isWhole else {
                throw WireError(field: name, reason: "has a member without value, signature or issuer chain")
            }
            collateral.tcbInfo = read.tcbInfo ?? collateral.tcbInfo
            collateral.qeIdentity = read.qeIdentity ?? collateral.qeIdentity
            collateral.pckRevocationList = read.pckRevocationList ?? collateral.pckRevocationList
            collateral.pckRevocationListChain = read.pckRevocationListChain ?? collateral.pckRevocationListChain
            collateral.rootRevocationList = read.rootRevocationList ?? collateral.rootRevocationList
        } else {
            throw WireError(field: name, reason: "is JSON, but no collateral of Intel's")
        }
    }

    /// The DER of all blocks of a PEM file, certificates and lists alike.
    static func blocks(_ name: String, _ bytes: [UInt8]) throws(WireError) -> [[UInt8]] {
        let (opening, closing) = (Array("-----BEGIN ".utf8), Array("-----END ".utf8))
        var blocks: [[UInt8]] = []
        var body: [UInt8]?
        for line in bytes.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }) {
            if line.starts(with: opening) {
                body = []
            } else if line.starts(with: closing) {
                guard let text = body, blocks.count < fileLimit else {
                    throw WireError(field: name, reason: "is not PEM, or has more than \(fileLimit) blocks")
                }
                blocks.append(try Base64.decode(String(decoding: text, as: UTF8.self), field: name))
                body = nil
            } else {
                body?.append(contentsOf: line.lazy.filter { $0 != 0x20 && $0 != 0x09 })
            }
        }
        guard body == nil, !blocks.isEmpty else { throw WireError(field: name, reason: "PEM has no end line") }
        return blocks
    }

    /// AMD's certificates for a report: what the files and the evidence have, and AMD's published authorities for the rest.
    public func certificates(for evidence: SNPEvidence) throws(WireError) -> [CertificateTable.Kind: [UInt8]] {
        var found = evidence.certificates.merging(amd) { $1 }
        let isProvider = evidence.report.signingKey == .vlek
        guard found[.ark] == nil || found[.ask] == nil,
            let leaf = found[isProvider ? .vlek : .vcek],
            let line = try ProductLine.ofKey(leaf), let authorities = VendorCertificates.amd[line]
        else { return found }
        let authority = isProvider ? authorities.providerAuthority : authorities.chipAuthority
        if found[.ark] == nil { found[.ark] = try Base64.decode(authorities.root, field: "ARK") }
        if found[.ask] == nil { found[.ask] = try Base64.decode(authority, field: "ASK") }
        return found
    }
}

extension ProductLine {
    /// The product line that the certificate of a report key names; nil for one that is not known.
    static func ofKey(_ der: [UInt8]) throws(WireError) -> ProductLine? {
        let certificate = try EndorsementCertificate(der: der, "certificate of the report key")
        // SEV-Milan and SEV-VLEK-Milan issue the keys of that line.
        let issuer = String(decoding: certificate.issuer, as: UTF8.self)
        return ProductLine.allCases.first {
            issuer.contains("SEV-\($0.rawValue)") || issuer.contains("VLEK-\($0.rawValue)")
        }
    }
}
