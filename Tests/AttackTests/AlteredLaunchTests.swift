import Envelope
import Evidence
import FakeGuest
import Foundation
import Hypervisor
import PodManifest
import TestSupport
import Testing
import Verifier
import WireFormat

@testable import hostile_node

/// What each of a hostile node's alterations does to what the processor measures and the tenant registered.
@Suite("Altered launches")
struct AlteredLaunchTests {
    static func original() throws -> InitData {
        try InitData(manifest: try SamplePods.manifest(runtimeClass: "testudo-cvm"))
    }

    /// Who stands in for the tenant's broker.
    static let relay = PodKeyBroker(
        url: "https://127.0.0.1:7999",
        certificate: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")

    /// The plan of an honest node for the document it latches, altered.
    static func plan(_ attack: Attack, _ original: InitData) throws -> LaunchPlan {
        var plan = LaunchPlan(
            name: "victim", kernel: .path("kernel"), initrd: .path("initrd"), commandLine: GuestCommandLine.release,
            technology: .softSNP, hostData: try attack.latched(original, broker: Self.relay).digest.bytes)
        attack.alter(&plan, original: original, alteredInitrd: "altered")
        return plan
    }

    @Test func `each attack alters what its name says and nothing else`() throws {
        let original = try Self.original()
        let honest = try Self.plan(.none, original)
        #expect(honest.hostData == original.digest.bytes && honest.initrd == .path("initrd"))
        for attack in Attack.allCases {
            var plan = try Self.plan(attack, original)
            let latched = try attack.latched(original, broker: Self.relay)
            #expect((latched.bytes == original.bytes) == ![.manifest, .hostData, .broker].contains(attack))
            #expect((plan.commandLine == honest.commandLine) == (attack != .commandLine))
            #expect((plan.initrd == honest.initrd) == (attack != .initrd))
            #expect((plan.hostData == honest.hostData) == ![.manifest, .broker].contains(attack))
            (plan.commandLine, plan.initrd, plan.hostData) = (honest.commandLine, honest.initrd, honest.hostData)
            #expect(plan == honest)
        }
    }

    @Test func `R8 another manifest is a valid document with a digest that nobody registered`() throws {
        let original = try Self.original()
        let forged = try Attack.manifest.latched(original)
        #expect(try InitData(parsing: forged.bytes) == forged)
        #expect(forged.manifest.containers.first?.environment.last?.value == "Mallory")
        #expect(forged.digest != original.digest)
    }

    @Test func `R8 a manifest with another broker differs in nothing else and has a digest that nobody registered`()
        throws
    {
        let original = try Self.original()
        let forged = try Attack.broker.latched(original, broker: Self.relay)
        #expect(try InitData(parsing: forged.bytes) == forged)
        #expect(forged.digest != original.digest && forged.manifest.keyBroker == Self.relay)
        var restored = forged.manifest
        restored.keyBroker = original.manifest.keyBroker
        #expect(restored == original.manifest)
        #expect(throws: WireError.self) { try Attack.broker.latched(original) }
    }

    @Test(.enabled(if: TinyGuest.isAvailable, "needs a built guest image"))
    func `R9 the published measurements name the honest launch and no altered one`() throws {
        let folder = URL(fileURLWithPath: TinyGuest.image)
        let read = { (name: String) in [UInt8](try Data(contentsOf: folder.appendingPathComponent(name))) }
        let published = try ReferenceValues(document: JSONValue.parse(read("measurements.json")))
        let (firmware, kernel, initrd) = (try read("qboot.rom"), try read("kernel"), try read("initrd"))
        func match(_ initrd: [UInt8], _ commandLine: String) throws -> ReferenceValue? {
            let hashes = KernelHashTable(kernel: kernel, initrd: initrd, commandLine: commandLine)
            let launch = SoftLaunch(firmware: firmware, kernel: hashes, processors: 1)
            return published.match(.softSNP, try launch.measurement())
        }
        #expect(try match(initrd, GuestCommandLine.release)?.debug == false)
        #expect(try match(initrd, GuestCommandLine.debug)?.debug != false)
        #expect(try match(initrd, GuestCommandLine.release + Attack.argument) == nil)
        let altered = AddedArchive.adding("evil", [1], to: initrd)
        #expect(altered.suffix(initrd.count) == initrd[...] && (altered.count - initrd.count) % 4 == 0)
        #expect(try match(altered, GuestCommandLine.release) == nil)
    }

    @Test func `R17 plaintext turned on by the host is another manifest`() throws {
        func digest(_ annotations: [String: JSONValue]) throws -> SHA256Digest {
            let service = try KnativeService(
                parsing: SamplePods.service(runtimeClass: "testudo-cvm", annotations: annotations))
            let manifest = try ManifestRenderer.render(
                service: service, digests: [SamplePods.image: try .init(hex: String(repeating: "a", count: 64))],
                profile: try SamplePods.profile())
            #expect(manifest.network.plaintext == !annotations.isEmpty)
            return try InitData(manifest: manifest).digest
        }
        #expect(try digest([:]) != digest(["testudo.dev/plaintext": "true"]))
    }
}
