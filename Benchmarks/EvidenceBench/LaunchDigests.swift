import Evidence

/// The launch digest of a firmware's pages: what is left of a launch is small beside it.
struct LaunchDigests {
    private let firmware: [UInt8]

    /// A firmware of bytes without a pattern: no two of its pages are alike.
    init(size: Int) {
        var generator = SplitMix()
        firmware = (0..<size).map { _ in UInt8(truncatingIfNeeded: generator.next() >> 56) }
    }

    /// Computes it until so much processor time has gone, and gives the bytes that were measured per second of it.
    func measure(seconds: Double) throws -> String {
        _ = try MeasuredFirmware.digest(of: firmware)
        let begin = Clock.used
        var count = 0
        var used: Int64 = 0
        var digest = ""
        repeat {
            digest = try MeasuredFirmware.digest(of: firmware).hex
            count += 1
            used = Clock.used - begin
        } while Double(used) < seconds * 1e9
        let rate = Double(count * firmware.count) / (Double(used) / 1e9)
        return #"{"digests": \#(count), "bytesPerSecond": \#(rate), "digest": "\#(digest)"}"#
    }
}

/// Numbers that are the same in every run.
private struct SplitMix: RandomNumberGenerator {
    private var state: UInt64 = 4

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
