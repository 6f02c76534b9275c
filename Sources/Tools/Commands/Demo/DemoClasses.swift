import Foundation
import WireFormat

/// Both functions in all three classes: from zero, warm, and where the time went.
struct DemoClasses {
    static let classes = ["testudo-runc", "testudo-vm", "testudo-cvm"]
    static let phases = ["schedule", "vm", "kernel", "agent", "attest", "key", "image", "container", "app"]
    let stage: DemoStage

    func run(into report: inout DemoReport) async throws {
        for image in ["hello-swift", "hello-python"] {
            var runs: [DemoReport.Run] = []
            for runtimeClass in Self.classes {
                if runtimeClass == "testudo-runc", geteuid() != 0 {
                    print("testudo-runc is skipped: a container on the host needs root")
                    report.skip(image: image, runtimeClass: runtimeClass, why: "needs root")
                    continue
                }
                let run = try await measure(image, runtimeClass)
                report.add(run)
                runs.append(run)
            }
            print("\n\(image): milliseconds from the request, at the end of each phase")
            print(Self.table(runs))
        }
    }

    private func measure(_ image: String, _ runtimeClass: String) async throws -> DemoReport.Run {
        stage.progress.step("calling \(image) from zero, class \(runtimeClass)")
        let prepared = try await stage.apply(stage.service(image, runtimeClass: runtimeClass))
        let call = ServiceCall(state: stage.state, settings: stage.settings)
        let clock = ContinuousClock()
        let start = clock.now
        let scheme = runtimeClass == "testudo-cvm" ? "https" : "http"
        let first = try await call.send(name: prepared.name, namespace: prepared.namespace, scheme: scheme)
        let firstByte = (clock.now - start).milliseconds
        guard first.status == 200 else {
            throw CommandFailure("\(prepared.name) answered \(first.status) from zero")
        }
        var warm: [Double] = []
        for _ in 0..<10 {
            let before = clock.now
            let answer = try await call.send(name: prepared.name, namespace: prepared.namespace, scheme: scheme)
            guard answer.status == 200 else { throw CommandFailure("\(prepared.name) answered \(answer.status) warm") }
            warm.append((clock.now - before).milliseconds)
        }
        let phases = try await timeline(prepared)
        try await remove(prepared)
        return DemoReport.Run(
            image: image, runtimeClass: runtimeClass, phases: phases, firstByte: firstByte,
            warm: warm.sorted()[warm.count / 2], body: String(decoding: first.body, as: UTF8.self))
    }

    private func timeline(_ prepared: PreparedService) async throws -> [String: Double] {
        let client = try NodeClient(state: stage.state, settings: stage.settings)
        let answer = try await client.call("GET", "/apis/testudo.dev/v1/timelines")
        let entries = answer["items"]?.arrayValue ?? answer.arrayValue ?? []
        guard let entry = entries.last(where: { $0["service"]?.stringValue == prepared.name }) else {
            throw CommandFailure("the node has no timeline of \(prepared.name)")
        }
        var phases: [String: Double] = [:]
        for mark in entry["phases"]?.arrayValue ?? [] {
            guard let phase = mark["phase"]?.stringValue, let ms = mark["ms"]?.numberValue else { continue }
            phases[phase] = ms
        }
        return phases
    }

    /// Frees the machine for the next measurement.
    private func remove(_ prepared: PreparedService) async throws {
        let client = try NodeClient(state: stage.state, settings: stage.settings)
        _ = try await client.call("DELETE", NodeClient.servicePath(prepared.namespace, prepared.name))
    }

    static func table(_ runs: [DemoReport.Run]) -> String {
        var rows = [["phase"] + runs.map(\.runtimeClass)]
        let names = ["kernel": "firmware+kernel", "app": "app ready"]
        for phase in phases {
            rows.append(
                [names[phase] ?? phase] + runs.map { $0.phases[phase].map { String(format: "%.0f", $0) } ?? "-" })
        }
        rows.append(["first byte"] + runs.map { String(format: "%.0f", $0.firstByte) })
        rows.append(["warm call, new connection"] + runs.map { String(format: "%.1f", $0.warm) })
        return TextTable.render(rows)
    }
}

extension Duration {
    /// Milliseconds with their fraction.
    var milliseconds: Double {
        Double(components.seconds) * 1000 + Double(components.attoseconds) / 1e15
    }
}
