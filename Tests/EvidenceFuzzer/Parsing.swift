import Evidence
import WireFormat

@testable import Verifier

extension Format {
    /// Runs the format's parsers on an input. What must never happen ends the process.
    func run(_ bytes: [UInt8]) {
        do throws(WireError) {
            try parse(bytes)
        } catch {
            require(!error.field.isEmpty && !error.reason.isEmpty, "an error says nothing")
            require(error.field.utf8.count + error.reason.utf8.count < 2_000, "an error repeats its input")
        }
    }

    private func parse(_ bytes: [UInt8]) throws(WireError) {
        switch self {
        case .snpReport: try SNPParsing.report(bytes)
        case .snpEvidence:
            let evidence = try SNPEvidence(json: try JSONValue.parse(bytes))
            let again = try SNPEvidence(json: evidence.json)
            require(again == evidence, "evidence written as JSON is another")
        case .certificateTable: try table(bytes)
        case .quote: try quote(bytes)
        case .bootEventLog: try bootEventLog(bytes)
        case .runtimeEventLog:
            let log = try RuntimeEventLog(json: try JSONValue.parse(bytes))
            for event in log.events { _ = (EventPayload(event), event.runtimeMessage.count) }
            try requireRead(try RuntimeEventLog(json: log.json) == log, "a log written as JSON is another")
        case .tpmAttestation:
            try requireRead(try TPMParsing.statement(bytes).bytes == bytes, "a statement is not given back")
        case .tpmSignature:
            let signature = try TPMSignature(parsing: bytes)
            require(signature.bytes == bytes, "a signature is not given back")
            require(signature.schemeName.count > 4 && signature.hash.length >= 20, "a scheme without a name")
        case .tpmKey: try TPMParsing.key(bytes)
        case .pcrBanks: try TPMParsing.banks(bytes)
        case .hclReport:
            let report = try HCLReport(parsing: bytes)
            require(report.bytes == bytes, "a report is not given back")
            for kind in [HCLReport.Kind.snp, .tdx, .vbs] { _ = report.reportData(as: kind) }
            _ = (report.tdReport, report.statedSize)
            _ = try AzureRuntimeData(parsing: report.runtimeData).attestationKey
        case .azureEvidence:
            let evidence = try AzureVTPMEvidence(json: try JSONValue.parse(bytes))
            try requireRead(
                try AzureVTPMEvidence(json: evidence.json) == evidence, "evidence written as JSON is another")
        case .ccaToken:
            let token = try CCAToken(parsing: bytes)
            require(token.bytes == bytes, "a token is not given back")
            _ = token.realmMessage.signedBytes
            _ = try COSEKey(point: token.realm.publicPoint()).isValid(token.realmMessage)
        case .certificate: try CertificateParsing.certificates(bytes)
        case .revocationList: try CertificateParsing.lists(bytes)
        case .collateral: try CollateralParsing.collateral(bytes)
        case .endorsements:
            CollateralParsing.sources(bytes)
            let files = try EndorsementFiles([(name: "file", bytes: bytes)])
            if let evidence = SNPParsing.sample { _ = try files.certificates(for: evidence) }
            _ = try files.intel
        case .spdm:
            let report = try SPDMMeasurements(parsing: bytes)
            require(report.bytes == bytes, "a report is not given back")
            _ = (report.nonce, report.item(1))
        case .deviceEvidence: try deviceEvidence(bytes)
        case .firmware: try firmware(bytes)
        case .program:
            let program = try PortableExecutable(parsing: bytes)
            require(program.sha384.count == 48 && program.sha256.count == 32, "a digest has another length")
        case .corim: try ReferenceParsing.corim(bytes)
        case .swidManifest:
            let manifest = try SWIDManifest(parsing: bytes)
            require(manifest.measurements.allSatisfy { !$0.digests.isEmpty }, "a measurement without digests")
        case .referenceDocument: try ReferenceParsing.document(bytes)
        case .initData: try InitDataParsing.document(bytes)
        case .tpmCertificate: try TPMCertificateParsing.certificates(bytes)
        }
    }

    private func table(_ bytes: [UInt8]) throws(WireError) {
        let table = try CertificateTable(parsing: bytes)
        require(table.listing.count == table.entries.count, "a table lists what it has not")
    }

    private func quote(_ bytes: [UInt8]) throws(WireError) {
        let quote = try Quote(parsing: bytes)
        require(quote.bytes == bytes, "a quote is not given back")
        // Every part is read, now and then: that takes longer than the parsing.
        if bytes.count % 8 == 0 { IntelParsing.read(quote) }
    }

    private func bootEventLog(_ bytes: [UInt8]) throws(WireError) {
        let log = try BootEventLog(parsing: bytes)
        require(log.bytes == bytes, "a log is not given back")
        for event in log.events {
            _ = (EventPayload(event), event.digest(.sha384), event.type.name)
            if let variable = try? EFIVariableData(parsing: event.data) {
                require(variable.bytes == event.data, "a variable is not given back")
                _ = variable.nameText
            }
            if let configuration = try? ShimConfiguration(parsing: event.data) {
                require(configuration.bytes == event.data, "a configuration is not given back")
            }
            _ = try? AgentEvent(parsing: event.data)
        }
    }

    private func deviceEvidence(_ bytes: [UInt8]) throws(WireError) {
        let json = try JSONValue.parse(bytes)
        if json["device_evidence_list"] != nil {
            _ = try NVIDIAEvidence(json: json)
        } else {
            let evidence = try SEEvidence(json: json)
            try requireRead(try SEEvidence(json: evidence.json) == evidence, "evidence written as JSON is another")
        }
    }

    private func firmware(_ bytes: [UInt8]) throws(WireError) {
        var failure: WireError?
        do throws(WireError) {
            let tables = try OVMFTables(firmware: bytes)
            _ = OVMFTables(
                resetVector: tables.resetVector, hashTableAddress: tables.hashTableAddress, sections: tables.sections)
        } catch {
            failure = error
        }
        let metadata = try TDVFMetadata(firmware: bytes)
        for section in metadata.sections { _ = try? TDVFMetadata.data(of: section, in: bytes) }
        let blocks = try HandoffBlocks(metadata: metadata, memory: 4 << 30)
        require(!blocks.bytes.isEmpty, "a list of memory is empty")
        if let failure { throw failure }
    }
}

/// What does not hold is a finding.
func require(_ condition: Bool, _ message: String) {
    if !condition { fatalError("invariant: \(message)") }
}

/// The same of what may itself refuse to tell.
func requireRead(_ condition: @autoclosure () throws(WireError) -> Bool, _ message: String) throws(WireError) {
    require(try condition(), message)
}
