import Foundation
import WireFormat

/// What `report.json` holds.
struct DemoReport: Sendable {
    /// One function in one class.
    struct Run: Sendable {
        let image: String
        let runtimeClass: String
        let phases: [String: Double]
        let firstByte: Double
        let warm: Double
        let body: String
    }

    /// One attack and what became of it.
    struct Attack: Sendable {
        let name: String
        /// The byte or argument that the host changed.
        let altered: String
        /// Status of the untouched service in the same run.
        let control: Int
        let refused: Bool
        /// The check that refused.
        let check: String
        let reason: String
        /// The audit line that shows the refusal, or its absence of any release.
        let audit: JSONValue
        /// Keys that left the broker while the attack ran.
        let keysReleased: Int
    }

    private var header: [String: JSONValue] = [:]
    private var runs: [JSONValue] = []
    private var attacks: [Attack] = []
    private(set) var faults: [String] = []

    var isGood: Bool { faults.isEmpty }

    mutating func describe(_ stage: DemoStage) async throws {
        let client = try NodeClient(state: stage.state, settings: stage.settings)
        let node = try await client.call("GET", "/apis/testudo.dev/v1/nodes/self")
        header["accelerator"] = node["accelerator"] ?? .null
        header["technology"] = node["technology"] ?? .null
        header["simulated"] = node["simulated"] ?? .null
        let commit = try? ChildProcess.require("/usr/bin/git", ["rev-parse", "HEAD"], folder: Installation.root)
        header["commit"] = .string(commit?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "unknown")
        let accelerator = node["accelerator"]
        print("accelerator: \(accelerator?.stringValue ?? accelerator?.canonicalText ?? "?")")
        let technology = node["technology"]?.stringValue ?? "?"
        let simulated = node["simulated"]?.boolValue == true ? " (simulated: protects nothing from this host)" : ""
        print("technology: \(technology)\(simulated)")
    }

    mutating func add(_ run: Run) {
        runs.append(
            .object([
                "image": .string(run.image), "class": .string(run.runtimeClass),
                "phases": .object(run.phases.mapValues { .number($0) }), "firstByte": .number(run.firstByte),
                "warm": .number(run.warm), "answer": .string(run.body),
            ]))
    }

    mutating func skip(image: String, runtimeClass: String, why: String) {
        runs.append(.object(["image": .string(image), "class": .string(runtimeClass), "skipped": .string(why)]))
    }

    mutating func add(_ attack: Attack) {
        attacks.append(attack)
        let verdict = attack.refused ? "refused" : "NOT REFUSED"
        print("  \(attack.name): \(verdict) by \(attack.check): \(attack.reason)")
        if !attack.refused { faults.append("\(attack.name) was not refused") }
        if attack.control != 200 { faults.append("\(attack.name): the untouched service answered \(attack.control)") }
        if attack.keysReleased != 0 { faults.append("\(attack.name): \(attack.keysReleased) key(s) left the broker") }
    }

    var json: JSONValue {
        var value = header
        value["runs"] = .array(runs)
        value["attacks"] = .array(
            attacks.map { attack in
                .object([
                    "attack": .string(attack.name), "altered": .string(attack.altered),
                    "positiveControl": .integer(Int64(attack.control)), "refused": .bool(attack.refused),
                    "check": .string(attack.check), "reason": .string(attack.reason), "audit": attack.audit,
                    "keysReleased": .integer(Int64(attack.keysReleased)),
                ])
            })
        value["faults"] = .array(faults.map { .string($0) })
        return .object(value)
    }

    func write(to path: String) throws { try StateFolder.write(json.prettyText + "\n", to: path) }
}
