import CAllocations
import Rego

/// One policy, compiled once, that decides many times.
struct Decisions {
    private let query: PreparedQuery
    private let data: Value

    init(policy: String, data: String, query: String) throws {
        let source = String(decoding: try Files.read(policy), as: UTF8.self)
        self.query = try Policy.compile(modules: [(name: policy, source: source)]).prepare(query: query)
        self.data = try JSONReader.parse(try Files.read(data))
    }

    /// Inputs that are decided before the measurement, so that code and allocator are warm.
    private static let warmUp = 200

    /// Decides for each line of a file: from its bytes to the bytes of the result.
    func measure(inputs: String, output: String) throws -> String {
        let bytes = try Files.read(inputs)
        var lines = bytes.split(separator: UInt8(ascii: "\n")).map(\.indices)
        return try bytes.withUnsafeBytes { buffer in
            for line in lines.prefix(Self.warmUp) { _ = try decide(UnsafeRawBufferPointer(rebasing: buffer[line])) }
            lines.removeFirst(min(Self.warmUp, lines.count))
            guard lines.count > 0 else { throw Failure("no inputs beyond the \(Self.warmUp) for warming up") }
            var results: [[UInt8]] = []
            var times: [Int64] = []
            results.reserveCapacity(lines.count)
            times.reserveCapacity(lines.count)
            let (count, size, used) = (allocations_count(), allocations_bytes(), Clock.used)
            for line in lines {
                let begin = Clock.now
                results.append(try decide(UnsafeRawBufferPointer(rebasing: buffer[line])))
                times.append(Clock.now - begin)
            }
            let seconds = Double(Clock.used - used) / 1e9
            let (allocations, allocated) = (allocations_count() - count, allocations_bytes() - size)
            try Files.write(results, to: output)
            times.sort()
            func microseconds(_ part: Int) -> Double { Double(times[(times.count - 1) * part / 100]) / 1_000 }
            return """
                {"decisions": \(times.count), "perSecond": \(Double(times.count) / seconds), \
                "p50Us": \(microseconds(50)), "p99Us": \(microseconds(99)), \
                "allocations": \(Double(allocations) / Double(times.count)), \
                "bytes": \(Double(allocated) / Double(times.count))}
                """
        }
    }

    private func decide(_ input: UnsafeRawBufferPointer) throws -> [UInt8] {
        try query.value(input: try JSONReader.parse(input), data: data)?.json() ?? []
    }
}
