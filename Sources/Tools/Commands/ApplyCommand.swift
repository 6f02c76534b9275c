import ArgumentParser
import Foundation
import PodManifest
import WireFormat

/// `testudo apply`: checks signatures, registers the manifest with the key broker, sends the Service to the node.
struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Deploy Knative Services: check, register, send, wait until accepted.")

    @OptionGroup var common: CommonOptions
    @Option(name: .shortAndLong, help: "A YAML or JSON file with Services; - for standard input.") var file: String
    @Flag(help: "Skip the check of signatures for --digest here; the guest still applies tenant/image-policy.json.")
    var unsigned = false
    @Option(help: "The manifest digest (sha256:...) of an unsigned image.") var digest: String?
    @Flag(help: "Do not wait for the node's verdict.") var noWait = false
    @Flag(help: "Keep earlier manifests of the Service registered; the host may then go back to one.")
    var keepEarlier = false
    @Flag(help: "Give simulated guests nothing, whatever this deployment allows.") var hardwareOnly = false

    func run() async throws {
        let settings = try Settings(reading: common.folder)
        let progress = Progress(quiet: common.json)
        var results: [JSONValue] = []
        var table: [String] = []
        for service in try ServiceFile.read(file) {
            let prepared = try await Deployment(state: common.folder, settings: settings, progress: progress).prepare(
                service, unsignedDigest: unsigned ? (digest ?? "") : nil)
            progress.step("registering \(prepared.name) and sending it to the node")
            let (answer, retired) = try await prepared.deploy(
                state: common.folder, settings: settings,
                options: .init(hardwareOnly: hardwareOnly, keepEarlier: keepEarlier, waits: !noWait))
            let url = answer["status"]?["url"]?.stringValue ?? ""
            let simulated = prepared.manifest.isConfidential && settings.allowsSimulated && !hardwareOnly
            results.append(
                .object([
                    "name": .string(prepared.name), "namespace": .string(prepared.namespace), "url": .string(url),
                    "manifest": .string(prepared.initData.digest.description), "simulated": .bool(simulated),
                    "retired": .array(retired.map { .string($0) }),
                    "images": .object(prepared.images.mapValues { .string($0) }),
                ]))
            table.append("\(prepared.name) is deployed at \(url)\n  manifest \(prepared.initData.digest)")
            if Self.failedToStart(answer) { table.append("  its last start failed; the next request tries again") }
            if simulated { table.append("  simulated guests may have its keys; --hardware-only gives them none") }
            if !retired.isEmpty { table.append("  retired \(retired.count) earlier manifest(s)") }
        }
        common.show(.array(results), text: table.joined(separator: "\n"))
    }

    /// Whether the node accepted the Service and its last start failed.
    private static func failedToStart(_ service: JSONValue) -> Bool {
        let reasons = ["KeyReleaseDenied", "ImageRefused", "Unreachable", "GuestFailed", "Exited", "TimedOut"]
        guard let ready = GetCommand.condition("Ready", of: service), ready["status"]?.stringValue == "False",
            GetCommand.condition("testudo.dev/ManifestRegistered", of: service)?["status"]?.stringValue == "True"
        else { return false }
        return reasons.contains(ready["reason"]?.stringValue ?? "")
    }

    /// Waits until the node has a verdict about the Service's newest generation.
    ///
    /// A start that failed before (`before` is the Service as it was) is no verdict on this one: what was wrong may be
    /// outside the Service, as a signature or a registration, and the next request tries again.
    static func settled(
        _ client: NodeClient, _ prepared: PreparedService, before: JSONValue?
    ) async throws -> JSONValue {
        for _ in 0..<300 {
            let path = NodeClient.servicePath(prepared.namespace, prepared.name)
            let service = try await client.call("GET", path)
            let current = service["status"]?["observedGeneration"] == service["metadata"]?["generation"]
            if current, let ready = GetCommand.condition("Ready", of: service) {
                if ready["status"]?.stringValue == "True" { return service }
                if ready["status"]?.stringValue == "False" {
                    let same = before?["metadata"]?["generation"] == service["metadata"]?["generation"]
                    let old = before.flatMap { GetCommand.condition("Ready", of: $0) }
                    if same, old == ready, failedToStart(service) { return service }
                    let message = ready["message"]?.stringValue ?? ready["reason"]?.stringValue ?? "no reason given"
                    throw CommandFailure("\(prepared.name) is not ready: \(message)")
                }
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw CommandFailure(
            "the node gave no verdict on \(prepared.name) in 30 s", hint: "`testudo get \(prepared.name)`")
    }
}

/// `testudo manifest`: what `apply` registers, one step at a time, for those who deploy with kubectl.
struct ManifestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manifest", abstract: "Render a Service's pod manifest, or register it with the key broker.",
        subcommands: [ManifestRender.self, ManifestRegister.self])
}

/// What both steps start with: the Services of a file, checked and rendered.
struct ManifestOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "A YAML or JSON file with Services.") var file: String
    @Option(help: "The manifest digest of an unsigned image.") var digest: String?

    func prepare(_ common: CommonOptions, _ settings: Settings) async throws -> [PreparedService] {
        let deployment = Deployment(
            state: common.folder, settings: settings, progress: Progress(quiet: common.json))
        var prepared: [PreparedService] = []
        for service in try ServiceFile.read(file) {
            prepared.append(try await deployment.prepare(service, unsignedDigest: digest))
        }
        return prepared
    }
}

struct ManifestRender: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "render", abstract: "Print the init-data document whose digest the hardware will hold.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var manifests: ManifestOptions

    func run() async throws {
        for prepared in try await manifests.prepare(common, try Settings(reading: common.folder)) {
            let document = String(decoding: prepared.initData.bytes, as: UTF8.self)
            common.show(
                .object([
                    "digest": .string(prepared.initData.digest.description), "manifest": prepared.manifest.json,
                    "initData": .string(document),
                ]),
                text: document)
        }
    }
}

struct ManifestRegister: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "register", abstract: "Register a Service's manifest digest and its keys with the key broker.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var manifests: ManifestOptions
    @Flag(help: "Give simulated guests nothing, whatever this deployment allows.") var hardwareOnly = false
    @Flag(help: "Retire the Service's earlier manifests; for after the node has taken the new one.")
    var retireEarlier = false

    func run() async throws {
        let settings = try Settings(reading: common.folder)
        for prepared in try await manifests.prepare(common, settings) {
            try await prepared.register(state: common.folder, settings: settings, hardwareOnly: hardwareOnly)
            let retired =
                retireEarlier ? try await prepared.retireEarlier(state: common.folder, settings: settings) : []
            common.show(
                .object([
                    "registered": .string(prepared.initData.digest.description),
                    "retired": .array(retired.map { .string($0) }),
                ]),
                text: "registered \(prepared.name): \(prepared.initData.digest)"
                    + (retired.isEmpty ? "" : "\nretired \(retired.count) earlier manifest(s)"))
        }
    }
}
