import Evidence
import TestSupport
import Testing
import WireFormat

@Suite("SWID manifests")
struct SWIDManifestTests {
    private static func example() throws -> [UInt8] {
        let text = String(decoding: try Vectors.bytes("trustee/rvps/src/extractors/swid/test-rim.b64"), as: UTF8.self)
        return try Base64.decode(text.filter { !$0.isWhitespace }, field: "example")
    }

    private static func manifest(
        root: String = #"tagId="t" tagVersion="3""#, meta: String = #"edition="GPU" r:PlatformManufacturerStr="A B""#,
        _ resources: String
    ) -> [UInt8] {
        Array(
            """
            <?xml version="1.0"?><!-- a > comment -->
            <s:SoftwareIdentity xmlns:s="http://standards.iso.org/iso/19770/-2/2015/schema.xsd" xmlns:h='http://www.w3.org/2001/04/xmlenc#sha384' \(root)>
              <s:Meta xmlns:r="https://trustedcomputinggroup.org/resource/tcg-reference-integrity-manifest-rim-information-model/" \(meta)/>
              <s:Payload>\(resources)</s:Payload>
            </s:SoftwareIdentity>

            """.utf8)
    }

    private static func resource(_ index: String = "1", _ more: String = "", digest: String? = nil) -> String {
        let digest = digest ?? String(repeating: "ab", count: 48)
        return #"<s:Resource type="Measurement" index="\#(index)" h:Hash0="\#(digest)" \#(more)/>"#
    }

    @Test(.enabled(if: Vectors.available)) func `NVIDIA's manifest`() throws {
        let manifest = try SWIDManifest(parsing: try Self.example())
        #expect(manifest.manufacturer == "NVIDIA Corporation" && manifest.edition == "GPU" && manifest.version == 0)
        let twelfth = try #require(manifest.measurements.first { $0.index == 12 })
        // The first alternative is zero, and so none.
        #expect(twelfth.digests.count == 3)
        #expect(
            Hex.encode(twelfth.digests[0])
                == "758af96044c700f98a85347be27124d51c05b8784ba216b629b9aaab6d538c759aed9922a133e4ac473564d359b271d5")
        #expect(!manifest.measurements.contains { $0.index == 0 })
    }

    @Test func `every truncation is refused, and a changed byte gives a value or an error`() throws {
        let bytes = Self.manifest(Self.resource("1", #"a="&amp;""#) + "text <![CDATA[<s:]]>")
        let document = try #require(bytes.lastIndex(of: UInt8(ascii: ">")))
        for length in 0...document {
            #expect(throws: WireError.self) { try SWIDManifest(parsing: Array(bytes.prefix(length))) }
        }
        var accepted = 0
        for place in bytes.indices {
            for change: UInt8 in [0x01, 0x12, 0x80, 0xFF] {
                var changed = bytes
                changed[place] ^= change
                if (try? SWIDManifest(parsing: changed)) != nil { accepted += 1 }
            }
        }
        #expect(accepted > 0 && accepted < bytes.count * 4)
    }

    @Test func `what is read and what is passed over`() throws {
        let inactive = Self.resource("2", #"active="False""#)
        let zero = Self.resource("3", digest: String(repeating: "0", count: 96))
        let foreign = Self.resource("4").replacing("s:Resource", with: "x:Resource xmlns:x='other'")
        let other = Self.resource("5").replacing("Measurement", with: "Other")
        let manifest = try SWIDManifest(
            parsing: Self.manifest(Self.resource() + inactive + zero + foreign + other + "text <![CDATA[<s:]]>"))
        #expect(manifest.measurements.map(\.index) == [1] && manifest.version == 3 && manifest.manufacturer == "A B")
    }

    @Test func `what is faulty is refused`() throws {
        let good = Self.resource()
        let deep = String(repeating: "<a>", count: 40) + String(repeating: "</a>", count: 40)
        for wrong in [
            Self.manifest(good + good), Self.manifest(Self.resource("x")), Self.manifest(Self.resource("-1")),
            Self.manifest(Self.resource(digest: "abcd")), Self.manifest(Self.resource(digest: "zz")),
            Self.manifest(root: #"tagVersion="1""#, good), Self.manifest(root: #"tagId="t" tagVersion="-1""#, good),
            Self.manifest(root: #"tagId="t" tagId="u""#, good), Self.manifest(meta: #"edition="GPU""#, good),
            Self.manifest(Self.resource("1", #"a="&own;""#)), Self.manifest(Self.resource("1", #"q:a="1""#)),
            Self.manifest(Self.resource("1", #"a="<""#)), Self.manifest(good + "<a></b>"), Self.manifest(deep),
            Self.manifest(good + "<!DOCTYPE x>"), Array("<!DOCTYPE x><a/>".utf8),
            Self.manifest(good) + Array("<a/>".utf8),
            Self.manifest(good) + Array("text".utf8), Array("<a".utf8), Array("<".utf8), [0xFF, 0x3C], [],
            [UInt8](repeating: 0x20, count: (1 << 20) + 1),
        ] {
            #expect(throws: WireError.self, "\(String(decoding: wrong.suffix(200), as: UTF8.self))") {
                try SWIDManifest(parsing: wrong)
            }
        }
        _ = try SWIDManifest(parsing: Self.manifest(Self.resource("1", #"a="&amp;&lt;&gt;&quot;&apos;""#)))
    }
}
