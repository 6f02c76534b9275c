/// `array.*`.
extension Builtin {
    static let arrays: [Builtin] = [
        Builtin("array.concat", 2) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let (one, other) = try (a.array(1), a.array(2))
            try c.growMembers(one.count + other.count)
            return .array(one + other)
        },
        Builtin("array.slice", 3) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let array = try a.array(1)
            let (start, stop) = try (a.int(2), a.int(3))
            let end = min(max(stop, 0), array.count)
            let begin = min(max(start, 0), end)
            try c.growMembers(end - begin)
            return .array(Array(array[begin..<end]))
        },
        Builtin("array.reverse", 1) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let array = try a.array(1)
            try c.growMembers(array.count)
            return .array(array.reversed())
        },
        Builtin("array.flatten", 1) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            var result: [Value] = []
            for member in try a.array(1) {
                if case .array(let inner) = member { result += inner } else { result.append(member) }
            }
            try c.growMembers(result.count)
            return .array(result)
        },
    ]
}
