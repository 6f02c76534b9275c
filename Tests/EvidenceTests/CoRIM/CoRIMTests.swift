import Evidence
import TestSupport
import Testing
import WireFormat

@Suite("CoRIM", .enabled(if: Vectors.available))
struct CoRIMTests {
    private static func example() throws -> [UInt8] {
        try Vectors.bytes("trustee/rvps/src/extractors/corim/unsigned-example-corim.cbor")
    }

    /// A manifest with one module whose measurement map is given.
    private static func manifest(
        environment: CBORValue = .map([.init(.unsigned(0), .map([.init(.unsigned(1), .text("ACME"))]))]),
        _ measurement: [CBORValue.Pair], version: CBORValue? = nil, validity: CBORValue? = nil
    ) -> [UInt8] {
        let triples: CBORValue = .map([
            .init(.unsigned(0), .array([.array([environment, .array([.map(measurement)])])]))
        ])
        var identity: [CBORValue.Pair] = [.init(.unsigned(0), .text("module"))]
        if let version { identity.append(.init(.unsigned(1), version)) }
        let module: CBORValue = .map([.init(.unsigned(1), .map(identity)), .init(.unsigned(4), triples)])
        var pairs: [CBORValue.Pair] = [
            .init(.unsigned(0), .text("manifest")),
            .init(.unsigned(1), .array([.tagged(506, .bytes(module.bytes))])),
        ]
        if let validity { pairs.append(.init(.unsigned(4), validity)) }
        return CBORValue.tagged(501, .map(pairs)).bytes
    }

    private static func digests(_ algorithm: UInt64 = 1, length: Int = 32) -> CBORValue.Pair {
        let digest: CBORValue = .bytes([UInt8](repeating: 7, count: length))
        return .init(.unsigned(1), .map([.init(.unsigned(2), .array([.array([.unsigned(algorithm), digest])]))]))
    }

    @Test func `trustee's example is read and given back byte for byte`() throws {
        let bytes = try Self.example()
        let manifest = try CoRIM(parsing: bytes)
        #expect(manifest.bytes == bytes)
        #expect(manifest.identifier == "test corim id")
        let module = try #require(manifest.modules.first)
        #expect(module.identifier == "43bbe37f-2e61-4b33-aed3-53cff1428b16" && module.version == 0)
        #expect(
            module.measurements.map(\.path)
                == Array(repeating: ["ACME", "RoadRunner", "31fb5abf-023e-4992-aa4e-95f9c1503bfa"], count: 3))
        #expect(
            module.measurements.flatMap(\.digests).map { Hex.encode($0).prefix(8) } == [
                "87428fc5", "02638299", "a3a5e715",
            ])
        // The private property -1 of each measurement.
        #expect(manifest.unread == 3)
    }

    @Test func `early encoders' outer tag says nothing`() throws {
        let bytes = try Self.example()
        #expect(try CoRIM(parsing: [0xD9, 0x01, 0xF4] + bytes).modules == CoRIM(parsing: bytes).modules)
        #expect(try !SignedCoRIM.isSigned(bytes))
    }

    @Test func `every truncation and every changed byte gives a value or an error`() throws {
        let bytes = try Self.example()
        for length in bytes.indices {
            #expect(throws: WireError.self) { try CoRIM(parsing: Array(bytes.prefix(length))) }
        }
        var accepted = 0
        for place in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[place] ^= 1 << UInt8(bit)
                if let manifest = try? CoRIM(parsing: changed) {
                    #expect(manifest.bytes == changed)
                    accepted += 1
                }
            }
        }
        #expect(accepted > 0)
        #expect(throws: WireError.self) { try CoRIM(parsing: bytes + [0]) }
    }

    @Test func `what is not understood is counted and not believed`() throws {
        let key: CBORValue.Pair = .init(.unsigned(0), .unsigned(4))
        let plain = try CoRIM(parsing: Self.manifest([key, Self.digests()]))
        #expect(plain.modules[0].measurements.map(\.path) == [["ACME", "claim4"]] && plain.unread == 0)
        // An object identifier as key, an instance, a mask: each would have a value stand for more than was said.
        let identifier: CBORValue.Pair = .init(.unsigned(0), .tagged(111, .bytes([1, 2])))
        let instance: CBORValue = .map([
            .init(.unsigned(0), .map([.init(.unsigned(1), .text("ACME"))])),
            .init(.unsigned(1), .tagged(550, .bytes([1]))),
        ])
        for odd in [
            Self.manifest([identifier, Self.digests()]), Self.manifest(environment: instance, [Self.digests()]),
        ] {
            let manifest = try CoRIM(parsing: odd)
            #expect(manifest.modules[0].measurements.isEmpty && manifest.unread == 1)
        }
        let raw: CBORValue.Pair = .init(.unsigned(4), .tagged(560, .bytes([1, 2])))
        let whole = try CoRIM(parsing: Self.manifest([.init(.unsigned(1), .map([raw]))]))
        #expect(whole.modules[0].measurements[0].rawValue == [1, 2])
        let mask: CBORValue.Pair = .init(.unsigned(5), .bytes([0xFF, 0]))
        let masked = try CoRIM(parsing: Self.manifest([.init(.unsigned(1), .map([raw, mask]))]))
        #expect(masked.modules[0].measurements[0].rawValue == nil && masked.unread > 0)
    }

    @Test func `lengths, versions and times that lie are refused`() throws {
        let digest = Self.digests()
        for wrong in [
            Self.manifest([Self.digests(1, length: 48)]), Self.manifest([Self.digests(7, length: 32)]),
            Self.manifest([Self.digests(99, length: 8)]), Self.manifest([digest], version: .negative(0)),
            Self.manifest([digest], version: .text("1")),
            Self.manifest([digest], validity: .map([.init(.unsigned(0), .tagged(1, .unsigned(1)))])),
            Self.manifest([digest], validity: .map([.init(.unsigned(1), .unsigned(1))])),
            Self.manifest([digest], validity: .map([.init(.unsigned(1), .tagged(1, .unsigned(UInt64.max)))])),
        ] {
            #expect(throws: WireError.self) { try CoRIM(parsing: wrong) }
        }
        let end: CBORValue = .map([.init(.unsigned(1), .tagged(1, .unsigned(1_900_000_000)))])
        let manifest = try CoRIM(parsing: Self.manifest([digest], version: .unsigned(UInt64.max), validity: end))
        #expect(manifest.validity?.notAfter == 1_900_000_000 && manifest.modules[0].version == UInt64.max)
    }
}
