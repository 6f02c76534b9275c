import Foundation
import Synchronization

/// The wires to a TPM in hostile hands: everything is recorded, and answers to one command can be changed.
final class TappedBus: Sendable {
    let port: UInt16
    private let target: UInt16
    private let changed: UInt32?
    private let listeners: [Int32]
    private let record = Mutex<[UInt8]>([])

    /// Listens before the TPM on `target`.
    ///
    /// - Parameter changed: The command whose answers lose a bit of their first parameter.
    init(before target: UInt16, changingAnswersTo changed: UInt32? = nil) throws {
        self.target = target
        self.changed = changed
        port = try freePair()
        listeners = [listen(on: port), listen(on: port + 1)]
        for (index, listener) in listeners.enumerated() {
            Thread.detachNewThread { [self] in accept(listener, UInt16(index)) }
        }
    }

    var tcti: String { "swtpm:host=127.0.0.1,port=\(port)" }
    var recorded: [UInt8] { record.withLock { $0 } }

    func close() { for listener in listeners { shutdown(listener, Int32(SHUT_RDWR)) } }

    private func accept(_ listener: Int32, _ offset: UInt16) {
        while true {
            let client = Glibc.accept(listener, nil, nil)
            guard client >= 0 else { return }
            let server = connect(to: target + offset)
            let isDone = DispatchGroup()
            let box = CommandBox()
            isDone.enter()
            Thread.detachNewThread { [self] in
                relay(client, server) { bytes in
                    if bytes.count >= 10 { box.set(bytes[6..<10].reduce(0) { $0 << 8 | UInt32($1) }) }
                }
                shutdown(server, Int32(SHUT_RDWR))
                isDone.leave()
            }
            Thread.detachNewThread { [self] in
                relay(server, client) { bytes in
                    // tag 2, size 4, code 4, size of the parameters 4, then the parameters: TPM2B size 2, content.
                    if offset == 0, box.get() == changed, bytes.count > 20 { bytes[17] ^= 1 }
                }
                shutdown(client, Int32(SHUT_RDWR))
                isDone.wait()
                Glibc.close(client)
                Glibc.close(server)
            }
        }
    }

    private func relay(_ source: Int32, _ sink: Int32, _ change: (inout [UInt8]) -> Void) {
        var buffer = [UInt8](repeating: 0, count: 8192)
        while true {
            let count = recv(source, &buffer, buffer.count, 0)
            guard count > 0 else { return }
            var bytes = Array(buffer[..<count])
            record.withLock { $0 += bytes }
            change(&bytes)
            guard send(sink, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else { return }
        }
    }

    private final class CommandBox: Sendable {
        private let code = Mutex<UInt32>(0)
        func set(_ value: UInt32) { code.withLock { $0 = value } }
        func get() -> UInt32 { code.withLock { $0 } }
    }
}

/// Whether `needle` occurs in `haystack`.
func occurs(_ needle: [UInt8], in haystack: [UInt8]) -> Bool {
    Data(haystack).range(of: Data(needle)) != nil
}
