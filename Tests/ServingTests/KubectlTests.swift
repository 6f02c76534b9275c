import FakeGuest
import Foundation
import TestSupport
import Testing
import WireFormat

@testable import Serving

@Suite(.enabled(if: areInstalled("kubectl"), "kubectl is not installed")) struct KubectlTests {
    /// Runs kubectl on a thread of its own: it waits for the server that this process is.
    private func kubectl(_ node: TestNode, _ arguments: [String], input: String = "") async throws -> String {
        let server = "http://testudo:\(TestNode.token)@127.0.0.1:\(node.apiPort)"
        let environment = ["HOME": node.scratch.path, "KUBECONFIG": "/dev/null"]
        let output: Result<[UInt8], any Error> = await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(
                    returning: Result {
                        try run(
                            "kubectl", ["--server", server] + arguments, input: Array(input.utf8),
                            environment: environment)
                    })
            }
        }
        return String(decoding: try output.get(), as: UTF8.self)
    }

    private func yaml(_ timeout: Int) -> String {
        """
        apiVersion: serving.knative.dev/v1
        kind: Service
        metadata:
          name: hello
        spec:
          template:
            spec:
              runtimeClassName: testudo-vm
              timeoutSeconds: \(timeout)
              containers:
                - image: \(SamplePods.image)
        """
    }

    @Test func `kubectl applies, gets, patches, watches, waits and deletes`() async throws {
        let node = try await TestNode()
        #expect(try await self.kubectl(node, ["apply", "-f", "-"], input: self.yaml(30)).contains("hello created"))
        #expect(try await self.kubectl(node, ["apply", "-f", "-"], input: self.yaml(30)).contains("hello unchanged"))
        #expect(try await self.kubectl(node, ["apply", "-f", "-"], input: self.yaml(40)).contains("hello configured"))
        _ = try await self.kubectl(node, ["wait", "--for=condition=Ready", "ksvc/hello", "--timeout=10s"])
        let table = try await self.kubectl(node, ["get", "ksvc"])
        #expect(table.contains("LATESTREADY") && table.contains("http://hello.default.localhost:\(node.http.port)"))
        #expect(table.contains("hello-00002"))
        let yaml = try await self.kubectl(node, ["get", "ksvc", "hello", "-o", "yaml"])
        #expect(yaml.contains("timeoutSeconds: 40") && yaml.contains("latestReadyRevisionName: hello-00002"))
        async let watched = self.kubectl(node, ["get", "ksvc", "-w", "--request-timeout=3s"])
        try await Task.sleep(for: .milliseconds(500))
        #expect(try await self.kubectl(node, ["annotate", "ksvc", "hello", "a=b"]).contains("annotated"))
        #expect(
            try await self.kubectl(
                node, ["apply", "--server-side", "--force-conflicts", "-f", "-"], input: self.yaml(50)
            )
            .contains("serverside-applied"))
        #expect(try await self.kubectl(node, ["get", "namespaces"]).contains("default"))
        #expect(try await self.kubectl(node, ["api-resources"]).contains("kservice,ksvc"))
        let seen = (try? await watched) ?? ""
        #expect(seen.contains("hello-00003"))
        #expect(try await self.kubectl(node, ["delete", "ksvc", "hello"]).contains("\"hello\" deleted"))
        await #expect(throws: ProgramFailure.self) { try await self.kubectl(node, ["get", "ksvc", "hello"]) }
        await node.stop()
    }

    @Test func `kubectl shows the refusal of a wrong Service`() async throws {
        let node = try await TestNode()
        let failure = await #expect(throws: ProgramFailure.self) {
            try await self.kubectl(node, ["apply", "-f", "-"], input: self.yaml(9999))
        }
        #expect(failure?.complaint.contains("timeoutSeconds") == true, "\(failure?.complaint ?? "")")
        await node.stop()
    }
}
