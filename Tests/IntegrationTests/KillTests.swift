import Foundation
import Glibc
import TestSupport
import Testing
import WireFormat

extension IntegrationTests {
    /// Sudden deaths at any time.
    @Suite("Kill -9") struct Kills {
        /// `TESTUDO_KILL_ROUNDS`; 20 by hand.
        static let rounds = ProcessInfo.processInfo.environment["TESTUDO_KILL_ROUNDS"].flatMap { Int($0) } ?? 4
        /// `TESTUDO_KILL_SEED` repeats a run's choices.
        static let seed =
            ProcessInfo.processInfo.environment["TESTUDO_KILL_SEED"].flatMap { UInt64($0) } ?? .random(in: 1...99999)

        enum Victim: String, CaseIterable { case qemu, testudod, broker }

        @Test func `after a kill the Service answers again and nothing is left behind`() throws {
            var dice = Dice(state: Self.seed)
            Self.say("kill -9: seed \(Self.seed), \(Self.rounds) rounds")
            let stack = try LiveStack()
            defer { stack.remove() }
            try stack.up()
            try stack.pushHello()
            try stack.testudo(["apply", "-f", try stack.service("hello-swift", image: "hello-swift")])
            if geteuid() == 0 { try Self.deployContainer(stack) }
            try stack.down()
            let before = MachineSnapshot(stack, seen: [])
            // Each is hit at least once in three rounds, in random order.
            var victims: [Victim] = []
            while victims.count < Self.rounds { victims += Victim.allCases.shuffled(using: &dice) }
            try Self.checkThatSnapshotsSee(stack, since: before)
            for (round, victim) in victims.prefix(Self.rounds).enumerated() {
                let seen = try Self.play(victim, stack, round: round + 1, &dice)
                try stack.down()
                let left = Self.settled { MachineSnapshot(stack, seen: seen).left(since: before) }
                #expect(left.isEmpty, "round \(round + 1), \(victim.rawValue): \(left)")
            }
        }

        /// A container of the host beside the guest: it is what leaves cgroups and processes.
        private static func deployContainer(_ stack: LiveStack) throws {
            try stack.push(try LiveStack.hello.get(), as: "hello-runc")
            let changes = [
                "  annotations:\n    testudo.dev/image-key: kbs:///default/image-key/hello-swift\n": "",
                "testudo-cvm": "testudo-runc",
            ]
            try stack.testudo(["apply", "-f", try stack.service("hello-runc", image: "hello-runc", replacing: changes)])
        }

        /// The control: a deployment that runs differs from one that was stopped.
        private static func checkThatSnapshotsSee(_ stack: LiveStack, since before: MachineSnapshot) throws {
            try stack.up()
            let name = geteuid() == 0 ? "hello-runc" : "hello-swift"
            try stack.testudo(["invoke", name])
            let found = MachineSnapshot(stack, seen: []).left(since: before)
            var kinds = ["processes", "sockets", "instances", "process records"]
            // A container's mounts are in its own namespace.
            if geteuid() == 0 { kinds.append("cgroups") }
            for kind in kinds { #expect(found.contains { $0.hasPrefix("\(kind): ") }, "no \(kind) in \(found)") }
            try stack.down()
        }

        /// Starts everything, kills one at a random time of a start or of serving, and calls again.
        private static func play(
            _ victim: Victim, _ stack: LiveStack, round: Int, _ dice: inout Dice
        ) throws -> Set<ProcessTable.Entry> {
            try stack.up()
            if geteuid() == 0 { #expect(try stack.testudo(["invoke", "hello-runc"]) == "Hello Testudo!\n") }
            var seen = Set(stack.nodeFamily())
            let isWarm = dice.next() % 3 == 0
            let delay = Int(dice.next() % 4000)
            if isWarm { #expect(try stack.testudo(["invoke", "hello-swift"]) == "Hello Testudo!\n") }
            let caller = try Self.call(stack)
            let started = ContinuousClock.now
            if victim == .qemu { _ = Self.settled { stack.nodeFamily().contains(where: \.isQEMU) ? [] : ["none"] } }
            usleep(UInt32(isWarm ? delay : delay * 1000) % 4_000_000)
            let family = stack.nodeFamily()
            seen.formUnion(family)
            let phase = Self.phase(stack)
            let target: pid_t? =
                switch victim {
                case .qemu: family.first(where: \.isQEMU)?.pid
                case .testudod: stack.process("node")
                case .broker: stack.process("broker")
                }
            let pid = try #require(target, "round \(round): no \(victim.rawValue) to kill")
            kill(pid, SIGKILL)
            let milliseconds = Int((ContinuousClock.now - started) / .milliseconds(1))
            let died = Self.settled { ProcessTable.read()[pid].map { $0.isZombie ? [] : [$0.identity] } ?? [] }
            #expect(died.isEmpty)
            try stack.up()
            let begin = ContinuousClock.now
            let answer = try stack.testudo(["invoke", "hello-swift"])
            #expect(answer == "Hello Testudo!\n", "round \(round): \(victim.rawValue)")
            if geteuid() == 0 { #expect(try stack.testudo(["invoke", "hello-runc"]) == "Hello Testudo!\n") }
            let again = Int((ContinuousClock.now - begin) / .milliseconds(1))
            seen.formUnion(stack.nodeFamily())
            caller.waitUntilExit()
            say(
                "  round \(round): \(victim.rawValue) killed \(milliseconds) ms after the request"
                    + " (\(isWarm ? "warm" : "from zero"), \(phase)); request in flight ended with"
                    + " \(caller.terminationStatus); answered again after \(again) ms")
            return seen
        }

        /// A request in flight, whatever becomes of it.
        private static func call(_ stack: LiveStack) throws -> Process {
            let command = stack.command(["invoke", "hello-swift", "--timeout", "60"])
            let process = Process()
            process.executableURL = URL(fileURLWithPath: command.program)
            process.arguments = command.arguments
            process.environment = ProcessInfo.processInfo.environment.merging(command.environment) { $1 }
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            return process
        }

        /// The phase that the instance has behind it, as the node tells.
        private static func phase(_ stack: LiveStack) -> String {
            let url = "http://127.0.0.1:\(stack.ports[2])/apis/testudo.dev/v1/instances"
            guard let file = try? String(contentsOfFile: "\(stack.state)/node/token", encoding: .utf8) else {
                return "?"
            }
            let header = "Authorization: Bearer \(file.trimmingCharacters(in: .whitespacesAndNewlines))"
            guard let answer = try? run("curl", ["-s", "--max-time", "1", "-H", header, url]),
                let items = try? JSONValue.parse(answer)["items"]?.arrayValue,
                let phases = items.last(where: { $0["service"] == "hello-swift" })?["phases"]?.arrayValue
            else { return "no instance yet" }
            return "after phase " + (phases.last?["phase"]?.stringValue ?? "none")
        }

        /// Asks until nothing is wrong, at most ten seconds; what is wrong then.
        private static func settled(_ wrong: () -> [String]) -> [String] {
            let deadline = ContinuousClock.now + .seconds(10)
            while true {
                let found = wrong()
                if found.isEmpty || ContinuousClock.now > deadline { return found }
                usleep(10_000)
            }
        }

        private static func say(_ line: String) {
            print(line)
            fflush(nil)
        }
    }

    /// SplitMix64: the same choices for the same seed.
    struct Dice: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var word = state
            word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
            word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
            return word ^ (word >> 31)
        }
    }
}
