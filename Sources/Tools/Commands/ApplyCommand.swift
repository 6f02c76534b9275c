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
    @Flag(help: "Accept an image without a valid signature, pinned by this digest only (needs --digest).")
    var unsigned = false
    @Option(help: "The manifest digest (sha256:...) of an unsigned image.") var digest: String?
    @Flag(help: "Do not wait for the node's verdict.") var noWait = false

    func run() async throws {
        let settings = try Settings(reading: common.folder)
        let progress = Progress(quiet: common.json)
        var results: [JSONValue] = []
        var table: [String] = []
        for service in try ServiceFile.read(file) {
            let prepared = try await Deployment(state: common.folder, settings: settings, progress: progress).prepare(
                service, unsignedDigest: unsigned ? (digest ?? "") : nil)
            try await prepared.register(state: common.folder, settings: settings)
            let client = try NodeClient(state: common.folder, settings: settings)
            progress.step("sending \(prepared.name) to the node")
            var answer = try await client.apply(prepared.service, namespace: prepared.namespace, name: prepared.name)
            if !noWait { answer = try await Self.settled(client, prepared) }
            let url = answer["status"]?["url"]?.stringValue ?? ""
            results.append(
                .object([
                    "name": .string(prepared.name), "namespace": .string(prepared.namespace), "url": .string(url),
                    "manifest": .string(prepared.initData.digest.description),
                    "images": .object(prepared.images.mapValues { .string($0) }),
                ]))
            table.append("\(prepared.name) is deployed at \(url)\n  manifest \(prepared.initData.digest)")
        }
        common.show(.array(results), text: table.joined(separator: "\n"))
    }

    /// Waits until the node has a verdict about the Service's newest generation.
    static func settled(_ client: NodeClient, _ prepared: PreparedService) async throws -> JSONValue {
        for _ in 0..<300 {
            let path = NodeClient.servicePath(prepared.namespace, prepared.name)
            let service = try await client.call("GET", path)
            let current = service["status"]?["observedGeneration"] == service["metadata"]?["generation"]
            if current, let ready = GetCommand.condition("Ready", of: service) {
                if ready["status"]?.stringValue == "True" { return service }
                if ready["status"]?.stringValue == "False" {
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

struct ManifestRender: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "render", abstract: "Print the init-data document whose digest the hardware will hold.")

    @OptionGroup var common: CommonOptions
    @Option(name: .shortAndLong, help: "A YAML or JSON file with Services.") var file: String
    @Option(help: "The manifest digest of an unsigned image.") var digest: String?

    func run() async throws {
        let settings = try Settings(reading: common.folder)
        for service in try ServiceFile.read(file) {
            let prepared = try await Deployment(
                state: common.folder, settings: settings, progress: Progress(quiet: common.json)
            ).prepare(service, unsignedDigest: digest)
            common.show(
                .object([
                    "digest": .string(prepared.initData.digest.description), "manifest": prepared.manifest.json,
                    "initData": .string(String(decoding: prepared.initData.bytes, as: UTF8.self)),
                ]),
                text: String(decoding: prepared.initData.bytes, as: UTF8.self))
        }
    }
}

struct ManifestRegister: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "register", abstract: "Register a Service's manifest digest and its keys with the key broker.")

    @OptionGroup var common: CommonOptions
    @Option(name: .shortAndLong, help: "A YAML or JSON file with Services.") var file: String
    @Option(help: "The manifest digest of an unsigned image.") var digest: String?

    func run() async throws {
        let settings = try Settings(reading: common.folder)
        for service in try ServiceFile.read(file) {
            let prepared = try await Deployment(
                state: common.folder, settings: settings, progress: Progress(quiet: common.json)
            ).prepare(service, unsignedDigest: digest)
            try await prepared.register(state: common.folder, settings: settings)
            common.show(
                .object(["registered": .string(prepared.initData.digest.description)]),
                text: "registered \(prepared.name): \(prepared.initData.digest)")
        }
    }
}
