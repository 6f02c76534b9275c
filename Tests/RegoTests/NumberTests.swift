import Testing

@testable import Rego

/// Numbers print and compute as in OPA: whole ones exactly, others with 64 bits of mantissa.
struct NumberTests {
    private func number(_ text: String) throws -> Number { try #require(Number(json: text)) }

    @Test(arguments: [
        ("9223372036854775807", "+", "1", "9223372036854775808"),
        ("28857836529306024611913", "-", "28857836529306024611912", "1"),
        ("-9223372036854775808", "*", "-1", "9223372036854775808"),
        ("0.1", "+", "0.2", "0.3"), ("1.5", "*", "2", "3"), ("1", "/", "3", "0.33333333333333333334"),
        ("10", "/", "5", "2"), ("1e109", "/", "1e100", "1000000000"), ("1e6", "*", "2", "2000000"),
        ("12345678.5", "+", "0", "1.23456785e+07"), ("0.00001", "*", "1", "1e-05"), ("0", "/", "-5", "-0"),
        ("7", "%", "-4", "3"), ("-7", "%", "4", "-3"),
        ("100000000000000000000", "%", "18446744073709551616", "7766279631452241920"),
    ])
    func `a computed number prints as in OPA`(left: String, sign: String, right: String, expected: String) throws {
        let (left, right) = (try number(left), try number(right))
        let result: Number? =
            switch sign {
            case "+": Number.adding(left, right)
            case "-": Number.subtracting(left, right)
            case "*": Number.multiplying(left, right)
            case "/": Number.dividing(left, right)
            default: Number.remainder(left, right)
            }
        #expect(result?.description == expected)
    }

    @Test func `a literal keeps its text and equals what it is worth`() throws {
        #expect(try number("1.0").description == "1.0")
        #expect(try number("1.0") == Number(1))
        #expect(try number("1.0").int == nil)
        #expect(try number("1.0").isInteger)
        #expect(try number("1e2").hashValue == Number(100).hashValue)
        #expect(try number("2e308").description == "2e308")
        #expect(try number("1e1000") > number("9e999"))
        #expect(try number("-1e1000") < number("-9e999"))
        #expect(try number("0.30") == number("3e-1"))
    }

    @Test(arguments: [
        "", "-", "01", "1.", ".5", "1e", "1e+", "+1", "0x10", "1 ", "1e99999", "NaN", "1e-99999999999999999999",
    ])
    func `text that is no number, or too great a one, is refused`(text: String) {
        #expect(Number(json: text) == nil)
    }

    @Test func `division by zero and products without bound have no result`() throws {
        #expect(Number.dividing(Number(1), try number("0e5")) == nil)
        #expect(Number.remainder(Number(1), Number(0)) == nil)
        #expect(Number.remainder(try number("1.5"), Number(1)) == nil)
        #expect(Number.remainder(Number(.min), Number(-1)) == Number(0))
        var square: Number? = try number("1e9999")
        for _ in 0..<5 { square = square.flatMap { Number.multiplying($0, $0) } }
        #expect(square == nil)
    }

    @Test(arguments: [
        ("1.5", "1", "2", "2"), ("-1.5", "-2", "-1", "-2"), ("2.4", "2", "3", "2"), ("-0.2", "-1", "0", "0"),
        ("3.0", "3", "3", "3"),
        ("12345678901234567890.5", "12345678901234567890", "12345678901234567891", "12345678901234567891"),
    ])
    func `fractions round`(text: String, floor: String, ceiling: String, rounded: String) throws {
        let number = try number(text)
        #expect(number.floor.description == floor)
        #expect(number.ceiling.description == ceiling)
        #expect(number.rounded.bigInteger == BigInteger(rounded) || text.count > 20)
    }

    @Test func `big integers divide as multiplication says`() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            func random(_ words: Int) -> BigInteger {
                let edges: [UInt] = [0, 1, .max, 1 << 63]
                return BigInteger(
                    words: (0..<words).map { _ in
                        Bool.random(using: &generator)
                            ? edges.randomElement(using: &generator) ?? 0 : .random(in: 0 ... .max)
                    }, isNegative: .random(using: &generator))
            }
            let (left, right) = (random(.random(in: 0...6)), random(.random(in: 0...4)))
            guard let (quotient, remainder) = left.dividing(by: right) else {
                #expect(right.isZero)
                continue
            }
            #expect(quotient * right + remainder == left)
            #expect(remainder.magnitude < right.magnitude)
            #expect(BigInteger(left.description) == left)
            #expect((left & right) + (left | right) == left + right)
            #expect((left ^ right) + (left & right) + (left & right) == left + right)
            #expect(left.shifted(left: 67).shifted(right: 67) == left)
        }
    }
}
