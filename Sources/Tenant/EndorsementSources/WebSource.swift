import HTTPExchange
import NIOCore
import Verifier
import WireFormat

/// A vendor's service and mirrors of it, asked in order until one gives something genuine.
///
/// A place that is busy or broken is asked again after a pause, the one that it asks for where it asks for one. A place that
/// has no such thing, or gives something that is not genuine, is not asked twice: the next one is.
public struct WebSource: EndorsementSource {
    /// The interface that all places have.
    public let service: PublishingService
    /// The places in the order in which they are asked.
    public let mirrors: [ServiceAddress]
    private let policy: RetryPolicy
    private let exchangers: [HTTPExchanger]
    private let wait: @Sendable (Duration) async throws -> Void

    /// Creates a source; nothing is connected yet.
    ///
    /// - Parameters:
    ///   - service: The interface.
    ///   - mirrors: The places, the vendor's own among them if it is to be asked.
    ///   - policy: How often and how long.
    ///   - eventLoopGroup: Where connections live.
    ///   - dialer: How to get there.
    ///   - wait: How to pass the time between attempts; tests do not.
    public init(
        _ service: PublishingService, mirrors: [ServiceAddress], policy: RetryPolicy = .standard,
        eventLoopGroup: any EventLoopGroup, dialer: any Dialer = TCPDialer(),
        wait: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        self.service = service
        self.mirrors = mirrors
        self.policy = policy
        self.wait = wait
        let seconds = max(1, Int(policy.attemptLimit.components.seconds))
        exchangers = mirrors.map {
            HTTPExchanger(
                endpoint: $0.endpoint, dialer: dialer, eventLoopGroup: eventLoopGroup,
                timeoutSeconds: seconds, connectSeconds: min(seconds, 5))
        }
    }

    /// What is to be done after an answer.
    private enum Step {
        case done(CheckedEndorsement)
        case again(reason: String, after: Duration?)
        case next(EndorsementFailure.Attempt)
    }

    /// Asks the mirrors in order.
    public func obtain(
        _ item: EndorsementItem, at now: Int64, checker: EndorsementChecker
    ) async throws(EndorsementFailure) -> CheckedEndorsement {
        guard let path = service.path(of: item) else { throw EndorsementFailure(item, []) }
        let end = ContinuousClock.now + policy.totalLimit
        var attempts: [EndorsementFailure.Attempt] = []
        for (mirror, exchanger) in zip(mirrors, exchangers) where service.isServed(item, at: mirror) {
            let address = mirror.text
            var random = SystemRandomNumberGenerator()
            asking: for attempt in 0..<max(1, policy.attempts) {
                guard ContinuousClock.now < end, !Task.isCancelled else {
                    attempts.append(.init(place: address, reason: "no time is left to ask"))
                    break
                }
                // Whoever sends a byte now and then gets no more than what is left for all.
                let limit = min(policy.attemptLimit, ContinuousClock.now.duration(to: end))
                switch await ask(exchanger, mirror.prefix + path, address, item, now, checker, limit) {
                case .done(let endorsement): return endorsement
                case .next(let failed):
                    attempts.append(failed)
                    break asking
                case .again(let reason, let asked):
                    let pause = asked ?? policy.pause(after: attempt, using: &random)
                    let isLast = attempt + 1 >= max(1, policy.attempts)
                    guard !isLast, pause <= policy.longestAsked, ContinuousClock.now + pause < end,
                        (try? await wait(pause)) != nil
                    else {
                        attempts.append(.init(place: address, reason: reason))
                        break asking
                    }
                }
            }
        }
        throw EndorsementFailure(item, attempts)
    }

    private func ask(
        _ exchanger: HTTPExchanger, _ target: String, _ address: String, _ item: EndorsementItem, _ now: Int64,
        _ checker: EndorsementChecker, _ limit: Duration
    ) async -> Step {
        let answer: ExchangeResponse
        do {
            answer = try await Self.limited(to: limit) {
                try await Self.collect(exchanger, target, limit: item.sizeLimit)
            }
        } catch let error as AnswerTooLong {
            return .next(.init(place: address, reason: error.description))
        } catch let error as AnswerTooSlow {
            // Asked again, it would take the time that the other mirrors have.
            return .next(.init(place: address, reason: error.description))
        } catch {
            return .again(reason: "\(error)", after: nil)
        }
        switch answer.status {
        case 200: break
        case 404, 410: return .next(.init(place: address, reason: "there is no such thing", isAbsence: true))
        case 429, 500...599:
            let asked = answer.header("Retry-After").flatMap { RetryAfter.seconds($0, now: now) }
            let note = asked.map { ", asks to wait \($0) seconds" } ?? ""
            return .again(reason: "status \(answer.status)\(note)", after: asked.map { .seconds($0) })
        case 300...399:
            return .next(.init(place: address, reason: "status \(answer.status): redirects are not followed"))
        default: return .next(.init(place: address, reason: "status \(answer.status)"))
        }
        do {
            let chain = service.issuerHeaders(of: item).lazy.compactMap { answer.header($0) }.first
            let published = PublishedEndorsement(
                bytes: answer.body, issuerChain: try chain.map { try PercentEncoding.decode($0) })
            return .done(try checker.check(published, as: item, at: now))
        } catch {
            return .next(.init(place: address, reason: "is refused: \(error)"))
        }
    }

    private static func collect(
        _ exchanger: HTTPExchanger, _ target: String, limit: Int
    ) async throws -> ExchangeResponse {
        var body: [UInt8] = []
        let request = ExchangeRequest(method: "GET", path: target, headers: [("Accept", "*/*")])
        let head = try await exchanger.stream(request) { chunk in
            guard body.count + chunk.readableBytes <= limit else { throw AnswerTooLong(limit: limit) }
            body.append(contentsOf: chunk.readableBytesView)
        }
        return ExchangeResponse(status: head.status, headers: head.headers, body: body)
    }

    /// Runs `work`, which is cancelled when it takes longer: a server may send a byte now and then for ever.
    private static func limited<Result: Sendable>(
        to limit: Duration, _ work: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result.self) { group in
            group.addTask { try await work() }
            group.addTask {
                try await Task.sleep(for: limit)
                throw AnswerTooSlow(limit: limit)
            }
            defer { group.cancelAll() }
            guard let first = try await group.next() else { throw CancellationError() }
            return first
        }
    }
}

/// An answer of more bytes than what was asked for can have.
private struct AnswerTooLong: Error, CustomStringConvertible {
    let limit: Int
    var description: String { "the answer is longer than \(limit) bytes" }
}

/// An answer that did not come whole in time.
private struct AnswerTooSlow: Error, CustomStringConvertible {
    let limit: Duration
    var description: String { "no whole answer within \(limit.components.seconds) seconds" }
}
