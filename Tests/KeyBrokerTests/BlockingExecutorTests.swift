import Foundation
import Synchronization
import Testing

@testable import KeyBroker

@Suite struct `Threads that may block` {
    private final class Tally: Sendable {
        let value = Mutex(0)
        let isOpen = Mutex(false)

        func add() { value.withLock { $0 += 1 } }
        var count: Int { value.withLock { $0 } }
        func open() { isOpen.withLock { $0 = true } }

        /// Holds its thread, as a slow disk does.
        func hold() {
            add()
            while !isOpen.withLock({ $0 }) { usleep(1000) }
        }
    }

    @Test func `work goes on while all threads but one are held, and each of them can be held`() async throws {
        let executor = BlockingExecutor(threads: 4)
        for held in [3, 4] {
            let (gate, done) = (Tally(), Tally())
            try await withThrowingTaskGroup(of: Void.self) { group in
                // A test that fails holds nobody for ever.
                defer { gate.open() }
                for _ in 0..<held { group.addTask(executorPreference: executor) { gate.hold() } }
                for _ in 0..<2000 where gate.count < held { try await Task.sleep(for: .milliseconds(5)) }
                try #require(gate.count == held)
                for _ in 0..<200 {
                    group.addTask(executorPreference: executor) {
                        for _ in 0..<5 { await Task.yield() }
                        done.add()
                    }
                }
                if held < 4 {
                    for _ in 0..<2000 where done.count < 200 { try await Task.sleep(for: .milliseconds(5)) }
                    #expect(done.count == 200)
                }
                gate.open()
                try await group.waitForAll()
            }
            #expect(done.count == 200)
        }
    }

    @Test func `what one job starts runs on the other threads too`() async throws {
        let executor = BlockingExecutor(threads: 4)
        let gate = Tally()
        await withTaskExecutorPreference(executor) {
            await withTaskGroup(of: Void.self) { group in
                defer { gate.open() }
                // All four are started by one job, which then ends; each holds a thread until all of them run.
                for _ in 0..<4 {
                    group.addTask {
                        gate.add()
                        for _ in 0..<5000 where gate.count < 4 { usleep(1000) }
                    }
                }
                await group.waitForAll()
            }
        }
        #expect(gate.count == 4)
    }

    @Test func `sleepers and callers from elsewhere come back`() async {
        let executor = BlockingExecutor(threads: 2)
        let done = Tally()
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<100 {
                group.addTask(executorPreference: executor) {
                    for _ in 0..<10 {
                        try? await Task.sleep(for: .microseconds(index))
                        await Task.detached {}.value
                    }
                    done.add()
                }
            }
        }
        #expect(done.count == 100)
    }
}
