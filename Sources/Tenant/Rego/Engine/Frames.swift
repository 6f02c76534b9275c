/// The slots of all frames, one frame after the other, and how high the values in them are at most.
///
/// Memory of its own instead of arrays, which would look at each step whether they are shared. A slot's place is a frame's
/// base, which `push` gave, and a number below the size that it was given.
final class Frames {
    private(set) var values: UnsafeMutablePointer<Value>
    private(set) var heights: UnsafeMutablePointer<Int32>
    private(set) var count = 0
    private var capacity = 128

    init() {
        values = .allocate(capacity: capacity)
        heights = .allocate(capacity: capacity)
    }

    deinit {
        values.deinitialize(count: count)
        values.deallocate()
        heights.deallocate()
    }

    /// Room for a frame of empty slots; its base.
    func push(_ size: Int) -> Int {
        let base = count
        if base + size > capacity { grow(to: base + size) }
        (values + base).initialize(repeating: .null, count: size)
        (heights + base).initialize(repeating: 0, count: size)
        count += size
        return base
    }

    /// Takes off everything from a base on.
    func pop(to base: Int) {
        precondition(base <= count)
        (values + base).deinitialize(count: count - base)
        count = base
    }

    @inline(never)
    private func grow(to size: Int) {
        capacity = max(size, 2 * capacity)
        let (values, heights) = (
            UnsafeMutablePointer<Value>.allocate(capacity: capacity),
            UnsafeMutablePointer<Int32>.allocate(capacity: capacity)
        )
        values.moveInitialize(from: self.values, count: count)
        heights.moveInitialize(from: self.heights, count: count)
        self.values.deallocate()
        self.heights.deallocate()
        (self.values, self.heights) = (values, heights)
    }
}

/// Arguments of a call: slots that the caller has pushed.
struct Arguments {
    var start = 0
    var count = 0
    /// How high they are at most.
    var height: Int32 = 0

    /// Of rules that are no functions.
    static let none = Arguments()
}
