extension Builtin {
    /// `strings.render_template`.
    static let templates: [Builtin] = [
        Builtin("strings.render_template", 2) {
            (arguments: [Value], context: inout Context) throws(Failure) -> Value? in
            let text = try arguments.string(1)
            let variables = try arguments.object(2)
            try context.charge(text.utf8.count / 16)
            let template: Template
            do throws(Template.Problem) { template = try Template(text) } catch { throw .builtin(error.message) }
            var renderer = TemplateRenderer(.value(.object(variables)), context.charge)
            return .string(try renderer.render(template))
        }
    ]
}

/// Writes a template out.
struct TemplateRenderer {
    private enum Leave {
        case loop
        case round
    }

    private let charge: (Int) throws(Builtin.Failure) -> Void
    private let root: TemplateValue
    private var output = ""
    private var variables: [(name: String, value: TemplateValue)]

    init(_ root: TemplateValue, _ charge: @escaping (Int) throws(Builtin.Failure) -> Void) {
        (self.root, self.charge) = (root, charge)
        variables = [("", root)]
    }

    mutating func render(_ template: Template) throws(Builtin.Failure) -> String {
        _ = try run(template.nodes, root)
        return output
    }

    private mutating func write(_ text: String) throws(Builtin.Failure) {
        let count = text.utf8.count
        guard output.utf8.count + count <= Builtin.maximumResult else { throw .tooLarge("result") }
        try charge(1 + count / 4)
        output += text
    }

    private mutating func run(_ nodes: [Template.Node], _ dot: TemplateValue) throws(Builtin.Failure) -> Leave? {
        let scope = variables.count
        defer { variables.removeSubrange(scope...) }
        for node in nodes {
            try charge(1)
            switch node {
            case .text(let text): try write(text)
            case .action(let pipeline):
                let value = try evaluate(pipeline, dot)
                if pipeline.variables.isEmpty { try write(value.text) }
            case .leave(let isContinue): return isContinue ? .round : .loop
            case .branch(let kind, let pipeline, let body, let otherwise):
                if let leave = try branch(kind, pipeline, body, otherwise, dot) { return leave }
            }
        }
        return nil
    }

    private mutating func branch(
        _ kind: Template.Branch, _ pipeline: Template.Pipeline, _ body: [Template.Node],
        _ otherwise: [Template.Node], _ dot: TemplateValue
    ) throws(Builtin.Failure) -> Leave? {
        let scope = variables.count
        defer { variables.removeSubrange(scope...) }
        if kind == .range { return try loop(pipeline, body, otherwise, dot) }
        let value = try evaluate(pipeline, dot)
        if value.holds { return try run(body, kind == .with ? value : dot) }
        return try run(otherwise, dot)
    }

    private mutating func loop(
        _ pipeline: Template.Pipeline, _ body: [Template.Node], _ otherwise: [Template.Node], _ dot: TemplateValue
    ) throws(Builtin.Failure) -> Leave? {
        var plain = pipeline
        plain.variables = []
        let members: [(TemplateValue, TemplateValue)]
        switch try evaluate(plain, dot) {
        case .int(let count):
            guard count <= Builtin.maximumResult else { throw .tooLarge("range") }
            try charge(max(0, count))
            members = (0..<max(0, count)).map { (.int($0), .int($0)) }
        case .value(.array(let array)): members = array.enumerated().map { (.int($0.offset), .value($0.element)) }
        case .value(.set(let set)): members = set.members.enumerated().map { (.int($0.offset), .value($0.element)) }
        case .value(.object(let object)): members = zip(object.keys, object.values).map { (.value($0), .value($1)) }
        case .missing, .value(.null): members = []
        default: throw .builtin("template: template: range can't iterate over the value")
        }
        if members.isEmpty { return try run(otherwise, dot) }
        for (key, value) in members {
            let scope = variables.count
            defer { variables.removeSubrange(scope...) }
            let names = pipeline.variables
            if names.count == 2 { try set(names[0], key, pipeline.isAssignment) }
            if let name = names.last { try set(name, value, pipeline.isAssignment) }
            if case .loop = try run(body, value) { break }
        }
        return nil
    }

    private mutating func set(_ name: String, _ value: TemplateValue, _ isAssignment: Bool) throws(Builtin.Failure) {
        guard isAssignment else {
            variables.append((name, value))
            return
        }
        guard let index = variables.lastIndex(where: { $0.name == name }) else {
            throw .builtin("template: template: undefined variable \(GoQuote.quote("$" + name))")
        }
        variables[index].value = value
    }

    private mutating func evaluate(
        _ pipeline: Template.Pipeline, _ dot: TemplateValue
    ) throws(Builtin.Failure) -> TemplateValue {
        var value: TemplateValue?
        for command in pipeline.commands {
            try charge(1)
            guard let first = command.first else { continue }
            if case .function(let name) = first.base {
                var arguments: [TemplateValue] = []
                for operand in command.dropFirst() { arguments.append(try evaluate(operand, dot)) }
                if let value { arguments.append(value) }
                do throws(Template.Problem) {
                    value = try TemplateFunction.call(name, arguments)
                } catch {
                    throw .builtin(error.message)
                }
            } else {
                guard command.count == 1, value == nil else {
                    throw .builtin("template: template: can't give argument to non-function")
                }
                value = try evaluate(first, dot)
            }
        }
        let result = value ?? .missing
        if let name = pipeline.variables.last { try set(name, result, pipeline.isAssignment) }
        return result
    }

    private mutating func evaluate(
        _ operand: Template.Operand, _ dot: TemplateValue
    ) throws(Builtin.Failure) -> TemplateValue {
        var value: TemplateValue
        switch operand.base {
        case .dot: value = dot
        case .constant(let constant): value = constant
        case .pipeline(let pipeline): value = try evaluate(pipeline, dot)
        case .function(let name):
            do throws(Template.Problem) {
                value = try TemplateFunction.call(name, [])
            } catch {
                throw .builtin(error.message)
            }
        case .variable(let name):
            guard let found = variables.last(where: { $0.name == name }) else {
                throw .builtin("template: template: undefined variable \(GoQuote.quote("$" + name))")
            }
            value = found.value
        }
        for field in operand.fields {
            guard case .value(.object(let object)) = value else {
                throw .builtin("template: template: can't evaluate field \(field)")
            }
            value = object[field].map { .value($0) } ?? .missing
        }
        return value
    }
}
