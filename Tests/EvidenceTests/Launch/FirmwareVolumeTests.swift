import EvidenceSamples
import Foundation
import TestSupport
import Testing
import WireFormat

@testable import Evidence

/// Debian's OVMF, when it is installed.
private enum InstalledFirmware {
    static let path = "/usr/share/OVMF/OVMF_CODE_4M.fd"
    static var isHere: Bool { FileManager.default.fileExists(atPath: path) }
}

@Suite("Firmware volumes") struct FirmwareVolumeTests {
    /// Words, runs and copies from near and far, packed by liblzma; lc 3, lp 0, pb 2 as in OVMF.
    private static let packed =
        "5d000001008f9b0000000000000035994aaba2e2af200b7b57d2746d37e335356ddda3d617af57a6807c76c4df883048"
        + "d319d4b232ce3e8da8ebc796f8ee6bb02986bf133f20beadb1e32c92b603ff226d7ae7db10799ea4988a03cb86e623ee"
        + "a7c878d9a169ce14debbfffc87050e58081913b1a432f5f1c6071f69515a125b93de433ed8bebd6598df31c14667b8b9"
        + "019f5e503d0952122e7a09bcd055b3ffeadbbdc991d4ce9cd77b2d9ec909395bc17da8eaaa03638f57657e696ed9009c"
        + "f749bb81f2447bc8fc0a4e1a90423d2186110455f3a36b977150863e7c2e6acf115c6c513c962a09ef343ada37a69052"
        + "36e0b943baf947382e4ea45a02159c3547dd9cd77a22f4a063abb4ae66766dd4db0676218498d124a9d47a54f600c1ac"
        + "972c037c365daf032d86673a2cdcf41e4730e2fe9317e7ba01fbcacbfa2782f2f072f566f1a13d67d6e4ed32a8acf021"
        + "bd667e98522300eda679c0f5731a4378b9eba29cf0cace25d7a5b0ab8db6c3f8dec98d84225ba53520fb06b3726c2d34"
        + "4b0f7b77f127ba9ea40cf44883d264d684acd56e9ebc881946453ba824de30fb844326cba021c77d3805805d23e4282b"
        + "39a0ffffe96c6950"
    /// The first 2000 bytes of the same with lc 0, lp 2, pb 0.
    private static let packedOtherwise =
        "1200100000d00700000000000000359a15a1abbf74d9bf8ed3d98e9057b1b0d520cfdd8f21e4fae9537ee7a8ca44b183"
        + "9c3aed2487ce049c9b5a9aa0afbb88a42c70290669a759418c7487431a9332770330103f4983442c05342d82f6e0b982"
        + "f19c4044cd4eb9b4475328368a7dab78541efa42fef4ea074a494fed434bc84cb116d5a537f6ad8f5abf06e6fffe51cf"
        + "98"

    @Test func `a packed stream gives its bytes`() throws {
        let whole = try LZMADecoder.decode(Hex.decode(Self.packed, field: "stream"))
        #expect(whole.count == 39823)
        #expect(
            Hex.encode(TPMHash.sha256.digest(whole))
                == "f87ce8e55096ec014aaa1d2c21862f34452c012ca58530d9fd37422c48918a38")
        let begin = try LZMADecoder.decode(Hex.decode(Self.packedOtherwise, field: "stream"))
        #expect(begin == Array(whole.prefix(2000)))
    }

    @Test func `a stream that is cut or damaged gives an error or other bytes, never a trap`() throws {
        let stream = try Hex.decode(Self.packed, field: "stream")
        // The decoder has read all but the end marker when the last byte is out.
        for count in 0..<stream.count - 16 {
            #expect(throws: WireError.self, "\(count) bytes") { try LZMADecoder.decode(Array(stream.prefix(count))) }
        }
        for place in stream.indices {
            for flip in [1, 0x80, 0xFF] as [UInt8] {
                var damaged = stream
                damaged[place] ^= flip
                if let bytes = try? LZMADecoder.decode(damaged) { #expect(bytes.count <= LZMADecoder.sizeLimit) }
            }
        }
        var endless = stream
        endless.replaceSubrange(5..<13, with: repeatElement(0xFF, count: 8))
        #expect(throws: WireError.self) { try LZMADecoder.decode(endless) }
    }

    private static let menu = GUID.efi(0x462c_aa21, 0x7614, 0x4503, 0x836e_8ab6_f466_2331)

    @Test func `the two volumes of an image are found`() throws {
        let volumes = try FirmwareVolumes(firmware: VolumeImage.bytes())
        #expect(volumes.early.files.count == 1)
        #expect(volumes.drivers.files.map(\.guid) == [Self.menu, [UInt8](repeating: 2, count: 16)])
        #expect(volumes.secureBoot.isEmpty)
        #expect(volumes.menuOption?.count == 62)
        #expect(!volumes.measuresTables)
        let written = try volumes.early(after: [FirmwareVolumes.Write(offset: 2, bytes: [7, 7])])
        #expect(written == [0, 0, 7, 7] + volumes.early.bytes[4...])
        for offset in [-1, volumes.early.bytes.count - 1, Int.max] {
            #expect(throws: WireError.self) {
                try volumes.early(after: [FirmwareVolumes.Write(offset: offset, bytes: [7, 7])])
            }
        }
    }

    @Test func `an image that is cut or has wrong lengths gives an error or is read, never a trap`() throws {
        let image = try VolumeImage.bytes()
        for count in 0..<image.count {
            #expect(throws: WireError.self, "\(count) bytes") {
                try FirmwareVolumes(firmware: Array(image.prefix(count)))
            }
        }
        var refused = 0
        for place in image.indices {
            for value in [0, 0x7F, 0xFF] as [UInt8] {
                var damaged = image
                damaged[place] = value
                if (try? FirmwareVolumes(firmware: damaged)) == nil { refused += 1 }
            }
        }
        #expect(refused > 100)
    }

    @Test(.enabled(if: InstalledFirmware.isHere, "needs the package ovmf"))
    func `Debian's OVMF holds what its boots measure`() throws {
        let image = try Array(Data(contentsOf: URL(fileURLWithPath: InstalledFirmware.path)))
        let volumes = try FirmwareVolumes(firmware: image)
        #expect(volumes.early.bytes.count == 0xE_0000)
        #expect(volumes.menuOption != nil)
        // The recorded boot is of one version of the package; another one's volume is checked by booting it.
        if Hex.encode(TPMHash.sha256.digest(image)) == Self.recorded {
            #expect(
                Hex.encode(TPMHash.sha256.digest(volumes.drivers.bytes))
                    == "82a0445201cb49945461acc6ed78426700fb7e92819862edc55ba3ad4559b135")
            #expect(volumes.secureBoot == [0])
            #expect(!volumes.measuresTables)
        }
    }

    private static let recorded = "b157d97b1f69729514feb7f201d2cbe4957f23ab77920e361fe9f822ba49ca4c"
}
