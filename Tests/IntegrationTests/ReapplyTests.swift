import Foundation
import TestSupport
import Testing

extension IntegrationTests {
    /// Applying a Service again after what kept it from starting was put right.
    @Suite("A mended Service") struct MendedServices {
        @Test func `apply does not hold an earlier failure against a Service that was mended outside of it`() throws {
            try IntegrationTests.withStack { stack in
                try stack.pushHello()
                let file = try stack.service("mended", image: "hello-swift")
                try stack.testudo(["apply", "-f", file, "--hardware-only"])
                let failure = #expect(throws: ProgramFailure.self) { try stack.testudo(["invoke", "mended"]) }
                #expect(failure?.complaint.contains("released no key") == true, "\(failure?.complaint ?? "")")

                let answer = try stack.testudo(["apply", "-f", file])
                #expect(answer.contains("its last start failed; the next request tries again"), "\(answer)")
                #expect(try stack.testudo(["invoke", "mended"]) == "Hello Testudo!\n")
                #expect(try !stack.testudo(["apply", "-f", file]).contains("failed"))
            }
        }
    }
}
