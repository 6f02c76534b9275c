import Synchronization

/// Counters in the Prometheus text form, under the names of section 1.11 of the KBS protocol.
///
/// Labels come from closed sets only; no path, digest or peer ever becomes a label.
final class BrokerMetrics: Sendable {
    /// The counters, each with its help text.
    enum Counter: String, CaseIterable {
        case requests = "kbs_http_requests_total"
        case authRequests = "kbs_auth_requests_total"
        case authSuccesses = "kbs_auth_successes_total"
        case authErrors = "kbs_auth_errors_total"
        case attestationRequests = "kbs_attestation_requests_total"
        case attestationSuccesses = "kbs_attestation_successes_total"
        case attestationFailures = "kbs_attestation_failures_total"
        case attestationErrors = "kbs_attestation_errors_total"
        case policyEvaluations = "kbs_policy_evaluations_total"
        case policyApprovals = "kbs_policy_approvals_total"
        case policyViolations = "kbs_policy_violations_total"
        case policyErrors = "kbs_policy_errors_total"
        case resourceReads = "kbs_resource_reads_total"
        case resourceWrites = "kbs_resource_writes_total"
        case resourceDeletes = "kbs_resource_deletes_total"
        case certificates = "testudo_certificates_issued_total"
        case adminRefusals = "testudo_admin_refusals_total"
        case limitedCalls = "testudo_limited_calls_total"
    }

    /// What the broker decides upon, each with a histogram of its own.
    enum Decision: String, CaseIterable {
        case attest, release, certificate
    }

    private struct Histogram {
        var buckets = [Int](repeating: 0, count: BrokerMetrics.bounds.count)
        var seconds = 0.0
        var observed = 0

        mutating func observe(_ value: Double) {
            seconds += value
            observed += 1
            for (index, bound) in BrokerMetrics.bounds.enumerated() where value <= bound { buckets[index] += 1 }
        }

        func lines(_ name: String, _ label: String) -> [String] {
            let comma = label.isEmpty ? "" : ","
            let own = label.isEmpty ? "" : "{\(label)}"
            var lines = BrokerMetrics.bounds.enumerated().map { index, bound in
                "\(name)_bucket{\(label)\(comma)le=\"\(bound)\"} \(buckets[index])"
            }
            lines.append("\(name)_bucket{\(label)\(comma)le=\"+Inf\"} \(observed)")
            lines.append("\(name)_sum\(own) \(seconds)")
            lines.append("\(name)_count\(own) \(observed)")
            return lines
        }
    }

    private struct State {
        var counts: [Counter: Int] = [:]
        var requests = Histogram()
        var decisions: [Decision: Histogram] = [:]
    }

    private static let bounds = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.5, 1.0]
    private let state = Mutex(State())

    /// Adds one.
    func count(_ counter: Counter) { state.withLock { $0.counts[counter, default: 0] += 1 } }

    /// Records how long a request took.
    func observe(seconds: Double) { state.withLock { $0.requests.observe(seconds) } }

    /// Runs `body` and records how long the decision took, whatever it was.
    func timing<R, E: Error>(_ decision: Decision, _ body: () async throws(E) -> R) async throws(E) -> R {
        let start = ContinuousClock.now
        defer {
            let elapsed = start.duration(to: .now).components
            let seconds = Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18
            state.withLock { $0.decisions[decision, default: Histogram()].observe(seconds) }
        }
        return try await body()
    }

    /// The page for a scraper.
    func page() -> String {
        state.withLock { state in
            var lines = ["# TYPE kbs_build_info gauge", "kbs_build_info{version=\"0.1.0\"} 1"]
            for counter in Counter.allCases {
                lines.append("# TYPE \(counter.rawValue) counter")
                lines.append("\(counter.rawValue) \(state.counts[counter] ?? 0)")
            }
            let requests = "kbs_http_request_duration_seconds"
            lines += ["# TYPE \(requests) histogram"] + state.requests.lines(requests, "")
            let decisions = "testudo_decision_duration_seconds"
            lines.append("# TYPE \(decisions) histogram")
            for decision in Decision.allCases {
                lines += (state.decisions[decision] ?? Histogram()).lines(
                    decisions, "decision=\"\(decision.rawValue)\"")
            }
            return lines.joined(separator: "\n") + "\n"
        }
    }
}
