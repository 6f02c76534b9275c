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

    private struct State {
        var counts: [Counter: Int] = [:]
        var buckets = [Int](repeating: 0, count: BrokerMetrics.bounds.count)
        var seconds = 0.0
        var observed = 0
    }

    private static let bounds = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.5, 1.0]
    private let state = Mutex(State())

    /// Adds one.
    func count(_ counter: Counter) { state.withLock { $0.counts[counter, default: 0] += 1 } }

    /// Records how long a request took.
    func observe(seconds: Double) {
        state.withLock { state in
            state.seconds += seconds
            state.observed += 1
            for (index, bound) in Self.bounds.enumerated() where seconds <= bound { state.buckets[index] += 1 }
        }
    }

    /// The page for a scraper.
    func page() -> String {
        state.withLock { state in
            var lines = ["# TYPE kbs_build_info gauge", "kbs_build_info{version=\"0.1.0\"} 1"]
            for counter in Counter.allCases {
                lines.append("# TYPE \(counter.rawValue) counter")
                lines.append("\(counter.rawValue) \(state.counts[counter] ?? 0)")
            }
            let name = "kbs_http_request_duration_seconds"
            lines.append("# TYPE \(name) histogram")
            for (index, bound) in Self.bounds.enumerated() {
                lines.append("\(name)_bucket{le=\"\(bound)\"} \(state.buckets[index])")
            }
            lines.append("\(name)_bucket{le=\"+Inf\"} \(state.observed)")
            lines.append("\(name)_sum \(state.seconds)")
            lines.append("\(name)_count \(state.observed)")
            return lines.joined(separator: "\n") + "\n"
        }
    }
}
