import Envelope
import Foundation
import TestSupport
import Testing
import WireFormat

@testable import RootKeys

@Suite(.enabled(if: SoftTPM.isInstalled, "swtpm and tpm2-tools are not installed"), .serialized)
struct TPMRootKeyTests {
    let folder: ScratchFolder
    let tpm: SoftTPM
    let file: String
    let recovery: String
    let context = Array("store key 1".utf8)
    let key = SecretBytes(random: 32)

    init() async throws {
        folder = try ScratchFolder()
        tpm = try SoftTPM(state: "\(folder.path)/tpm")
        file = "\(folder.path)/root.tpm"
        recovery = "\(folder.path)/root.recovery"
        try await TPMRootKey.create(file: file, recovery: recovery, tpm.settings)
    }

    private func wrapped() async throws -> [UInt8] {
        try await TPMRootKey.open(file: file, tpm.settings).wrap(key, context: context)
    }

    private func document() throws -> TPMKeyFile { try TPMKeyFile.read(file) }

    private func mode(_ path: String) -> Int {
        (try? FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int) ?? 0
    }

    @Test func `the same TPM in the same state gives the key again, after a restart too`() async throws {
        let wrapped = try await wrapped()
        let again = try await TPMRootKey.open(file: file, tpm.settings)
        #expect(again.kind == "tpm")
        #expect(try await again.unwrap(wrapped, context: context) == key)
        #expect(await code { try await again.unwrap(wrapped, context: [1]) } == .damaged)
        tpm.stop()
        let restarted = try SoftTPM(state: "\(folder.path)/tpm")
        let third = try await TPMRootKey.open(file: file, restarted.settings)
        #expect(try await third.unwrap(wrapped, context: context) == key)
    }

