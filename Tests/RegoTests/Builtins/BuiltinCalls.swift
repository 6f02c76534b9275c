import RegoCrypto
import Testing

@testable import Rego

/// Calls a builtin with arguments in JSON, in which `{"$set": […]}` is a set; the answer in Rego's text, or the failure.
func call(
    _ name: String, _ arguments: String, now: Int64? = nil, random: (@Sendable (Int) -> [UInt8])? = nil,
    budget: Int = 1 << 26
) -> String {
    do throws(RegoError) {
        guard case .array(let values) = sets(try JSONReader.parse(Array(arguments.utf8))) else { return "no arguments" }
        return call(name, values, now: now, random: random, budget: budget)
    } catch {
        return "bad arguments: \(error)"
    }
}

func call(
    _ name: String, _ arguments: [Value], now: Int64? = nil, random: (@Sendable (Int) -> [UInt8])? = nil,
    budget: Int = 1 << 26
) -> String {
    answer(name, arguments, now: now, random: random, budget: budget) { value in
        (try? value.regoText { (_: Int) throws(Builtin.Failure) in }) ?? "too large"
    }
}

/// Calls a builtin; its answer as `text` writes it, `undefined`, or the failure.
func answer(
    _ name: String, _ arguments: [Value], now: Int64?, random: (@Sendable (Int) -> [UInt8])? = nil, budget: Int,
    text: (Value) -> String
) -> String {
    let all = Builtin.standard + Builtin.documents + Builtin.cryptography
    guard let builtin = all.first(where: { $0.name == name }) else { return "no \(name)" }
    let purse = Purse(budget)
    var context = Builtin.Context(
        now: now, random: random, cache: EvaluationCache(), location: nil,
        charge: { (count: Int) throws(Builtin.Failure) in
            purse.left -= count
            if purse.left < 0 { throw .fatal(RegoError("eval_limit_error", "budget")) }
        })
    do throws(Builtin.Failure) {
        return try builtin.call(arguments, &context).map(text) ?? "undefined"
    } catch {
        switch error {
        case .builtin(let text): return "builtin: \(text)"
        case .type(let text): return "type: \(text)"
        case .fatal(let error): return "fatal: \(error.message)"
        }
    }
}

private final class Purse {
    var left: Int

    init(_ left: Int) { self.left = left }
}

private func sets(_ value: Value) -> Value {
    switch value {
    case .array(let members): return .array(members.map(sets))
    case .object(let object):
        if case .array(let members)? = object["$set"] { return .set(SetValue(members.map(sets))) }
        return .object(ObjectValue(zip(object.keys, object.values).map { (key: $0, value: sets($1)) }))
    default: return value
    }
}

/// One call and its answer.
struct Call: Sendable, CustomTestStringConvertible {
    var name: String
    var arguments: String
    var answer: String

    init(_ name: String, _ arguments: String, _ answer: String) {
        (self.name, self.arguments, self.answer) = (name, arguments, answer)
    }

    var testDescription: String { "\(name) \(arguments)" }
}
