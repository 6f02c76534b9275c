import Foundation
import TestSupport
import Testing

/// The release programs and real guests, one deployment at a time.
@Suite(
    "The whole path", .serialized,
    .enabled(
        if: LiveStack.isAvailable,
        "needs scripts/build-programs, a built guest image, skopeo, umoci, docker-registry, QEMU, curl and zstd"),
    .timeLimit(.minutes(15)))
struct IntegrationTests {
    /// The five ports of a deployment are free again and nothing of it is left.
    static func withStack(isRecorded: Bool = false, _ body: (LiveStack) throws -> Void) throws {
        let stack = try LiveStack(isRecorded: isRecorded)
        defer { stack.remove() }
        try stack.up()
        try body(stack)
    }
}
