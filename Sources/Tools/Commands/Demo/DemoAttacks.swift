import Crypto
import Foundation
import WireFormat

/// The malicious host. Every attack is played against a running deployment, and the untouched service has to answer in
/// the same run; what counts is the check that refused and that no key left the broker.
struct DemoAttacks {
    let stage: DemoStage

    func run(into report: inout DemoReport) async throws {
        print("\nthe malicious host")
        stage.progress.step("starting the untouched service")
        let victim = try await stage.apply(stage.service("hello-swift", runtimeClass: "testudo-cvm", name: "victim"))
        let scene = AttackScene(stage: stage, victim: victim)
        guard try await scene.control() == 200 else { throw CommandFailure("the untouched service does not answer") }
        for attack in LaunchAttacks.all + ImageAttacks.all + EvidenceAttacks.all + RelayAttacks.all {
            report.add(try await scene.play(attack))
        }
    }
}

/// One attack: what the host alters, and how it is played.
struct HostAttack: Sendable {
    /// What came of it, as the host saw it.
    struct Outcome: Sendable {
        let refused: Bool
        /// The check that refused, when the broker's audit does not name it.
        let check: String
        let reason: String
    }

    let name: String
    let altered: String
    /// The check that has to refuse; another refusal, a time-out say, would not show that this defence holds.
    let expected: String
    /// Whether the attack needs a genuine second VM of the same image and manifest, started before it.
    var needsSecondVM = false
    let play: @Sendable (AttackScene) async throws -> Outcome
}

/// The deployment under attack.
struct AttackScene: Sendable {
    let stage: DemoStage
    let victim: PreparedService
    let relayed = RelayedMessage.Store()

    /// The registered manifest as a document.
    var victimText: String { String(decoding: victim.initData.bytes, as: UTF8.self) }
    var state: StateFolder { stage.state }
    var settings: Settings { stage.settings }
    var call: ServiceCall { ServiceCall(state: state, settings: settings) }

    func admin() throws -> BrokerAdmin { try BrokerAdmin(state: state, settings: settings) }

    /// The status that the untouched service answers.
    func control() async throws -> Int {
        try await call.send(name: victim.name, namespace: victim.namespace).status
    }

    func play(_ attack: HostAttack) async throws -> DemoReport.Attack {
        if attack.needsSecondVM { try await startSecondVM() }
        let before = try await Audit.lines(try admin()).count
        let outcome = try await attack.play(self)
        let lines = Array(try await Audit.lines(try admin()).dropFirst(before))
        let released = lines.filter { $0["kind"]?.stringValue == "release" && $0["decision"]?.stringValue == "allow" }
        let denial = lines.last { $0["decision"]?.stringValue == "deny" }
        let check = denial?["check"]?.stringValue ?? outcome.check
        return DemoReport.Attack(
            name: attack.name, altered: attack.altered, control: try await control(),
            refused: outcome.refused && check == attack.expected,
            check: check,
            reason: denial?["reason"]?.stringValue ?? outcome.reason,
            audit: denial ?? .string("the broker was not asked for a key: \(lines.count) lines, none a release"),
            keysReleased: released.count)
    }

    /// Applies a Service and calls it; refused when the call fails.
    func expectNoAnswer(_ service: JSONValue, unsignedDigest: String? = nil) async throws -> HostAttack.Outcome {
        let prepared = try await stage.apply(service, unsignedDigest: unsignedDigest)
        let outcome = try await expectNoAnswer(prepared)
        let client = try NodeClient(state: state, settings: settings)
        _ = try await client.find("DELETE", NodeClient.servicePath(prepared.namespace, prepared.name))
        return outcome
    }

    func expectNoAnswer(_ prepared: PreparedService) async throws -> HostAttack.Outcome {
        do {
            let answer = try await call.send(name: prepared.name, namespace: prepared.namespace, timeout: 60)
            return .init(refused: answer.status != 200, check: "answer", reason: "status \(answer.status)")
        } catch let failure as CommandFailure {
            let client = try NodeClient(state: state, settings: settings)
            let service = try await client.find("GET", NodeClient.servicePath(prepared.namespace, prepared.name))
            let ready = service.flatMap { GetCommand.condition("Ready", of: $0) }
            let kind = ready?["reason"]?.stringValue ?? "refused"
            return .init(refused: true, check: kind, reason: ready?["message"]?.stringValue ?? failure.what)
        }
    }

    /// Runs the program that plays a node with ill will.
    func hostileNode(_ attack: String, _ arguments: [String] = []) throws -> HostAttack.Outcome {
        let initData = "\(stage.folder)/victim.toml"
        try StateFolder.write(victim.initData.bytes, to: initData)
        let output = try ChildProcess.require(
            try Installation.program("hostile-node"),
            [
                attack, "--init-data", initData, "--guest-image", settings.guestImage, "--softtee",
                try Installation.program("testudo-softtee"), "--softtee-keys", state.softTEE, "--state",
                "\(stage.folder)/hostile",
            ] + arguments)
        let answer = try JSONValue.parse(text: output)
        return .init(
            refused: answer["refused"]?.boolValue ?? false, check: answer["check"]?.stringValue ?? "guest",
            reason: answer["reason"]?.stringValue ?? "no reason")
    }
}

