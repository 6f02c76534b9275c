/// A YAML document as a value, as `yaml.unmarshal` reads it.
public enum YAMLDocument {
    /// The value of one document.
    ///
    /// - Throws: `yaml_error` that names the line, also for what is refused: anchors, aliases, tags and further documents.
    public static func parse(_ text: String) throws(RegoError) -> Value {
        do throws(YAMLReader.Mistake) {
            return try YAMLReader.parse(text)
        } catch {
            throw RegoError("yaml_error", error.text)
        }
    }
}
