extension Parser {
    /// An interpolated string, from its start to its end.
    mutating func template() throws(RegoError) -> Term {
        let mark = index
        let isRaw = bytes[Int(token.end) - 1] == UInt8(ascii: "`")
        advance()
        var parts: [Term.TemplatePart] = []
        var tallest = 0
        while !take(.templateEnd) {
            if kind == .templateText {
                let text = try templateText(isRaw: isRaw)
                advance()
                if !text.isEmpty { parts.append(.text(text)) }
                continue
            }
            if kind == .templateClose { throw unexpected("expected template expression") }
            let start = index
            try refuse([.not: "negation ('not')", .some: "'some'", .every: "'every'"], at: start)
            let term = try keyedTerm()
            try refuse([.unify: "unification ('=')", .assign: "assignment (':=')"], at: start)
            var height = height
            let modifiers = try modifiers()
            height = max(height, self.height)
            parts.append(.term(modifiers.isEmpty ? term : wrap(term, modifiers, from: start)))
            tallest = max(tallest, height)
            guard take(.templateClose) else { throw error("expected } to end template string expression") }
        }
        try grow(above: tallest + 2)
        return Term(.template(parts), location(from: mark))
    }

    /// Expressions that are no values.
    private func refuse(_ kinds: [Token.Kind: String], at mark: Int) throws(RegoError) {
        guard let what = kinds[kind] else { return }
        throw error("unexpected \(what) in template-string expression", at: location(from: mark))
    }

    /// `term with …` as a term: `[x | x := term with …][0]`, undefined when the term is.
    private mutating func wrap(_ term: Term, _ modifiers: [Modifier], from mark: Int) -> Term {
        let place = location(from: mark)
        let variable = Term(.variable("$\(wildcards)"), place)
        wildcards += 1
        let body = [Expression(.assign(variable, term), modifiers: modifiers, place)]
        return Term(
            .reference(Term(.arrayComprehension(variable, body), place), [Term(.scalar(.int(0)), place)]), place)
    }

    private func templateText(isRaw: Bool) throws(RegoError) -> String {
        var content: [UInt8] = []
        var iterator = bytes(of: token).makeIterator()
        while let byte = iterator.next() {
            guard byte == UInt8(ascii: "\\"), let next = iterator.next() else {
                content.append(byte)
                continue
            }
            if next == UInt8(ascii: "{") {
                content.append(next)
            } else {
                content += [byte, next]
            }
        }
        if isRaw { return String(decoding: content, as: UTF8.self) }
        guard let text = content.withUnsafeBytes({ JSONEscapes.decode($0) }) else {
            throw error("illegal string literal: \(self.text(of: token))")
        }
        return text
    }
}
