import Foundation
import Glibc
import TestSupport
import Testing

extension IntegrationTests {
    /// A machine that starts slowly, as on a host with too much to do.
    @Suite("A slow start") struct SlowStarts {
        /// Seconds: more than a connection is given elsewhere.
        private static let pause: UInt32 = 12

        @Test func `the command line waits for a guest that takes long to start`() throws {
            try IntegrationTests.withStack { stack in
                try stack.pushHello()
                try stack.testudo(["apply", "-f", try stack.service("slow", image: "hello-swift")])
                let node = try #require(stack.process("node"))
                let holder = Thread {
                    for _ in 0..<3000 {
                        if let machine = ProcessTable.family(of: node).first(where: \.isQEMU) {
                            kill(machine.pid, SIGSTOP)
                            sleep(Self.pause)
                            kill(machine.pid, SIGCONT)
                            return
                        }
                        usleep(10_000)
                    }
                }
                holder.start()
                let begin = Date()
                #expect(try stack.testudo(["invoke", "slow"]) == "Hello Testudo!\n")
                #expect(Date().timeIntervalSince(begin) > Double(Self.pause), "nothing was held up")
            }
        }
    }
}
