import Rego

/// Sources that are parsed and compiled together.
struct Compilation {
    private let modules: [(name: String, source: String)]

    init(files: [String]) throws {
        modules = try files.map { (name: $0, source: String(decoding: try Files.read($0), as: UTF8.self)) }
    }

    /// Compiles them so often; each time in milliseconds of processor time: it is one thread's work.
    func measure(rounds: Int) throws -> String {
        let lines = modules.reduce(0) { $0 + $1.source.utf8.count { $0 == UInt8(ascii: "\n") } }
        var times: [Double] = []
        for _ in 0..<rounds {
            let begin = Clock.used
            _ = try Policy.compile(modules: modules)
            times.append(Double(Clock.used - begin) / 1e6)
        }
        return #"{"lines": \#(lines), "milliseconds": \#(times)}"#
    }
}
