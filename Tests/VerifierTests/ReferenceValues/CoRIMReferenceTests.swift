import Crypto
import Evidence
import TestSupport
import Testing
import WireFormat

@testable import Verifier

@Suite("Reference values from CoRIM", .enabled(if: Vectors.available))
struct CoRIMReferenceTests {
    private let stage = ReferenceStage()
    private let now = ReferenceStage.now
    private static let name = "ACME/RoadRunner/31fb5abf-023e-4992-aa4e-95f9c1503bfa/digests"

    private static func example() throws -> [UInt8] {
        try Vectors.bytes("trustee/rvps/src/extractors/corim/unsigned-example-corim.cbor")
    }

    private static func header(
        _ algorithm: CBORValue, type: String = SignedCoRIM.contentType, validity: (Int64, Int64)? = nil
    ) -> [UInt8] {
        var pairs: [CBORValue.Pair] = [
            .init(.unsigned(1), algorithm), .init(.unsigned(3), .text(type)), .init(.unsigned(4), .bytes([1])),
        ]
        if let validity {
            let times: CBORValue = .map([
                .init(.unsigned(0), .tagged(1, .unsigned(UInt64(validity.0)))),
                .init(.unsigned(1), .tagged(1, .unsigned(UInt64(validity.1)))),
            ])
            let meta: CBORValue = .map([
                .init(.unsigned(0), .map([.init(.unsigned(0), .text("ACME"))])), .init(.unsigned(1), times),
            ])
            pairs.append(.init(.unsigned(8), .bytes(meta.bytes)))
        }
        return CBORValue.map(pairs).bytes
    }

    private static func signed(
        _ header: [UInt8], _ payload: [UInt8], _ sign: ([UInt8]) throws -> [UInt8]
    ) throws -> [UInt8] {
        let covered = CBORValue.array([.text("Signature1"), .bytes(header), .bytes([]), .bytes(payload)]).bytes
        return CBORValue.tagged(
            18, .array([.bytes(header), .map([]), .bytes(payload), .bytes(try sign(covered))])
        ).bytes
    }

    private func byVendor(_ header: [UInt8], _ payload: [UInt8]) throws -> [UInt8] {
        try Self.signed(header, payload) { Array(try stage.vendor.signature(for: $0).rawRepresentation) }
    }

    @Test func `trustee's example gives trustee's names, and only when unsigned is allowed`() throws {
        let bytes = try Self.example()
        #expect(throws: WireError.self) { try stage.reader().read(bytes) }
        let reader = try stage.reader(allowsUnsigned: true)
        for form in [bytes, ReferenceStage.message("corim", bytes)] {
            let document = try reader.read(form)
            #expect(document.kind == .corim && document.unread == 3)
            let entry = try #require(document.entries.first)
            #expect(document.entries.count == 1 && entry.name == Self.name)
            let digests = try #require(entry.value.arrayValue)
            #expect(digests.count == 3)
            #expect(digests[2] == "a3a5e715f0cc574a73c3f9bebb6bc24f32ffd5b67b387244c2c909da779a1478")
            #expect(entry.expires == now + ReferenceValueEntry.usualLife && entry.provenance.signer == nil)
        }
    }

    @Test func `manifests signed with ES256, ES384 and EdDSA are taken from pinned keys`() throws {
        let payload = try Self.example()
        let elliptic = P384.Signing.PrivateKey()
        let edwards = Curve25519.Signing.PrivateKey()
        let forms: [(ReferenceSigningKey, [UInt8])] = [
            (try stage.vendorKey, try byVendor(Self.header(.negative(6)), payload)),
            (
                try ReferenceSigningKey(pem: elliptic.publicKey.pemRepresentation),
                try Self.signed(Self.header(.negative(34)), payload) {
                    Array(try elliptic.signature(for: $0).rawRepresentation)
                }
            ),
            (
                ReferenceSigningKey(edwards.publicKey),
                try Self.signed(Self.header(.negative(7)), payload) { Array(try edwards.signature(for: $0)) }
            ),
        ]
        for (index, (key, bytes)) in forms.enumerated() {
            let document = try ReferenceReader(keys: [key], origin: "test", now: now).read(bytes)
            #expect(document.entries.map(\.name) == [Self.name])
            #expect(document.provenance.signer == key.identifier)
            // The tag 502 of early encoders.
            #expect(try SignedCoRIM.isSigned([0xD9, 0x01, 0xF6] + bytes))
            // Not pinned: also not when unsigned documents are allowed.
            let others = forms.enumerated().filter { $0.offset != index }.map(\.element.0)
            let strict = ReferenceReader(keys: others, allowsUnsigned: true, origin: "test", now: now)
            #expect(throws: WireError.self) { try strict.read(bytes) }
        }
    }

