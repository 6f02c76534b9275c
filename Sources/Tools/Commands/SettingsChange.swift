/// An option of a deployment that somebody wants otherwise, while parts run that read it at their start.
///
/// Saved all the same, it would send every later command to where nothing listens.
struct SettingsChange: Equatable, Sendable {
    let option: String
    let present: String
    let wanted: String
    /// The processes that read it when they start.
    let readers: Set<String>

    /// All that differs between two settings.
    static func all(from present: Settings, to wanted: Settings) -> [SettingsChange] {
        var changes: [SettingsChange] = []
        func note(_ option: String, _ present: String, _ wanted: String, _ readers: Set<String>) {
            guard present != wanted else { return }
            changes.append(SettingsChange(option: option, present: present, wanted: wanted, readers: readers))
        }
        for (old, new) in zip(DeploymentPort.all(of: present), DeploymentPort.all(of: wanted)) {
            // The node's profile names registry and broker.
            note(old.option, String(old.number), String(new.number), [old.part, "node"])
        }
        note("--idle-seconds", String(present.idleSeconds), String(wanted.idleSeconds), ["node"])
        note("--guest-image", present.guestImage, wanted.guestImage, ["node"])
        func processors(_ settings: Settings) -> String { settings.allowsSimulated ? "--simulated" : "--hardware-only" }
        note("", processors(present), processors(wanted), ["broker"])
        return changes
    }

    /// Refuses what a part that runs would not follow; changes for parts that are stopped are none.
    static func refuse(from present: Settings, to wanted: Settings, isRunning: (String) -> Bool) throws {
        let running = LocalStack.names.reversed().filter(isRunning)
        let changes = all(from: present, to: wanted).filter { !$0.readers.isDisjoint(with: running) }
        guard !changes.isEmpty else { return }
        let places = ["registry": present.registry, "broker": present.broker, "node": present.node]
        let parts = running.map { "\($0) at \(places[$0] ?? "")" }.joined(separator: ", ")
        throw CommandFailure(
            "this deployment runs with other options: \(changes.map(\.text).joined(separator: ", ")); what runs: \(parts)",
            hint: "`testudo down` first, then `testudo up` with the new options; nothing was changed")
    }

    private var text: String { option.isEmpty ? "\(present), not \(wanted)" : "\(option) \(present), not \(wanted)" }
}
