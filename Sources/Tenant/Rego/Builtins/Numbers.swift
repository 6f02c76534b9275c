/// `numbers.*` and `rand.intn`.
extension Builtin {
    static let numbers: [Builtin] = [
        Builtin("numbers.range", 2) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            try range(a.bigInteger(1), a.bigInteger(2), BigInteger(1), &c)
        },
        Builtin("numbers.range_step", 3) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let (first, last, step) = try (a.bigInteger(1), a.bigInteger(2), a.bigInteger(3))
            guard BigInteger.zero < step else {
                throw .builtin("numbers.range_step: step must be a positive integer")
            }
            return try range(first, last, step, &c)
        },
        Builtin("rand.intn", 2, isPure: false, randomInteger),
    ]

    private static func range(
        _ first: BigInteger, _ last: BigInteger, _ step: BigInteger, _ context: inout Context
    ) throws(Failure) -> Value? {
        let goesDown = last < first
        guard let spans = (goesDown ? first - last : last - first).dividing(by: step)?.quotient.int,
            spans < Builtin.maximumMembers
        else { throw .tooLarge("range") }
        try context.growMembers(spans + 1, "range")
        var members: [Value] = []
        members.reserveCapacity(spans + 1)
        if var next = first.int, let last = last.int, let step = step.int {
            while goesDown ? next >= last : next <= last {
                members.append(.int(next))
                let (sum, overflow) =
                    goesDown ? next.subtractingReportingOverflow(step) : next.addingReportingOverflow(step)
                if overflow { break }
                next = sum
            }
        } else {
            var next = first
            for _ in 0...spans {
                members.append(.number(Number(next)))
                next = goesDown ? next - step : next + step
            }
        }
        return .array(members)
    }

    private static func randomInteger(_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value? {
        let key = try arguments.string(1)
        let bound = try arguments.int(2).magnitude
        if bound == 0 { return .int(0) }
        let memory = Value.array([.string(key), .string(String(bound))])
        if let known = context.cache.values["rand.intn"]?[memory] { return known }
        guard let random = context.random else { throw .builtin("no source of randomness") }
        // Words above the last whole multiple of the bound are drawn again, so that no number is favoured.
        let limit = UInt.max - (UInt.max % bound + 1) % bound
        for _ in 0..<128 {
            let bytes = random(8)
            guard bytes.count == 8 else { break }
            let word = bytes.reduce(UInt(0)) { $0 << 8 | UInt($1) }
            if word <= limit {
                let value = Value.int(Int(word % bound))
                context.cache.values["rand.intn", default: [:]][memory] = value
                return value
            }
        }
        throw .builtin("no source of randomness")
    }
}
