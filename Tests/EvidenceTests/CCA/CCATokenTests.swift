import Evidence
import TestSupport
import Testing
import WireFormat

@Suite("CBOR and CCA tokens")
struct CCATokenTests {
    static let path = "trustee/deps/verifier/test_data/cca/misc/cca-example-token.cbor"

    @Test(.enabled(if: Vectors.available)) func `a token is read and written back unchanged`() throws {
        let bytes = try Vectors.bytes(Self.path)
        let token = try CCAToken(parsing: bytes)
        #expect(token.bytes == bytes)
        #expect(token.platform.components.count == 13)
        #expect(token.platform.components.first { $0.type == "RMM" }?.measurement.count == 32)
        #expect(token.platform.isSecured)
        #expect(token.realm.extensibleMeasurements.count == 4)
        #expect(try token.realm.publicPoint().count == 97)
        for length in bytes.indices {
            #expect(throws: WireError.self) { try CCAToken(parsing: Array(bytes.prefix(length))) }
        }
        #expect(throws: WireError.self) { try CCAToken(parsing: bytes + [0]) }
    }

    @Test(.enabled(if: Vectors.available)) func `whatever is parsed is written back unchanged`() throws {
        for bytes in Damage.edited(try Vectors.bytes(Self.path), [0x00, 0x5F, 0xFF]) {
            if let token = try? CCAToken(parsing: bytes) { #expect(token.bytes == bytes) }
        }
    }

    /// Examples of RFC 8949, appendix A.
    @Test(arguments: [
        "00", "17", "1818", "1903e8", "1a000f4240", "1bffffffffffffffff", "20", "3903e7", "40", "4401020304",
        "60", "6449455446", "80", "83010203", "8301820203820405", "a0", "a201020304", "a26161016162820203",
        "c11a514b67b0", "d818456449455446", "f4", "f5", "f6", "f0", "f8ff", "f90000", "fa47c35000",
        "fb3ff199999999999a",
    ])
    func `items in preferred form are written back unchanged`(hex: String) throws {
        let bytes = try Hex.decode(hex, field: "item")
        #expect(try CBORValue(parsing: bytes, "item").bytes == bytes)
    }

    @Test(arguments: [
        "", "1800", "190017", "1a0000ffff", "1b00000000ffffffff", "1c", "1f", "5f42010243030405ff", "9fff", "bfff",
        "ff",
        "f800", "f818", "61ff", "a20101 0102", "9bffffffffffffffff", "bbffffffffffffffff", "5bffffffffffffffff", "41",
        "0000", "d8",
    ])
    func `other forms, lengths that lie and keys that come twice are refused`(hex: String) throws {
        let bytes = try Hex.decode(hex.filter { $0 != " " }, field: "item")
        #expect(throws: WireError.self) { try CBORValue(parsing: bytes, "item") }
    }

    @Test func `nesting is bounded`() throws {
        let limit = CBORValue.depthLimit
        #expect(throws: Never.self) {
            try CBORValue(parsing: Array(repeating: 0x81, count: limit - 1) + [0], "item")
        }
        #expect(throws: WireError.self) { try CBORValue(parsing: Array(repeating: 0x81, count: 100_000), "item") }
        #expect(throws: WireError.self) { try CBORValue(parsing: Array(repeating: 0xC1, count: 100_000), "item") }
    }
}
