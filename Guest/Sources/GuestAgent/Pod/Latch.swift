import AgentProtocol
import Envelope
import PodManifest
import WireFormat

/// The pod that this machine serves: set once, by the exact bytes of its init-data document (rule R8).
struct Latch {
    /// A latched document.
    struct Pod: Sendable {
        let manifest: PodManifest
        let digest: SHA256Digest
        let bytes: [UInt8]

        /// Whether the pod's contents are to be hidden from the host.
        var isConfidential: Bool { manifest.isConfidential }
    }

    /// What the machine is, as far as it decides which pods it may serve.
    enum Machine: Equatable, Sendable {
        /// A machine with a report device.
        case confidential
        /// A machine without one.
        case plain
        /// No machine: a process of the host.
        case host
    }

    private(set) var pod: Pod?
    let machine: Machine

    init(machine: Machine) { self.machine = machine }

    /// Sets the pod. The same bytes again change nothing; other bytes are refused, whatever they say.
    mutating func set(_ bytes: [UInt8]) throws(ControlRefusal) -> Pod {
        if let pod {
            guard pod.bytes == bytes else {
                throw ControlRefusal(kind: .alreadyLatched, reason: "this guest already serves another pod")
            }
            return pod
        }
        let data: InitData
        do throws(WireError) { data = try InitData(parsing: bytes) } catch {
            throw ControlRefusal(kind: .badRequest, reason: error.description)
        }
        try check(data.manifest)
        let pod = Pod(manifest: data.manifest, digest: data.digest, bytes: bytes)
        self.pod = pod
        return pod
    }

    /// A pod runs in exactly the kind of place that its class names: nothing is weakened silently, nor called what it is not.
    private func check(_ manifest: PodManifest) throws(ControlRefusal) {
        let fits =
            switch (manifest.runtimeClass, machine) {
            case ("testudo-cvm", .confidential), ("testudo-vm", .plain), ("testudo-runc", .host): true
            default: false
            }
        guard fits else {
            throw ControlRefusal(
                kind: .notAllowed,
                reason: "a pod of class \(manifest.runtimeClass) does not run here (\(machine))")
        }
    }

    /// The pod, when `operation` may be asked for: latched, and named in the manifest unless every pod has it.
    func permit(_ operation: ControlOperation) throws(ControlRefusal) -> Pod {
        guard let pod else { throw ControlRefusal(kind: .notLatched, reason: "no manifest is latched") }
        switch operation {
        case .latch, .start: return pod
        case .status, .stop, .debugConsole, .unknown:
            guard pod.manifest.hostOperations.contains(operation.name) else {
                throw ControlRefusal(
                    kind: .notAllowed, reason: "the pod's manifest does not allow the host \"\(operation.name)\"")
            }
            return pod
        }
    }
}
