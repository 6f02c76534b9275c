import Evidence
import WireFormat

@testable import Verifier

enum SNPParsing {
    /// Evidence without certificates.
    static let sample: SNPEvidence? = {
        var bytes = [UInt8](repeating: 0, count: 1184)
        (bytes[0], bytes[0x0A], bytes[0x34]) = (2, 3, 1)
        return (try? SNPReport(parsing: bytes)).map { SNPEvidence(report: $0, certificates: [:]) }
    }()

    static func report(_ bytes: [UInt8]) throws(WireError) {
        let report = try SNPReport(parsing: bytes)
        require(report.bytes == bytes, "a report is not given back")
        _ = report.signingKey
        let (policy, platform) = (report.policy, report.platformInfo)
        let flags = [
            policy.allowsSMT, policy.allowsMigrationAgent, policy.allowsDebug, policy.requiresSingleSocket,
            policy.allowsCXL, policy.requiresAES256XTS, policy.requiresRAPLDisabled, policy.requiresCiphertextHiding,
            policy.disablesPageSwap, platform.smtEnabled, platform.tsmeEnabled, platform.eccEnabled,
            platform.aliasCheckComplete,
        ]
        require(flags.count == 13 && policy.abiMajor == policy.rawValue >> 8 & 0xFF, "a policy is read wrongly")
        let again = try? SNPReport(trusteeJSON: report.trusteeJSON)
        require(again == nil || again?.measurement == report.measurement, "a report written as JSON is another")
        for layout in [TCBVersion.Layout.turin, .genoa] {
            let parts = report.reportedTCB.components(layout)
            _ = (report.reportedTCB.reservedIsZero(layout), parts.meets(parts), TCBVersion(parts))
        }
    }
}

enum IntelParsing {
    static func read(_ quote: Quote) {
        _ = QuoteInspection(quote).platform
        read(quote.signature.qeReport)
        switch quote.body {
        case .enclave(let report): read(report)
        case .domain(let report): read(report)
        }
    }

    private static func read(_ report: SGXReportBody) {
        let parts = [
            report.cpuSVN, report.miscSelect, report.extendedProductID, report.attributes, report.mrEnclave,
            report.mrSigner, report.configurationID, report.familyID, report.reportData,
        ]
        let numbers = [report.productID, report.isvSVN, report.configurationSVN]
        let count = (parts + report.reserved).reduce(2 * numbers.count) { $0 + $1.count }
        require(count == report.bytes.count && (report.isDebug || !report.isDebug), "an enclave's parts are not all")
    }

    private static func read(_ report: TDReport) {
        let parts = [
            report.tcbSVN, report.mrSEAM, report.mrSignerSEAM, report.seamAttributes, report.attributes.bytes,
            report.xfam, report.mrTD, report.mrConfigID, report.mrOwner, report.mrOwnerConfig, report.reportData,
            report.tcbSVN2 ?? [], report.mrServiceTD ?? [],
        ]
        let attributes = report.attributes
        let flags = [
            attributes.debug, attributes.septVEDisable, attributes.protectionKeys, attributes.keyLocker,
            attributes.performanceMonitoring,
        ]
        let count = (parts + report.rtmr).reduce(0) { $0 + $1.count }
        require(count == report.bytes.count && flags.count == 5, "a domain's parts are not all")
    }
}

enum TPMParsing {
    static func statement(_ bytes: [UInt8]) throws(WireError) -> TPMAttestation {
        let statement = try TPMAttestation(parsing: bytes)
        if case .quote(let selections, _) = statement.body {
            for selection in selections {
                guard let bank = selection.bank, selection.registers.allSatisfy({ $0 < 256 }) else { continue }
                let again = TPMPCRSelection(bank: bank, registers: Set(selection.registers.map(UInt8.init)))
                require(again.registers == selection.registers, "registers selected again are others")
            }
        }
        return statement
    }

    static func key(_ bytes: [UInt8]) throws(WireError) {
        if let area = try? TPMPublicArea(parsing: bytes) {
            require(area.bytes == bytes, "a public area is not given back")
        }
        let key = try AttestationKey(parsing: bytes)
        let zeros = [UInt8](repeating: 1, count: 32)
        for signature in [
            TPMSignature.ecdsa(hash: .sha256, r: zeros, s: zeros), .rsaSSA(hash: .sha1, bytes: zeros),
            .rsaPSS(hash: .sha384, bytes: zeros), .ecdsa(hash: .sha512, r: [0] + zeros, s: []),
            .rsaSSA(hash: .sha256, bytes: [UInt8](repeating: 1, count: 256)),
            .rsaPSS(hash: .sha256, bytes: [UInt8](repeating: 1, count: 256)),
        ] {
            require(!key.isValid(signature, over: [1, 2, 3]), "a signature of nobody is valid")
        }
    }

    static func banks(_ bytes: [UInt8]) throws(WireError) {
        var banks = try PCRBanks(json: try JSONValue.parse(bytes))
        for (bank, registers) in banks.values {
            require(registers.allSatisfy { $0.value.count == bank.length }, "a register has another length")
            require(banks.leading(bank).count <= registers.count, "more registers than there are")
            require(banks.restricted(to: [0]).values[bank, default: [:]].count <= 1, "more registers than asked for")
        }
        try banks.set(.sha256, 0, [UInt8](repeating: 0, count: 32))
        _ = banks[.sha256, 0]
    }
}

