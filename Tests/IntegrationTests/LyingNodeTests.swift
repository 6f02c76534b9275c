import Foundation
import Glibc
import TestSupport
import Testing
import WireFormat

extension IntegrationTests {
    /// What the command line does when the node is against it.
    @Suite("A lying node") struct LyingNodes {
        @Test func `a confidential Service that the node serves from a plain VM gets no request`() throws {
            try IntegrationTests.withStack { stack in
                try stack.push(try LiveStack.hello.get(), as: "hello-plain")
                let service = try stack.service("liar", image: "hello-plain", replacing: Self.unencrypted)
                try stack.testudo(["apply", "-f", service])
                #expect(try stack.testudo(["invoke", "liar"]) == "Hello Testudo!\n")

                // The node's own word for the class; the tenant's Service stays as it was registered.
                let lie = #"{"spec":{"template":{"spec":{"runtimeClassName":"testudo-vm"}}}}"#
                let path = "/apis/serving.knative.dev/v1/namespaces/default/services/liar"
                _ = try Self.node(stack, ["-X", "PATCH", "-d", lie], path, type: "application/merge-patch+json")
                let told = try JSONValue.parse(Self.node(stack, [], path))
                #expect(told["spec"]?["template"]?["spec"]?["runtimeClassName"] == "testudo-vm")

                // The control: the plain VM answers whoever does not look.
                let url = "http://liar.default.localhost:\(stack.httpPort)/innocent"
                let answer = try text(run("curl", ["-sS", "--max-time", "120", url]))
                #expect(answer == "Hello Testudo!\n")
                let secret = Canary("request")
                let call = ["invoke", "liar", "--path", "/\(secret.secret)", "--timeout", "30"]
                let failure = #expect(throws: ProgramFailure.self) { try stack.testudo(call) }
                #expect(failure?.complaint.contains("liar did not answer") == true, "\(failure?.complaint ?? "")")
                let log = try stack.testudo(["logs", "liar"])
                #expect(log.contains("/innocent") && !log.contains(secret.secret), "\(log)")
            }
        }

        @Test func `delete retires the registration though the node refuses or is not there`() throws {
            try IntegrationTests.withStack { stack in
                try stack.pushHello()
                for name in ["refused", "unreachable"] {
                    try stack.testudo(["apply", "-f", try stack.service(name, image: "hello-swift")])
                    #expect(try stack.testudo(["invoke", name]) == "Hello Testudo!\n")
                }

                // A node that refuses: it knows another token.
                let token = "\(stack.state)/node/token"
                let right = try String(contentsOfFile: token, encoding: .utf8)
                #expect(try Self.isRegistered(stack, "refused"))
                try "wrong".write(toFile: token, atomically: false, encoding: .utf8)
                let refusal = #expect(throws: ProgramFailure.self) { try stack.testudo(["delete", "refused"]) }
                #expect(refusal?.complaint.contains("the node refused DELETE") == true, "\(refusal?.complaint ?? "")")
                try right.write(toFile: token, atomically: false, encoding: .utf8)
                #expect(try !Self.isRegistered(stack, "refused"), "the guest that still runs speaks for nothing")
                #expect(try Self.isRegistered(stack, "unreachable"), "another Service keeps its registration")

                let pid = try #require(stack.process("node"))
                kill(pid, SIGKILL)
                while stack.process("node") == pid { usleep(10_000) }
                let silence = #expect(throws: ProgramFailure.self) { try stack.testudo(["delete", "unreachable"]) }
                #expect(silence?.complaint.contains("does not answer") == true, "\(silence?.complaint ?? "")")
                // The node kept the Service and would serve it again; there are no keys for it any more.
                try stack.up()
                #expect(try stack.testudo(["get"]).contains("unreachable"))
                let released = try Self.releases(stack)
                let failure = #expect(throws: ProgramFailure.self) { try stack.testudo(["invoke", "unreachable"]) }
                #expect(failure?.complaint.contains("registered") == true, "\(failure?.complaint ?? "")")
                #expect(released == 2, "one for each Service while it was registered")
                #expect(try Self.releases(stack) == released)
            }
        }

        private static let unencrypted = [
            "  annotations:\n    testudo.dev/image-key: kbs:///default/image-key/hello-swift\n": ""
        ]

        /// Whether the tenant's broker knows the manifest that a running guest was launched for.
        private static func isRegistered(_ stack: LiveStack, _ name: String) throws -> Bool {
            // `attest` ends with an error when it refuses, and prints its findings all the same.
            let command = stack.command(["attest", name, "--json"])
            let all = [command.program] + command.arguments
            let output = try run("sh", ["-c", "\"$@\" || true", "sh"] + all, environment: command.environment)
            let fields = try #require(JSONValue.parse(output)["fields"]?.arrayValue)
            let field = try #require(fields.first { $0["field"] == "manifest registration" })
            return field["verdict"] == "passed"
        }

        /// How many keys left the broker.
        private static func releases(_ stack: LiveStack) throws -> Int {
            try stack.testudo(["audit"]).split(separator: "\n").count { line in
                line.split(separator: " ").dropFirst().starts(with: ["release", "allow"])
            }
        }

        /// A call to the node as whoever owns it makes it.
        private static func node(
            _ stack: LiveStack, _ arguments: [String], _ path: String, type: String = "application/json"
        ) throws -> [UInt8] {
            let token = try String(contentsOfFile: "\(stack.state)/node/token", encoding: .utf8)
            let headers = ["Authorization: Bearer \(token.trimmingCharacters(in: .newlines))", "Content-Type: \(type)"]
            return try run(
                "curl",
                ["-sS", "--fail-with-body", "--max-time", "30"] + headers.flatMap { ["-H", $0] } + arguments
                    + ["http://127.0.0.1:\(stack.ports[2])\(path)"])
        }
    }
}
