import Synchronization

/// The names of the reference values that one evaluation asked for, so that an explanation can say why some were not there.
final class AskedNames: Sendable {
    /// Who wants to know about the evaluation that this task makes; nil when nobody does.
    @TaskLocal static var current: AskedNames?

    private let asked = Mutex<Set<String>>([])
    /// More names than these are not remembered.
    private static let limit = 1000

    func add(_ name: String) {
        asked.withLock { if $0.count < Self.limit { $0.insert(name) } }
    }

    /// The names, sorted.
    var names: [String] { asked.withLock { $0.sorted() } }
}
