import Testing

@testable import EndorsementSources

@Suite("Pauses between attempts")
struct RetryPolicyTests {
    @Test func `pauses double, vary and stay below the longest`() {
        var random = SystemRandomNumberGenerator()
        let policy = RetryPolicy.standard
        for (attempt, full) in [(0, 500), (1, 1000), (2, 2000), (3, 4000), (60, 4000)] {
            let pauses = (0..<50).map { _ in policy.pause(after: attempt, using: &random) }
            #expect(pauses.allSatisfy { $0 >= .milliseconds(full / 2) && $0 <= .milliseconds(full) })
            #expect(Set(pauses).count > 1)
        }
    }

    @Test(
        arguments: [
            ("0", 0), ("120", 120), ("Sun, 06 Nov 1994 08:49:37 GMT", 37), ("Sun, 06 Nov 1994 08:48:37 GMT", 0),
            ("Thu, 29 Feb 1996 00:00:00 GMT", 41_440_260), ("", nil), ("-1", nil), ("1.5", nil), ("soon", nil),
            ("9999999999", nil), ("Sun, 06 Nov 1994 25:49:37 GMT", nil), ("Sun, 06 Foo 1994 08:49:37 GMT", nil),
        ] as [(String, Int64?)])
    func `a server may ask for seconds or a date`(value: String, seconds: Int64?) {
        // 784111740 is Sun, 06 Nov 1994 08:49:00 GMT.
        #expect(RetryAfter.seconds(value, now: 784_111_740) == seconds)
    }
}
