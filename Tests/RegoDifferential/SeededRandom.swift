/// Random numbers that a seed determines (SplitMix64, Steele, Lea and Flood 2014).
struct SeededRandom {
    private var state: UInt64

    /// One stream for each case, so that a case can be made again without those before it.
    init(seed: UInt64, stream: UInt64) {
        state = seed
        let mixed = next() ^ stream
        state = mixed
        _ = next()
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    /// From zero to `bound - 1`.
    mutating func below(_ bound: Int) -> Int { bound < 2 ? 0 : Int(next() % UInt64(bound)) }

    mutating func within(_ range: ClosedRange<Int>) -> Int { range.lowerBound + below(range.count) }

    /// True `percent` times of a hundred.
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

    /// One of several; the caller gives at least one.
    mutating func pick<Item>(_ items: [Item]) -> Item { items[below(items.count)] }
}
