/// Random numbers by the seed that libFuzzer gives.
public struct Xorshift: RandomNumberGenerator {
    private var state: UInt64

    /// Starts from a state that is not zero.
    public init(state: UInt64) { self.state = state }

    /// The next 64 bits.
    public mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }

    /// A number from 0 to below `bound`; 0 when there is none.
    public mutating func below(_ bound: Int) -> Int { bound <= 1 ? 0 : Int(next() >> 33) % bound }

    /// Whether it is one of `count` cases in `all`.
    public mutating func chance(_ count: Int, in all: Int) -> Bool { below(all) < count }

    /// One of the elements; nil when there is none.
    public mutating func pick<Element>(_ elements: [Element]) -> Element? {
        elements.isEmpty ? nil : elements[below(elements.count)]
    }
}
