import Foundation
import TestSupport
import Testing
import WireFormat

extension IntegrationTests {
    /// What kubectl and curl can do, beside the command line.
    @Suite("Ordinary clients", .enabled(if: areInstalled("kubectl"), "needs kubectl")) struct Clients {
        @Test func `kubectl and curl do the same as the command line`() throws {
            try IntegrationTests.withStack { stack in
                try stack.pushHello()
                let file = try stack.service(
                    "hello-swift", image: "hello-swift",
                    replacing: ["value: Testudo": "value: \(try Self.sealed(stack))"])
                try stack.testudo(["manifest", "register", "-f", file])
                let kubectl = { (arguments: [String]) in
                    try text(run("kubectl", ["--kubeconfig", stack.kubeconfig] + arguments))
                }
                #expect(try kubectl(["apply", "-f", file]).contains("hello-swift created"))
                #expect(try kubectl(["get", "ksvc"]).contains("hello-swift"))

                let url = "https://hello-swift.default.localhost:\(stack.tlsPort)/"
                let trusted = "\(stack.state)/tenant/testudo-simulated-ca.pem"
                #expect(try Self.curl([url, "--cacert", trusted]) == "Hello Sealed!\n200")
                #expect(try stack.testudo(["invoke", "hello-swift"]) == "Hello Sealed!\n")
                #expect(try kubectl(["get", "ksvc", "hello-swift"]).contains("True"))

                // A simulated guest never has a certificate of the other root.
                let failure = #expect(throws: ProgramFailure.self) {
                    try Self.curl([url, "--cacert", "\(stack.state)/tenant/tenant-ca.pem"])
                }
                #expect(failure?.complaint.contains("certificate") == true, "\(failure?.complaint ?? "")")

                let plain = try Self.curl(["http://hello-swift.default.localhost:\(stack.httpPort)/"])
                #expect(plain.hasSuffix("421") && plain.contains("https://"), "\(plain)")

                let evidence = try JSONValue.parse(text: try stack.testudo(["attest", "hello-swift", "--json"]))
                #expect(evidence["accepted"] == true && evidence["simulated"] == true, "\(evidence.canonicalText)")
                let log = try stack.testudo(["logs", "hello-swift"])
                #expect(log.contains("request GET / HTTP/1.1"))
                // Every record of a guest that attested is vouched for.
                #expect(!log.contains("from the node"), "\(log)")
                #expect(try stack.testudo(["audit"]).contains("default/image-key/hello-swift"))

                #expect(try kubectl(["delete", "ksvc", "hello-swift"]).contains("deleted"))
                #expect(try !kubectl(["get", "ksvc"]).contains("hello-swift"))
                #expect(throws: ProgramFailure.self) { try Self.curl([url, "--cacert", trusted]) }
            }
        }

        /// A value that only the guest opens, with a key of the broker.
        private static func sealed(_ stack: LiveStack) throws -> String {
            let (key, secret) = ("\(stack.folder)/signing.pem", "\(stack.folder)/target")
            try stack.testudo(["secret", "keygen", key])
            try stack.testudo(["broker", "keys", "create", "default/seal", "--kind", "aes-256-gcm"])
            try "Sealed".write(toFile: secret, atomically: true, encoding: .utf8)
            let text = try stack.testudo([
                "secret", "seal", "--signing-key", key, "--file", secret, "--key", "default/seal",
            ])
            return text.trimmingCharacters(in: .whitespacesAndNewlines)
        }

        /// The body, then the status.
        private static func curl(_ arguments: [String]) throws -> String {
            try text(run("curl", ["-sS", "--max-time", "60", "-w", "%{http_code}"] + arguments))
        }
    }
}
