import Evidence
import WireFormat

/// Seeds of manifests and documents of reference values, for branches that no vector has.
enum ReferenceSeeds {
    private static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

    /// A manifest, and the same behind a signature of nobody.
    static var corim: [[UInt8]] {
        func pair(_ key: UInt64, _ value: CBORValue) -> CBORValue.Pair { .init(.unsigned(key), value) }
        let time: CBORValue = .tagged(1, .unsigned(1_900_000_000))
        func measurement(_ key: CBORValue, _ values: [CBORValue.Pair]) -> CBORValue {
            .map([pair(0, key), pair(1, .map(values))])
        }
        func digest(_ algorithm: UInt64, _ length: Int) -> CBORValue {
            .array([.unsigned(algorithm), .bytes([UInt8](repeating: 5, count: length))])
        }
        let measurements: [CBORValue] = [
            measurement(.unsigned(3), [pair(2, .array([digest(1, 32), digest(7, 48), digest(8, 64)]))]),
            measurement(
                .text("boot"), [pair(4, .tagged(560, .bytes([1, 2]))), pair(11, .text("n")), pair(8, .text("s"))]),
            measurement(
                .tagged(37, .bytes([UInt8](repeating: 1, count: 16))), [pair(4, .bytes([1])), pair(5, .bytes([1]))]),
            measurement(.tagged(111, .bytes([1])), [pair(1, .tagged(552, .unsigned(3)))]),
        ]
        let environment: CBORValue = .map([pair(0, .map([pair(1, .text("V")), pair(2, .text("M"))]))])
        let instance: CBORValue = .map([pair(1, .tagged(550, .bytes([1])))])
        let references: CBORValue = .array([
            .array([environment, .array(measurements)]), .array([instance, .array(measurements)]),
            .array([.map([]), .array([.map([pair(1, .map([]))])])]),
        ])
        let module: CBORValue = .map([
            pair(1, .map([pair(0, .text("t")), pair(1, .unsigned(2))])),
            pair(4, .map([pair(0, references), pair(1, .array([]))])),
        ])
        let manifest: CBORValue = .map([
            pair(0, .bytes([UInt8](repeating: 2, count: 16))),
            pair(1, .array([.tagged(506, .bytes(module.bytes)), .tagged(505, .bytes([0xA0]))])),
            pair(4, .map([pair(0, time), pair(1, time)])),
        ])
        let meta: CBORValue = .map([pair(0, .map([pair(0, .text("S"))])), pair(1, .map([pair(1, time)]))])
        let header: CBORValue = .map([
            pair(1, .negative(6)), pair(3, .text(SignedCoRIM.contentType)), pair(8, .bytes(meta.bytes)),
        ])
        func signed(_ payload: CBORValue) -> CBORValue {
            .tagged(
                18,
                .array([
                    .bytes(header.bytes), .map([]), .bytes(payload.bytes), .bytes([UInt8](repeating: 1, count: 64)),
                ]))
        }
        let unsigned: CBORValue = .tagged(501, manifest)
        return [unsigned, .tagged(500, unsigned), signed(manifest), .tagged(502, signed(unsigned))].map(\.bytes)
    }

    /// Two manifests in XML.
    static var swid: [[UInt8]] {
        let digest = String(repeating: "ab", count: 48)
        let zeros = String(repeating: "0", count: 96)
        let document = """
            <?xml version="1.0"?><!-- a --><s:SoftwareIdentity \
            xmlns:s="http://standards.iso.org/iso/19770/-2/2015/schema.xsd" \
            xmlns:h='http://www.w3.org/2001/04/xmlenc#sha384' tagId="t" tagVersion="1"><s:Meta \
            xmlns:r="https://trustedcomputinggroup.org/resource/tcg-reference-integrity-manifest-rim-information-model/" \
            edition="GPU" r:PlatformManufacturerStr="A &amp; B"/><s:Payload><s:Resource type="Measurement" index="1" \
            h:Hash0="\(zeros)" h:Hash1="\(digest)"/><s:Resource type="Measurement" index="2" active="False" \
            h:Hash0="\(digest)"></s:Resource><a>b<![CDATA[<c>]]></a></s:Payload></s:SoftwareIdentity>
            """
        return [text(document), text("<a b='c' b=\"d\"/>")]
    }

    /// Documents in JSON, and messages around them.
    static var documents: [[UInt8]] {
        let measurement = String(repeating: "ab", count: 48)
        let own =
            #"{"kind":"testudo.reference-values","source":"s","issuedAt":5,"notBefore":"2020-01-01","#
            + #""expires":"2999-01-01T00:00:00Z","values":[{"name":"a","value":[1,{"b":2}],"note":"n"},{"name":"b","value":1.5,"expires":1900000000}]}"#
        let release =
            #"{"version":"1","issuedAt":5,"expires":1900000000,"artefacts":{"kernel":"\#(measurement.prefix(64))"},"values":["#
            + #"{"technology":"snp","measurement":"\#(measurement)","vcpus":1,"debug":false,"#
            + #""minimumTCB":{"Turin":{"fmc":1,"bootloader":1,"tee":0,"snp":2,"microcode":3}}},"#
            + #"{"technology":"tdx","measurement":"\#(measurement)","vcpus":2,"debug":true}]}"#
        let store =
            #"{"kind":"testudo.reference-value-store","issues":[{"source":"s","signer":"ab","sequence":5,"document":"cd"},"#
            + #"{"source":"t","sequence":0,"document":"cd"}],"values":[{"name":"a","value":1,"notBefore":"2020-01-01T00:00:00Z","#
            + #""expires":"2026-01-01T00:00:00Z","provenance":{"source":"s","signer":"ab","document":"cd","origin":"o","#
            + #""taken":5,"note":"n"}},{"name":"a","value":[2],"provenance":{"source":"t","signer":"ab","origin":"o","taken":5}},"#
            + #"{"name":"b","value":1,"notBefore":1900000000,"provenance":{"source":"statements","origin":"o","taken":5}}]}"#
        func message(_ type: String, _ payload: [UInt8]) -> [UInt8] {
            text("{\"version\":\"0.1.0\",\"type\":\"\(type)\",\"payload\":\"\(Base64.encode(payload))\"}")
        }
        return [
            text(own), text(release), text(store), message("sample", text(#"{"a":1,"b":[2]}"#)),
            message("testudo", text(own)),
            message("corim", corim[0]), message("swid", swid[0]), corim[0], swid[0], text("eyJ9.e30.AA"),
        ]
    }
}
