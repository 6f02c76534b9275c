import AgentProtocol
import AttestedChannel
import HTTPExchange
import ImageFormat
import Registry
import WireFormat

/// A failed start: the closed kind that the host may learn, and the reason for the tenant (rule R21).
struct Failure: Error, CustomStringConvertible {
    let kind: FailureKind
    let reason: String

    var description: String { "\(kind.rawValue): \(reason)" }

    init(_ kind: FailureKind, _ reason: String) {
        self.kind = kind
        self.reason = reason
    }

    /// Sorts any error of a step of the start into the closed list. `fallback` is the step's own kind.
    init(_ error: any Error, fallback: FailureKind) {
        let kind: FailureKind =
            switch error {
            case let failure as Failure: failure.kind
            case let error as RegistryError: error.kind == .unreachable ? .unreachable : .imageRefused
            case is SignatureRefusal, is LayerError, is ImageRefusal, is OcicryptError: .imageRefused
            case is ExchangeError: .unreachable
            case let error as BrokerFailure: Self.kind(of: error)
            case is SystemFailure, is EvidenceFailure: .guestFailed
            default: fallback
            }
        let reason = if let failure = error as? Failure { failure.reason } else { "\(error)" }
        self.init(kind, reason)
    }

    private static func kind(of error: BrokerFailure) -> FailureKind {
        switch error.kind {
        case .unreachable: .unreachable
        case .denied, .notFound, .badAnswer: .keyReleaseDenied
        case .noEvidence: .guestFailed
        }
    }
}
