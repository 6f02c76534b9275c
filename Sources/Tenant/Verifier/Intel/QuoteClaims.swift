import Evidence
import WireFormat

/// The claims of a trust domain's quote under the names that the key broker protocol's policies know (class `tdx`).
///
/// Numbers of the quote are the hex of their bytes as they stand in it; what Intel says of the platform is beside them.
enum TDXClaims {
    static func claims(of verified: VerifiedTDXQuote) -> [String: JSONValue] {
        let report = verified.report
        let header = verified.quote.header
        let (body, attributes) = (report.bytes, report.attributes)
        var quote: [String: JSONValue] = [
            "header": [
                "version": QuoteClaims.hex(header.version), "att_key_type": QuoteClaims.hex(header.attestationKeyType),
                "tee_type": QuoteClaims.hex(header.tee.rawValue),
                "reserved": .string(Hex.encode(QuoteClaims.bytes(header.qeSVN) + QuoteClaims.bytes(header.pceSVN))),
                "vendor_id": QuoteClaims.hex(header.vendorID), "user_data": QuoteClaims.hex(header.userData),
            ],
            "body": .object(Self.body(report)),
        ]
        if header.version >= 5 {
            quote["type"] = QuoteClaims.hex(verified.quote.bodyType)
            quote["size"] = QuoteClaims.hex(UInt32(truncatingIfNeeded: body.count))
        }
        var claims: [String: JSONValue] = [
            "quote": .object(quote),
            "td_attributes": [
                "debug": .bool(attributes.debug), "key_locker": .bool(attributes.keyLocker),
                "perfmon": .bool(attributes.performanceMonitoring),
                "migratable": .bool(attributes.migratable), "protection_keys": .bool(attributes.protectionKeys),
                "septve_disable": .bool(attributes.septVEDisable),
            ],
            "report_data": QuoteClaims.hex(report.reportData), "init_data": QuoteClaims.hex(report.mrConfigID),
        ]
        claims.merge(QuoteClaims.supplement(verified.endorsement)) { first, _ in first }
        return claims
    }

    private static func body(_ report: TDReport) -> [String: JSONValue] {
        var body: [String: [UInt8]] = [
            "tcb_svn": report.tcbSVN, "mr_seam": report.mrSEAM, "mrsigner_seam": report.mrSignerSEAM,
            "seam_attributes": report.seamAttributes, "td_attributes": report.attributes.bytes, "xfam": report.xfam,
            "mr_td": report.mrTD, "mr_config_id": report.mrConfigID, "mr_owner": report.mrOwner,
            "mr_owner_config": report.mrOwnerConfig, "report_data": report.reportData,
        ]
        for (index, register) in report.rtmr.enumerated() { body["rtmr_\(index)"] = register }
        body["tee_tcb_svn2"] = report.tcbSVN2
        body["mr_servicetd"] = report.mrServiceTD
        return body.mapValues { QuoteClaims.hex($0) }
    }
}

/// The claims of an enclave's quote under the names that the key broker protocol's policies know (class `sgx`).
enum SGXClaims {
    static func claims(of verified: VerifiedSGXQuote) -> [String: JSONValue] {
        let report = verified.report
        let header = verified.quote.header
        var body: [String: [UInt8]] = [
            "cpu_svn": report.cpuSVN, "misc_select": report.miscSelect, "isv_ext_prod_id": report.extendedProductID,
            "attributes.flags": Array(report.attributes.prefix(8)),
            "attributes.xfrm": Array(report.attributes.suffix(8)), "mr_enclave": report.mrEnclave,
            "mr_signer": report.mrSigner, "config_id": report.configurationID,
            "isv_prod_id": QuoteClaims.bytes(report.productID), "isv_svn": QuoteClaims.bytes(report.isvSVN),
            "config_svn": QuoteClaims.bytes(report.configurationSVN), "isv_family_id": report.familyID,
            "report_data": report.reportData,
        ]
        for (index, run) in report.reserved.enumerated() { body["reserved\(index + 1)"] = run }
        var claims: [String: JSONValue] = [
            "header": [
                "version": QuoteClaims.hex(header.version), "att_key_type": QuoteClaims.hex(header.attestationKeyType),
                "att_key_data_0": QuoteClaims.hex(header.tee.rawValue), "qe_svn": QuoteClaims.hex(header.qeSVN),
                "pce_svn": QuoteClaims.hex(header.pceSVN), "vendor_id": QuoteClaims.hex(header.vendorID),
                "user_data": QuoteClaims.hex(header.userData),
            ],
            "body": .object(body.mapValues { QuoteClaims.hex($0) }),
            "debug": .bool(report.isDebug), "report_data": QuoteClaims.hex(report.reportData),
            "init_data": QuoteClaims.hex(report.configurationID),
        ]
        claims.merge(QuoteClaims.supplement(verified.endorsement)) { first, _ in first }
        return claims
    }
}

/// What the claims of both kinds of quote have in common.
private enum QuoteClaims {
    static func bytes(_ number: some FixedWidthInteger & UnsignedInteger) -> [UInt8] {
        (0..<number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }

    static func hex(_ number: some FixedWidthInteger & UnsignedInteger) -> JSONValue { hex(bytes(number)) }

    static func hex(_ bytes: [UInt8]) -> JSONValue { .string(Hex.encode(bytes)) }

    private static func time(_ seconds: Int64) -> JSONValue { .string(CalendarTime(seconds: seconds).text) }

    /// What Intel says of the platform; of the status and the dates only what was checked.
    static func supplement(_ endorsement: QuoteEndorsement) -> [String: JSONValue] {
        let platform = endorsement.platform
        var claims: [String: JSONValue] = [:]
        // Policies know the instance with its bytes turned round, as trustee's test data has it.
        claims["platform_instance_id"] = platform.instanceID.map { hex($0.reversed()) }
        claims["is_dynamic_platform"] = platform.configuration.isDynamic.map { .bool($0) }
        claims["is_cached_keys"] = platform.configuration.hasCachedKeys.map { .bool($0) }
        claims["is_smt_enabled"] = platform.configuration.isSMTEnabled.map { .bool($0) }
        guard let tcb = endorsement.tcb, let numbers = endorsement.listNumbers else { return claims }
        claims["tcb_status"] = .string(tcb.status.rawValue)
        claims["tcb_date"] = tcb.tcbDateText.map { .string($0) }
        claims["advisory_ids"] = .array(tcb.advisories.map { .string($0) })
        // Whatever has expired was refused.
        claims["collateral_expiration_status"] = "0"
        claims["earliest_issue_date"] = time(endorsement.issued.lowerBound)
        claims["latest_issue_date"] = time(endorsement.issued.upperBound)
        claims["earliest_expiration_date"] = time(endorsement.endorsedUntil)
        claims["tcb_eval_num"] = .integer(Int64(tcb.evaluationNumber))
        claims["root_ca_crl_num"] = .integer(Int64(numbers.root))
        claims["pck_crl_num"] = .integer(Int64(numbers.pck))
        claims["root_key_id"] = hex(endorsement.rootKeyID)
        claims["platform_provider_id"] = hex(platform.ppid)
        claims["sgx_type"] = .string(name(platform.sgxType))
        return claims
    }

    private static func name(_ type: EndorsedPlatform.SGXType) -> String {
        switch type {
        case .standard: "Standard"
        case .scalable: "Scalable"
        case .scalableWithIntegrity: "ScalableWithIntegrity"
        }
    }
}
