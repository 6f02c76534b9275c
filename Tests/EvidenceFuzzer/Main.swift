import FuzzProgram

/// Feeds any bytes to the parser of evidence or endorsements that the environment variable EVIDENCE_FUZZ_FORMAT names.
@main
struct EvidenceFuzzer {
    static func main() throws { try FuzzProgram<Format>.main(variable: "EVIDENCE_FUZZ_FORMAT") }
}
