import WireFormat

/// Which objects of a list a client asked for.
public struct Selection: Sendable {
    private let namespace: String?
    private let name: String?
    private let labels: [@Sendable ([String: JSONValue]) -> Bool]

    /// Reads the selectors of a request.
    ///
    /// - Parameters:
    ///   - namespace: The namespace of the path, or nil for all.
    ///   - fieldSelector: `metadata.name=x` and `metadata.namespace=y`, joined by commas.
    ///   - labelSelector: `k=v`, `k==v`, `k!=v`, `k` and `!k`, joined by commas.
    /// - Throws: ``APIFault`` (400) for any other selector, so that none is ignored.
    public init(namespace: String?, fieldSelector: String, labelSelector: String) throws(APIFault) {
        var (namespace, name) = (namespace, String?.none)
        for term in fieldSelector.split(separator: ",") {
            let parts = term.split(separator: "=", omittingEmptySubsequences: true).map(String.init)
            switch (parts.first, parts.count, term.contains("!")) {
            case ("metadata.name", 2, false): name = parts[1]
            case ("metadata.namespace", 2, false): namespace = parts[1]
            default: throw .badRequest("field selector \"\(term)\" is not supported")
            }
        }
        var labels: [@Sendable ([String: JSONValue]) -> Bool] = []
        for term in labelSelector.split(separator: ",").map(String.init) {
            guard !term.contains("("), !term.contains(" ") else {
                throw .badRequest("label selector \"\(term)\" is not supported")
            }
            let parts = term.split(separator: "=", omittingEmptySubsequences: true).map(String.init)
            let key = parts.first ?? ""
            if parts.count == 2, key.hasSuffix("!") {
                labels.append { $0[String(key.dropLast())]?.stringValue != parts[1] }
            } else if parts.count == 2 {
                labels.append { $0[key]?.stringValue == parts[1] }
            } else if key.hasPrefix("!") {
                labels.append { $0[String(key.dropFirst())] == nil }
            } else {
                labels.append { $0[key] != nil }
            }
        }
        self.namespace = namespace
        self.name = name
        self.labels = labels
    }

    /// Whether `object` was asked for.
    public func accepts(_ object: JSONValue) -> Bool {
        let metadata = object["metadata"]
        if let namespace = self.namespace, metadata?["namespace"]?.stringValue != namespace { return false }
        if let name = self.name, metadata?["name"]?.stringValue != name { return false }
        let present = metadata?["labels"]?.objectValue ?? [:]
        return self.labels.allSatisfy { $0(present) }
    }
}
