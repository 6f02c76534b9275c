import EvidenceCases
import Foundation
import TestSupport
import Testing
import WireFormat

/// Cases of the shared manifest with other parameters and files: what a case demands is checked or refused, never passed over.
@Suite("Demands of cases", .enabled(if: Vectors.available))
struct CaseDemandsTests {
    private static let cases: [String: JSONValue] = {
        let limits = JSONLimits(depth: 64, size: 64 << 20)
        guard let bytes = try? Vectors.bytes("evidence/manifest.json"),
            let manifest = try? JSONValue.parse(bytes, limits: limits)
        else { return [:] }
        let cases = (manifest["cases"]?.arrayValue ?? []).map { ($0["id"]?.stringValue ?? "", $0) }
        return Dictionary(cases) { first, _ in first }
    }()

    /// The result of the case `id` with parameters and files replaced; null takes one away. Paths count from the vectors.
    private func play(
        _ id: String, _ changes: [String: JSONValue] = [:], files: [String: JSONValue] = [:]
    ) throws -> CaseResult {
        let known = try #require(Self.cases[id])
        let folder = try ScratchFolder()
        var number = 0
        func copy(_ value: JSONValue) throws -> JSONValue {
            if let list = value.arrayValue { return .array(try list.map(copy)) }
            guard let path = value.stringValue, !path.contains("*") else { return value }
            number += 1
            _ = try folder.write("\(number)", try Vectors.bytes("evidence/\(path)"))
            return .string("\(number)")
        }
        let given = known["files"]?.objectValue ?? [:]
        let roles = try given.merging(files) { $1 }.filter { $0.value != .null }.mapValues(copy)
        var params = (known["params"]?.objectValue ?? [:]).merging(changes) { $1 }
        params["trust_roots"] = try params["trust_roots"].map(copy)
        let element: JSONValue = [
            "id": "x", "tee": known["tee"] ?? .null, "params": .object(params), "files": .object(roles),
        ]
        let manifest: JSONValue = ["cases": [element]]
        let path = try folder.write("manifest.json", Array(manifest.canonicalText.utf8))
        return CaseRunner.run(try #require(try EvidenceCase.read(path).first))
    }

    private let zeros = JSONValue.string(String(repeating: "0", count: 96))
    private let simulated = "snp.syn.genoa.id-key-digest"
    private let genuine = "snp.genoa-v5-lunal"
    private let domain = "tdx.syn.tdx5td10.td-debug-allowed"

    @Test func `a report's demands are checked one by one`() throws {
        #expect(try play(simulated).verdict == .accept)
        let policy = try #require(Self.cases[simulated]?["params"]?["policy"])
        let accepted: [JSONValue] = [
            .null, [:], ["id_key_digest": policy["id_key_digest"] ?? .null], ["expect": policy], ["allow_smt": true],
            ["min_tcb": ["snp": 1, "fmc": nil]], ["vmpl_max": 0], ["forbid_migrate_ma": nil],
        ]
        for policy in accepted { #expect(try play(simulated, ["policy": policy]).reason == "ok", "\(policy)") }
        let refused: [(JSONValue, String)] = [
            (["id_key_digest": zeros], "policy.identity-key"), (["author_key_digest": zeros], "policy.identity-key"),
            (["expect": ["measurement": zeros]], "measurement"), (["expect": ["family_id": "00"]], "family_id"),
            (["expect": ["colour": "00"]], "policy.colour"), (["expect": 1], "policy.expect"),
            (["measurement": 5], "policy.measurement"), (["host_data": true], "policy.host_data"),
            (["require_alias_check": true], "policy.require_alias_check"), (["allow_smt": false], "policy.allow_smt"),
            (["min_tcb": ["fuel": 1]], "policy.min_tcb.fuel"), (["min_tcb": ["snp": 256]], "policy.min_tcb.snp"),
            (["min_tcb": 5], "policy.min_tcb"), (["forbid_migrate_ma": "yes"], "policy.forbid_migrate_ma"),
            (["allow_debug": "no"], "policy.allow_debug"), (["vmpl_max": -1], "policy.vmpl_max"), ([], "policy"),
            (["id_key_digest": zeros, "expect": policy], "policy.id_key_digest"),
        ]
        for (policy, named) in refused {
            let result = try play(simulated, ["policy": policy])
            #expect(result.verdict == .reject, "\(policy)")
            #expect(result.reason.contains(named), "\(policy): \(result.reason)")
        }
    }

    @Test func `a parameter that demands something is never passed over`() throws {
        let cases = [simulated, domain, "tpm.gce-cos-85-nonce9009-sha1", "azure.snp-milan-trustee-v1"]
        for id in cases {
            #expect(try play(id).verdict == .accept, "\(id)")
            #expect(try play(id, ["remark": "seen in the wild"]).verdict == .accept, "\(id)")
            for name in ["expected_colour", "require_rain", "forbid_sun", "min_wind", "trusted_by"] {
                let result = try play(id, [name: "0"])
                #expect(result.verdict == .reject, "\(id) \(name)")
                #expect(result.reason.contains(name))
                #expect(try play(id, [name: nil]).verdict == .accept, "\(id) \(name)")
            }
            let result = try play(id, ["policy": ["require_rain": true]])
            #expect(result.reason.contains("policy.require_rain"), "\(id): \(result.reason)")
        }
    }

    @Test func `the clock is understood or the case refused`() throws {
        #expect(try play(genuine, ["verify_at": 1_780_272_000]).verdict == .accept)
        #expect(try play(genuine, ["verify_at": "2026-06-01T00:00:00.5Z"]).verdict == .accept)
        #expect(try play(genuine, ["verify_at": 0]).reason.hasPrefix("validity"))
        for wrong in [true, "tomorrow", 1.5, ["2026-06-01T00:00:00Z"]] as [JSONValue] {
            #expect(try play(genuine, ["verify_at": wrong]).reason.contains("verify_at"))
        }
    }

    @Test func `only the roots of a case are trusted`() throws {
        let (right, wrong) = ("anchors/amd/genoa/ark.der", "anchors/amd/milan/ark.der")
        #expect(try play(genuine, ["trust_roots": [.string(right)]]).verdict == .accept)
        #expect(try play(genuine, ["trust_roots": ["anchors/amd/*/ark.der"]]).verdict == .accept)
        #expect(try play(genuine, ["trust_roots": [.string(wrong)]]).reason.hasPrefix("root"))
        for list in [.string(right), [5]] as [JSONValue] {
            #expect(try play(genuine, ["trust_roots": list]).reason.contains("trust_roots"))
        }
        #expect(try play(simulated, ["trust_roots": nil]).reason.hasPrefix("root"))
        #expect(try play(domain, ["trust_roots": []]).verdict == .reject)
        let root = try #require(Self.cases[domain]?["files"]?["root"])
        #expect(try play(domain, ["trust_roots": [root]], files: ["root": nil]).verdict == .accept)
        #expect(try play(genuine, ["product": "Milan"]).reason.hasPrefix("product"))
        #expect(try play(genuine, ["product": 5]).reason.contains("product"))
    }

    @Test func `a quote's demands are checked one by one`() throws {
        let refused: [(JSONValue, String)] = [
            (["expect": ["rtmr3": "00"]], "rtmr3"), (["rtmr1": zeros], "rtmr1"), (["mrseam": "11"], "mrseam"),
            (["expect": ["reportdata": "00", "report_data": "01"]], "demanded twice"),
            (["min_tcb_eval": "high"], "policy.min_tcb_eval"), (["forbid_service_td": 1], "policy.forbid_service_td"),
            (["require_rain": true], "policy.require_rain"), (["expect": ["colour": "00"]], "policy.colour"),
        ]
        for (policy, named) in refused {
            let policy = (policy.objectValue ?? [:]).merging(["allow_debug": true]) { $1 }
            let result = try play(domain, ["policy": .object(policy)])
            #expect(result.verdict == .reject, "\(policy)")
            #expect(result.reason.contains(named), "\(policy): \(result.reason)")
        }
    }

    @Test func `a log beside evidence must explain it`() throws {
        let quote = "tdx.tdx-v4-lunal-live"
        #expect(try play(quote, files: ["event_log": "eventlog/lunal-live2/ccel.bin"]).verdict == .accept)
        let other = try play(quote, files: ["event_log": "eventlog/lunal-live1-mismatch/ccel.bin"])
        #expect(other.reason.hasPrefix("event-log.replay"))
        let text = try play(quote, files: ["event_log_json": "eventlog/dstack-lite/events.json"])
        #expect(text.verdict == .reject)
        let evidence = Self.cases[quote]?["files"]?["evidence"] ?? .null
        #expect(try play(quote, files: ["evidence": nil, "quote": evidence]).verdict == .accept)
    }

    @Test func `a TPM's quote is held to what the case says`() throws {
        let quote = "tpm.gce-cos-85-nonce9009-sha1"
        #expect(try play(quote, ["nonce": 9009]).reason.contains("nonce"))
        #expect(try play(quote, ["nonce": "9010"]).verdict == .reject)
        #expect(try play(quote, ["signature_format": "jws"]).reason.contains("signature_format"))
        #expect(try play(quote, ["signature_format": "raw"]).verdict == .reject)
    }

    @Test func `Azure's evidence is held to what the case says of the hardware`() throws {
        let (snp, tdx) = ("azure.snp-milan-trustee-v1", "azure.tdx-trustee-v1")
        #expect(try play(snp, ["product": "Milan", "policy": [:]]).verdict == .accept)
        #expect(try play(snp, ["product": "Genoa"]).reason.hasPrefix("product"))
        #expect(try play(snp, ["policy": ["measurement": zeros]]).reason.hasPrefix("measurement"))
        #expect(try play(tdx, ["policy": ["expect": ["mrtd": zeros]]]).verdict == .reject)
        #expect(try play(tdx, ["policy": ["forbid_service_td": true]]).verdict == .conditional)
    }

    @Test func `certificates come from files or from the host's table`() throws {
        let table: [String: JSONValue] = ["leaf": nil, "intermediate": nil, "root": nil]
        let clock: JSONValue = "2026-06-01T00:00:00Z"
        let known = "snp.cert-table.virtee"
        #expect(try play(known).claims?["entries"] != nil)
        let verified = try play(known, ["verify_at": clock, "allow_debug": true])
        #expect(verified.claims?["entries"] == nil)
        #expect(verified.verdict == .accept, "\(verified.reason)")
        #expect(try play(genuine, files: table).reason.contains("leaf"))
        let files = try #require(Self.cases[genuine]?["files"])
        #expect(try play(genuine, files: ["leaf": [files["leaf"] ?? .null]]).verdict == .accept)
        let twice: JSONValue = [files["leaf"] ?? .null, files["leaf"] ?? .null]
        #expect(try play(genuine, files: ["leaf": twice]).reason.contains("several"))
        for role in [5, [], [5]] as [JSONValue] {
            #expect(try play(genuine, files: ["crl": role]).reason.contains("files.crl"))
        }
        #expect(try play("launch.rtmr0.cfv-event").verdict == .accept)
        #expect(try play("launch.rtmr0.cfv-event", ["event": "EV_SEPARATOR"]).reason.contains("event"))
    }

    @Test func `a case that cannot be read leaves the others of its manifest alone`() throws {
        let folder = try ScratchFolder()
        let cases = """
            {"cases": [{"id": "a", "tee": "sev", "files": {"firmware": 5}}, {"id": "b", "tee": "sev", "params": [1]},
            {"id": "c"}, {"id": "d", "tee": "sev", "files": null, "params": {"mode": "sev"}}]}
            """
        let path = try folder.write("manifest.json", Array(cases.utf8))
        let results = try EvidenceCase.read(path).map(CaseRunner.run)
        #expect(results.map(\.id) == ["a", "b", "c", "d"])
        #expect(results.allSatisfy { $0.verdict == .reject })
        #expect(
            results.map { $0.reason.prefix(18) } == [
                "format: files.firm", "format: params: mu", "technology: no ver", "format: firmware: ",
            ])
    }
}
