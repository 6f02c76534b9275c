/// A set of Unicode scalars: what one step of a regular expression takes.
struct ScalarSet: Hashable, Sendable {
    /// Sorted, apart from each other.
    let ranges: [ClosedRange<UInt32>]
    private let low: UInt64
    private let high: UInt64

    static let last: UInt32 = 0x10FFFF

    static let all = ScalarSet([0...last])

    init(_ ranges: [ClosedRange<UInt32>]) {
        var merged: [ClosedRange<UInt32>] = []
        merged.reserveCapacity(ranges.count)
        for range in ranges.count > 1 ? ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) : ranges {
            if let previous = merged.last, range.lowerBound <= previous.upperBound &+ 1 {
                merged[merged.count - 1] = previous.lowerBound...max(previous.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        self.ranges = merged
        var bits: (UInt64, UInt64) = (0, 0)
        for range in merged where range.lowerBound < 128 {
            for value in range.lowerBound...min(range.upperBound, 127) {
                if value < 64 { bits.0 |= 1 << UInt64(value) } else { bits.1 |= 1 << UInt64(value - 64) }
            }
        }
        (low, high) = bits
    }

    init(_ value: UInt32) { self.init([value...value]) }

    /// Most sets differ in ASCII already.
    func hash(into hasher: inout Hasher) {
        hasher.combine(low)
        hasher.combine(high)
        hasher.combine(ranges.last?.upperBound)
    }

    @inline(__always)
    func contains(_ value: UInt32) -> Bool {
        if value < 64 { return low >> UInt64(value) & 1 == 1 }
        if value < 128 { return high >> UInt64(value - 64) & 1 == 1 }
        return Self.find(value, ranges)
    }

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
        if let end = ranges.last?.upperBound, end >= 128 {
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
