import FuzzProgram

/// Feeds any bytes to the decoders of the key broker that the environment variable BROKER_FUZZ_FORMAT names.
///
/// What opens has to be one of the messages that were sealed: BROKER_FUZZ_SEEDS names the folder with them.
@main
struct BrokerFuzzer {
    static func main() throws { try FuzzProgram<Format>.main(variable: "BROKER_FUZZ_FORMAT") }
}
