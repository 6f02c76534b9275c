/// Lets a bounded number of requests into the container at once; a bounded number more may wait. Used on one event loop.
final class AdmissionQueue {
    private let limit: Int
    private var active = 0
    private var waiting: [() -> Void] = []

    /// `limit` of 0 means no bound, as in Knative's containerConcurrency.
    init(limit: Int) { self.limit = limit }

    /// Calls `go` now or when a place is free. False when even the queue is full; `go` is then never called.
    func enter(_ go: @escaping () -> Void) -> Bool {
        if limit == 0 || active < limit {
            active += 1
            go()
            return true
        }
        guard waiting.count < 10 * limit else { return false }
        waiting.append(go)
        return true
    }

    /// Gives a place back.
    func leave() {
        active -= 1
        guard !waiting.isEmpty else { return }
        active += 1
        waiting.removeFirst()()
    }
}
