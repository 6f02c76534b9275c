import Envelope
import PodManifest
import Testing
import WireFormat

@Suite("Init-data (R8)")
struct InitDataTests {
    @Test("the document is the fixed template around the canonical manifest")
    func template() throws {
        let data = try InitData(manifest: try Samples.manifest())
        #expect(
            data.text.hasPrefix(
                "version = \"0.1.0\"\nalgorithm = \"sha256\"\n\n[data]\n\"testudo.json\" = \"{\\\"apiVersion\\\":\\\"testudo.dev/v1\\\","
            ))
        #expect(data.text.hasSuffix("}\"\n"))
        // A quote and a backslash of a value are escaped twice, the delete character once.
        #expect(data.text.contains(#"world \\\"\\\\\u007f\\u0001"#))
        #expect(data.digest == SHA256Digest(hashing: data.bytes))
        let parsed = try InitData(parsing: data.bytes)
        #expect(parsed == data)
        #expect(parsed.manifest.containers[0].environment[0].value == "world \"\\\u{7f}\u{1}")
    }

    @Test("any other spelling of the same manifest is refused")
    func strictInverse() throws {
        let data = try InitData(manifest: try Samples.manifest())
        for (old, new) in [
            ("\n\n[data]", "\n[data]"), ("\"0.1.0\"", "\"0.1.1\""), ("sha256\"\n", "sha384\"\n"), ("}\"\n", "}\"\n\n"),
            ("}\"\n", "}\""), ("}\"\n", "} \"\n"), ("\\u007f", "\\u007F"), ("\\u007f", "\u{7f}"),
            ("{\\\"api", "{ \\\"api"),
            ("hello", "h\\u0065llo"), ("\"testudo.json\"", "testudo.json"), ("}\"\n", "}\"\n\"policy.rego\" = \"\"\n"),
            ("\\\"debug\\\":false,", ""),
        ] {
            let text = data.text.replacing(old, with: new, maxReplacements: 1)
            #expect(text != data.text, "\(old)")
            #expect(throws: WireError.self, "\(new)") { try InitData(parsing: Array(text.utf8)) }
        }
    }

    @Test("every prefix and every surplus byte is refused")
    func lengths() throws {
        let bytes = try InitData(manifest: try Samples.manifest()).bytes
        for length in 0..<bytes.count {
            #expect(throws: WireError.self) { try InitData(parsing: Array(bytes.prefix(length))) }
        }
        #expect(throws: WireError.self) { try InitData(parsing: bytes + [0x0A]) }
    }

    @Test("another manifest has another digest")
    func binding() throws {
        let manifest = try Samples.manifest()
        var other = manifest
        other.containers[0].arguments = ["--verbose"]
        #expect(try InitData(manifest: manifest).digest != InitData(manifest: other).digest)
        other.name = "Not A Label"
        #expect(throws: WireError.self) { try InitData(manifest: other) }
    }

    @Test("a confidential pod's document that no token can carry is not made, and the refusal says what to do")
    func madeLimit() throws {
        var manifest = try Samples.manifest()
        manifest.containers[0].arguments = [""]
        let room = InitData.madeLimit - (try InitData(manifest: manifest).bytes.count)
        manifest.containers[0].arguments = [String(repeating: "a", count: room)]
        let longest = try InitData(manifest: manifest)
        #expect(longest.bytes.count == 81_920)
        var larger = manifest
        larger.containers[0].arguments[0] += "a"
        let refused = #expect(throws: WireError.self) { try InitData(manifest: larger) }
        for word in ["81921 bytes", "at most 81920", "secretKeyRef"] {
            #expect(refused?.reason.contains(word) == true, "\(word): \(refused?.description ?? "")")
        }
        // What was made before the limit was known is still read: by it guests are judged that run.
        let before = longest.text.replacing("aaaa", with: "aaaaa", maxReplacements: 1)
        #expect(try InitData(parsing: Array(before.utf8)).manifest == larger)
    }

    @Test("a pod without a token may have a longer document")
    func ordinaryLength() throws {
        let json = try Samples.manifest().json.with("runtimeClass", "testudo-vm").with("protections", [])
            .with("logs/recipient", "").with("keyBroker", ["url": "", "certificate": ""])
            .with("network/plaintext", true).with("containers/0/imageKey", nil).with("containers/0/env", [])
            .with("containers/0/args", [.string(String(repeating: "a", count: InitData.madeLimit))])
        #expect(try InitData(manifest: PodManifest(parsing: json)).bytes.count > InitData.madeLimit)
    }
}
