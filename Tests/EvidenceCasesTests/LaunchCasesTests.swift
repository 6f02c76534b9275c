import EvidenceCases
import Foundation
import TestSupport
import Testing
import WireFormat

@Suite("Launch cases", .enabled(if: Vectors.available))
struct LaunchCasesTests {
    /// The result of one case, whose files are named below the vectors or are given as text.
    private func play(
        _ tee: String, files: [String: String] = [:], texts: [String: String] = [:], params: JSONValue
    ) throws -> CaseResult {
        let folder = try ScratchFolder()
        for (role, path) in files { _ = try folder.write(role, try Vectors.bytes("evidence/\(path)")) }
        for (role, text) in texts { _ = try folder.write(role, Array(text.utf8)) }
        let roles = Array(files.keys) + Array(texts.keys)
        let known: JSONValue = [
            "id": "x", "tee": .string(tee), "params": params,
            "files": .object(Dictionary(uniqueKeysWithValues: roles.map { ($0, JSONValue.string($0)) })),
        ]
        let path = try folder.write("manifest.json", Array(JSONValue.object(["cases": [known]]).canonicalText.utf8))
        return CaseRunner.run(try #require(try EvidenceCase.read(path).first))
    }

    private let amd = "launch/fw/ovmf_AmdSev_suffix.bin"
    private let intel = "launch/fw/OVMF.inteltdx.fd"
    private let inputs = "launch/snp-dstack-golden/inputs.json"
    private let report = "snp/real/milan-v3-dstack-golden/report.bin"
    private let quote = "tdx/real/tdx-v4-dstack-lite/quote.dat"

    @Test func `a report of another launch is refused`() throws {
        let text = try Vectors.text("evidence/\(inputs)")
        let right = try play("sev", files: ["report": report], texts: ["inputs": text], params: [:])
        #expect(right.verdict == .accept)
        for (old, new) in [("\"vcpus\": 2", "\"vcpus\": 1"), ("panic=1", "panic=0"), ("EPYC-v4", "EPYC-Milan")] {
            let changed = text.replacingOccurrences(of: old, with: new)
            #expect(changed != text)
            let result = try play("sev", files: ["report": report], texts: ["inputs": changed], params: [:])
            #expect(result.verdict == .reject)
            #expect(result.reason.hasPrefix("measurement:"))
        }
    }

    @Test func `a quote of another launch is refused`() throws {
        func play(initrd: String) throws -> CaseResult {
            try self.play(
                "tdx", files: ["quote": quote],
                params: [
                    "kernel_authenticode_sha384":
                        "ac7e632dcf5cd2a1fe5c1f41f4d9b8219570e64ed3c61038fdbf25404e6f542ffd57f276bc5076307efaf882e6d64177",
                    "cmdline_event_sha384":
                        "786280842b7364287a3a70d96f7e309252857beb45fb1f91314a2ea863db0adc04c8431ecbf29a966405604631a5aab8",
                    "initrd_event_sha384": .string(initrd),
                ])
        }
        let right = "4fe4f7710134a61d7def357add6ac50bdbfeee5032a4c100375e207216ffe42a3bd5822b24e679f91501fff795b81521"
        #expect(try play(initrd: right).verdict == .accept)
        let wrong = try play(initrd: String(right.reversed()))
        #expect(wrong.verdict == .reject)
        #expect(wrong.reason.contains("rtmr2"))
        let firmware = try self.play("tdx", files: ["quote": quote, "firmware": intel], params: ["mode": "mrtd"])
        #expect(firmware.reason.hasPrefix("measurement: mrtd"))
    }

    @Test func `what a case does not know or lacks is refused`() throws {
        let wrong: [JSONValue] = [
            ["mode": "snp", "vcpu_type": "EPYC", "vmm_type": "Xen"], ["mode": "snp", "vcpu_type": "Xeon"],
            ["mode": "snp"], ["mode": "svm"], [:], ["mode": "snp", "vcpu_sig": 1, "vcpus": 0],
            ["mode": "snp", "vcpu_sig": 1, "kernel": "launch/inputs/kernel.bin"],
            ["mode": "snp", "vcpu_sig": 4_294_967_296], ["mode": "snp", "vcpu_sig": 1, "ovmf_hash": "00"],
        ]
        for params in wrong {
            let result = try play("sev", files: ["firmware": amd], params: params)
            #expect(result.verdict == .reject)
            #expect(result.reason.hasPrefix("format:"))
        }
        let order = try play("tdx", files: ["firmware": intel], params: ["mode": "mrtd", "page_order": "none"])
        #expect(order.verdict == .reject)
        let event = try play("tdx", params: ["events": ["other": "00"]])
        #expect(event.reason.contains("is not an event"))
        let missing = try play("tdx", params: ["memory_bytes": 1024, "events": [:]])
        #expect(missing.verdict == .reject)
    }

    @Test func `sections of parameters stand in for those of a firmware`() throws {
        let params: JSONValue = [
            "mode": "mrtd",
            "sections": [["offset": 0, "raw": 4096, "gpa": 4_294_963_200, "size": 4096, "type": "BFV", "attr": 1]],
        ]
        let result = try play("tdx", files: ["firmware": "launch/inputs/kernel.bin"], params: params)
        #expect(result.reason == "ok")
        #expect(result.digest?.count == 96)
        let own = try play("tdx", files: ["firmware": intel], params: ["mode": "mrtd"])
        #expect(
            own.digest
                == "88c63708f207ab01a46b4d9424ea92ab11f8826be30d208afbb58f174f2a19cdcfafb2b12a6a2c98be0740b808894d55")
        let other = try play("tdx", files: ["firmware": intel], params: params)
        #expect(other.verdict == .accept)
        #expect(other.digest != own.digest)
        for sections in [[["type": "BFV"]], [["type": "BIOS"]], "none"] as [JSONValue] {
            let wrong = try play(
                "tdx", files: ["firmware": intel], params: ["mode": "mrtd", "sections": sections])
            #expect(wrong.verdict == .reject)
        }
    }

    @Test func `a processor may be told by family, model and stepping`() throws {
        func digest(_ processor: [String: JSONValue]) throws -> String? {
            let params = processor.merging(["mode": "snp", "guest_features": 1]) { $1 }
            return try play("sev", files: ["firmware": amd], params: .object(params)).digest
        }
        let named = try digest(["vcpu_type": "EPYC-Milan"])
        #expect(named != nil)
        #expect(try digest(["vcpu_family": 25, "vcpu_model": 1, "vcpu_stepping": 1]) == named)
        #expect(try digest(["vcpu_family": 25, "vcpu_model": 1]) == nil)
    }
}
