import Testing
import WireFormat

@Suite("Canonical JSON (RFC 8785)")
struct CanonicalJSONTests {
    /// Bit patterns and what Node.js prints for them; the first 29 include those of RFC 8785, appendix B.
    static let numbers: [(bits: UInt64, text: String)] = [
        (0x0000000000000000, "0"),
        (0x8000000000000000, "0"),
        (0x0000000000000001, "5e-324"),
        (0x8000000000000001, "-5e-324"),
        (0x7fefffffffffffff, "1.7976931348623157e+308"),
        (0xffefffffffffffff, "-1.7976931348623157e+308"),
        (0x4340000000000000, "9007199254740992"),
        (0xc340000000000000, "-9007199254740992"),
        (0x4430000000000000, "295147905179352830000"),
        (0x44b52d02c7e14af5, "9.999999999999997e+22"),
        (0x44b52d02c7e14af6, "1e+23"),
        (0x44b52d02c7e14af7, "1.0000000000000001e+23"),
        (0x444b1ae4d6e2ef4e, "999999999999999700000"),
        (0x444b1ae4d6e2ef4f, "999999999999999900000"),
        (0x444b1ae4d6e2ef50, "1e+21"),
        (0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"),
        (0x3eb0c6f7a0b5ed8d, "0.000001"),
        (0x41b3de4355555553, "333333333.3333332"),
        (0x41b3de4355555554, "333333333.33333325"),
        (0x41b3de4355555555, "333333333.3333333"),
        (0x41b3de4355555556, "333333333.3333334"),
        (0x41b3de4355555557, "333333333.33333343"),
        (0xbecbf647612f3696, "-0.0000033333333333333333"),
        (0x43143ff3c1cb0959, "1424953923781206.2"),
        (0x3fb999999999999a, "0.1"),
        (0x4059000000000000, "100"),
        (0x3ff8000000000000, "1.5"),
        (0x0010000000000000, "2.2250738585072014e-308"),
        (0x000fffffffffffff, "2.225073858507201e-308"),
        (0xcefb20dadc4928a1, "-2.9957266937054392e+72"),
        (0xc0112103519a1c32, "-4.282239222556244"),
        (0x9190bdeb29b5d915, "-4.523006255181523e-224"),
        (0x35dc7e4e7c430261, "3.0462445658119125e-49"),
        (0xb2d0d15765479a8a, "-6.387759504586041e-64"),
        (0x920f1e9a9b166055, "-1.0761342779611875e-221"),
        (0x3cdd348adc79b4d2, "1.6212167083390038e-15"),
        (0xd6dbb3c3a7ebc731, "-2.6023922501520072e+110"),
        (0x7b199bf57fd3c79d, "9.520333844856523e+284"),
        (0x75c4e00997d05a80, "2.0060225630201714e+259"),
        (0xa8319235b6a6b915, "-4.459451129240151e-115"),
        (0x67e36bd824af99f0, "2.7690117704404325e+192"),
        (0xca44daf302cd4bf8, "-6.096002411964867e+49"),
        (0xfe41d0d898e3c892, "-1.491389719815959e+300"),
        (0x2906cd0d2120bda8, "4.740510933497124e-111"),
        (0x7faf766bdc1a4ea2, "1.1046888675910084e+307"),
        (0x2ebfc715c42b2486, "1.635774166369531e-83"),
        (0xda1fb199d7a9239a, "-1.3408860835943685e+126"),
        (0xa473d5517db11708, "-4.365925818924396e-133"),
        (0xd43cd4c79a234756, "-6.15830068164723e+97"),
        (0x03c933a31074b749, "2.0203385445675623e-290"),
        (0xd4b60edf36a421ed, "-1.2061645230662104e+100"),
        (0x7be3e7d83bbda383, "6.062085739786933e+288"),
        (0x8cec37aacd3db4a2, "-2.0178613580444213e-246"),
        (0x4fd86fa1969a25df, "4.42109745263052e+76"),
        (0xa4543cb57d8459e1, "-1.1137075472597307e-133"),
        (0x4735b9a4e41e2ab0, "1.1280354382361088e+35"),
        (0x5c6d5980159d814e, "1.7065946858509013e+137"),
        (0x80531cdfaaba68a3, "-4.252736468867041e-307"),
        (0x187fed0b4a2d6254, "1.1196096543478185e-190"),
        (0xebb03e7fa796ad0d, "-5.340397473241225e+210"),
        (0xafb53e45553f7b17, "-7.166415947520735e-79"),
        (0xca998a640c7076e2, "-2.3889672203381244e+51"),
        (0x9d6849ab16a521f1, "-5.148491504406706e-167"),
        (0xbbc9d3d03f320830, "-1.093832782294865e-20"),
        (0xf60fb5326b307287, "-4.87519941523349e+260"),
        (0xbcd6245a88a74fa2, "-1.2291282678435188e-15"),
        (0xbd741c5f5701f663, "-1.1431683203126085e-12"),
        (0x83b376b547c6a1bf, "-7.801707792357452e-291"),
        (0x9ba28a8a900adef6, "-1.4641643614721506e-175"),
    ]

    @Test("numbers are written as ECMAScript does")
    func numberTexts() throws {
        for (bits, text) in Self.numbers {
            let value = JSONValue.number(Double(bitPattern: bits))
            #expect(value.canonicalText == text)
            #expect(try JSONValue.parse(text: text).numberValue == value.numberValue)
        }
    }

    @Test("integers beyond 2^53 are rounded as doubles, in the canonical form only")
    func largeIntegers() {
        #expect(JSONValue.integer(9_007_199_254_740_992).canonicalText == "9007199254740992")
        #expect(JSONValue.integer(9_007_199_254_740_993).canonicalText == "9007199254740992")
        #expect(JSONValue.integer(.max).canonicalText == "9223372036854776000")
        #expect(JSONValue.integer(.max).prettyText == "9223372036854775807")
        #expect(JSONValue.integer(.min).canonicalText == "-9223372036854776000")
    }

    @Test("members are sorted by UTF-16 code units (RFC 8785, section 3.2.3)")
    func sorting() throws {
        let text = #"""
            {"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
             "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}
            """#
        let sorted = try JSONValue.parse(text: text).canonicalText
        #expect(
            sorted == "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\","
                + "\"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\","
                + "\"😀\":\"Emoji: Grinning Face\",\"\u{FB33}\":\"Hebrew Letter Dalet With Dagesh\"}")
    }

    @Test("the sample of RFC 8785, section 3.2.2")
    func sample() throws {
        let text = #"""
            {"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
             "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}
            """#
        #expect(
            try JSONValue.parse(text: text).canonicalText
                == #"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#
                + #""string":"€$\u000f\nA'B\"\\\\\"/"}"#)
    }

    @Test("the canonical form of a canonical form is itself")
    func idempotent() throws {
        let value = try JSONValue.parse(JSONParsingTests.document)
        #expect(try JSONValue.parse(value.canonicalBytes).canonicalBytes == value.canonicalBytes)
        #expect(try JSONValue.parse(text: value.prettyText).canonicalBytes == value.canonicalBytes)
        #expect(JSONValue.object([:]).prettyText == "{}")
    }

    @Test("the object behind the broker's report data vector")
    func reportData() {
        let value: JSONValue = ["b": 1, "a": "test", "c": ["d": "e"]]
        #expect(value.canonicalText == #"{"a":"test","b":1,"c":{"d":"e"}}"#)
    }
}
