import Synchronization
import WireFormat

/// Reference values that remember which names they were asked for, so that an explanation can say why some were not there.
final class NotedReferenceValues: ReferenceValueSource {
    private let values: any ReferenceValueSource
    private let asked = Mutex<Set<String>>([])
    /// More names than these are not remembered.
    private static let limit = 1000

    init(_ values: any ReferenceValueSource) { self.values = values }

    func value(named name: String) -> JSONValue? {
        asked.withLock { if $0.count < Self.limit { $0.insert(name) } }
        return values.value(named: name)
    }

    func absence(of name: String) -> String? { values.absence(of: name) }

    /// The names, sorted.
    var names: [String] { asked.withLock { $0.sorted() } }
}
