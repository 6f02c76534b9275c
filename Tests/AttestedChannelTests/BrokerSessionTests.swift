import Crypto
import Envelope
import Testing
import WireFormat

@testable import AttestedChannel

@Suite("Sessions with a broker")
struct BrokerSessionTests {
    private static func session(_ issued: Int64, _ expires: Int64) throws(BrokerFailure) -> BrokerSession {
        let claims: JSONValue = ["iat": .integer(issued), "exp": .integer(expires)]
        return try BrokerSession(
            token: "e30.\(Base64.encodeURL(claims.canonicalBytes)).AA", key: P256.KeyAgreement.PrivateKey(),
            now: ContinuousClock.now)
    }

    @Test func `times whose difference no number holds are no token, and end nothing`() throws {
        for issued in [-9_223_372_036_854_775_000, -1] as [Int64] {
            #expect(throws: BrokerFailure.self) { try Self.session(issued, 9_007_199_254_740_991) }
        }
        #expect(throws: BrokerFailure.self) { try Self.session(20, 20) }
        let start = ContinuousClock.now
        let renewal = try Self.session(0, 300).renewal
        #expect(renewal >= start + .seconds(200) && renewal < start + .seconds(300))
    }
}
