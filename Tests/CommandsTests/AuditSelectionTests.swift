import Foundation
import Testing
import WireFormat

@testable import Commands
@testable import KeyBroker

@Suite("Which lines of the audit log are shown", .timeLimit(.minutes(2)))
struct AuditSelectionTests {
    private static let digest = String(repeating: "ab", count: 32)
    private static let lines: [JSONValue] = Audit.named(
        [
            [
                "kind": "admin", "decision": "allow", "check": "admin",
                "resource": .string("PUT testudo/manifests/\(digest)"),
            ],
            ["kind": "admin", "decision": "allow", "check": "admin", "resource": "POST resource/default/env/api"],
            [
                "kind": "attest", "decision": "deny", "check": "manifest-unregistered", "manifest": "cdcd",
                "resource": "",
            ],
            [
                "kind": "release", "decision": "allow", "check": "registration", "manifest": .string(digest),
                "resource": "default/env/api",
            ],
            [
                "kind": "key", "decision": "deny", "check": "policy", "manifest": .string(digest),
                "resource": "kms/default/disk/decrypt",
            ],
            ["kind": "admin", "decision": "allow", "check": "admin", "resource": "PUT testudo/kms/default/disk"],
        ], [["digest": .string(digest), "namespace": "default", "name": "hello"]])

    @Test(
        arguments: [
            ([], [0, 1, 2, 3, 4, 5]), (["--last", "2"], [4, 5]), (["--denied"], [2, 4]),
            (["--denied", "--last", "1"], [4]),
            (["--check", "manifest-unregistered"], [2]), (["--service", "hello"], [0, 3, 4]),
            (["--service", "default/hello", "--denied"], [4]), (["--service", "ello"], []),
            (["--service", "other/hello"], []),
            (["--manifest", "abab"], [0, 3, 4]), (["--manifest", "sha256:cd"], [2]),
            (["--resource", "default/env"], [1, 3]), (["--resource", "kbs:///default/env/api"], [1, 3]),
            (["--resource", "kbs+kms:///default/disk"], [4, 5]), (["--resource", "kms/default"], [4, 5]),
            (["--resource", "env"], []),
        ] as [([String], [Int])])
    func `lines are chosen`(words: [String], wanted: [Int]) throws {
        #expect(try AuditSelection.parse(words).select(Self.lines) == wanted.map { Self.lines[$0] })
    }

    @Test func `a time is one of the calendar, seconds, or how long ago; what is narrow asks for all lines`() throws {
        for (text, seconds) in [
            ("1970-01-02T00:00:00Z", 86_400), ("1970-01-02", 86_400), ("77", 77), ("30s", 999_970), ("2m", 999_880),
            ("1h", 996_400), ("7d", 395_200), ("400000d", 0), ("yesterday", nil), ("-5", nil), ("h", nil), ("-2h", nil),
            ("99999999999999999999d", nil),
        ] as [(String, Int64?)] {
            #expect(AuditSelection.seconds(text, now: 1_000_000) == seconds, "\(text)")
        }
        #expect(try AuditSelection.parse([]).query() == "?last=20")
        #expect(try AuditSelection.parse(["--since", "1h"]).query(now: 3700) == "?since=100&last=20")
        #expect(try AuditSelection.parse(["--denied"]).query() == "")
        for wrong in [["--since", "yesterday"], ["--last", "0"]] {
            #expect(throws: (any Error).self) { try AuditSelection.parse(wrong) }
        }
    }

    @Test func `the table has the Service that a line is about, where one is known`() {
        let rows = Audit.text(Self.lines).split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(rows[0] == ["time", "kind", "decision", "check", "who", "service", "resource", "reason"])
        #expect(rows[4].contains("default/hello") && !rows[3].contains("default/hello"))
        #expect(!Audit.text([Self.lines[2]]).contains("service"))
    }

    @Test func `a tenant's name for its manifest puts no line under another's Service`() throws {
        let long = String(repeating: "x", count: 100_000)
        let manifests: [JSONValue] = [
            ["digest": "aa", "namespace": "acme", "name": "bank/shop"],
            ["digest": "bb", "namespace": "acme", "name": .string(long)],
            ["digest": "cc", "namespace": "bank", "name": "shop"],
        ]
        let lines = Audit.named(["aa", "bb", "cc"].map { ["kind": "attest", "manifest": $0] }, manifests)
        for service in ["bank/shop", "shop"] {
            #expect(try AuditSelection.parse(["--service", service]).select(lines) == [lines[2]])
        }
        #expect(try AuditSelection.parse(["--service", "bank/shop", "--last", "1"]).select(lines) == [lines[2]])
        #expect(Audit.text(lines).utf8.count < 4000)
    }

    @Test func `what a guest was refused is found by its Service at a live broker`() async throws {
        try await BrokerStage.run { stage in
            let prepared = try BrokerStage.service(target: "x")
            try await prepared.register(state: stage.state, settings: stage.settings)
            var record = AuditRecord(kind: .release, allowed: false, check: "policy", reason: "no rule")
            record.manifest = prepared.initData.digest.hex
            record.resource = "default/env/api"
            try stage.broker.audit.append(record)
            let admin = try stage.admin()
            let all = await Audit.named(try await Audit.lines(admin), admin)
            let found = try AuditSelection.parse(["--service", "hello", "--denied"]).select(all)
            #expect(
                found.count == 1 && found[0]["service"] == "default/hello" && found[0]["resource"] == "default/env/api")
            // The registration itself is about the Service too.
            #expect(try AuditSelection.parse(["--service", "default/hello"]).select(all).count == 2)
            for words in [["audit"], ["broker", "audit"], ["broker", "audit", "list"]] {
                try await BrokerStage.enter(words + ["--service", "hello", "--since", "1h"] + stage.named)
            }
        }
    }
}
