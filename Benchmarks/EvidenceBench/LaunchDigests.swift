import Evidence

/// The launch digest of a firmware's pages: what is left of a launch is small beside it.
struct LaunchDigests {
    let firmware: [UInt8]

    /// Computes it until so much processor time has gone, and gives the bytes that were measured per second of it.
    func measure(seconds: Double) throws -> String {
        var digest = try MeasuredFirmware.digest(of: firmware).hex
        let begin = Clock.used
        var count = 0
        var used: Int64 = 0
        repeat {
            digest = try MeasuredFirmware.digest(of: firmware).hex
            count += 1
            used = Clock.used - begin
        } while Double(used) < seconds * 1e9
        let rate = Double(count * firmware.count) / (Double(used) / 1e9)
        return #"{"digests": \#(count), "bytesPerSecond": \#(rate), "digest": "\#(digest)"}"#
    }
}
