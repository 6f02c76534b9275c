import Testing
import WireFormat

@Suite("CBOR")
struct CBORTests {
    /// RFC 8949, appendix A, those in shortest form.
    @Test(arguments: [
        ("00", CBORValue.unsigned(0)), ("17", .unsigned(23)), ("1818", .unsigned(24)), ("1903e8", .unsigned(1000)),
        ("1a000f4240", .unsigned(1_000_000)), ("1bffffffffffffffff", .unsigned(.max)), ("20", .negative(0)),
        ("3903e7", .negative(999)), ("3bffffffffffffffff", .negative(.max)), ("f4", .bool(false)), ("f6", .null),
        ("f7", .undefined), ("f0", .simple(16)), ("f8ff", .simple(255)), ("40", .bytes([])),
        ("4401020304", .bytes([1, 2, 3, 4])),
        ("60", .text("")), ("62c3bc", .text("ü")), ("83010203", .array([.unsigned(1), .unsigned(2), .unsigned(3)])),
        ("c11a514b67b0", .tagged(1, .unsigned(1_363_896_240))),
    ])
    func `items of the specification, there and back`(hex: String, value: CBORValue) throws {
        let bytes = try Hex.decode(hex, field: "item")
        #expect(try CBORValue(parsing: bytes) == value)
        #expect(value.encoded == bytes)
    }

    @Test(arguments: [
        ("f90001", 5.960464477539063e-8), ("f93c00", 1.0), ("f97bff", 65504.0), ("f9c400", -4.0),
        ("fa47c35000", 100000.0),
        ("fb3ff199999999999a", 1.1), ("f97c00", .infinity),
    ])
    func `numbers with a fraction`(hex: String, value: Double) throws {
        let item = try CBORValue(parsing: Hex.decode(hex, field: "item"))
        guard case .float(let number, _) = item else { throw WireError(field: "item", reason: "no float") }
        #expect(number == value && Hex.encode(item.encoded) == hex)
    }

    @Test func `maps by key`() throws {
        let map = try CBORValue(parsing: Hex.decode("a2016161616202", field: "item"))
        #expect(map[1]?.textValue == "a" && map["b"]?.integerValue == 2 && map[2] == nil)
        #expect(try CBORValue(parsing: [0x29]).integerValue == -10)
        #expect(CBORValue.unsigned(.max).integerValue == nil && CBORValue.negative(.max).integerValue == nil)
    }

    @Test(arguments: [
        ("", "ends"), ("18", "ends"), ("1817", "shortest"), ("190017", "shortest"), ("1b0000000000000001", "shortest"),
        ("5f4101ff", "indefinite"), ("9fff", "indefinite"), ("1c", "indefinite"), ("44010203", "longer"),
        ("9bffffffffffffffff", "longer"), ("bb7fffffffffffffff", "longer"), ("a20101", "ends"),
        ("a201010102", "twice"),
        ("61ff", "UTF-8"), ("0000", "follow"), ("f818", "shortest"), ("c1", "ends"), ("ff", "indefinite"),
    ])
    func `what is malformed is refused with its offset`(hex: String, reason: String) throws {
        let bytes = try Hex.decode(hex, field: "item")
        let refusal = #expect(throws: WireError.self) { try CBORValue(parsing: bytes) }
        #expect(refusal?.description.contains(reason) == true && refusal?.field.hasPrefix("CBOR at offset") == true)
    }

    @Test func `nesting and items are bounded`() {
        let deep = [UInt8](repeating: 0x81, count: 100_000) + [0]
        #expect(throws: WireError.self) { try CBORValue(parsing: deep) }
        let tags = [UInt8](repeating: 0xC1, count: 100_000) + [0]
        #expect(throws: WireError.self) { try CBORValue(parsing: tags) }
        let wide = CBORValue.array(Array(repeating: .unsigned(0), count: 1_000)).encoded
        #expect(throws: WireError.self) { try CBORValue(parsing: wide, limits: CBORLimits(items: 1_000)) }
        #expect(throws: WireError.self) { try CBORValue(parsing: wide, limits: CBORLimits(size: 1_000)) }
    }
}
