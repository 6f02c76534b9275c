/// How deep a value nests, at most: kept beside every slot, so that no policy can build a value whose release or
/// comparison would exhaust the stack.
///
/// It is an estimate from above: what is taken out of a value is as high as the value. Where it passes `suspicion`, the
/// value is measured.
enum Height {
    /// What input, data and constants may have: their parsers see to it.
    static let source: Int32 = 512
    /// Where an estimate makes one measure.
    static let suspicion: Int32 = 1_600
    /// What a value may have.
    static let limit = 800
}

extension Machine {
    /// The height of an operand.
    @inline(__always)
    func height(_ operand: Int, _ base: Int) -> Int32 {
        operand >= 0 ? frames.heights[base + operand] : Height.source
    }

    func height(_ operands: [Int], _ base: Int) -> Int32 {
        var result: Int32 = 0
        for operand in operands { result = max(result, height(operand, base)) }
        return result
    }

    /// Gives a slot a value.
    @inline(__always)
    func set(_ slot: Int, _ base: Int, _ value: consuming Value, _ height: Int32) {
        frames.values[base + slot] = value
        frames.heights[base + slot] = height
    }

    /// The estimate for a new value, measured when it is suspicious.
    @inline(__always)
    func checked(_ value: Value, _ estimate: Int32) throws(RegoError) -> Int32 {
        estimate <= Height.suspicion ? estimate : try measured(value)
    }

    @inline(never)
    private func measured(_ value: Value) throws(RegoError) -> Int32 {
        let height = try value.height { count throws(RegoError) in try budget.work(count) }
        guard let height else { throw Budget.exceeded("value depth", Height.limit) }
        return Int32(truncatingIfNeeded: height)
    }

    /// The estimate for what a builtin makes of its arguments: text can hold a document of its own.
    func height(ofResult value: Value, _ arguments: Int32) throws(RegoError) -> Int32 {
        switch value {
        case .array, .object, .set: try checked(value, max(arguments, Height.source) + 1)
        default: 0
        }
    }
}

extension Value {
    /// How deep the value nests; nil beyond the limit. `charge` is told how many members are looked at.
    func height<Failure: Error>(_ charge: (Int) throws(Failure) -> Void) throws(Failure) -> Int? {
        var open: [(value: Value, height: Int)] = [(self, 1)]
        var highest = 0
        while let (current, height) = open.popLast() {
            highest = max(highest, height)
            if highest > Height.limit { return nil }
            func push(_ members: [Value]) throws(Failure) {
                try charge(members.count)
                for member in members {
                    switch member {
                    case .array, .object, .set: open.append((member, height + 1))
                    default: break
                    }
                }
            }
            switch current {
            case .array(let members): try push(members)
            case .set(let set): try push(set.members)
            case .object(let object):
                try push(object.keys)
                try push(object.values)
            default: break
            }
        }
        return highest
    }
}
