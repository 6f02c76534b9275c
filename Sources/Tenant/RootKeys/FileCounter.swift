import Crypto
import Envelope
import Foundation
import Synchronization
import WireFormat

/// A counter in a file, on a disk or share that whoever holds the store cannot roll back: a second store.
///
/// The value is authenticated by a key of the store, so that nobody but the broker can make one up; a copy of an older
/// file is noticed while the broker runs, and by the store's head (``Checkpoint``) when it starts. Who rolls back both
/// places together is not noticed. One broker uses the file at a time.
public final class FileCounter: RollbackCounter {
    /// Always `file`.
    public let kind = "file"
    /// A file does not wear out.
    public let wears = false

    private let place: Place
    private let timeoutSeconds: Int
    private let thread = SerialThread()
    private let highest: Mutex<UInt64>

    /// Uses the counter in the file at `path`, and reads it once.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - key: A key of the store, for this purpose alone.
    ///   - timeoutSeconds: How long one operation may take; a share can hang.
    public init(file path: String, key: SecretBytes, timeoutSeconds: Int = 10) async throws(RootKeyFailure) {
        let place = Place(path: path, key: key.withBytes { SymmetricKey(data: $0) })
        self.place = place
        self.timeoutSeconds = timeoutSeconds
        highest = Mutex(
            try await Self.run(thread, path, timeoutSeconds) { () throws(RootKeyFailure) in try place.read() })
    }

    /// Makes the file with the value 1.
    ///
    /// - Parameter replacing: Whether the counter of another store gives way; any other file that exists stays.
    public static func create(
        file path: String, key: SecretBytes, timeoutSeconds: Int = 10, replacing: Bool = false
    ) async throws(RootKeyFailure) {
        let place = Place(path: path, key: key.withBytes { SymmetricKey(data: $0) })
        try await run(SerialThread(), path, timeoutSeconds) { () throws(RootKeyFailure) in
            var isOfAnother = false
            if replacing {
                do throws(RootKeyFailure) { _ = try place.read() } catch { isOfAnother = error.code == .otherStore }
            }
            try place.write(1, replacing: isOfAnother)
        }
    }

    /// Reads the file; a lower value than before is refused.
    public func value() async throws(RootKeyFailure) -> UInt64 {
        try await Self.run(thread, place.path, timeoutSeconds) { [self] () throws(RootKeyFailure) in try checked() }
    }

    /// Writes the next value, and returns when it is on the disk.
    public func advance() async throws(RootKeyFailure) -> UInt64 {
        try await Self.run(thread, place.path, timeoutSeconds) { [self] () throws(RootKeyFailure) in
            let (next, isFull) = try checked().addingReportingOverflow(1)
            guard !isFull else {
                throw place.refusal(.damaged, "cannot advance", "it is at its end", "make a new counter")
            }
            try place.write(next, replacing: true)
            guard try checked() == next else {
                throw place.refusal(
                    .refused, "did not advance", "it holds another value than was written",
                    "check that no second broker uses the file")
            }
            return next
        }
    }

    /// The value, which is never lower than it was.
    private func checked() throws(RootKeyFailure) -> UInt64 {
        let value = try place.read()
        let before = highest.withLock { highest in
            defer { highest = max(highest, value) }
            return highest
        }
        guard value >= before else {
            throw place.refusal(
                .wentBack, "went back", "it holds \(value), and held \(before) while this broker ran",
                "find out who replaced it; the store may have been rolled back too")
        }
        return value
    }

    private static func run<Result: Sendable>(
        _ thread: SerialThread, _ path: String, _ seconds: Int,
        _ body: @escaping @Sendable () throws(RootKeyFailure) -> Result
    ) async throws(RootKeyFailure) -> Result {
        let late = RootKeyFailure(
            .timedOut, kind: "file", "the counter \(path) cannot be reached",
            because: "its disk or share did not answer within \(seconds) seconds", remedy: "look at that disk or share")
        return try await thread.run(within: .seconds(seconds), late: late, body)
    }

    /// The file and the form of what lies in it.
    private struct Place: Sendable {
        let path: String
        let key: SymmetricKey

        private var file: OwnerOnlyFile { OwnerOnlyFile(kind: "file", what: "counter", path: path) }

        func refusal(
            _ code: RootKeyFailure.Code, _ event: String, _ reason: String, _ remedy: String
        ) -> RootKeyFailure { file.failure(code, event, reason, remedy) }

        func read() throws(RootKeyFailure) -> UInt64 {
            let bytes = try file.read(limit: 1024).copyBytes()
            do {
                var fields = try JSONFields(try JSONValue.parse(bytes), path: "")
                guard try fields.string("format") == Self.format else {
                    throw fields.refusal("format", "must be \(Self.format)")
                }
                let text = try fields.string("value")
                guard let value = UInt64(text), value > 0, String(value) == text else {
                    throw fields.refusal("value", "must be a positive number")
                }
                let tag = try Hex.decode(try fields.string("tag"), field: "tag")
                try fields.finish()
                guard HMAC<SHA256>.isValidAuthenticationCode(tag, authenticating: Self.authenticated(value), using: key)
                else {
                    throw refusal(
                        .otherStore, "cannot be used", "its tag does not fit the value and this store",
                        "check that the path names this store's counter and that the store was not exchanged or deleted"
                    )
                }
                return value
            } catch let error as RootKeyFailure {
                throw error
            } catch let error as WireError {
                throw refusal(
                    .damaged, "cannot be used", error.description,
                    "check that the path names this store's counter; if it is lost, move the file away and accept the store as it is"
                )
            } catch {
                throw refusal(.damaged, "cannot be used", "it is not JSON", "check the path")
            }
        }

        func write(_ value: UInt64, replacing: Bool) throws(RootKeyFailure) {
            let tag = HMAC<SHA256>.authenticationCode(for: Self.authenticated(value), using: key)
            let document = JSONValue.object([
                "format": .string(Self.format), "value": .string(String(value)), "tag": .string(Hex.encode(Array(tag))),
            ])
            try file.write(SecretBytes(Array((document.prettyText + "\n").utf8)), replacing: replacing)
        }

        private static let format = "testudo-file-counter/1"

        private static func authenticated(_ value: UInt64) -> [UInt8] { Array("testudo counter \(value)".utf8) }
    }
}