enum CertificateParsing {
    static func certificates(_ bytes: [UInt8]) throws(WireError) {
        guard bytes.first == 0x30 else {
            let blocks = try PEMBlocks(bytes, "chain")
            for index in 0..<min(blocks.bodies.count, 4) { try? certificates(try blocks.der(index)) }
            return
        }
        var failure: WireError?
        do throws(WireError) {
            let certificate = try P256Certificate(der: bytes, "certificate")
            require(certificate.notBefore > -10_000_000_000, "a date before all dates")
            _ = (certificate.isAuthority(below: 1), certificate.claimsAuthority, certificate.maySignLists)
            _ = (certificate.maySignDocuments, certificate.fingerprint)
            // Verifying takes longer than all the rest.
            if bytes.count % 64 == 0 { _ = certificate.isIssued(by: certificate) }
            require(
                CalendarTime(text: CalendarTime(seconds: certificate.notAfter).text)?.seconds == certificate.notAfter,
                "a date written is another")
            _ = try EndorsedPlatform(certificate, "platform")
        } catch {
            failure = error
        }
        let certificate = try EndorsementCertificate(der: bytes, "certificate")
        _ = (certificate.isAuthority(forLists: true), certificate.claimsAuthority, certificate.fingerprint)
        _ = certificate.publicKeyFingerprint
        if bytes.count % 64 == 0 { _ = certificate.isIssued(by: certificate) }
        if let failure { throw failure }
    }

    static func lists(_ bytes: [UInt8]) throws(WireError) {
        var failure: WireError?
        do throws(WireError) {
            _ = try P256RevocationList(der: bytes, "list").number
        } catch {
            failure = error
        }
        _ = try RevocationList(der: bytes)
        if let failure { throw failure }
    }
}

enum CollateralParsing {
    /// The bytes as if a source had given them for each kind of thing.
    static func sources(_ bytes: [UInt8]) {
        let items: [EndorsementItem] = [
            .chipKey(
                .milan, chip: [], firmware: TCBVersion.Components(bootLoader: 0, tee: 0, snp: 0, microcode: 0)),
            .authorities(.milan, forProviders: false), .amdRevocationList(.milan, forProviders: false),
            .tcbInfo(.tdx, fmspc: []), .enclaveIdentity(.tdx), .platformRevocationList(.processor),
            .rootRevocationList,
        ]
        for item in items {
            var files = EndorsementFiles()
            let given = CheckedEndorsement(item: item, bytes: bytes, issuerChain: nil, from: 0, until: 1)
            try? files.add(given)
            try? files.add(given)
        }
    }

    static func collateral(_ bytes: [UInt8]) throws(WireError) {
        let json = try JSONValue.parse(bytes)
        if json["tcbInfo"] != nil || json["enclaveIdentity"] != nil {
            let member = json["tcbInfo"] == nil ? "enclaveIdentity" : "tcbInfo"
            let document = try IntelCollateral.SignedDocument(response: bytes, member: member, issuerChain: [])
            return try read(member == "tcbInfo" ? document : nil, member == "tcbInfo" ? nil : document)
        }
        let collateral = try IntelCollateral(json: json)
        try read(collateral.tcbInfo, collateral.qeIdentity)
    }

    private static func read(
        _ info: IntelCollateral.SignedDocument?, _ identity: IntelCollateral.SignedDocument?
    ) throws(WireError) {
        if let info {
            let info = try TCBInfo(parsing: info.content)
            for major in 0...3 { _ = info.moduleIdentity(major: UInt8(major))?.levels.status(of: 1) }
        }
        if let identity {
            let identity = try EnclaveIdentity(parsing: identity.content)
            if let report = try? SGXReportBody(bytes: [UInt8](repeating: 0, count: SGXReportBody.length)) {
                _ = identity.mismatch(report)
            }
        }
    }
}

enum ReferenceParsing {
    static func corim(_ bytes: [UInt8]) throws(WireError) {
        guard try SignedCoRIM.isSigned(bytes) else {
            let manifest = try CoRIM(parsing: bytes)
            require(bytes.suffix(manifest.bytes.count) == manifest.bytes[...], "a manifest is not given back")
            return
        }
        let signed = try SignedCoRIM(parsing: bytes)
        require(bytes.suffix(signed.bytes.count) == signed.bytes[...], "a signed manifest is not given back")
        _ = try CoRIM(payload: signed.message.payload)
    }

    /// Documents that nobody signed (what a signature covers is read in the same way), and stores.
    static func document(_ bytes: [UInt8]) throws(WireError) {
        let now: Int64 = 1_800_000_000
        if let json = try? JSONValue.parse(bytes) {
            if let release = try? ReleaseDocument(parsing: json) {
                require(try ReleaseDocument(parsing: release.json) == release, "a release written as JSON is another")
                _ = release.isValid(at: now)
            }
            if let store = try? ReferenceValueStore(json: json) { try check(store, now) }
        }
        _ = ReferenceReader.message(wrapping: bytes)
        let reader = ReferenceReader(
            allowsUnsigned: true, origin: "fuzzer", expiry: bytes.count % 2 == 0 ? .usual : .never, note: "note",
            now: now)
        let document = try reader.read(bytes)
        var store = ReferenceValueStore()
        let change = try store.take(document)
        require(change.written.count == document.entries.count, "a value is lost")
        try check(store, now)
    }

    private static func check(_ store: ReferenceValueStore, _ now: Int64) throws(WireError) {
        for entry in store.all { _ = (store.answer(entry.name, at: now).reason, entry.standing(at: now).reason) }
        require(try ReferenceValueStore(json: store.json) == store, "a store written as JSON is another")
        let rows = store.all.flatMap { store.rows(of: $0.name).prefix(1) }
        _ = try? ReferenceValueStore(entries: rows, marks: store.marks.values.map(\.json), keys: [])
    }
}
