/// A set of Unicode scalars: what one step of a regular expression takes.
struct ScalarSet: Hashable, Sendable {
    /// Which ASCII characters are in the set.
    struct Mask: Hashable, BitwiseCopyable, Sendable {
        var low: UInt64 = 0
        var high: UInt64 = 0

        @inline(__always)
        func contains(_ value: UInt32) -> Bool {
            (value < 64 ? low >> UInt64(value) : high >> UInt64(value - 64)) & 1 == 1
        }

        @inline(__always)
        mutating func insert(_ value: UInt32) {
            if value < 64 { low |= 1 << UInt64(value) } else { high |= 1 << UInt64(value - 64) }
        }
    }

    let mask: Mask
    /// What is beyond ASCII: sorted, apart from each other.
    private let wide: [ClosedRange<UInt32>]

    static let last: UInt32 = 0x10FFFF

    static let all = ScalarSet([0...last])

    init(_ ranges: [ClosedRange<UInt32>]) {
        var mask = Mask()
        var wide: [ClosedRange<UInt32>] = []
        for range in ranges.count > 1 ? ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) : ranges {
            if range.lowerBound < 128 {
                for value in range.lowerBound...min(range.upperBound, 127) { mask.insert(value) }
            }
            if range.upperBound < 128 { continue }
            let lower = max(range.lowerBound, 128)
            if let previous = wide.last, lower <= previous.upperBound &+ 1 {
                wide[wide.count - 1] = previous.lowerBound...max(previous.upperBound, range.upperBound)
            } else {
                wide.append(lower...range.upperBound)
            }
        }
        (self.mask, self.wide) = (mask, wide)
    }

    init(_ value: UInt32) {
        var mask = Mask()
        if value < 128 { mask.insert(value) }
        self.mask = mask
        wide = value < 128 ? [] : [value...value]
    }

    /// All of the set: sorted, apart from each other.
    var ranges: [ClosedRange<UInt32>] {
        var result: [ClosedRange<UInt32>] = []
        var value: UInt32 = 0
        while value < 128 {
            let start = value
            while value < 128, mask.contains(value) { value += 1 }
            if value > start { result.append(start...(value - 1)) }
            value += 1
        }
        if let previous = result.last, let next = wide.first, previous.upperBound + 1 == next.lowerBound {
            result[result.count - 1] = previous.lowerBound...next.upperBound
            return result + wide.dropFirst()
        }
        return result + wide
    }

    /// The character when the set is one of ASCII.
    var asciiCharacter: Int? {
        guard wide.isEmpty, mask.low.nonzeroBitCount + mask.high.nonzeroBitCount == 1 else { return nil }
        return mask.low != 0 ? mask.low.trailingZeroBitCount : 64 + mask.high.trailingZeroBitCount
    }

    var holdsMoreThanASCII: Bool { !wide.isEmpty }

    @inline(__always)
    func contains(_ value: UInt32) -> Bool { value < 128 ? mask.contains(value) : Self.find(value, wide) }

    private static func find(_ value: UInt32, _ ranges: [ClosedRange<UInt32>]) -> Bool {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < value { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].lowerBound <= value
    }

    var inverted: ScalarSet {
        var result: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges {
            if range.lowerBound > next { result.append(next...(range.lowerBound - 1)) }
            next = range.upperBound + 1
        }
        if next <= Self.last { result.append(next...Self.last) }
        return ScalarSet(result)
    }

    /// With every scalar also those that differ from it only in case.
    var folded: ScalarSet {
        var result = ranges
        for (value, orbit) in CaseFolding.ascii where contains(value) { result += orbit.map { $0...$0 } }
        if holdsMoreThanASCII {
            for (value, orbit) in CaseFolding.others where contains(value) { result += orbit.map { $0...$0 } }
        }
        return ScalarSet(result)
    }
}

/// Which scalars are equal but for case, as Go's `unicode.SimpleFold` has it.
enum CaseFolding {
    /// The orbits of ASCII letters; K and S have relatives beyond.
    static let ascii: [UInt32: [UInt32]] = {
        var orbits: [UInt32: [UInt32]] = [:]
        for lower in UInt32(97)...122 {
            var orbit = [lower, lower - 32]
            if lower == 107 { orbit.append(0x212A) }
            if lower == 115 { orbit.append(0x17F) }
            for value in orbit where value < 128 { orbits[value] = orbit }
        }
        return orbits
    }()

    /// The orbits of all others, made when first needed.
    static let others: [UInt32: [UInt32]] = {
        var orbits: [UInt32: [UInt32]] = [:]
        for value in UInt32(0x41)...0x1E943 {
            // The dotted capital and the dotless small i fold to nothing else.
            guard value != 0x130, value != 0x131, let scalar = Unicode.Scalar(value), scalar.properties.isCased else {
                continue
            }
            orbits[LetterCase.lower(LetterCase.upper(scalar)).value, default: []].append(value)
        }
        var result: [UInt32: [UInt32]] = [:]
        for orbit in orbits.values where orbit.count > 1 {
            for value in orbit where value >= 128 { result[value] = orbit }
        }
        return result
    }()
}
