import Crypto
import Envelope
import Evidence
import TestSupport
import Testing
import WireFormat

@testable import Verifier

@Suite("Documents of reference values")
struct ReferenceReaderTests {
    private let stage = ReferenceStage()
    private let now = ReferenceStage.now

    private func refusal(_ reader: ReferenceReader, _ bytes: [UInt8]) -> String? {
        do throws(WireError) {
            _ = try reader.read(bytes)
            return nil
        } catch {
            return error.description
        }
    }

    @Test func `a signed document tells who signed it`() throws {
        let bytes = try stage.signed(
            ReferenceStage.document(issuedAt: 5, [:], ["values": [["name": "a", "value": [1], "note": "lab 3"]]]))
        let entry = try #require(try stage.reader().read(bytes).entries.first)
        #expect(entry.provenance.signer == stage.releaseKey.identifier)
        #expect(entry.provenance.document == SHA256Digest(hashing: bytes).hex)
        #expect(entry.provenance.origin == "test" && entry.provenance.taken == now && entry.provenance.note == "lab 3")
        let other = try stage.reader().read(try stage.signedByVendor(ReferenceStage.document(["a": 1])))
        #expect(try other.provenance.signer == stage.vendorKey.identifier)
    }

    @Test func `unsigned, signed by another key, and changed documents are refused`() throws {
        let reader = try stage.reader()
        let document = ReferenceStage.document(["a": 1])
        #expect(refusal(reader, document.canonicalBytes)?.hasPrefix("signature: nobody signed") == true)
        let sample = ReferenceStage.message("sample", Array(#"{"a": 1}"#.utf8))
        #expect(refusal(reader, sample)?.hasPrefix("signature: nobody signed") == true)
        let stranger = ReferenceStage()
        #expect(refusal(reader, try stranger.signed(document))?.contains("not signed by a pinned key") == true)
        #expect(refusal(try stage.reader(allowsUnsigned: true), try stranger.signed(document)) != nil)
        let signed = try stage.signed(document)
        var parts = signed.split(separator: UInt8(ascii: ".")).map { Array($0) }
        parts[1] = Array(Base64.encodeURL(ReferenceStage.document(["a": 2]).canonicalBytes).utf8)
        #expect(refusal(reader, Array(parts.joined(separator: [UInt8(ascii: ".")]))) != nil)
        for length in signed.indices.dropFirst() {
            #expect(refusal(reader, Array(signed.prefix(length))) != nil)
        }
        #expect(try reader.read(signed).entries.map(\.name) == ["a"])
        #expect(try stage.reader(allowsUnsigned: true).read(document.canonicalBytes).provenance.signer == nil)
    }

    @Test(arguments: [
        #"{"values":[{"name":"a","value":1},{"name":"a","value":2}]}"#, #"{"values":[{"name":"a"}]}"#,
        #"{"values":[{"name":"a","value":null}]}"#, #"{"values":[{"name":"","value":1}]}"#,
        #"{"values":[{"name":"a\nb","value":1}]}"#, #"{"values":[{"name":"a","value":1,"surprise":1}]}"#,
        #"{"values":[{"name":"a","value":1,"expires":"soon"}]}"#, #"{"values":7}"#, #"{"surprise":1}"#,
        #"{"values":[{"name":"a","value":1,"notBefore":1900000000,"expires":1850000000}]}"#, #"{"source":""}"#,
        #"{"source":"statements"}"#, #"{"issuedAt":-1}"#, #"{"issuedAt":1800086401}"#,
        #"{"issuedAt":"2027-02-30T00:00:00Z"}"#,
        #"{"expires":"2020-01-01","values":[{"name":"a","value":1}]}"#, #"{"kind":"other"}"#,
        #"{"kind":"testudo.reference-value-store"}"#,
    ])
    func `a faulty document is refused`(change: String) throws {
        let changes = try #require(try JSONValue.parse(text: change).objectValue)
        let bytes = try stage.signed(ReferenceStage.document(["b": 1], changes))
        #expect(refusal(try stage.reader(), bytes) != nil)
    }

    @Test func `a document of the future does not shut out those of today`() throws {
        let tomorrow = try stage.signed(ReferenceStage.document(issuedAt: now + 86_400, ["a": 1]))
        #expect(refusal(try stage.reader(), tomorrow) == nil)
        let later = try stage.signed(ReferenceStage.document(issuedAt: now + 86_401, ["a": 1]))
        #expect(refusal(try stage.reader(), later)?.hasPrefix("issuedAt: ") == true)
    }

    @Test func `a document travels as a message, and what else a message holds does not`() throws {
        let message = ReferenceStage.message("sample", Array("{}".utf8))
        #expect(ReferenceReader.message(wrapping: message).canonicalBytes == message)
        let bold = Array(#"{"type":"sample","payload":"e30=","allowUnsigned":true}"#.utf8)
        let wrapped = ReferenceReader.message(wrapping: bold)
        #expect(wrapped["type"] == "testudo" && wrapped["allowUnsigned"] == nil)
        #expect(refusal(try stage.reader(allowsUnsigned: true), wrapped.canonicalBytes) != nil)
        #expect(ReferenceReader.message(wrapping: [0xD2])["type"] == "corim")
        #expect(ReferenceReader.message(wrapping: Array("<a/>".utf8))["type"] == "swid")
    }

    @Test func `what is too large is refused`() throws {
        let reader = try stage.reader(allowsUnsigned: true)
        func state(_ name: String, _ value: JSONValue) -> String? {
            refusal(reader, ReferenceStage.document([name: value]).canonicalBytes)
        }
        #expect(state(String(repeating: "n", count: 512), 1) == nil)
        #expect(state(String(repeating: "n", count: 513), 1) != nil)
        #expect(state("a", .string(String(repeating: "v", count: (64 << 10) - 2))) == nil)
        #expect(state("a", .string(String(repeating: "v", count: (64 << 10) - 1))) != nil)
        func many(_ count: Int) -> [UInt8] {
            ReferenceStage.document(Dictionary(uniqueKeysWithValues: (0..<count).map { ("n\($0)", 1) })).canonicalBytes
        }
        #expect(refusal(reader, many(10_000)) == nil)
        #expect(refusal(reader, many(10_001)) != nil)
        let padding = [UInt8](repeating: 0x20, count: 1 << 20)
        #expect(refusal(reader, padding + many(1))?.contains("larger than") == true)
        #expect(refusal(reader, []) != nil && refusal(reader, padding) != nil)
    }

    @Test func `trustee's messages`() throws {
        let reader = try stage.reader(allowsUnsigned: true)
        let sample = Array(#"{"snp_launch_measurement": ["aa"], "svn": 3}"#.utf8)
        let read = try reader.read(ReferenceStage.message("sample", sample))
        #expect(read.entries.map(\.name) == ["snp_launch_measurement", "svn"])
        #expect(read.marks.isEmpty && read.entries[1].value == 3)
        for wrong in [
            ReferenceStage.message("other", sample), ReferenceStage.message("sample", sample, version: "0.2.0"),
            ReferenceStage.message("sample", Array("[1]".utf8)), ReferenceStage.message("corim", sample),
            ReferenceStage.message("sample", Array(#"{"a":1,"a":2}"#.utf8)),
            Array(#"{"type":"sample","payload":"%%"}"#.utf8),
            Array(#"{"type":"sample","payload":"","more":1}"#.utf8),
        ] {
            #expect(refusal(reader, wrong) != nil)
        }
        #expect(try reader.read(Array(#"{"type":"sample","payload":"e30="}"#.utf8)).entries.isEmpty)
        // The project's own documents travel in messages as well.
        let own = ReferenceStage.message("testudo", try stage.signed(ReferenceStage.document(["a": 1])))
        #expect(try stage.reader().read(own).provenance.signer == stage.releaseKey.identifier)
    }
}
