import Glibc
import Testing

@testable import Hypervisor

@Suite("Child processes")
struct SpawnerTests {
    @Test func `a child gets the named descriptors, environment and nothing else`() async throws {
        let pair = try SocketPair(for: "test")
        let child = try await Spawner.shared.spawn(
            SpawnRequest(
                program: "/bin/sh", arguments: ["-c", "echo \"$A-$HOME\" >&3; ls /proc/self/fd | wc -l >&3; exit 7"],
                environment: ["A=b", "PATH=/usr/bin:/bin"], descriptors: [-1, -1, -1, pair.far.value ?? -1]))
        pair.far.close()
        #expect(await child.exit() == ProcessStatus(code: 7, signal: nil))
        let said = await VirtualMachineTests.read(pair.near, 100)
        #expect(String(decoding: said, as: UTF8.self).split(separator: "\n").first == "b-")
    }

    @Test func `ends by signal, stubborn children and missing programs are told apart`() async throws {
        let sleeper = try await Spawner.shared.spawn(
            SpawnRequest(program: "/bin/sleep", arguments: ["100"], descriptors: [-1, -1, -1]))
        #expect(await sleeper.end(grace: .seconds(5)).signal == SIGTERM)
        let stubborn = try await Spawner.shared.spawn(
            SpawnRequest(
                program: "/bin/sh", arguments: ["-c", "trap '' TERM; while :; do sleep 1; done"],
                descriptors: [-1, -1, -1]))
        try await Task.sleep(for: .milliseconds(200))
        #expect(await stubborn.end(grace: .milliseconds(100)).signal == SIGKILL)
        await #expect(throws: MachineError.self) {
            try await Spawner.shared.spawn(SpawnRequest(program: "/nowhere", arguments: [], descriptors: []))
        }
    }

    @Test func `a process that is not a child can be watched`() async throws {
        #expect(await Spawner.shared.watch(pid_t.max).exit() == .unknown)
    }
}
