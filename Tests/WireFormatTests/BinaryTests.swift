import Testing
import WireFormat

@Suite("Bytes, hex and base64")
struct BinaryTests {
    @Test("what is written is read back in both byte orders")
    func roundTrip() throws {
        var writer = ByteWriter()
        writer.u8(0xFE)
        writer.u16LE(0x0102)
        writer.u32LE(0x0304_0506)
        writer.u64LE(0x0708_090A_0B0C_0D0E)
        writer.u16BE(0x0102)
        writer.u32BE(0x0304_0506)
        writer.u64BE(0x0708_090A_0B0C_0D0E)
        writer.append([9, 8])
        writer.pad(to: 40)
        writer.pad(to: 3)
        #expect(Array(writer.bytes.prefix(7)) == [0xFE, 2, 1, 6, 5, 4, 3])
        var reader = ByteReader(writer.bytes)
        #expect(try reader.u8("a") == 0xFE)
        #expect(try reader.u16LE("b") == 0x0102)
        #expect(try reader.u32LE("c") == 0x0304_0506)
        #expect(try reader.u64LE("d") == 0x0708_090A_0B0C_0D0E)
        #expect(try reader.u16BE("e") == 0x0102)
        #expect(try reader.u32BE("f") == 0x0304_0506)
        #expect(try reader.u64BE("g") == 0x0708_090A_0B0C_0D0E)
        #expect(try reader.bytes(2, "h") == [9, 8])
        #expect(throws: WireError.self) { try reader.finish() }
        try reader.zeros(4, "padding")
        #expect(reader.rest().count == 40 - reader.offset || reader.remaining == 0)
        try reader.finish()
    }

    @Test("reading beyond the end is refused and consumes nothing")
    func truncated() throws {
        var reader = ByteReader([1, 2, 3])
        #expect(throws: WireError.self) { try reader.u32BE("x") }
        #expect(throws: WireError.self) { try reader.bytes(-1, "x") }
        #expect(throws: WireError.self) { try reader.bytes(.max, "x") }
        #expect(reader.remaining == 3)
        #expect(throws: WireError.self) { try reader.zeros(1, "x") }
    }

    @Test("hex", arguments: [([UInt8](), ""), ([0], "00"), ([0xDE, 0xAD, 0x0F], "dead0f")])
    func hex(bytes: [UInt8], text: String) throws {
        #expect(Hex.encode(bytes) == text)
        #expect(try Hex.decode(text, field: "x") == bytes)
        #expect(try Hex.decode(text.uppercased(), field: "x") == bytes)
    }

    @Test("bad hex is refused", arguments: ["0", "0g", " 00", "0x00", "٠٠"])
    func badHex(text: String) { #expect(throws: WireError.self) { try Hex.decode(text, field: "x") } }

    @Test(
        "base64 (RFC 4648, section 10)",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ])
    func base64(plain: String, text: String) throws {
        let bytes = Array(plain.utf8)
        let bare = String(text.prefix { $0 != "=" })
        #expect(Base64.encode(bytes) == text)
        #expect(Base64.encodeURL(bytes) == bare)
        #expect(try Base64.decode(text, field: "x") == bytes)
        #expect(try Base64.decodeURL(bare, field: "x") == bytes)
        #expect(try Base64.decodeEither(text, field: "x") == bytes)
        #expect(try Base64.decodeEither(bare, field: "x") == bytes)
    }

    @Test("the alphabets do not mix")
    func alphabets() throws {
        let bytes: [UInt8] = [0xFB, 0xFF, 0xBF]
        #expect(Base64.encode(bytes) == "+/+/")
        #expect(Base64.encodeURL(bytes) == "-_-_")
        #expect(try Base64.decodeEither("-_-_", field: "x") == bytes)
        for text in ["-_-_", "+/+_", "Zg", "Zg=", "Zh==", "Zg==Zg==", "Z===", "Zg==\n", "====", " Zg="] {
            #expect(throws: WireError.self) { try Base64.decode(text, field: "x") }
        }
        for text in ["+/+/", "Zg==", "Zh", "Z", "Zm9", "Zm9v\n"] {
            #expect(throws: WireError.self) { try Base64.decodeURL(text, field: "x") }
        }
        for text in ["+/-_", "Zg=", "Z"] {
            #expect(throws: WireError.self) { try Base64.decodeEither(text, field: "x") }
        }
    }
}
