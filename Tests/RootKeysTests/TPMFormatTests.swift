import Foundation
import TestSupport
import Testing
import WireFormat

@testable import RootKeys

/// Forms that come from a TPM or its programs, without either.
@Suite struct TPMFormatTests {
    /// Written by `tpm2_createprimary -C o -G ecc256 -g sha256` of tpm2-tools 5.4 with swtpm 0.7.1; the TPM's own part,
    /// which is ciphertext, is cut to 16 bytes.
    static let context: [UInt8] = {
        let blob =
            "00000000001054564be518c7f68bf37638f7ca24e1870000"
            + "800000000022000b3a1323a2725c39839fd2e0a0e1a7a819cd288b67631c80a3e5ca97a12f74ae6d00000001005a"
            + "0023000b000300720000000600800043001000030010002005144022dfc208979a01e576e210030d5d0fc0c000edb89bd72c1141"
            + "2d13f2a500201d93238f132357b6e2379b001fa684f4b637cb21cb58a04f16ddc28723614361"
        let text = "badcc0de0000000140000001800000000000000000000001" + "00a0" + blob
        return (try? Hex.decode(text, field: "context")) ?? []
    }()

    @Test func `the name in a context is the digest of its public part`() throws {
        let name = try StoragePrimary.name(inContext: Self.context)
        #expect(Hex.encode(name) == "000b3a1323a2725c39839fd2e0a0e1a7a819cd288b67631c80a3e5ca97a12f74ae6d")
    }

    @Test func `a context that was cut or lengthened has no name`() {
        for length in 0..<Self.context.count {
            #expect(throws: WireError.self) { try StoragePrimary.name(inContext: Array(Self.context[..<length])) }
        }
        #expect(throws: WireError.self) { try StoragePrimary.name(inContext: Self.context + [0]) }
    }

    @Test func `no changed byte gives a context another name`() throws {
        let name = try StoragePrimary.name(inContext: Self.context)
        var refused = 0
        for index in Self.context.indices {
            for bit in 0..<8 {
                var changed = Self.context
                changed[index] ^= 1 << bit
                guard let found = try? StoragePrimary.name(inContext: changed) else {
                    refused += 1
                    continue
                }
                #expect(found == name, "byte \(index)")
            }
        }
        // The public part and its name, at the least.
        #expect(refused > 8 * (90 + 34))
    }

    @Test func `the policy of a selection is the one that a TPM computes`() throws {
        let selection = try PCRSelection("sha256:7,0,4,2")
        #expect(selection == .standard && selection.description == "sha256:0,2,4,7")
        let zeros = [[UInt8]](repeating: [UInt8](repeating: 0, count: 32), count: 4)
        // Printed by `tpm2_policypcr -l sha256:0,2,4,7` on a TPM whose PCRs are zero.
        #expect(
            Hex.encode(selection.policyDigest(zeros))
                == "4f04c837291ac05d8c8fceb5d03ac530d3189c1dd24dc744f2145cf71eaa9cf6")
    }

    @Test(arguments: [
        "", "sha256", "sha256:", ":0", "sha1:0", "sha512:0", "sha256:24", "sha256:-1", "sha256:0,,2", "sha256:0,0",
        "sha256:00", "sha256:+1", "sha256:0 ", "sha256:0+sha384:0", "SHA256:0", "sha256:all",
    ])
    func `selections of another form are refused`(text: String) {
        #expect(throws: WireError.self) { try PCRSelection(text) }
    }

    @Test(arguments: [
        ("ERROR: Esys_Unseal(0x99D) - tpm:session(1):a policy check failed", UInt32(0x09D)),
        ("Esys Finish ErrorCode (0x0000018b) ", 0x08B), ("(0x14C)", 0x14C), ("(0x921)", 0x921), ("(0x128)", 0x128),
        ("Esys_NV_Read(0x7001B) - esapi", 0x7001B),
    ])
    func `the code of a refusal is found in a complaint`(complaint: String, code: UInt32) {
        #expect(TPMCommands.response(in: complaint) == code)
    }

    @Test(arguments: ["", "(0x", "(0x)", "(0x0)", "(0xA000A)", "(0x99D", "(0xFFFFFFFFFFFF)", "errno 111"])
    func `other complaints have no code of the TPM`(complaint: String) {
        #expect(TPMCommands.response(in: complaint) == nil)
    }

    @Test(arguments: ["0x1810001", "0x017fffff", "0x01c00000", "25231361", "0x", "0x0181000g", "0x00001810001"])
    func `only indices of the owner's range are taken`(text: String) throws {
        if text == "0x1810001" {
            #expect(try TPMCounterFile.index(text, field: "index") == 0x0181_0001)
        } else {
            #expect(throws: WireError.self) { try TPMCounterFile.index(text, field: "index") }
        }
    }
}
