import ArgumentParser
import Verifier
import WireFormat

/// `testudo reference-values add`: states a value by hand.
struct ReferenceValuesAdd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "State a reference value by hand; it takes the place of a former statement.",
        discussion: "A name that a signed document states is not replaced: remove it first.")

    @OptionGroup var place: ReferenceValuePlace
    @OptionGroup var life: ReferenceValueLife
    @Argument(help: "The name that policies ask for, such as snp_launch_measurement.") var name: String
    @Argument(
        help: """
            The value: JSON such as '["ab…"]', 3 or true, of which each element of a list is known; a word that is no JSON is a \
            text (ab12 is "ab12"), and '"3"' is the text 3.
            """)
    var value: String

    /// JSON where it is JSON, else a word.
    static func value(_ text: String) throws -> JSONValue {
        do {
            return try JSONValue.parse(text: text)
        } catch {
            let isWord =
                !text.isEmpty
                && text.unicodeScalars.allSatisfy { $0.value > 0x20 && !"[]{}\",'\\".unicodeScalars.contains($0) }
            guard isWord, ShownText.line(text) == text else {
                throw ValidationError(
                    "The value is neither JSON (\(error)) nor a word. A text with other characters is written '\"like this\"'."
                )
            }
            return .string(text)
        }
    }

    func run() async throws {
        let known = try Self.value(value)
        if let file = place.file {
            let file = ReferenceValueFile(path: file)
            var store = try file.load()
            do {
                let reader = ReferenceReader(
                    origin: "command line", expiry: try life.expiry(), note: life.provenance,
                    now: ReferenceValueFile.now)
                try store.take(try reader.statement(name: name, value: known))
            } catch let error as WireError {
                throw CommandFailure("\(error)")
            }
            try file.save(store)
        } else {
            let payload = JSONValue.object([name: known]).canonicalBytes
            let message: [String: JSONValue] = [
                "version": "0.1.0", "type": "sample", "payload": .string(Base64.encode(payload)),
            ]
            try await place.admin().call(
                "POST", "/kbs/v0/reference-value",
                body: JSONValue.object(message.merging(try life.members()) { $1 }).canonicalBytes)
        }
        place.common.show(
            .object(["name": .string(name), "value": known]), text: "stored \(name): \(known.canonicalText)")
    }
}
