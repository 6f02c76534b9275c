import Envelope
import Foundation
import HTTPExchange
import Synchronization
import WireFormat

/// `broker-bench PROGRAM FOLDER ROUNDS HANDSHAKES AUTHS`: prints one JSON object with series of one sample a round.
///
/// Rates are per second of processor time of the broker, which has one core; the clients run on the others.
@main
struct BrokerBench {
    static let clients = 64

    static func main() async throws {
        let words = CommandLine.arguments
        guard words.count == 6, let rounds = Int(words[3]), let handshakes = Int(words[4]), let calls = Int(words[5])
        else { throw Broker.Failure("broker-bench PROGRAM FOLDER ROUNDS HANDSHAKES AUTHS") }
        let guest = try Guest()
        let broker = try Broker(program: words[1], folder: words[2], softRoot: guest.processor.rootFingerprint)
        try await broker.prepare(guest)
        var series: [String: [Double]] = [:]
        let session = try await handshake(try broker.client(), guest)
        let bearer = [("Authorization", "Bearer \(session.token)")]
        _ = try await run(broker, handshakes / 4) { client in _ = try await handshake(client, guest) }
        for _ in 0..<rounds {
            let shaken = try await run(broker, handshakes) { client in _ = try await handshake(client, guest) }
            series["handshake", default: []].append(shaken.perSecond)
            series["p50", default: []].append(shaken.quantile(0.5))
            series["p99", default: []].append(shaken.quantile(0.99))
            let fixed = try await run(broker, handshakes) { client in
                try await expect(client, "GET", "/kbs/v0/testudo/ca/simulated")
            }
            series["static", default: []].append(fixed.perSecond)
            let read = try await run(broker, handshakes) { client in
                try await expect(client, "GET", "/kbs/v0/resource/default/key/one", bearer)
            }
            series["resource", default: []].append(read.perSecond)
            series["reportCheck", default: []].append(try Primitives.reportCheck())
            series["tokenCheck", default: []].append(try Primitives.tokenCheck())
            series["agreement", default: []].append(try Primitives.agreement())
        }
        // A tenth warms up: what is allocated once is no growth.
        let body = try challengeRequest()
        for step in 0..<(calls > 0 ? 11 : 0) {
            _ = try await run(broker, calls / 10) { client in
                try await expect(client, "POST", "/kbs/v0/auth", [], body)
            }
            if step > 0 || calls < 1000 { series["resident", default: []].append(Double(try broker.residentBytes())) }
        }
        print(
            JSONValue.object(
                series.mapValues { .array($0.map { .string(String($0)) }) }
            ).canonicalText)
    }

    /// What many clients did at once.
    struct Run {
        let perSecond: Double
        let milliseconds: [Double]

        func quantile(_ part: Double) -> Double {
            milliseconds.sorted()[min(milliseconds.count - 1, Int(part * Double(milliseconds.count)))]
        }
    }

    /// Lets all clients do `body` until it was done `count` times.
    static func run(
        _ broker: Broker, _ count: Int, _ body: @escaping @Sendable (HTTPExchanger) async throws -> Void
    ) async throws -> Run {
        let left = Countdown(count)
        let before = try broker.usedSeconds()
        let times = try await withThrowingTaskGroup(of: [Double].self) { group in
            for _ in 0..<clients {
                let client = try broker.client()
                group.addTask {
                    var times: [Double] = []
                    while left.next() {
                        let start = ContinuousClock.now
                        try await body(client)
                        times.append(start.duration(to: .now) / .milliseconds(1))
                    }
                    return times
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        return Run(perSecond: Double(count) / (try broker.usedSeconds() - before), milliseconds: times)
    }

    /// Hands out as many turns as there are.
    private final class Countdown: Sendable {
        private let left: Mutex<Int>

        init(_ count: Int) { left = Mutex(count) }

        func next() -> Bool {
            left.withLock { left in
                left -= 1
                return left >= 0
            }
        }
    }

    static func challengeRequest() throws -> [UInt8] {
        JSONValue.object(["version": "0.4.0", "tee": "soft-snp", "extra-params": ""]).canonicalBytes
    }

    /// Request, challenge, attestation and one resource, each answered with 200; opens what came.
    static func handshake(_ client: HTTPExchanger, _ guest: Guest) async throws -> (token: String, cookie: String) {
        let challenge = try await client.send(
            ExchangeRequest(method: "POST", path: "/kbs/v0/auth", headers: [], body: try challengeRequest()))
        guard let nonce = try JSONValue.parse(challenge.body)["nonce"]?.stringValue else {
            throw Broker.Failure(String(decoding: challenge.body, as: UTF8.self))
        }
        let attested = try await client.send(
            ExchangeRequest(
                method: "POST", path: "/kbs/v0/attest", headers: [("Cookie", try cookie(challenge))],
                body: try guest.attestation(nonce)))
        guard let token = try JSONValue.parse(attested.body)["token"]?.stringValue else {
            throw Broker.Failure(String(decoding: attested.body, as: UTF8.self))
        }
        let session = try cookie(attested)
        try await expect(client, "GET", "/kbs/v0/resource/default/key/one", [("Cookie", session)])
        return (token, session)
    }

    private static func cookie(_ answer: ExchangeResponse) throws -> String {
        guard let header = answer.headers.first(where: { $0.0.lowercased() == "set-cookie" })?.1,
            let pair = header.split(separator: ";").first
        else { throw Broker.Failure(String(decoding: answer.body, as: UTF8.self)) }
        return String(pair)
    }

    static func expect(
        _ client: HTTPExchanger, _ method: String, _ path: String, _ headers: [(String, String)] = [],
        _ body: [UInt8] = []
    ) async throws {
        let answer = try await client.send(
            ExchangeRequest(method: method, path: path, headers: headers, body: body))
        guard answer.status == 200 else { throw Broker.Failure(String(decoding: answer.body, as: UTF8.self)) }
    }
}
