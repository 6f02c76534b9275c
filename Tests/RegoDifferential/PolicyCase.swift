/// One generated case.
struct PolicyCase {
    var number: Int
    var modules: [String] = []
    var input: String
    var data: String
    var query: String
    var isV0: Bool
    var constructs: [String] = []
}

extension PolicyCase {
    /// The case that seed and number determine.
    init(seed: UInt64, number: Int) {
        var random = SeededRandom(seed: seed, stream: UInt64(number))
        let documents = Documents(&random)
        let isV0 = random.chance(15)
        let declaresV1 = !isV0 && random.chance(20)
        let several = random.chance(25)
        var terms = TermGenerator(random)
        terms.mark(isV0 ? "v0 module" : "v1 module")
        if declaresV1 { terms.mark("import rego.v1") }
        var imports = isV0 ? ["import future.keywords"] : declaresV1 ? ["import rego.v1"] : []
        if isV0 { terms.mark("import future.keywords") }
        var library: [Source] = []
        var modules: [String] = []
        if several {
            terms.mark("several modules")
            var rules = RuleGenerator(terms, isV0: isV0)
            rules.write(rules.terms.random.within(1...3))
            modules.append((["package lib.shared"] + imports + rules.lines).joined(separator: "\n\n") + "\n")
            terms = rules.terms
            library = rules.defined
            terms.documents = []
            terms.functions = terms.functions.map { function in
                var function = function
                function.name = "data.lib.shared.\(function.name)"
                return function
            }
        }
        imports += Self.names(of: library, &terms)
        var rules = RuleGenerator(terms, isV0: isV0)
        rules.write(rules.terms.random.within(2...5))
        modules.append((["package t"] + imports + rules.lines).joined(separator: "\n\n") + "\n")
        if rules.terms.random.chance(15) {
            rules.terms.mark("package of two modules")
            modules.append("package t\n\nextra_value := \(rules.terms.constant(.integer))\n")
        }
        let query = Self.query(rules.defined, &rules.terms)
        if rules.terms.random.chance(2) {
            // `import future.keywords` makes `contains` known in v0; heads with `:=` are the same in both.
            modules[several ? 1 : 0] += "\n" + Mistakes.pick(&rules.terms) + "\n"
        }
        self.init(
            number: number, modules: modules, input: documents.input, data: documents.data, query: query, isV0: isV0,
            constructs: rules.terms.constructs.sorted())
    }

    /// Imports by which the library's rules and the documents get names; the names are brought into scope.
    private static func names(of library: [Source], _ terms: inout TermGenerator) -> [String] {
        var imports: [String] = []
        if !library.isEmpty {
            let isImported = terms.random.chance(60)
            if isImported {
                terms.mark("import of a package")
                imports.append(terms.random.chance(50) ? "import data.lib.shared" : "import data.lib.shared as shared")
            }
            terms.aliases += library.map { source in
                var source = source
                source.text = (isImported ? "shared." : "data.lib.shared.") + source.text
                source.construct = "reference to a rule of another package"
                return source
            }
        }
        // regopy crashes at times where a document of data has another name.
        if terms.dares() {
            imports.append("import data.base.limit as ceiling")
            terms.aliases.append(Source(text: "ceiling", kind: .integer, construct: "import of data"))
        }
        if terms.random.chance(20) {
            imports.append("import input.user as caller")
            terms.aliases.append(Source(text: "caller", kind: .person, construct: "import of input"))
            terms.aliases.append(Source(text: "caller.name", kind: .string, construct: "import of input"))
        }
        return imports
    }

    private static func query(_ rules: [Source], _ terms: inout TermGenerator) -> String {
        let certain = rules.filter(\.isCertain)
        guard let first = (certain.isEmpty ? rules : certain).last, terms.random.chance(55) else {
            terms.mark("query for a package")
            return "data.t"
        }
        let rule = terms.random.chance(70) ? terms.random.pick(certain.isEmpty ? rules : certain) : first
        // regopy calls a query undefined whose value is false.
        switch rule.kind == .bool && !terms.dares() ? 0 : terms.random.below(6) {
        case 0:
            terms.mark("query that binds")
            return "x := data.t.\(rule.text)"
        case 1:
            terms.mark("query of several expressions")
            return "x := data.t.\(rule.text); y := [x, input.n]; count(y) == 2"
        case 2 where rule.kind.member != nil:
            terms.mark("query that iterates")
            return "data.t.\(rule.text)[key] = value"
        case 3:
            terms.mark("query with a comprehension")
            return "x := {\"all\": [y | y := data.t.\(rule.text)]}"
        default:
            terms.mark("query for a rule")
            return "data.t.\(rule.text)"
        }
    }
}
