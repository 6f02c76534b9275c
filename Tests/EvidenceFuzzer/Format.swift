import Foundation
import FuzzProgram

/// A format of evidence or endorsements, by the name that the fuzzer's options use.
enum Format: String, FuzzedFormat {
    case snpReport = "snp-report"
    case snpEvidence = "snp-evidence"
    case certificateTable = "certificate-table"
    case quote = "quote"
    case bootEventLog = "boot-event-log"
    case runtimeEventLog = "runtime-event-log"
    case tpmAttestation = "tpm-attestation"
    case tpmSignature = "tpm-signature"
    case tpmKey = "tpm-key"
    case pcrBanks = "pcr-banks"
    case hclReport = "hcl-report"
    case azureEvidence = "azure-evidence"
    case ccaToken = "cca-token"
    case certificate = "certificate"
    case revocationList = "revocation-list"
    case collateral = "collateral"
    case endorsements = "endorsements"
    case spdm = "spdm"
    case deviceEvidence = "device-evidence"
    case firmware = "firmware"
    case program = "program"
    case corim = "corim"
    case swidManifest = "swid-manifest"
    case referenceDocument = "reference-document"
    case initData = "init-data"
    case tpmCertificate = "tpm-certificate"

    /// The most bytes of an input.
    var room: Int {
        switch self {
        case .snpReport, .tpmAttestation, .tpmSignature, .tpmKey: 2_048
        case .collateral, .azureEvidence: 32_768
        default: 16_384
        }
    }

    func seeds(vectors: URL) throws -> [[UInt8]] { try Seeds.chosen(for: self, vectors: vectors) }

    /// The files and folders whose regions count, from the repository's root.
    var sources: [String] {
        let common = "Sources/Common/Evidence"
        let verifier = "Sources/Tenant/Verifier"
        return switch self {
        case .snpReport: ["SNPReport", "TCBVersion", "GuestPolicy", "SNPReport+JSON"].map { "\(common)/\($0).swift" }
        case .snpEvidence: ["\(common)/SNPEvidence.swift", "\(common)/SNPReport+JSON.swift"]
        case .certificateTable: ["\(common)/CertificateTable.swift"]
        case .quote: ["\(common)/Intel"]
        case .bootEventLog:
            ["BootEventLog", "BootEvent", "EFIVariableData", "AgentEvent", "ShimConfiguration"].map {
                "\(common)/EventLog/\($0).swift"
            } + ["\(verifier)/EventLog/EventPayload.swift"]
        case .runtimeEventLog: ["\(common)/EventLog/RuntimeEventLog.swift"]
        case .tpmAttestation:
            ["TPMAttestation", "TPMPCRSelection", "TPMBuffers"].map { "\(common)/TPM/\($0).swift" }
        case .tpmSignature: ["\(common)/TPM/TPMSignature.swift"]
        case .tpmKey: ["\(common)/TPM/TPMPublicArea.swift", "\(verifier)/TPM/AttestationKey.swift"]
        case .pcrBanks: ["\(common)/TPM/PCRBanks.swift"]
        case .hclReport: ["\(common)/Azure/HCLReport.swift", "\(common)/Azure/AzureRuntimeData.swift"]
        case .azureEvidence: ["\(common)/Azure/AzureVTPMEvidence.swift"]
        case .ccaToken: ["\(common)/CCA", "\(common)/CBOR", "\(verifier)/CCA/COSEKey.swift"]
        case .certificate:
            [
                "Certificates/P256Certificate", "Certificates/DERReader", "Certificates/CalendarTime",
                "Certificates/PEMBlocks", "EndorsementCertificate", "ASN1Reading", "Intel/EndorsedPlatform",
            ].map { "\(verifier)/\($0).swift" }
        case .revocationList:
            ["Certificates/P256RevocationList", "RevocationList"].map { "\(verifier)/\($0).swift" }
        case .collateral:
            ["IntelCollateral", "TCBInfo", "EnclaveIdentity"].map { "\(verifier)/Intel/\($0).swift" }
        case .endorsements: ["\(verifier)/Endorsements/EndorsementFiles.swift"]
        case .spdm: ["\(common)/NVIDIA/SPDMMeasurements.swift"]
        case .deviceEvidence: ["\(common)/NVIDIA/NVIDIAEvidence.swift", "\(common)/IBMSE"]
        case .firmware:
            ["FirmwareTable", "OVMFTables", "TDVFMetadata", "HandoffBlocks"].map { "\(common)/Launch/\($0).swift" }
        case .program: ["\(common)/Launch/PortableExecutable.swift"]
        case .corim: ["\(common)/CoRIM"]
        case .swidManifest: ["\(common)/SWID"]
        case .referenceDocument:
            ["ReferenceReader+JSON", "ReleaseDocument", "ReferenceValueStore+JSON"].map {
                "\(verifier)/ReferenceValues/\($0).swift"
            }
        case .initData: ["TOMLParser", "TOMLNumber", "InitDataDocument"].map { "\(verifier)/Attestation/\($0).swift" }
        case .tpmCertificate:
            ["TPMCertificate", "TPMCertificateExtensions", "TPMEndorsement"].map { "\(verifier)/TPM/\($0).swift" }
        }
    }
}
