import Envelope
import Testing
import WireFormat

@testable import GuestImage

@Suite struct PackageLockTests {
    private let digest = String(repeating: "ab", count: 32)

    private func lock(_ entry: String) -> [UInt8] { Array("{\"packages\":[\(entry)]}".utf8) }

    private func entry(name: String = "crun", version: String = "1:1.8.1-1+deb12u1~x", why: String = "runs") -> String {
        #"{"name":"\#(name)","version":"\#(version)","sha256":"\#(digest)","why":"\#(why)"}"#
    }

    @Test func `a lock file is read`() throws {
        let parsed = try PackageLock(parsing: lock(entry()))
        #expect(parsed.packages.map(\.name) == ["crun"])
        #expect(parsed.packages.map(\.digest.hex) == [digest])
    }

    @Test func `entries that could mislead are refused`() {
        let hostile = [
            entry(name: "-oDir=/"), entry(name: "a b"), entry(name: ""), entry(version: "-1"), entry(version: "1;rm"),
            entry(why: ""), entry() + "," + entry(), #"{"name":"crun"}"#,
            entry().replacing(digest, with: "abcd"), entry().replacing("}", with: ",\"url\":\"x\"}"),
        ]
        for text in hostile { #expect(throws: WireError.self, "\(text)") { try PackageLock(parsing: lock(text)) } }
    }

    @Test func `bytes that are not the locked ones are refused by name`() throws {
        let bytes = Array("package".utf8)
        let locked = LockedPackage(name: "crun", version: "1", digest: SHA256Digest(hashing: bytes), why: "w")
        try PackageCache.check(bytes, locked)
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1
            let error = #expect(throws: GuestBuildError.self) { try PackageCache.check(changed, locked) }
            #expect(error?.description.contains("crun 1 is not what Guest/packages.lock says") == true)
        }
    }
}
