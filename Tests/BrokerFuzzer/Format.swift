import Foundation
import FuzzProgram
import Fuzzing
import WireFormat

/// What the broker reads from outside, by the name that the fuzzer's options use.
enum Format: String, FuzzedFormat {
    /// `/auth` and `/attest` of all versions, and what is bound beside the evidence.
    case rcar
    /// Public and private keys as JWK, sets of them, certificates that are pinned.
    case jwk
    /// What guests open: the other end of each answer.
    case jwe
    /// Cookies, and what is sealed in them.
    case sessionCookie = "session-cookie"
    /// Administrators' and tenants' tokens, the broker's own and other services'.
    case token
    /// Registrations, tenants, policies, revocations: what administrators send and what is stored of it.
    case brokerDocument = "broker-document"
    /// The configuration, with rules for administrators and calls that they judge.
    case brokerConfiguration = "broker-configuration"
    /// What the key management sealed.
    case keyMessage = "key-message"
    /// Calls to the key management.
    case keyRequest = "key-request"
    /// Wrapped keys and the files of root keys and counters.
    case rootKey = "root-key"
    /// Entries, head, keyring and index of the store.
    case storeRecord = "store-record"
    /// Backups of the store.
    case backup
    /// What etcd answers.
    case etcd
    /// Requests for certificates, and certificates of authorities.
    case certificateRequest = "certificate-request"
    /// Sealed secrets.
    case sealedSecret = "sealed-secret"
    /// Lines of the audit log.
    case auditLog = "audit-log"
    /// Whole requests to a broker.
    case brokerRequest = "broker-request"

    private var family: any FormatFamily.Type {
        switch self {
        case .rcar: RCARFormat.self
        case .jwk: KeyFormat.self
        case .jwe: JWEFormat.self
        case .sessionCookie: CookieFormat.self
        case .token: TokenFormat.self
        case .brokerDocument: DocumentFormat.self
        case .brokerConfiguration: ConfigurationFormat.self
        case .keyMessage: KeyMessageFormat.self
        case .keyRequest: KeyRequestFormat.self
        case .rootKey: RootKeyFormat.self
        case .storeRecord: StoreFormat.self
        case .backup: BackupFormat.self
        case .etcd: EtcdFormat.self
        case .certificateRequest: CertificateFormat.self
        case .sealedSecret: SealedSecretFormat.self
        case .auditLog: AuditFormat.self
        case .brokerRequest: RequestFormat.self
        }
    }

    /// The most bytes of an input.
    var room: Int { family.room }
    /// How an input is cut into pieces.
    var shape: Shape { family.shape }
    /// The files and folders whose regions count, from the repository's root.
    var sources: [String] { family.sources }

    /// The first corpus.
    func seeds(vectors: URL) -> [[UInt8]] { family.seeds(vectors) }

    func prepare() { family.prepare() }

    /// Runs the format's decoders on an input. What must never happen ends the process.
    func run(_ bytes: [UInt8]) {
        do {
            try family.run(bytes)
        } catch let error as WireError {
            require(!error.field.isEmpty && !error.reason.isEmpty, "an error says nothing")
            require(error.field.utf8.count + error.reason.utf8.count < 2_000, "an error repeats its input")
        } catch {
            let text = "\(error)"
            require(!text.isEmpty && text.utf8.count < 4_000, "an error says nothing, or repeats its input")
        }
    }
}

/// What is to know of a format.
protocol FormatFamily {
    static var room: Int { get }
    static var shape: Shape { get }
    static var sources: [String] { get }
    static func seeds(_ vectors: URL) -> [[UInt8]]
    static func prepare()
    static func run(_ bytes: [UInt8]) throws
}

extension FormatFamily {
    static var room: Int { 16_384 }
    static var shape: Shape { .any }
    static func prepare() {}
}

/// What does not hold is a finding.
func require(_ condition: Bool, _ message: String) {
    if !condition { fatalError("invariant: \(message)") }
}
