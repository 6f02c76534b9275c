/// Values that a reader has read and not yet put into their array or object; moved out without being counted anew.
final class ValueStack {
    private var storage: UnsafeMutablePointer<Value>
    private var capacity: Int
    private(set) var count = 0

    init(capacity: Int) {
        self.capacity = capacity
        storage = .allocate(capacity: capacity)
    }

    deinit {
        storage.deinitialize(count: count)
        storage.deallocate()
    }

    func push(_ value: consuming Value) {
        if count == capacity { grow() }
        (storage + count).initialize(to: value)
        count += 1
    }

    private func grow() {
        let larger = UnsafeMutablePointer<Value>.allocate(capacity: 2 * capacity)
        larger.moveInitialize(from: storage, count: count)
        storage.deallocate()
        storage = larger
        capacity *= 2
    }

    /// Takes off the values from `start` on.
    func pop(from start: Int) -> [Value] {
        let size = count - start
        count = start
        return Array(unsafeUninitializedCapacity: size) { buffer, initialized in
            buffer.baseAddress?.moveInitialize(from: storage + start, count: size)
            initialized = size
        }
    }

    /// Takes off the values from `start` on and gives those at the places asked for, which are distinct.
    func pop(from start: Int, places: [Int]) -> [Value] {
        let size = count - start
        if places.count < size {
            // Some are dropped.
            let result = places.map { (storage + start + $0).pointee }
            (storage + start).deinitialize(count: size)
            count = start
            return result
        }
        count = start
        return Array(unsafeUninitializedCapacity: size) { buffer, initialized in
            guard let target = buffer.baseAddress else { return }
            for index in 0..<size { (target + index).moveInitialize(from: storage + start + places[index], count: 1) }
            initialized = size
        }
    }
}
