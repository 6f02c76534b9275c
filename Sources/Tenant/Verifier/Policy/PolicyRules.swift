import Rego
import WireFormat

/// The rules that a policy's text defines in package `policy`, the only ones that are ever asked.
public struct PolicyRules: Sendable {
    /// Whether the text is in package `policy`.
    public let areInPackage: Bool
    /// The rules' names.
    public let names: Set<String>

    /// Reads a text, as Rego of version 1 and what is none as version 0; one that is neither defines nothing.
    public init(_ source: String) {
        let modules = [false, true].compactMap { isVersion0 in
            try? Module.parse(source, file: "policy.rego", options: ParseOptions(v0: isVersion0))
        }
        guard let module = modules.first(where: { $0.package == ["policy"] }) else {
            (areInPackage, names) = (false, [])
            return
        }
        (areInPackage, names) = (true, Set(module.rules.compactMap(Self.name)))
    }

    /// The name of the rule: of `trust_claims.hardware` it is `trust_claims`.
    private static func name(_ rule: Rule) -> String? {
        var term = rule.path
        while case .reference(let first, _) = term.kind { term = first }
        guard case .variable(let name) = term.kind else { return nil }
        return name
    }

    /// Refuses a text that could never answer `rule`, which is what is asked of it.
    ///
    /// - Parameters:
    ///   - rule: The rule's name.
    ///   - other: The rule that the other kind of policy is asked for, and what that kind is called.
    public func require(_ rule: String, orElse other: (rule: String, kind: String)) throws(WireError) {
        guard areInPackage else {
            throw WireError(field: "policy", reason: "must begin with package policy: its rule \(rule) decides")
        }
        guard !names.contains(rule) else { return }
        let why = names.contains(other.rule) ? "; with its rule \(other.rule) it is \(other.kind)" : ""
        throw WireError(field: "policy", reason: "defines no rule \(rule), which is the one that decides\(why)")
    }
}
