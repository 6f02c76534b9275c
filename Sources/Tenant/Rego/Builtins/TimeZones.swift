#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The offsets of one time zone, from a file of the system's zone database.
final class TimeZoneRules: Sendable {
    struct Kind: Sendable {
        var offset: Int
        var name: String
    }

    private let transitions: [Int]
    /// The kind that each transition begins.
    private let kindAfter: [Int]
    private let kinds: [Kind]
    /// What holds after the last transition.
    private let tail: TimeZoneTail?

    static let utc = TimeZoneRules()

    private init() { (transitions, kindAfter, kinds, tail) = ([], [], [], nil) }

    /// The offset and its name at a moment.
    func period(at seconds: Int) -> (offset: Int, name: String) {
        guard let standard = kinds.first else { return (0, "UTC") }
        guard let last = transitions.last, let first = transitions.first, seconds >= first else {
            if transitions.isEmpty, let tail { return tail.period(at: seconds) }
            return (standard.offset, standard.name)
        }
        if seconds >= last, let tail { return tail.period(at: seconds) }
        var (low, high) = (0, transitions.count)
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle] <= seconds { low = middle + 1 } else { high = middle }
        }
        let kind = kinds[kindAfter[low - 1]]
        return (kind.offset, kind.name)
    }

    /// Seconds in UTC at which clocks of the zone show `local`.
    func universal(_ local: Int) -> Int {
        let first = period(at: local).offset
        let second = period(at: local - first).offset
        return local - second
    }

    /// Reads `/usr/share/zoneinfo/<name>`; nil when there is no such zone.
    static func named(_ name: String) -> TimeZoneRules? {
        let parts = name.utf8.split(separator: 47, omittingEmptySubsequences: false)
        let isPlain = parts.allSatisfy { part in
            !part.isEmpty
                && part.allSatisfy { ASCII.isAlphanumeric($0) || $0 == 45 || $0 == 95 || $0 == 43 }
        }
        guard isPlain, name.utf8.count <= 64, let bytes = read("/usr/share/zoneinfo/" + name) else { return nil }
        return TimeZoneRules(file: bytes)
    }

    private static let longestFile = 1 << 16

    private static func read(_ path: String) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { return nil }
        defer { _ = close(file) }
        var bytes = [UInt8](repeating: 0, count: longestFile)
        var count = 0
        while count < bytes.count {
            let room = bytes.count - count
            let got = bytes.withUnsafeMutableBytes { buffer in
                #if canImport(Glibc)
                    Glibc.read(file, buffer.baseAddress?.advanced(by: count), room)
                #elseif canImport(Musl)
                    Musl.read(file, buffer.baseAddress?.advanced(by: count), room)
                #else
                    Darwin.read(file, buffer.baseAddress?.advanced(by: count), room)
                #endif
            }
            guard got >= 0 else { return nil }
            if got == 0 { return Array(bytes.prefix(count)) }
            count += got
        }
        return nil
    }

    /// A TZif file of version 2 or later: the block with 64-bit times, and the rule for later times.
    init?(file: [UInt8]) {
        func number(_ place: Int, _ size: Int) -> Int? {
            guard place >= 0, place + size <= file.count else { return nil }
            let bits = file[place..<(place + size)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return size == 8 ? Int(Int64(bitPattern: bits)) : Int(Int32(truncatingIfNeeded: bits))
        }
        func counts(_ header: Int) -> [Int]? {
            guard file.dropFirst(header).starts(with: "TZif".utf8) else { return nil }
            let counts = (0..<6).compactMap { number(header + 20 + $0 * 4, 4) }
            return counts.count == 6 && counts.allSatisfy { $0 >= 0 && $0 < 1 << 16 } ? counts : nil
        }
        guard file.count > 44, file[4] >= UInt8(ascii: "2"), let old = counts(0) else { return nil }
        let header = 44 + old[3] * 5 + old[4] * 6 + old[5] + old[2] * 8 + old[1] + old[0]
        guard let new = counts(header), new[4] > 0 else { return nil }
        let times = header + 44
        let indices = times + new[3] * 8
        let types = indices + new[3]
        let names = types + new[4] * 6
        let end = names + new[5] + new[2] * 12 + new[1] + new[0]
        guard end <= file.count else { return nil }
        var kinds: [Kind] = []
        for index in 0..<new[4] {
            guard let offset = number(types + index * 6, 4), abs(offset) < 100_000 else { return nil }
            let start = Int(file[types + index * 6 + 5])
            guard start < new[5] else { return nil }
            kinds.append(
                Kind(offset: offset, name: file[(names + start)..<(names + new[5])].prefix { $0 != 0 }.string))
        }
        transitions = (0..<new[3]).compactMap { number(times + $0 * 8, 8) }
        kindAfter = (0..<new[3]).map { Int(file[indices + $0]) }
        guard kindAfter.allSatisfy({ $0 < kinds.count }), zip(transitions, transitions.dropFirst()).allSatisfy(<) else {
            return nil
        }
        self.kinds = kinds
        tail = TimeZoneTail(file[end...].dropFirst().prefix { $0 != 10 }.string)
    }
}
