import Rego
import Verifier
import WireFormat

/// Reference values of a file as policies on the command line ask for them.
struct ReferenceValueLookup: Sendable {
    private enum Content: Sendable {
        /// Values with an end: what does not hold now is not answered.
        case store(CurrentReferenceValues)
        /// Values by name that always hold.
        case plain(ObjectValue)
    }

    private let content: Content

    /// Reads a store of reference values, or an object of names and values.
    init(path: String) throws {
        let bytes = try PolicyFiles.bytes(at: path)
        if ReferenceValueFile.isStore(bytes) {
            do throws(WireError) {
                content = .store(
                    CurrentReferenceValues(try ReferenceValueFile.store(in: bytes)) { ReferenceValueFile.now })
            } catch {
                throw PolicyFileError("\(path): \(error)")
            }
        } else if case .object(let object) = try PolicyFiles.document(bytes, name: path) {
            content = .plain(object)
        } else {
            throw PolicyFileError("\(path): reference values are an object, name to value")
        }
    }

    /// What a name stands for; nil when there is nothing that holds now.
    func value(_ name: Value) -> Value? {
        switch content {
        case .plain(let values): return values[name]
        case .store(let values):
            guard case .string(let text) = name, let value = values.value(named: text.string) else { return nil }
            return try? JSONReader.parse(value.canonicalBytes)
        }
    }
}