    @Test func `nothing stays loaded in the TPM, and no secret in a file`() async throws {
        for _ in 0..<4 { _ = try await TPMRootKey.open(file: file, tpm.settings) }
        for list in ["handles-transient", "handles-loaded-session", "handles-saved-session"] {
            #expect(try tpm.tool("tpm2_getcap", list).isEmpty, "\(list)")
        }
        let secret = try FileRootKey.read(recovery, kind: "tpm", what: "recovery file").copyBytes()
        let sealed = try Data(contentsOf: URL(fileURLWithPath: file))
        #expect(!occurs(secret, in: Array(sealed)) && !occurs(Array(Hex.encode(secret).utf8), in: Array(sealed)))
        #expect(mode(file) == 0o600 && mode(recovery) == 0o600)
        #expect(
            Set(try FileManager.default.contentsOfDirectory(atPath: folder.path)) == [
                "root.tpm", "root.recovery", "tpm",
            ])
    }

    @Test func `other software booted: the refusal names the PCR, and the recovery file seals again`() async throws {
        let wrapped = try await wrapped()
        try tpm.extend(7, "22")
        let refusal = try #require(await failed { try await TPMRootKey.open(file: self.file, self.tpm.settings) })
        #expect(refusal.code == .platformChanged)
        #expect(refusal.reason.contains("PCR 7 (state of Secure Boot)") && !refusal.reason.contains("PCR 4"))
        #expect(refusal.remedy.contains("re-seal"))
        try await TPMRootKey.reseal(file: file, recovery: recovery, tpm.settings)
        #expect(try await TPMRootKey.open(file: file, tpm.settings).unwrap(wrapped, context: context) == key)
        // A register that the key is not sealed to changes nothing.
        try tpm.extend(10, "33")
        _ = try await TPMRootKey.open(file: file, tpm.settings)
    }

    @Test func `another TPM is refused before anything is sent to it, and can take over by recovery`() async throws {
        let wrapped = try await wrapped()
        let other = try SoftTPM(state: "\(folder.path)/other")
        let bus = try TappedBus(before: other.port)
        defer { bus.close() }
        let refusal = try #require(
            await failed { try await TPMRootKey.open(file: self.file, TPMSettings(tcti: bus.tcti)) })
        #expect(refusal.code == .otherDevice)
        #expect(!occurs(Array(try document().privatePart.dropFirst(2)), in: bus.recorded))
        try await TPMRootKey.reseal(file: file, recovery: recovery, other.settings)
        #expect(try await TPMRootKey.open(file: file, other.settings).unwrap(wrapped, context: context) == key)
        #expect(await code { try await TPMRootKey.open(file: self.file, self.tpm.settings) } == .otherDevice)
    }

    @Test func `a TPM that was cleared is another one`() async throws {
        try tpm.tool("tpm2_clear", "-c", "p")
        #expect(await code { try await TPMRootKey.open(file: self.file, self.tpm.settings) } == .otherDevice)
    }

    @Test func `who listens on the bus sees the key neither when it is sealed nor when it is opened`() async throws {
        let bus = try TappedBus(before: tpm.port)
        defer { bus.close() }
        let settings = TPMSettings(tcti: bus.tcti, timeoutSeconds: 60)
        try await TPMRootKey.create(file: file + "2", recovery: recovery + "2", settings)
        _ = try await TPMRootKey.open(file: file + "2", settings)
        let secret = try FileRootKey.read(recovery + "2", kind: "tpm", what: "recovery file").copyBytes()
        // The tap works: it saw the sealed object, which is no secret.
        #expect(occurs(Array(try TPMKeyFile.read(file + "2").privatePart.dropFirst(2)), in: bus.recorded))
        #expect(!occurs(secret, in: bus.recorded))
        #expect(!occurs(Array(secret[..<8]), in: bus.recorded) && !occurs(Array(secret[24...]), in: bus.recorded))
    }

    @Test func `without the session's encryption the tap would see it`() throws {
        let bus = try TappedBus(before: tpm.port)
        defer { bus.close() }
        let environment = ["TPM2TOOLS_TCTI": bus.tcti]
        let secret = SecretBytes(random: 32).copyBytes()
        try run("tpm2_createprimary", ["-Q", "-G", "ecc256", "-c", "\(folder.path)/p"], environment: environment)
        try tpm.tool("tpm2_flushcontext", "-t")
        try run(
            "tpm2_create",
            ["-Q", "-C", "\(folder.path)/p", "-i", "-", "-u", "\(folder.path)/u", "-r", "\(folder.path)/r"],
            input: secret,
            environment: environment)
        #expect(occurs(secret, in: bus.recorded))
    }

    @Test func `an answer that was changed on the bus is refused`() async throws {
        let unseal: UInt32 = 0x15E
        let bus = try TappedBus(before: tpm.port, changingAnswersTo: unseal)
        defer { bus.close() }
        let settings = TPMSettings(tcti: bus.tcti, timeoutSeconds: 60)
        let refusal = try #require(await failed { try await TPMRootKey.open(file: self.file, settings) })
        #expect(refusal.code == .refused && refusal.reason.contains("changed on its way"), "\(refusal)")
    }

    @Test func `changed, mixed and cut files are refused`() async throws {
        let good = try document()
        func refused(_ change: (inout TPMKeyFile) -> Void) async throws -> RootKeyFailure.Code? {
            var changed = good
            change(&changed)
            let path = "\(folder.path)/changed.tpm"
            try changed.write(to: path, replacing: true)
            return await code { try await TPMRootKey.open(file: path, self.tpm.settings) }
        }
        #expect(try await refused { $0.privatePart[40] ^= 1 } == .damaged)
        #expect(try await refused { $0.privatePart.removeLast() } == .damaged)
        #expect(try await refused { $0.publicPart[$0.publicPart.count - 1] ^= 1 } == .damaged)
        // Attributes that would let an empty password open it.
        #expect(try await refused { $0.publicPart[9] |= 0x40 } == .damaged)
        #expect(try await refused { $0.values[2][0] ^= 1 } == .damaged)
        #expect(try await refused { $0.check[0] ^= 1 } == .otherKey)
        #expect(try await refused { $0.parent[5] ^= 1 } == .otherDevice)
        try await TPMRootKey.create(file: file + "2", recovery: nil, tpm.settings)
        let second = try TPMKeyFile.read(file + "2")
        #expect(try await refused { $0.privatePart = second.privatePart } == .damaged)

        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: file)))
        let cut = "\(folder.path)/cut.tpm"
        for length in stride(from: 0, to: bytes.count - 2, by: 37) {
            _ = try folder.write("cut.tpm", Array(bytes[..<length]))
            chmod(cut, 0o600)
            #expect(await code { try await TPMRootKey.open(file: cut, self.tpm.settings) } == .damaged)
        }
        _ = try folder.write("cut.tpm", bytes + [UInt8](repeating: 0x20, count: TPMKeyFile.limit))
        chmod(cut, 0o600)
        #expect(await code { try await TPMRootKey.open(file: cut, self.tpm.settings) } == .damaged)
    }

    @Test func `a sealed key that was exchanged for another one does not open the store`() async throws {
        let wrapped = try await wrapped()
        try await TPMRootKey.create(file: file + "2", recovery: nil, tpm.settings)
        let other = try await TPMRootKey.open(file: file + "2", tpm.settings)
        #expect(await code { try await other.unwrap(wrapped, context: self.context) } == .otherKey)
    }

    @Test func `a recovery file of another key is refused, and the sealed key stays`() async throws {
        let wrong = "\(folder.path)/wrong.recovery"
        try FileRootKey.create(file: wrong)
        let before = try document()
        #expect(
            await code { try await TPMRootKey.reseal(file: self.file, recovery: wrong, self.tpm.settings) } == .otherKey
        )
        #expect(try document() == before)
        chmod(recovery, 0o644)
        #expect(
            await code { try await TPMRootKey.reseal(file: self.file, recovery: self.recovery, self.tpm.settings) }
                == .permissions)
    }

    @Test func `existing files are not replaced, and PCRs that nothing extended are not sealed to`() async throws {
        #expect(
            await code { try await TPMRootKey.create(file: self.file, recovery: nil, self.tpm.settings) } == .exists)
        #expect(
            await code {
                try await TPMRootKey.create(file: self.file + "2", recovery: self.recovery, self.tpm.settings)
            } == .exists)
        let unmeasured = try PCRSelection("sha256:0,2")
        let refusal = await failed {
            try await TPMRootKey.create(file: self.file + "2", pcrs: unmeasured, recovery: nil, self.tpm.settings)
        }
        #expect(refusal?.code == .configuration && refusal?.reason.contains("zero") == true)
        #expect(!FileManager.default.fileExists(atPath: file + "2"))
    }

    @Test func `an owner's authorisation comes from a file, and a wrong one is told`() async throws {
        try tpm.tool("tpm2_changeauth", "-c", "owner", "of the platform")
        #expect(await code { try await TPMRootKey.open(file: self.file, self.tpm.settings) } == .credential)
        let secret = try folder.write("owner.auth", Array("of the platform".utf8))
        chmod(secret, 0o600)
        let settings = TPMSettings(tcti: tpm.tcti, ownerAuth: secret)
        _ = try await TPMRootKey.open(file: file, settings)
        chmod(secret, 0o640)
        #expect(await code { try await TPMRootKey.open(file: self.file, settings) } == .permissions)
    }

    @Test func `a TPM that is not there, one that never answers, and missing programs are told apart`() async throws {
        let port = try freePair()
        let silent = TPMSettings(tcti: "swtpm:host=127.0.0.1,port=\(port)", timeoutSeconds: 5)
        let absent = try #require(await failed { try await TPMRootKey.open(file: self.file, silent) })
        #expect(absent.code == .missing && absent.description.contains("port=\(port)"))
        let listeners = [listen(on: port), listen(on: port + 1)]
        defer { for listener in listeners { close(listener) } }
        #expect(await code { try await TPMRootKey.open(file: self.file, silent) } == .timedOut)
        let elsewhere = TPMSettings(tcti: tpm.tcti, programs: folder.path)
        let missing = await failed { try await TPMRootKey.open(file: self.file, elsewhere) }
        #expect(missing?.code == .missing && missing?.remedy.contains("tpm2-tools") == true)
    }
}
