import AgentProtocol
import FakeGuest
import Sandbox
import Testing
import WireFormat

@testable import Serving

@Suite struct GatewayTests {
    static let alert: [UInt8] = [21, 3, 3, 0, 2, 2, 112]

    private func get(_ host: String) -> [UInt8] { Array("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n".utf8) }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test func `concurrent first connections share one start and all bytes arrive, both ends half closing`()
        async throws
    {
        var behaviour = FakeGuest.Behaviour()
        behaviour.startDelay = .milliseconds(200)
        let node = try await TestNode(behaviour)
        try await node.apply(SamplePods.service(runtimeClass: "testudo-cvm"))
        #expect(node.driver.machines.isEmpty)
        let hello = SampleHello.bytes() + [UInt8](repeating: 9, count: 300_000)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<5 {
                group.addTask { try await node.exchange(node.tls.port, hello, halfClose: true) == hello }
            }
            for try await isSame in group { #expect(isSame) }
        }
        #expect(node.driver.machines.count == 1)
        #expect(node.driver.machines.first?.guest.ingressCount == 5)
        let timelines = try await node.call("GET", "/apis/testudo.dev/v1/timelines").body["items"]?.arrayValue ?? []
        #expect(timelines.count == 1 && timelines[0]["phases"]?.arrayValue?.last?["phase"] == "app")
        await node.stop()
        #expect(node.driver.machines.allSatisfy { $0.isTerminated })
    }

