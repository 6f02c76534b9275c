import Testing

@testable import Rego

/// `time.*`, `units.*` and `net.*`.
struct TimeUnitsNetTests {
    static let times = [
        Call("time.parse_rfc3339_ns", #"["2017-06-02T19:00:00-07:00"]"#, "1496455200000000000"),
        Call("time.parse_rfc3339_ns", #"["1677-09-21T00:12:43.145224192-00:00"]"#, "-9223372036854775808"),
        Call(
            "time.parse_rfc3339_ns", #"["1677-09-21T00:12:43.145224191-00:00"]"#, "builtin: time outside of valid range"
        ),
        Call("time.parse_rfc3339_ns", #"["2262-04-11T23:47:16.854775807-00:00"]"#, "9223372036854775807"),
        Call(
            "time.parse_rfc3339_ns", #"["2262-04-11T23:47:16.854775808-00:00"]"#, "builtin: time outside of valid range"
        ),
        Call(
            "time.parse_rfc3339_ns", #"["2021-02-29T00:00:00Z"]"#,
            #"builtin: parsing time "2021-02-29T00:00:00Z": day out of range"#),
        Call(
            "time.parse_rfc3339_ns", #"["nope"]"#,
            #"builtin: parsing time "nope" as "2006-01-02T15:04:05Z07:00": cannot parse "nope" as "2006""#),
        Call("time.parse_ns", #"["RFC1123Z", "Sat, 03 Dec 2022 00:10:53 +0530"]"#, "1670006453000000000"),
        Call("time.parse_ns", #"["January _2, 2006 3:04pm", "December  2, 2022 6:40pm"]"#, "1670006400000000000"),
        Call("time.parse_ns", #"["02 Jan 06 15:04 MST", "02 Dec 22 18:40 GMT"]"#, "1670006400000000000"),
        Call("time.parse_ns", #"["2006-002", "2020-366"]"#, "1609372800000000000"),
        Call(
            "time.parse_ns", #"["2006-01-02", "2020-01-02x"]"#, #"builtin: parsing time "2020-01-02x": extra text: "x""#
        ),
        Call("time.format", "[1670006453141828752]", #""2022-12-02T18:40:53.141828752Z""#),
        Call("time.format", #"[[1670006453141828752, "Asia/Kolkata"]]"#, #""2022-12-03T00:10:53.141828752+05:30""#),
        Call(
            "time.format", #"[[1670006453141828752, "Asia/Kolkata", "RFC1123Z"]]"#,
            #""Sat, 03 Dec 2022 00:10:53 +0530""#),
        Call(
            "time.format", #"[[0, "America/New_York", "Jan _2 06 03:04:05.000 PM MST __2 Monday"]]"#,
            #""Dec 31 69 07:00:00.000 PM EST 365 Wednesday""#),
        Call(
            "time.format", #"[[4118166000000000000, "Europe/Berlin", "2006-01-02 15:04 MST"]]"#,
            #""2100-07-02 01:00 CEST""#),
        Call("time.format", #"[[-5000000000000000000, "Europe/Berlin", "2006 -07:00:00"]]"#, #""1811 +00:53:28""#),
        Call("time.format", "[15829776000000000000000]", "builtin: timestamp too big"),
        Call("time.date", #"[[1517814000000000000, "America/Los_Angeles"]]"#, "[2018, 2, 4]"),
        Call("time.date", #"[[0, "../etc/passwd"]]"#, "builtin: unknown time zone ../etc/passwd"),
        Call(
            "time.clock", #"["1"]"#,
            "type: operand 1 must be either number (ns) or [number (ns), string (tz)] but got string"),
        Call("time.clock", "[1582977600000000000]", "[12, 0, 0]"),
        Call("time.weekday", "[1517918400000000000]", #""Tuesday""#),
        Call("time.add_date", "[1585852421593912000, 3, 9, 12]", "1705257221593912000"),
        Call("time.add_date", "[1585852421593912000, -1, -1, -1]", "1551465221593912000"),
        Call("time.add_date", "[0, 2262, 1, 1]", "builtin: time outside of valid range"),
        Call("time.add_date", "[-9223372036854775808, 0, 0, -1]", "builtin: time outside of valid range"),
        Call("time.add_date", "[0, 9223372036854775807, 0, 0]", "builtin: time outside of valid range"),
        Call("time.diff", "[1709208000000000000, 1677672000000000000]", "[0, 11, 28, 0, 0, 0]"),
        Call("time.parse_duration_ns", #"["1h15m30.918s"]"#, "4530918000000"),
        Call("time.parse_duration_ns", #"["-1.5h"]"#, "-5400000000000"),
        Call("time.parse_duration_ns", #"["1"]"#, #"builtin: time: missing unit in duration "1""#),
        Call("time.parse_duration_ns", #"["1q"]"#, #"builtin: time: unknown unit "q" in duration "1q""#),
        Call("time.parse_duration_ns", #"["9999999999h"]"#, #"builtin: time: invalid duration "9999999999h""#),
    ]

    static let units = [
        Call("units.parse", #"["1G"]"#, "1000000000"), Call("units.parse", #"["100m"]"#, "0.1000000000"),
        Call("units.parse", #"["1.5Ki"]"#, "1536"),
        Call("units.parse", #"["0.0.0"]"#, "builtin: units.parse: could not parse amount to a number"),
        Call("units.parse", #"["G"]"#, "builtin: units.parse: no amount provided"),
        Call("units.parse", #"["1q"]"#, "builtin: units.parse: unit q not recognized"),
        Call("units.parse", #"["1e9999999"]"#, "builtin: units.parse: exponent too large"),
        Call("units.parse_bytes", #"["1.5KiB"]"#, "1536"), Call("units.parse_bytes", #"["\"10KB\""]"#, "10000"),
        Call("units.parse_bytes", #"["1e3"]"#, "1000"),
        Call(
            "units.parse_bytes", #"[" 327MiB "]"#, "builtin: units.parse_bytes: spaces not allowed in resource strings"),
        Call("units.parse_bytes", #"["foo"]"#, "builtin: units.parse_bytes: no byte amount provided"),
        Call("units.parse_bytes", #"["1b"]"#, "builtin: units.parse_bytes: byte unit b not recognized"),
    ]

    static let nets = [
        Call("net.cidr_contains", #"["10.0.0.0/8", "10.1.2.3"]"#, "true"),
        Call("net.cidr_contains", #"["172.17.0.0/24", "172.17.0.0/16"]"#, "false"),
        Call(
            "net.cidr_contains", #"["2001:4860:4860::8888/32", "2001:4860:4860:1234:5678:1234:5678:8888/128"]"#, "true"),
        Call(
            "net.cidr_contains", #"["192.168.1.0/28", "x"]"#,
            "builtin: not a valid textual representation of an IP address or CIDR: x"),
        Call("net.cidr_contains", #"["10.0.0.0/8", "::ffff:10.1.1.1"]"#, "true"),
        Call("net.cidr_is_valid", #"["1.2.3.04/8"]"#, "false"),
        Call("net.cidr_is_valid", #"["2001:db8::/129"]"#, "false"),
        Call("net.cidr_is_valid", #"["1::2::3/8"]"#, "false"), Call("net.cidr_is_valid", #"["::/0"]"#, "true"),
        Call("net.cidr_intersects", #"["192.168.1.0/25", "192.168.1.64/25"]"#, "true"),
        Call(
            "net.cidr_expand", #"["192.168.1.254/30"]"#,
            #"{"192.168.1.252", "192.168.1.253", "192.168.1.254", "192.168.1.255"}"#),
        Call("net.cidr_expand", #"["192.168.1.1/33"]"#, "builtin: invalid CIDR address: 192.168.1.1/33"),
        Call("net.cidr_expand", #"["2001:db8:0:0:1::/127"]"#, #"{"2001:db8:0:0:1::", "2001:db8::1:0:0:1"}"#),
        Call("net.cidr_merge", #"[["192.0.128.0/24", "192.0.129.0/24"]]"#, #"{"192.0.128.0/23"}"#),
        Call(
            "net.cidr_merge", #"[["10.0.0.0/8", "10.1.0.0/16", "11.0.0.0/8", "2601::/64"]]"#,
            #"{"10.0.0.0/7", "2601::/64"}"#),
        Call("net.cidr_merge", #"[["::1"]]"#, "builtin: IPv6 invalid: needs prefix length"),
        Call("net.cidr_merge", #"[["0.0.0.0/0", "255.255.255.255/32"]]"#, #"{"0.0.0.0/0"}"#),
        Call(
            "net.cidr_contains_matches", #"[["1.1.2.0/24", "1.1.1.0/24"], ["1.1.1.1", "1.1.2.1"]]"#, "{[0, 1], [1, 0]}"),
        Call(
            "net.cidr_contains_matches", #"["1.1.1.0/24", ["1.1.1.1", 1]]"#,
            "builtin: operand 2: element must be string or non-empty array"),
    ]

    @Test(arguments: times) func time(_ one: Call) { #expect(call(one.name, one.arguments) == one.answer) }

    @Test(arguments: units) func unit(_ one: Call) { #expect(call(one.name, one.arguments) == one.answer) }

    @Test(arguments: nets) func net(_ one: Call) { #expect(call(one.name, one.arguments) == one.answer) }
}
