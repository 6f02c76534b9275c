/// Finds one byte string in another in time linear in both (Knuth, Morris and Pratt).
struct ByteSearch {
    let needle: [UInt8]
    /// For each prefix of the needle the length of the longest border.
    private let borders: [Int]

    init(_ needle: some Sequence<UInt8>) {
        let needle = Array(needle)
        self.needle = needle
        var borders = [Int](repeating: 0, count: needle.count)
        var border = 0
        for index in needle.indices.dropFirst() {
            while border > 0, needle[border] != needle[index] { border = borders[border - 1] }
            if needle[border] == needle[index] { border += 1 }
            borders[index] = border
        }
        self.borders = borders
    }

    /// Where the needle begins at or after `start`; an empty needle is found at once.
    func first(in bytes: [UInt8], from start: Int = 0) -> Int? {
        if needle.isEmpty { return start <= bytes.count ? start : nil }
        var matched = 0
        var index = start
        while index < bytes.count {
            if bytes[index] == needle[matched] {
                matched += 1
                index += 1
                if matched == needle.count { return index - matched }
            } else if matched > 0 {
                matched = borders[matched - 1]
            } else {
                index += 1
            }
        }
        return nil
    }

    /// Every place that does not overlap the one before.
    func all(in bytes: [UInt8]) -> [Int] {
        var places: [Int] = []
        var start = 0
        while !needle.isEmpty, let place = first(in: bytes, from: start) {
            places.append(place)
            start = place + needle.count
        }
        return places
    }

    /// Every place, overlapping or not.
    func overlapping(in bytes: [UInt8]) -> [Int] {
        var places: [Int] = []
        var matched = 0
        guard !needle.isEmpty else { return [] }
        for (index, byte) in bytes.enumerated() {
            while matched > 0, matched == needle.count || needle[matched] != byte { matched = borders[matched - 1] }
            if needle[matched] == byte { matched += 1 }
            if matched == needle.count { places.append(index + 1 - matched) }
        }
        return places
    }
}

extension [UInt8] {
    func hasPrefix(_ prefix: some Collection<UInt8>) -> Bool { count >= prefix.count && starts(with: prefix) }

    func hasSuffix(_ suffix: some BidirectionalCollection<UInt8>) -> Bool {
        count >= suffix.count && self[(count - suffix.count)...].elementsEqual(suffix)
    }
}