/// Attacks on what the machine is started with.
enum LaunchAttacks {
    static let all: [HostAttack] = [
        HostAttack(
            name: "changed kernel command line", altered: "appended ` testudo.evil=1` to the command line",
            expected: "measurement"
        ) {
            try $0.hostileNode("command-line")
        },
        HostAttack(
            name: "changed initrd", altered: "appended a cpio archive with one file to the initrd",
            expected: "measurement"
        ) {
            try $0.hostileNode("initrd")
        },
        HostAttack(
            name: "swapped manifest", altered: "env TARGET=Mallory in the manifest, launched with its own digest",
            expected: "manifest-unregistered"
        ) {
            try $0.hostileNode("manifest")
        },
        HostAttack(
            name: "node lies about what it starts",
            altered: "HOST_DATA of the registered manifest, another manifest handed to the guest",
            expected: "GuestFailed"
        ) { try $0.hostileNode("host-data") },
        HostAttack(
            name: "broker that is not the tenant's",
            altered: "another broker with its own keys on the broker's port, before a guest of the registered manifest",
            expected: "Unreachable"
        ) {
            try await ImpostorBroker(scene: $0).play()
        },
    ]
}

/// Attacks on images in the registry, which is the host's.
enum ImageAttacks {
    static let all: [HostAttack] = [
        HostAttack(
            name: "changed encrypted layer", altered: "one bit of the first encrypted layer's blob in the registry",
            expected: "ImageRefused"
        ) {
            scene in
            try await StoredBlob.withFlippedBit(of: "hello-swift", scene) {
                try await scene.expectNoAnswer(
                    scene.stage.service("hello-swift", runtimeClass: "testudo-cvm", name: "layer"))
            }
        },
        HostAttack(
            name: "image without the right signature", altered: "the signature tag now holds another key's signature",
            expected: "ImageRefused"
        ) {
            scene in
            let service = scene.stage.service("hello-swift", runtimeClass: "testudo-cvm", name: "signature")
            let prepared = try await scene.stage.apply(service)
            let image = "\(scene.settings.registry)/hello-swift:latest"
            let foreign = "\(scene.stage.folder)/foreign.key"
            try StateFolder.write(P256.Signing.PrivateKey().pemRepresentation, to: foreign, mode: 0o600)
            try await ImageSigner(key: foreign).sign(image, replacing: true)
            let outcome = try await scene.expectNoAnswer(prepared)
            try await ImageSigner(key: scene.state.signingKey).sign(image, replacing: true)
            let client = try NodeClient(state: scene.state, settings: scene.settings)
            _ = try await client.find("DELETE", NodeClient.servicePath(prepared.namespace, prepared.name))
            return outcome
        },
    ]
}

/// A broker with keys of its own on the port of the tenant's.
struct ImpostorBroker {
    let scene: AttackScene

    func play() async throws -> HostAttack.Outcome {
        guard let tenant = DaemonRecord.load("broker", scene.state) else { throw CommandFailure("no broker runs") }
        let folder = "\(scene.stage.folder)/impostor"
        try? FileManager.default.removeItem(atPath: folder)
        let program = try Installation.program("testudo-keybroker")
        try ChildProcess.require(program, ["init", "--dir", folder])
        let config = "\(folder)/config.json"
        guard case .object(var fields) = try JSONValue.parse(try StateFolder.read(config)) else {
            throw CommandFailure("\(config) is not an object")
        }
        fields["listen"] = .string("127.0.0.1:\(scene.settings.brokerPort)")
        try StateFolder.write(JSONValue.object(fields).prettyText, to: config, mode: 0o600)
        tenant.stop(scene.state)
        let pid = try ChildProcess.detach(program, ["serve", "--config", config], log: "\(folder)/log")
        let impostor = try DaemonRecord(name: "impostor", pid: pid)
        let outcome: HostAttack.Outcome
        do {
            outcome = try scene.hostileNode("none")
        } catch {
            impostor.stop(scene.state)
            throw error
        }
        impostor.stop(scene.state)
        try await LocalStack(state: scene.state, settings: scene.settings, progress: Progress(quiet: true)).start()
        return outcome
    }
}

/// Blobs as the registry stores them.
enum StoredBlob {
    /// Flips one bit in the middle of an image's first layer while `body` runs.
    static func withFlippedBit(
        of image: String, _ scene: AttackScene, _ body: () async throws -> HostAttack.Outcome
    ) async throws -> HostAttack.Outcome {
        let folder = "\(scene.state.registry)/docker/registry/v2/blobs/sha256"
        let manifest = try await ImageStore("\(scene.settings.registry)/\(image):latest").manifest()
        guard let digest = manifest.layers.first?.digest.hex else { throw CommandFailure("\(image) has no layer") }
        let path = "\(folder)/\(digest.prefix(2))/\(digest)/data"
        let original = try StateFolder.read(path, hint: "the registry stores blobs elsewhere")
        var altered = original
        altered[altered.count / 2] ^= 1
        try StateFolder.write(altered, to: path)
        do {
            let outcome = try await body()
            try StateFolder.write(original, to: path)
            return outcome
        } catch {
            try StateFolder.write(original, to: path)
            throw error
        }
    }
}
