/// The functions that a template may call.
enum TemplateFunction {
    static let names: Set<String> = [
        "and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index", "slice", "print", "println",
        "printf", "html", "js", "urlquery",
    ]

    static func call(_ name: String, _ arguments: [TemplateValue]) throws(Template.Problem) -> TemplateValue {
        func need(_ count: Int) throws(Template.Problem) {
            if arguments.count < count { throw .init("wrong number of args for \(name): want \(count)") }
        }
        switch name {
        case "and":
            try need(1)
            return arguments.first { !$0.holds } ?? arguments[arguments.count - 1]
        case "or":
            try need(1)
            return arguments.first { $0.holds } ?? arguments[arguments.count - 1]
        case "not":
            try need(1)
            return .value(.bool(!arguments[0].holds))
        case "eq":
            try need(2)
            for other in arguments.dropFirst() {
                if try order(arguments[0], other) == 0 { return .value(.bool(true)) }
            }
            return .value(.bool(false))
        case "ne", "lt", "le", "gt", "ge":
            try need(2)
            let order = try order(arguments[0], arguments[1])
            let holds =
                switch name {
                case "ne": order != 0
                case "lt": order < 0
                case "le": order <= 0
                case "gt": order > 0
                default: order >= 0
                }
            return .value(.bool(holds))
        case "len":
            try need(1)
            return .int(try length(arguments[0]))
        case "index":
            try need(1)
            var value = arguments[0]
            for key in arguments.dropFirst() { value = try index(value, key) }
            return value
        case "slice":
            try need(1)
            return try slice(arguments)
        case "print", "println":
            let text = arguments.map(\.text).joined(separator: name == "println" ? " " : "")
            return .value(.string(name == "println" ? "\(text)\n" : text))
        case "printf": return .value(.string(try printf(arguments)))
        case "html", "js", "urlquery":
            let text = arguments.map(\.text).joined()
            return .value(
                .string(name == "html" ? html(text) : name == "js" ? script(text) : URLQuery.escape(Array(text.utf8))))
        default: throw .init("function \(GoQuote.quote(name)) not defined")
        }
    }

    /// Go's `fmt.Sprintf`; what is neither number nor text is passed on as its text.
    private static func printf(_ arguments: [TemplateValue]) throws(Template.Problem) -> String {
        guard let format = arguments.first.flatMap(string) else {
            throw .init("wrong number of args for printf: want at least 1")
        }
        let values = arguments.dropFirst().map { value -> GoFormat.Argument in
            switch value {
            case .int(let int): .integer(BigInteger(int), fits: true)
            case .float(let float): .float(float)
            default: .string(value.text)
            }
        }
        var formatter = GoFormat(format, values)
        do throws(Builtin.Failure) {
            return try formatter.run { count throws(Builtin.Failure) in
                guard count <= Builtin.maximumResult else { throw .tooLarge("result") }
            }
        } catch {
            throw .init("result is too large")
        }
    }

    private static func html(_ text: String) -> String {
        text.unicodeScalars.map { scalar in
            switch scalar {
            case "\0": "\u{FFFD}"
            case "\"": "&#34;"
            case "'": "&#39;"
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            default: String(scalar)
            }
        }.joined()
    }

    /// As text within a script: signs that could end it are escaped.
    private static func script(_ text: String) -> String {
        text.unicodeScalars.map { scalar in
            switch scalar {
            case "\\": return "\\\\"
            case "'": return "\\'"
            case "\"": return "\\\""
            case "<", ">", "&", "=": return "\\u00" + String(scalar.value, radix: 16, uppercase: true)
            default:
                if GoQuote.isPrintable(scalar) { return String(scalar) }
                let digits = String(scalar.value, radix: 16, uppercase: true)
                return "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            }
        }.joined()
    }

    private static func order(_ one: TemplateValue, _ other: TemplateValue) throws(Template.Problem) -> Int {
        switch (one, other) {
        case (.int(let left), .int(let right)): return left == right ? 0 : left < right ? -1 : 1
        case (.float(let left), .float(let right)): return left == right ? 0 : left < right ? -1 : 1
        case (.value(.bool(let left)), .value(.bool(let right))): return left == right ? 0 : 1
        case (.value(.null), .value(.null)), (.missing, .missing): return 0
        case (.value(.null), _), (_, .value(.null)), (.missing, _), (_, .missing): return 1
        default:
            guard let left = string(one), let right = string(other) else {
                throw .init("incompatible types for comparison")
            }
            return Text.order(Text(left), Text(right))
        }
    }

    /// A text; numbers of the data are texts.
    private static func string(_ value: TemplateValue) -> String? {
        switch value {
        case .value(.string(let text)): text.string
        case .value(.number(let number)): number.description
        default: nil
        }
    }

    private static func length(_ value: TemplateValue) throws(Template.Problem) -> Int {
        if let text = string(value) { return text.utf8.count }
        switch value {
        case .value(.array(let members)): return members.count
        case .value(.object(let object)): return object.count
        case .value(.set(let set)): return set.count
        default: throw .init("len of a value without length")
        }
    }

    private static func index(_ value: TemplateValue, _ key: TemplateValue) throws(Template.Problem) -> TemplateValue {
        switch (value, key) {
        case (.value(.array(let members)), .int(let index)):
            guard members.indices.contains(index) else { throw .init("index out of range: \(index)") }
            return .value(members[index])
        case (.value(.object(let object)), _):
            guard let name = string(key) else { throw .init("value has wrong type for an index") }
            return object[name].map { .value($0) } ?? .missing
        default: throw .init("cannot index a value of this type")
        }
    }

    private static func slice(_ arguments: [TemplateValue]) throws(Template.Problem) -> TemplateValue {
        let length = try length(arguments[0])
        var bounds: [Int] = []
        for argument in arguments.dropFirst() {
            guard case .int(let bound) = argument, (0...length).contains(bound) else {
                throw .init("slice index out of range")
            }
            bounds.append(bound)
        }
        let (low, high) = (bounds.first ?? 0, bounds.count > 1 ? bounds[1] : length)
        guard low <= high, bounds.count <= 2 else { throw .init("invalid slice index") }
        if case .value(.array(let members)) = arguments[0] { return .value(.array(Array(members[low..<high]))) }
        guard let text = string(arguments[0]) else { throw .init("cannot slice a value of this type") }
        return .value(.string(Array(text.utf8)[low..<high].string))
    }
}
