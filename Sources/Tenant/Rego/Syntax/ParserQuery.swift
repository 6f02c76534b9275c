extension Array where Element == Expression {
    /// The expressions of a query, apart by semicolons or lines.
    public static func parse(
        query: String, file: String = "", options: ParseOptions = ParseOptions()
    ) throws(RegoErrors) -> Body {
        do throws(RegoError) {
            var parser = try Parser(query, file: file, options: options)
            return try parser.query()
        } catch {
            throw RegoErrors([error], of: query)
        }
    }
}

extension Term {
    /// A term alone, as cases give their input.
    public static func parse(
        _ source: String, file: String = "", options: ParseOptions = ParseOptions()
    ) throws(RegoErrors) -> Term {
        do throws(RegoError) {
            var parser = try Parser(source, file: file, options: options)
            return try parser.single()
        } catch {
            throw RegoErrors([error], of: source)
        }
    }
}

extension Parser {
    fileprivate mutating func query() throws(RegoError) -> Body {
        var body: Body = []
        if kind == .end { throw error("empty query") }
        while kind != .end {
            body.append(try literal())
            if !take(.semicolon), kind != .end, !token.followsLine {
                throw unexpected("expected \\n or ; or eof")
            }
        }
        return body
    }

    fileprivate mutating func single() throws(RegoError) -> Term {
        let term = try keyedTerm()
        if kind != .end { throw unexpected("expected one term") }
        return term
    }
}