    @Test func `clients without a known name get an alert and nothing is started`() async throws {
        let node = try await TestNode()
        try await node.apply(SamplePods.service("plain"))
        for bytes in [
            SampleHello.bytes(name: "nobody.default.localhost"), SampleHello.bytes(name: nil),
            SampleHello.bytes(name: "plain.default.localhost"), Array("GET / HTTP/1.1\r\n\r\n".utf8), [22, 3, 1, 0, 0],
        ] { #expect(try await node.exchange(node.tls.port, bytes) == Self.alert) }
        // A client that says nothing, or not enough, is closed after a while.
        #expect(try await node.exchange(node.tls.port, [22, 3]).isEmpty)
        #expect(node.driver.machines.isEmpty)
        await node.stop()
    }

    @Test func `plain HTTP reaches plain classes, and confidential ones answer 421 with the address`() async throws {
        let node = try await TestNode()
        try await node.apply(SamplePods.service("plain"))
        try await node.apply(SamplePods.service("secret", runtimeClass: "testudo-cvm"))
        try await node.apply(
            SamplePods.service("both", runtimeClass: "testudo-cvm", annotations: ["testudo.dev/plaintext": "true"]))
        for name in ["plain", "both"] {
            let answer = try await node.exchange(node.http.port, self.get("\(name).default.localhost"), until: 43)
            #expect(self.text(answer).hasSuffix("hello"))
        }
        let refusal = self.text(try await node.exchange(node.http.port, self.get("secret.default.localhost:80")))
        #expect(
            refusal.hasPrefix("HTTP/1.1 421 ") && refusal.contains("https://secret.default.localhost:\(node.tls.port)/")
        )
        let unknown = self.text(try await node.exchange(node.http.port, self.get("nobody.default.localhost")))
        #expect(unknown.hasPrefix("HTTP/1.1 404 "))
        #expect(
            self.text(try await node.exchange(node.http.port, Array("HELLO\r\n\r\n".utf8))).hasPrefix("HTTP/1.1 400 "))
        #expect(node.driver.machines.count == 2)
        await node.stop()
    }

    @Test func `a failed start is a 503 with its kind, shows in the conditions, and a later success clears it`()
        async throws
    {
        var behaviour = FakeGuest.Behaviour()
        behaviour.startFailure = .imageRefused
        behaviour.failureReason = "layer 1 is not signed"
        let node = try await TestNode(behaviour)
        try await node.apply(SamplePods.service())
        let answer = self.text(try await node.exchange(node.http.port, self.get("hello.default.localhost")))
        #expect(answer.hasPrefix("HTTP/1.1 503 ") && answer.contains("X-Testudo-Failure: ImageRefused\r\n"))
        let failed = try await node.status("hello") { TestNode.ready($0) == "False" }
        #expect(Conditions.find("Ready", in: failed)?["reason"] == "ImageRefused")
        #expect(Conditions.find("Ready", in: failed)?["message"] == "layer 1 is not signed")
        #expect(try await node.call("GET", "/apis/testudo.dev/v1/instances").body["items"] == [])
        node.driver.behave(.init())
        let again = try await node.exchange(node.http.port, self.get("hello.default.localhost"), until: 43)
        #expect(self.text(again).hasPrefix("HTTP/1.1 200"))
        #expect(TestNode.ready(try await node.status("hello") { TestNode.ready($0) == "True" }) == "True")
        await node.stop()
    }

    @Test func `an idle instance stops and the next request starts another`() async throws {
        let node = try await TestNode(idleSeconds: 60)
        try await node.apply(
            SamplePods.service(annotations: ["autoscaling.knative.dev/scale-to-zero-pod-retention-period": "0s"]))
        _ = try await node.exchange(node.http.port, self.get("hello.default.localhost"), until: 43)
        #expect(await eventually { node.driver.machines[0].isTerminated })
        #expect(node.driver.machines[0].guest.operations.last == .stop(grace: 5))
        _ = try await node.exchange(node.http.port, self.get("hello.default.localhost"), until: 43)
        // With nothing kept, a second may have ended between its start and the request; then a third served it.
        #expect(node.driver.machines.count >= 2)
        await node.stop()
    }

    @Test func `a machine that is killed is replaced by the next request`() async throws {
        let node = try await TestNode()
        try await node.apply(SamplePods.service())
        _ = try await node.exchange(node.http.port, self.get("hello.default.localhost"), until: 43)
        await node.driver.machines[0].die()
        #expect(
            try await eventually { try await node.call("GET", "/apis/testudo.dev/v1/instances").body["items"] == [] })
        let answer = try await node.exchange(node.http.port, self.get("hello.default.localhost"), until: 43)
        #expect(self.text(answer).hasSuffix("hello"))
        #expect(node.driver.machines.count == 2)
        await node.stop()
    }

    @Test func `a minimum of one starts without a request and returns after a death; deleting stops it`() async throws {
        let node = try await TestNode()
        try await node.apply(SamplePods.service(annotations: ["autoscaling.knative.dev/min-scale": "1"]))
        #expect(await eventually { await node.activator.timelines.count == 1 })
        await node.driver.machines[0].die()
        #expect(await eventually { await node.activator.timelines.count == 2 })
        #expect(try await node.call("DELETE", "\(TestNode.services)/hello").status == 200)
        #expect(await eventually { node.driver.machines[1].isTerminated })
        let gone = self.text(try await node.exchange(node.http.port, self.get("hello.default.localhost")))
        #expect(gone.hasPrefix("HTTP/1.1 404 "))
        await node.stop()
    }

    @Test func `an unregistered manifest starts nothing, says what to run, and starts once it is registered`()
        async throws
    {
        let node = try await TestNode()
        node.answers.registration = .unknown
        let status = try await node.apply(SamplePods.service(runtimeClass: "testudo-cvm")) {
            TestNode.ready($0) == "False"
        }
        let condition = Conditions.find("testudo.dev/ManifestRegistered", in: status)
        #expect(condition?["status"] == "False" && condition?["reason"] == "ManifestNotRegistered")
        #expect(condition?["message"]?.stringValue?.contains("testudo manifest register -f") == true)
        let refused = try await node.exchange(node.tls.port, SampleHello.bytes())
        #expect(refused == [21, 3, 3, 0, 2, 2, 80])
        #expect(node.driver.machines.isEmpty)
        node.answers.registration = .registered
        let hello = SampleHello.bytes()
        #expect(try await node.exchange(node.tls.port, hello, halfClose: true) == hello)
        let after = try await node.status("hello") { TestNode.ready($0) == "True" }
        #expect(Conditions.find("testudo.dev/ManifestRegistered", in: after)?["status"] == "True")
        await node.stop()
    }

    @Test func `the client is told when no instance comes in time`() async throws {
        var behaviour = FakeGuest.Behaviour()
        behaviour.startDelay = .seconds(2)
        let node = try await TestNode(behaviour, startLimit: .milliseconds(100))
        try await node.apply(SamplePods.service(runtimeClass: "testudo-cvm"))
        #expect(try await node.exchange(node.tls.port, SampleHello.bytes()) == [21, 3, 3, 0, 2, 2, 80])
        await node.stop()
    }
}
