extension Module {
    /// The module of a source. `file` is the name that errors give it.
    public static func parse(
        _ source: String, file: String, options: ParseOptions = ParseOptions()
    ) throws(RegoErrors) -> Module {
        let (module, complaints): (Module, [RegoError])
        do throws(RegoError) {
            var parser = try Parser(source, file: file, options: options)
            (module, complaints) = try parser.module(source, v0: options.v0)
        } catch {
            throw RegoErrors([error], of: source)
        }
        if module.isV1, !complaints.isEmpty {
            throw RegoErrors(Array(complaints.prefix(Parser.complaintLimit)), of: source)
        }
        return module
    }
}

extension Parser {
    fileprivate mutating func module(_ source: String, v0: Bool) throws(RegoError) -> (Module, Complaints) {
        if kind == .end { throw error("empty module") }
        guard kind == .package else { throw error("package expected") }
        let (path, place) = try package()
        var module = Module(package: path, packageLocation: place, isV1: !v0, source: source)
        var complaints: Complaints = []
        while kind != .end {
            switch kind {
            case .package: throw error("unexpected package")
            case .import:
                let item = try importItem()
                try act(on: item, &module)
                module.imports.append(item)
            default: module.rules += try rules(&complaints)
            }
        }
        module.metadata = metadata()
        return (module, complaints)
    }

    private mutating func package() throws(RegoError) -> ([String], Location) {
        let mark = index
        advance()
        guard kind == .identifier || kind == .contains else { throw unexpected() }
        let term = try term()
        let (head, operands): (Term, [Term])
        switch term.kind {
        case .variable: (head, operands) = (term, [])
        case .reference(let first, let rest): (head, operands) = (first, rest)
        default: throw error("unexpected \(term.kindName) token: expecting var", at: term.location)
        }
        guard case .variable(let name) = head.kind else {
            throw error("unexpected \(head.kindName) token: expecting var", at: head.location)
        }
        var path = [name]
        for operand in operands {
            guard case .scalar(.string(let name)) = operand.kind else {
                throw error("unexpected \(operand.kindName) token: expecting string", at: operand.location)
            }
            path.append(name.string)
        }
        return (path, location(from: mark))
    }

    private mutating func importItem() throws(RegoError) -> Import {
        let mark = index
        advance()
        guard kind == .identifier || kind == .contains else { throw error("expected ident") }
        let path = try term()
        let root: String
        switch path.kind {
        case .variable(let name): root = name
        case .reference(let head, let operands):
            for operand in operands {
                if case .scalar(.string) = operand.kind { continue }
                throw error("unexpected \(operand.kindName) token: expecting string", at: operand.location)
            }
            guard case .variable(let name) = head.kind else { throw error("expected path", at: path.location) }
            root = name
        default: throw error("expected path", at: path.location)
        }
        guard ["data", "input", "future", "rego"].contains(root) else {
            let message = "unexpected import path, must begin with one of: {data, future, input, rego}, got: \(root)"
            throw error(message, at: path.location)
        }
        var alias: String?
        if take(.as) {
            guard kind == .identifier || kind == .contains else { throw unexpected("expected var") }
            alias = variable()
        } else if root != "future", let last = path.lastName, isReserved(last) {
            throw error("unexpected import path, must not end with a keyword, got: \(last)", at: path.location)
        }
        return Import(path: path, alias: alias, location(from: mark))
    }

    /// Whether a name is a keyword of the language's version: what an import may not end with.
    private func isReserved(_ name: String) -> Bool {
        switch Lexer.keyword(Array(name.utf8)[...]) {
        case nil: false
        case .in, .every, .contains, .if: !isV0
        default: true
        }
    }

    /// Does what imports of `rego.v1` and `future.keywords` ask for.
    private mutating func act(on item: Import, _ module: inout Module) throws(RegoError) {
        var path: [String] = []
        if case .variable(let name) = item.path.kind { path = [name] }
        if case .reference(let head, let operands) = item.path.kind, case .variable(let name) = head.kind {
            path = [name]
            for operand in operands {
                if case .scalar(.string(let name)) = operand.kind { path.append(name.string) }
            }
        }
        guard path[0] == "rego" || path[0] == "future" else { return }
        if item.alias != nil { throw error("`\(path[0])` imports cannot be aliased", at: item.path.location) }
        let exclusive = "the `rego.v1` import implies `future.keywords`, these are therefore mutually exclusive"
        if path[0] == "rego" {
            guard path == ["rego", "v1"] else {
                throw error("invalid import `\(item.path.text)`, must be `rego.v1`", at: item.path.location)
            }
            if module.isV1 { return }
            if !keywords.isEmpty, !isFuture { throw error(exclusive, at: item.path.location) }
            module.isV1 = true
            isCompatible = true
            keywords = .all
            return
        }
        if isCompatible { throw error(exclusive, at: item.path.location) }
        guard path.count > 1, path[1] == "keywords" else {
            throw error("invalid import, must be `future.keywords`", at: item.path.location)
        }
        if path.count == 2 {
            keywords = .all
            return
        }
        guard path.count == 3, let keyword = Self.imported[path[2]] else {
            throw error(
                "unexpected keyword, must be one of [contains every if in]", at: item.path.location)
        }
        keywords.formUnion(keyword)
    }

    private static let imported: [String: Keywords] = [
        "in": .in, "every": [.every, .in], "contains": .contains, "if": .if,
    ]

    /// Comment blocks that start with `METADATA`, each line at the margin.
    private func metadata() -> [(text: String, row: Int, location: Location)] {
        var blocks: [(text: String, row: Int, location: Location)] = []
        var isOpen = false
        for (index, comment) in comments.enumerated() {
            let content = bytes[(comment.start + 1)..<max(comment.end, comment.start + 1)]
            if isOpen, comment.row == comments[index - 1].row + 1, comment.column == 1 {
                let line = content.first == UInt8(ascii: " ") ? content.dropFirst() : content
                blocks[blocks.count - 1].text += String(decoding: line, as: UTF8.self) + "\n"
                blocks[blocks.count - 1].row = comment.row + 1
                continue
            }
            isOpen = content.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
                .starts(with: "METADATA".utf8)
            if isOpen {
                let place = Location(
                    file: file, row: comment.row, column: comment.column, offset: comment.start,
                    length: comment.end - comment.start)
                blocks.append(("", comment.row + 1, place))
            }
        }
        return blocks
    }
}
