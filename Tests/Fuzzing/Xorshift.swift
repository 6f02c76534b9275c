/// Random numbers by the seed that libFuzzer gives.
public struct Xorshift: RandomNumberGenerator {
    private var state: UInt64

    /// Starts from a state that is not zero.
    public init(state: UInt64) { self.state = state }

    public mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }

    public mutating func below(_ bound: Int) -> Int { bound <= 1 ? 0 : Int(next() >> 33) % bound }

    public mutating func chance(_ count: Int, in all: Int) -> Bool { below(all) < count }

    public mutating func pick<Element>(_ elements: [Element]) -> Element? {
        elements.isEmpty ? nil : elements[below(elements.count)]
    }
}
