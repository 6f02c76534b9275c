import PodManifest
import Sandbox
import WireFormat

/// All that is known about the latest revision of one Service; its status is a function of this.
struct ServiceFacts: Sendable {
    /// Why there is no manifest yet.
    struct Fault: Sendable, Equatable {
        let reason: String
        let message: String
        /// Whether trying again later may help.
        let isPassing: Bool
    }

    var generation: Int64
    var revision: String
    /// Image as written -> reference with digest.
    var images: [(name: String, pinned: String)] = []
    var specification: PodSpecification?
    var settings = RevisionSettings()
    var fault: Fault?
    var registration: Registration?
    /// How the last start failed, until one succeeds.
    var failure: SandboxFailure?
    /// The revision that answers.
    var readyRevision: String?

    /// Whether the latest revision may take over.
    var mayServe: Bool { self.registration == .registered || self.registration == .notNeeded }

    /// Whether looking again later may change something.
    var isSettled: Bool { self.fault.map { !$0.isPassing } ?? self.mayServe }

    /// The name of the revision of a generation.
    static func revision(_ name: String, _ generation: Int64) -> String {
        let number = String(generation)
        return "\(name)-\(String(repeating: "0", count: max(0, 5 - number.count)))\(number)"
    }

    /// The Service's conditions.
    var conditions: [Condition] {
        let registered = self.registeredCondition
        let configuration: Condition
        if let fault = self.fault {
            configuration = Condition("ConfigurationsReady", .no, reason: fault.reason, message: fault.message)
        } else if let failure = self.failure {
            configuration = Condition(
                "ConfigurationsReady", .no, reason: failure.kind.rawValue, message: Self.advice(failure))
        } else {
            configuration = Condition(
                "ConfigurationsReady", registered.truth, reason: self.mayServe ? "" : registered.reason,
                message: self.mayServe ? "" : registered.message)
        }
        let routes =
            self.readyRevision == nil
            ? Condition(
                "RoutesReady", configuration.truth == .yes ? .unknown : configuration.truth,
                reason: "RevisionMissing", message: "no revision is ready yet")
            : Condition("RoutesReady", .yes)
        let worst = configuration.truth != .yes ? configuration : routes
        let ready = Condition("Ready", worst.truth, reason: worst.reason, message: worst.message)
        return [configuration, ready, routes, registered]
    }

    private var registeredCondition: Condition {
        let type = "testudo.dev/ManifestRegistered"
        let digest = self.specification?.initData.digest.description ?? ""
        let broker = self.specification?.manifest.keyBroker.url ?? ""
        return switch self.registration {
        case .registered: Condition(type, .yes)
        case .notNeeded: Condition(type, .yes, reason: "NotConfidential", message: "this class gets no keys")
        case .unknown:
            Condition(
                type, .no, reason: "ManifestNotRegistered",
                message: "manifest \(digest) is not registered with the key broker \(broker), so no key will be "
                    + "released; the tenant runs: testudo manifest register -f <this Service's file>")
        case .unreachable(let why):
            Condition(
                type, .unknown, reason: "KeyBrokerUnreachable",
                message: "the key broker \(broker) cannot be asked about manifest \(digest): \(why)")
        case nil: Condition(type, .unknown, reason: "ManifestMissing", message: "there is no manifest yet")
        }
    }

    private static func advice(_ failure: SandboxFailure) -> String {
        guard failure.reason.isEmpty else { return failure.reason }
        return switch failure.kind {
        case .unreachable: "the guest could not reach its key broker or registry; see whether both run"
        case .keyReleaseDenied:
            "the key broker released no key, or the guest could not use it; the tenant finds the reason with: "
                + "testudo audit and testudo logs"
        case .imageRefused: "the guest refused the image; the tenant finds the reason with: testudo logs"
        case .exited: "the application ended; the tenant finds the reason with: testudo logs"
        default: "the guest failed; the tenant finds the reason with: testudo logs"
        }
    }
}
