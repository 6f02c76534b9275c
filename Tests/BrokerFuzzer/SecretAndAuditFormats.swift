import AuditTrail
import Crypto
import Envelope
import Foundation
import Fuzzing
import SealedStorage
import WireFormat

@testable import KeyBroker
@testable import KeyManagement

/// A store for what needs one.
enum SealedStorageOpening {
    static func open() async throws -> SealedStore { try await SealedStore(MemoryBackend(), rootKey: FixedRootKey()) }
}

/// Sealed secrets: texts, and after `{` what is signed in one.
enum SealedSecretFormat: FormatFamily {
    static let shape = Shape.chosen { bytes in bytes.first == UInt8(ascii: "{") ? .json : .token }
    static let sources = [
        "Sources/Common/Envelope/SealedSecret.swift", "Sources/Tenant/KeyManagement/KeyStore+SealedSecrets.swift",
    ]

    static func prepare() { _ = Keys.store }

    /// The key that sealed a secret, and the secret, of each honest message.
    private static let honest = Honest.parts { bytes in
        (try? JSONValue.parse(bytes))?["encrypted_key"]?.stringValue
    }

    static func run(_ bytes: [UInt8]) throws {
        guard bytes.first == UInt8(ascii: "{") else {
            let text = try SealedText(String(decoding: bytes, as: UTF8.self))
            _ = text.keyID
            let secret = try text.verified(by: Fixed.signing.publicKey)
            require(Honest.contains(bytes), "a sealed secret counts that nobody signed")
            try open(secret)
            return
        }
        let secret = try SealedSecret(payload: try JSONValue.parse(bytes))
        require((try? SealedSecret(payload: secret.payload)) == secret, "a secret that is written is another")
        let text = Fixed.made { try secret.signed(by: Fixed.signing, keyID: "kbs:///a/b/c") }
        if text.utf8.count <= SealedSecret.limit {
            let verified = try SealedText(text).verified(by: Fixed.signing.publicKey)
            require(verified == secret, "a secret that is signed is another")
        }
        try open(secret)
    }

    private static func open(_ secret: SealedSecret) throws {
        guard case .envelope(let envelope) = secret.content else { return }
        let key = try wait { try await Keys.store.unwrap(secret, by: Keys.guest) }
        if let honest { require(honest.contains(envelope.encryptedKey), "a key opens that nobody wrapped") }
        let opened = try envelope.open(with: key)
        require(opened.copyBytes() == Fixed.secret, "a secret opens as another")
    }

    static func seeds(_ vectors: URL) -> [[UInt8]] {
        Fixed.made {
            let vault = SealedSecret(.vault(name: "kbs:///a/b/c"), annotations: ["a": "b"])
            let sealed = try [KeyKind.aes256GCM, .aes256KW].map { kind in
                try wait {
                    try await Keys.store.seal(SecretBytes(Fixed.secret), with: try Keys.name(kind), by: Keys.guest)
                }
            }
            var seeds = ([vault] + sealed).map(\.payload.canonicalBytes)
            for secret in [vault] + sealed {
                seeds.append(Array(try secret.signed(by: Fixed.signing, keyID: "kbs:///a/b/c").utf8))
            }
            seeds.append(Array(try vault.signed(by: P256.Signing.PrivateKey(), keyID: "k").utf8))
            return seeds
        }
    }
}

/// The audit log as its file has it.
enum AuditFormat: FormatFamily {
    static let shape = Shape.chosen { _ in .toml }
    static let sources = ["AuditCheck", "AuditLink"].map { "Sources/Tenant/AuditTrail/\($0).swift" }

    /// What a broker wrote.
    private static let honest: [[UInt8]] = {
        var link = AuditLink.first
        return (0..<12).map { number in
            var record = AuditRecord(kind: .release, allowed: number % 2 == 0, check: "c\(number)", reason: "r")
            record.tenant = number % 3 == 0 ? "acme" : ""
            record.trace = "t\(number)"
            let line = record.line(at: Fixed.clock.now, link)
            link = link.next(after: line)
            return line
        }
    }()
    private static let head = AuditHead(sequence: 12, hash: AuditLink.hash(honest[11]))

    static func run(_ bytes: [UInt8]) throws {
        if let head = AuditHead(String(decoding: bytes.prefix(256), as: UTF8.self)) {
            require(AuditHead(head.text)?.text == head.text, "a head is another")
        }
        var check = AuditCheck(heads: [head])
        check.read(text: bytes)
        check.finish()
        require(check.breaks.count <= AuditCheck.breakLimit, "too many breaks are told")
        require(check.fragments <= check.lines, "more fragments than lines")
        // Who noted the last line knows all before it: with no break the lines are the ones that were written.
        if check.breaks.isEmpty, check.first?.sequence == 1, check.last?.sequence ?? 0 >= 12 {
            let chained = bytes.split(separator: UInt8(ascii: "\n")).filter { AuditLink(line: $0) != nil }
            require(chained.prefix(12).map(Array.init) == honest, "a log was changed and nobody says so")
        }
        // A log of its own file is slower.
        guard bytes.count % 4 == 0 else { return }
        let path = Scratch.write("audit", bytes)
        let log = try AuditLog(path: path, clock: Fixed.clock, warn: { _ in })
        _ = (log.lines(since: 0), log.lines(since: Fixed.now, last: 3, tenant: "acme"), log.holds(head))
        let before = log.head?.sequence ?? 0
        try log.append(AuditRecord(kind: .audit, allowed: true, check: "c", reason: "r"))
        require(log.head?.sequence == before + 1, "a line has another number")
    }

    static func seeds(_ vectors: URL) -> [[UInt8]] {
        func text(_ lines: some Sequence<[UInt8]>) -> [UInt8] { lines.flatMap { $0 + [UInt8(ascii: "\n")] } }
        let zeros = String(repeating: "0", count: 64)
        let far = Array("{\"prev\":\"\(zeros)\",\"seq\":\(Int64.max),\"time\":\"2027-01-15T08:00:00Z\"}".utf8)
        return [
            text(honest), text(honest.dropFirst(5)), text(honest.dropLast(3)), text(honest.reversed()),
            text(honest.prefix(3)) + honest[3].prefix(40) + [UInt8(ascii: "\n")] + text(honest.dropFirst(3)),
            text(honest.map { Array($0.dropLast(4)) + Array("}".utf8) }), text([far]), Array(head.text.utf8),
        ]
    }
}
