import Evidence
import Testing
import WireFormat

@testable import EndorsementSources
@testable import Verifier

@Suite("Addresses of endorsements")
struct AddressTests {
    private static let milan = EndorsementItem.chipKey(
        .milan, chip: [UInt8](repeating: 0xAB, count: 64),
        firmware: TCBVersion.Components(bootLoader: 3, tee: 0, snp: 8, microcode: 115))
    private static let turin = EndorsementItem.chipKey(
        .turin, chip: [1, 2, 3, 4, 5, 6, 7, 8],
        firmware: TCBVersion.Components(fmc: 1, bootLoader: 2, tee: 0, snp: 6, microcode: 21))

    @Test func `addresses are those of the vendors`() {
        let chip = String(repeating: "ab", count: 64)
        #expect(
            PublishingService.url(of: Self.milan)
                == "https://kdsintf.amd.com/vcek/v1/Milan/\(chip)?blSPL=03&teeSPL=00&snpSPL=08&ucodeSPL=115")
        #expect(
            PublishingService.url(of: Self.turin)
                == "https://kdsintf.amd.com/vcek/v1/Turin/0102030405060708?fmcSPL=01&blSPL=02&teeSPL=00&snpSPL=06&ucodeSPL=21"
        )
        #expect(
            PublishingService.url(of: .authorities(.genoa, forProviders: true))
                == "https://kdsintf.amd.com/vlek/v1/Genoa/cert_chain")
        #expect(
            PublishingService.url(of: .amdRevocationList(.genoa, forProviders: false))
                == "https://kdsintf.amd.com/vcek/v1/Genoa/crl")
        let intel = "https://api.trustedservices.intel.com"
        #expect(
            PublishingService.url(of: .tcbInfo(.tdx, fmspc: [0, 0x80, 0x6F, 5, 0, 0]))
                == "\(intel)/tdx/certification/v4/tcb?fmspc=00806f050000")
        #expect(PublishingService.url(of: .enclaveIdentity(.sgx)) == "\(intel)/sgx/certification/v4/qe/identity")
        #expect(
            PublishingService.url(of: .platformRevocationList(.platform))
                == "\(intel)/sgx/certification/v4/pckcrl?ca=platform&encoding=der")
        #expect(
            PublishingService.url(of: .rootRevocationList)
                == "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der")
    }

    @Test func `files are those of trustee's store`() {
        let chip = String(repeating: "ab", count: 64)
        #expect(
            OfflineStore.names(of: Self.milan) == [
                "\(chip)/bl03_tee00_snp08_ucode115_vcek.der", "\(chip)/vcek.der",
            ])
        #expect(
            OfflineStore.names(of: Self.turin) == [
                "0102030405060708/bl02_tee00_snp06_ucode21_fmc01_vcek.der", "0102030405060708/vcek.der",
            ])
        #expect(OfflineStore.names(of: .rootRevocationList).isEmpty)
    }

    @Test func `every item has a key of its own that can be a file's name`() {
        let items: [EndorsementItem] = [
            Self.milan, Self.turin, .authorities(.milan, forProviders: false), .authorities(.milan, forProviders: true),
            .amdRevocationList(.milan, forProviders: false), .amdRevocationList(.milan, forProviders: true),
            .tcbInfo(.sgx, fmspc: [0, 1, 2, 3, 4, 5]), .tcbInfo(.tdx, fmspc: [0, 1, 2, 3, 4, 5]),
            .enclaveIdentity(.sgx), .enclaveIdentity(.tdx), .platformRevocationList(.platform),
            .platformRevocationList(.processor), .rootRevocationList,
        ]
        #expect(Set(items.map(\.key)).count == items.count)
        for key in items.map(\.key) {
            #expect(key.utf8.count < 240)
            #expect(key.allSatisfy { $0.isLowercase || $0.isNumber || $0 == "-" }, "\(key)")
        }
    }

    @Test(arguments: [
        ("http://127.0.0.1:8081", "http://127.0.0.1:8081"), ("http://kds.example/vcek/v1/", "http://kds.example"),
        ("http://pccs.example:80/mirror/sgx/certification/v4", "http://pccs.example/mirror"),
    ])
    func `mirrors may have a path of their own`(url: String, text: String) throws {
        #expect(try ServiceAddress(url, roots: []).text == text)
    }

    @Test(arguments: ["", "kds.example", "ftp://kds.example", "http://a b", "http://u@kds.example", "http://kds/?x=1"])
    func `what is no address is refused`(url: String) {
        #expect(throws: WireError.self) { try ServiceAddress(url, roots: []) }
    }

    @Test func `percent signs stand before two digits`() throws {
        #expect(try PercentEncoding.decode("a%0Ab%2f") == [0x61, 0x0A, 0x62, 0x2F])
        for text in ["%", "%0", "%zz", "a%2"] { #expect(throws: WireError.self) { try PercentEncoding.decode(text) } }
    }
}
