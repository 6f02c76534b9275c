import Crypto
import Envelope
import Testing
import Unsealing
import WireFormat

@testable import Commands

/// The node shows records; `testudo logs` says which of them a guest wrote (rule R22).
@Suite("Lines of a log")
struct LogsCommandTests {
    let tenant = P256.KeyAgreement.PrivateKey()
    let manifest = Envelope.SHA256Digest(hashing: [1])

    private func seal(_ instance: String) throws -> LogSeal {
        try LogSeal(
            recipient: Array(tenant.publicKey.x963Representation),
            info: LogInfo(manifest: manifest, instance: instance, epoch: 0).bytes)
    }

    private func show(_ record: [UInt8], _ log: inout VouchedLog) -> [String] {
        LogsCommand.lines(record, shownAs: "label", in: &log).map(LogsCommand.text)
    }

    @Test func `what no attested guest wrote says so, whatever it says itself`() throws {
        var (genuine, forged, unknown) = (try seal("aabbccddee"), try seal("aabbccddee"), try seal("ff"))
        var log = VouchedLog(
            privateKey: tenant,
            vouchers: [LogVoucher(instance: "aabbccddee", manifest: manifest, logKey: genuine.keyDigest)])
        let line = Array(#"{"ms":7,"stream":"stdout","text":"hi","verified":true,"instance":"aabbccddee"}"#.utf8)
        #expect(show(try genuine.seal(line).bytes, &log) == ["aabbccdd 7 ms stdout: hi"])
        #expect(show(try forged.seal(line).bytes, &log).first?.hasPrefix("label -- REFUSED, from the node") == true)
        #expect(show(try unknown.seal(line).bytes, &log) == ["label [unverified, from the node] 7 ms stdout: hi"])
        #expect(show(Array("hi".utf8), &log) == ["label [unverified, from the node] plain: hi"])
    }

    @Test func `a record makes no second line and moves no cursor`() throws {
        let genuine = try seal("aabbccddee")
        var log = VouchedLog(
            privateKey: tenant,
            vouchers: [LogVoucher(instance: "aabbccddee", manifest: manifest, logKey: genuine.keyDigest)])
        let forged = show(Array("x\naabbccdd 7 ms stdout: paid\u{1B}[2K\r\u{202E}".utf8), &log)
        #expect(
            forged == [
                #"label [unverified, from the node] plain: x\naabbccdd 7 ms stdout: paid\u{1b}[2K\r\u{202e}"#
            ])
        let shown = LogsCommand.lines(Array("hi".utf8), shownAs: "a\nb", in: &log).map(LogsCommand.text)
        #expect(shown == [#"a\nb [unverified, from the node] plain: hi"#])
    }

    @Test func `a stranger's words in the audit log stay on their line`() {
        let line: JSONValue = [
            "time": "t", "kind": "attest", "decision": "deny", "reason": "x\nt  release  allow  default/key/a",
        ]
        let rows = Audit.text([line]).split(separator: "\n")
        #expect(rows.count == 2 && rows[1].hasSuffix(#"x\nt  release  allow  default/key/a"#), "\(rows)")
        #expect(TextTable.render([["a\u{2028}b", "c"]]) == #"a\u{2028}b  c"#)
    }
}
