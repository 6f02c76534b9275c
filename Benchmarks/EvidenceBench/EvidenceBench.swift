/// Measures evidence on one core, for scripts/bench: `evidence-bench measure BYTES SECONDS` computes the launch digest of the
/// pages of a firmware of so many bytes again and again. Prints one JSON object.
@main
enum EvidenceBench {
    static func main() throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch (arguments.first, arguments.count) {
        case ("measure", 3):
            guard let size = Int(arguments[1]), let seconds = Double(arguments[2]), size > 0, seconds > 0 else {
                throw Failure("BYTES and SECONDS must be positive numbers")
            }
            print(try LaunchDigests(size: size).measure(seconds: seconds))
        default: throw Failure("usage: evidence-bench measure BYTES SECONDS")
        }
    }
}

/// Why nothing was measured.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
