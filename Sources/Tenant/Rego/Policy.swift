/// A compiled policy. It is immutable: any number of threads may prepare queries and evaluate them at once.
public struct Policy: Sendable {
    private let compiled: CompiledPolicy
    private let sources: [String: String]

    /// Compiles sources.
    public static func compile(
        modules: [(name: String, source: String)], options: CompileOptions = CompileOptions()
    ) throws(RegoErrors) -> Policy {
        var parsed: [Module] = []
        var errors: [RegoError] = []
        for (name, source) in modules {
            do throws(RegoErrors) {
                parsed.append(try Module.parse(source, file: name, options: ParseOptions(v0: options.v0)))
            } catch {
                errors += error.errors
            }
        }
        guard errors.isEmpty else { throw RegoErrors(errors) }
        return try compile(modules: parsed, options: options)
    }

    /// Compiles modules that are parsed already.
    public static func compile(
        modules: [Module], options: CompileOptions = CompileOptions()
    ) throws(RegoErrors) -> Policy {
        var outcome: Result<CompiledPolicy, RegoErrors> = .failure(
            RegoErrors([RegoError("rego_compile_error", "no stack to compile on")]))
        let work = {
            var compiler = Compiler(modules, options: options)
            if let policy = compiler.compile() {
                outcome = .success(policy)
            } else {
                outcome = .failure(RegoErrors(compiler.errors.inOrder))
            }
        }
        // Terms nest: a deep stack is cheaper than counting what each step of compilation needs.
        _ = DeepStack.run(work)
        var sources: [String: String] = [:]
        for module in modules { sources[module.packageLocation.file] = module.source }
        do throws(RegoErrors) {
            return Policy(compiled: try outcome.get(), sources: sources)
        } catch {
            throw error.showing(sources)
        }
    }

    /// Compiles a query, e.g. `data.policy.allow` or `x := input.y; data.p.q[x]`.
    public func prepare(query: String) throws(RegoErrors) -> PreparedQuery {
        let body = try Body.parse(query: query, options: ParseOptions(v0: compiled.state.options.v0))
        var outcome: Result<(Program, CompiledQuery), RegoErrors> = .failure(
            RegoErrors([RegoError("rego_compile_error", "no stack to compile on")]))
        _ = DeepStack.run {
            do throws(RegoErrors) {
                outcome = .success(try compiled.compile(query: body, source: query))
            } catch {
                outcome = .failure(error)
            }
        }
        let sources = sources.merging(["": query]) { $1 }
        do throws(RegoErrors) {
            let (program, compiledQuery) = try outcome.get()
            return PreparedQuery(program: program, query: compiledQuery, sources: sources)
        } catch {
            throw error.showing(sources)
        }
    }

    /// Compiles and evaluates a query once. What is asked often is prepared once instead: see ``prepare(query:)``.
    ///
    /// - Parameters:
    ///   - query: For example `data.policy.allow`.
    ///   - input: The document `input`; nil leaves it undefined.
    ///   - data: The base documents below `data`, an object.
    ///   - limits: What the evaluation may spend.
    ///   - context: Time, randomness and where prints go.
    /// - Returns: One row for each way in which the query holds; none when it is undefined.
    /// - Throws: ``RegoErrors`` of the query or of the evaluation.
    public func evaluate(
        query: String, input: Value? = nil, data: Value = .object(ObjectValue([])), limits: Limits = .standard,
        context: EvaluationContext = EvaluationContext()
    ) throws(RegoErrors) -> [PreparedQuery.Row] {
        let prepared = try prepare(query: query)
        do throws(RegoError) {
            return try prepared.evaluate(input: input, data: data, limits: limits, context: context)
        } catch {
            throw RegoErrors([error])
        }
    }
}

extension [RegoError] {
    /// Errors by file and place, each once.
    var inOrder: [RegoError] {
        var seen: Set<RegoError> = []
        return filter { seen.insert($0).inserted }.sorted { left, right in
            let (first, second) = (left.location ?? Location(), right.location ?? Location())
            return (first.file, first.row, first.column) < (second.file, second.row, second.column)
        }
    }
}