    @Test func `a changed manifest, header, type or algorithm is refused`() throws {
        let payload = try Self.example()
        let good = try byVendor(Self.header(.negative(6)), payload)
        let reader = try stage.reader()
        for length in good.indices { #expect(throws: WireError.self) { try reader.read(Array(good.prefix(length))) } }
        // The unprotected header is the one byte that nobody signs.
        let unprotected = Self.header(.negative(6)).count + 4
        #expect(good[unprotected] == 0xA0)
        for place in good.indices where place != unprotected {
            var changed = good
            changed[place] ^= 1
            #expect(throws: WireError.self, "\(place)") { try reader.read(changed) }
        }
        for header in [
            Self.header(.negative(6), type: "application/json"), Self.header(.negative(34)), Self.header(.negative(7)),
            Self.header(.unsigned(0)),
        ] {
            let bytes = try byVendor(header, payload)
            #expect(throws: WireError.self) { try reader.read(bytes) }
        }
    }

    @Test func `a signature's validity ends its values`() throws {
        let payload = try Self.example()
        let bytes = try byVendor(Self.header(.negative(6), validity: (now - 10, now + 10)), payload)
        #expect(try stage.reader().read(bytes).entries[0].expires == now + 11)
        #expect(throws: WireError.self) { try stage.reader(now: now - 11).read(bytes) }
        #expect(throws: WireError.self) { try stage.reader(now: now + 11).read(bytes) }
    }

    /// The example with another version of its module and another digest.
    private static func issue(_ version: UInt64, digest: UInt8) throws -> [UInt8] {
        let bytes = try example()
        let text = Array("test corim id".utf8)
        #expect(bytes.suffix(text.count) == text[...])
        let measurement: CBORValue = .map([
            .init(.unsigned(0), .text("boot")),
            .init(
                .unsigned(1),
                .map([
                    .init(
                        .unsigned(2),
                        .array([.array([.unsigned(1), .bytes([UInt8](repeating: digest, count: 32))])]))
                ])),
        ])
        let environment: CBORValue = .map([.init(.unsigned(0), .map([.init(.unsigned(1), .text("ACME"))]))])
        let triples: CBORValue = .map([
            .init(.unsigned(0), .array([.array([environment, .array([measurement])])]))
        ])
        let module: CBORValue = .map([
            .init(
                .unsigned(1), .map([.init(.unsigned(0), .text("module")), .init(.unsigned(1), .unsigned(version))])),
            .init(.unsigned(4), triples),
        ])
        return CBORValue.tagged(
            501,
            .map([
                .init(.unsigned(0), .text("test corim id")),
                .init(.unsigned(1), .array([.tagged(506, .bytes(module.bytes))])),
            ])
        ).bytes
    }

    @Test func `an older version of a module is refused after a newer one`() throws {
        var store = ReferenceValueStore()
        func take(_ version: UInt64, _ digest: UInt8) throws {
            let bytes = try byVendor(Self.header(.negative(6)), try Self.issue(version, digest: digest))
            try store.take(try stage.reader().read(bytes))
        }
        try take(4, 1)
        try take(5, 2)
        for (version, digest) in [(4, 1), (5, 3), (0, 1)] as [(UInt64, UInt8)] {
            let error = #expect(throws: WireError.self) { try take(version, digest) }
            #expect(error?.reason.contains("roll-back") == true)
        }
        let known = String(repeating: "02", count: 32)
        #expect(store.answer("ACME/boot/digests", at: now) == .value([.string(known)]))
    }

    @Test func `NVIDIA's manifest gives trustee's names, and only when unsigned is allowed`() throws {
        let text = String(
            decoding: try Vectors.bytes("trustee/rvps/src/extractors/swid/test-rim.b64"), as: UTF8.self)
        let message: JSONValue = ["type": "swid", "payload": .string(text.filter { !$0.isWhitespace })]
        let reader = try stage.reader(allowsUnsigned: true)
        let document = try reader.read(message.canonicalBytes)
        #expect(document.kind == .swid)
        let entry = try #require(document.entries.first { $0.name == "NVIDIA_Corporation.GPU.measurement_12" })
        #expect(
            entry.value[0]
                == "758af96044c700f98a85347be27124d51c05b8784ba216b629b9aaab6d538c759aed9922a133e4ac473564d359b271d5")
        let bytes = try Base64.decode(text.filter { !$0.isWhitespace }, field: "example")
        #expect(try reader.read(bytes).entries.count == document.entries.count)
        #expect(throws: WireError.self) { try stage.reader().read(bytes) }
    }
}
