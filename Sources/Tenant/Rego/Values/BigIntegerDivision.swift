extension BigInteger {
    /// Quotient towards zero, and the remainder with the sign of the dividend; nil for a divisor of zero.
    public func dividing(by divisor: BigInteger) -> (quotient: BigInteger, remainder: BigInteger)? {
        if divisor.isZero { return nil }
        if Self.compare(words, divisor.words) < 0 { return (.zero, self) }
        let (quotient, remainder): ([UInt], [UInt])
        if divisor.words.count == 1 {
            let (words, rest) = Self.divide(words, by: divisor.words[0])
            (quotient, remainder) = (words, [rest])
        } else {
            (quotient, remainder) = Self.divide(words, by: divisor.words)
        }
        return (
            BigInteger(words: quotient, isNegative: isNegative != divisor.isNegative),
            BigInteger(words: remainder, isNegative: isNegative)
        )
    }

    /// Division by one word that is not zero.
    static func divide(_ words: [UInt], by divisor: UInt) -> (quotient: [UInt], remainder: UInt) {
        var quotient = words
        var remainder: UInt = 0
        for index in words.indices.reversed() {
            (quotient[index], remainder) = divisor.dividingFullWidth((remainder, words[index]))
        }
        return (quotient, remainder)
    }

    /// Long division (Knuth, volume 2, algorithm D) by two words or more; the dividend is not the shorter.
    private static func divide(_ dividend: [UInt], by divisor: [UInt]) -> (quotient: [UInt], remainder: [UInt]) {
        let shift = divisor[divisor.count - 1].leadingZeroBitCount
        let below = shifted(divisor, left: shift)
        var above = shifted(dividend, left: shift)
        if above.count == dividend.count { above.append(0) }
        let size = divisor.count
        let (first, second) = (below[size - 1], below[size - 2])
        var quotient = [UInt](repeating: 0, count: above.count - size)
        for place in quotient.indices.reversed() {
            let top = above[place + size]
            var guess: UInt
            var rest: UInt
            var fits = true
            if top >= first {
                guess = .max
                (rest, fits) = above[place + size - 1].addingReportingOverflow(first)
                fits = !fits
            } else {
                (guess, rest) = first.dividingFullWidth((top, above[place + size - 1]))
            }
            while fits {
                let product = guess.multipliedFullWidth(by: second)
                if product.high < rest || (product.high == rest && product.low <= above[place + size - 2]) { break }
                guess &-= 1
                let (sum, overflow) = rest.addingReportingOverflow(first)
                rest = sum
                fits = !overflow
            }
            if subtract(guess, times: below, from: &above, at: place) {
                guess &-= 1
                add(below, to: &above, at: place)
            }
            quotient[place] = guess
        }
        return (quotient, shifted(Array(above[0..<size]), right: shift))
    }

    /// Takes `factor * words` off `total` from the word at `place`; true when that went below zero.
    private static func subtract(_ factor: UInt, times words: [UInt], from total: inout [UInt], at place: Int) -> Bool {
        var carry: UInt = 0
        for (offset, word) in words.enumerated() {
            let product = factor.multipliedFullWidth(by: word)
            let (low, over) = product.low.addingReportingOverflow(carry)
            let (rest, under) = total[place + offset].subtractingReportingOverflow(low)
            total[place + offset] = rest
            carry = product.high &+ (over ? 1 : 0) &+ (under ? 1 : 0)
        }
        let (rest, under) = total[place + words.count].subtractingReportingOverflow(carry)
        total[place + words.count] = rest
        return under
    }

    private static func add(_ words: [UInt], to total: inout [UInt], at place: Int) {
        var carry: UInt = 0
        for (offset, word) in words.enumerated() {
            let (first, one) = total[place + offset].addingReportingOverflow(word)
            let (second, two) = first.addingReportingOverflow(carry)
            total[place + offset] = second
            carry = one || two ? 1 : 0
        }
        total[place + words.count] &+= carry
    }

    /// Words moved up by less than a word's bits; as long as before, or a word longer.
    static func shifted(_ words: [UInt], left bits: Int) -> [UInt] {
        if bits == 0 { return words }
        var result = words
        var carry: UInt = 0
        for index in words.indices {
            result[index] = words[index] << UInt(bits) | carry
            carry = words[index] >> UInt(UInt.bitWidth - bits)
        }
        if carry > 0 { result.append(carry) }
        return result
    }

    /// Words moved down by less than a word's bits.
    static func shifted(_ words: [UInt], right bits: Int) -> [UInt] {
        if bits == 0 { return words }
        var result = words
        for index in words.indices {
            let above = index + 1 < words.count ? words[index + 1] << UInt(UInt.bitWidth - bits) : 0
            result[index] = words[index] >> UInt(bits) | above
        }
        return result
    }
}
