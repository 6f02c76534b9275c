#if canImport(Glibc)
    import Glibc
#endif

/// Measures evidence on one core, for scripts/bench: `evidence-bench measure SECONDS FILE` computes the launch digest of the
/// pages of a firmware again and again, `evidence-bench verify SECONDS VECTORS` verifies genuine evidence. Prints one JSON
/// object.
@main
enum EvidenceBench {
    static func main() throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch (arguments.first, arguments.count) {
        case ("measure", 3):
            guard let seconds = Double(arguments[1]), seconds > 0 else { throw Failure("SECONDS must be positive") }
            print(try LaunchDigests(firmware: try read(arguments[2])).measure(seconds: seconds))
        case ("verify", 3):
            guard let seconds = Double(arguments[1]), seconds > 0 else { throw Failure("SECONDS must be positive") }
            let folder = "\(arguments[2])/evidence"
            print(try Verifications(file: { try read("\(folder)/\($0)") }).measure(seconds: seconds))
        default: throw Failure("usage: evidence-bench measure SECONDS FILE | verify SECONDS VECTORS")
        }
    }

    private static func read(_ path: String) throws -> [UInt8] {
        guard let file = fopen(path, "r") else { throw Failure("cannot read \(path)") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            if count == 0 { return bytes }
            bytes += chunk[..<count]
        }
    }
}

/// Why nothing was measured.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
