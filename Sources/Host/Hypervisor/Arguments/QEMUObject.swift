import WireFormat

/// One `-object` of QEMU, in the form its type wants.
public enum QEMUObject: Sendable, Equatable {
    /// `type,id=…,key=value`.
    case keyed(type: String, id: String, properties: [(key: String, value: String)])
    /// A JSON object, needed where a property is a structure.
    case json(JSONValue)

    /// The argument after `-object`.
    public var text: String {
        switch self {
        case .keyed(let type, let id, let properties):
            ([type, "id=\(id)"] + properties.map { "\($0.key)=\(QEMUArguments.escaped($0.value))" })
                .joined(separator: ",")
        case .json(let value): value.canonicalText
        }
    }

    /// Compares what QEMU would read.
    public static func == (left: QEMUObject, right: QEMUObject) -> Bool { left.text == right.text }
}
