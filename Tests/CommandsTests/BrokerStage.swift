import ArgumentParser
import Foundation
import HTTPExchange
import Logging
import PodManifest
import ServiceLifecycle
import TestSupport
import WireFormat

@testable import Commands
@testable import KeyBroker

/// A deployment of which only the key broker runs.
struct BrokerStage {
    let state: StateFolder
    let settings: Settings
    let broker: KeyBroker
    /// The port of the administrators' listener; 0 where there is none.
    var adminPort = 0

    /// Runs a broker on a free port while `body` talks to it.
    ///
    /// - Parameter members: What its configuration has beside what `init` writes.
    static func run(
        members: [String: JSONValue] = [:], _ body: (BrokerStage) async throws -> Void
    ) async throws {
        let folder = try ScratchFolder()
        let state = StateFolder(option: "\(folder.path)/state")
        try state.create()
        try BrokerSetup.run(folder: state.broker, listen: "127.0.0.1:0")
        let file = "\(state.broker)/config.json"
        let written = try JSONValue.parse(try StateFolder.read(file)).objectValue ?? [:]
        try StateFolder.write(JSONValue.object(written.merging(members) { $1 }).prettyText, to: file, mode: 0o600)
        let configuration = try BrokerConfiguration(file: file)
        let broker = try await KeyBroker(configuration: configuration)
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
        let (adminPorts, adminContinuation) = AsyncStream.makeStream(of: Int.self)
        var logger = Logger(label: "test")
        logger.logLevel = .error
        let server = BrokerServer(
            broker: broker, configuration: configuration, logger: logger, onListening: { continuation.yield($0) },
            onAdminListening: { adminContinuation.yield($0) })
        let group = ServiceGroup(services: [server], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            var settings = Settings()
            for await port in ports {
                settings.brokerPort = port
                break
            }
            // Nobody listens there: whoever asks the node gets no answer.
            settings.nodePort = try FreePorts.take(1)[0]
            try StateFolder.write("token", to: state.nodeTokenFile)
            var stage = BrokerStage(state: state, settings: settings, broker: broker)
            if configuration.adminListener != nil {
                for await port in adminPorts {
                    stage.adminPort = port
                    break
                }
            }
            try await body(stage)
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        withExtendedLifetime(folder) {}
    }

    func admin() throws -> BrokerAdmin { try BrokerAdmin(state: state, settings: settings) }

    /// How a broker is named that is not the deployment's.
    var named: [String] {
        ["--broker", settings.broker, "--ca", "\(state.broker)/tls.pem", "--admin-key", "\(state.broker)/admin.key"]
    }

    /// Runs a command as it would be typed where there is no deployment.
    static func enter(_ words: [String]) async throws {
        var command = try TestudoCommand.parseAsRoot(words + ["--state", "/nowhere"])
        if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
    }

    /// What a command says that is refused.
    static func complaint(_ words: [String]) async throws -> CommandFailure {
        do { try await enter(words) } catch let failure as CommandFailure { return failure }
        throw CommandFailure("\(words) did not fail")
    }

    /// The registration of a manifest as the broker stored it.
    func registration(_ prepared: PreparedService) async throws -> Registration? {
        try await broker.store.registration(prepared.initData.digest.hex)
    }

    /// A Service as `apply` prepares it; `target` tells its revisions apart.
    static func service(
        _ name: String = "hello", namespace: String = "default", target: String, guest: String = "0.1.0"
    ) throws -> PreparedService {
        let image = "127.0.0.1:5999/hello@sha256:" + String(repeating: "a", count: 64)
        let recipient = "BGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"
        let profile = try TenantProfile(
            parsing: [
                "guestVersion": .string(guest), "domain": "localhost",
                "registry": ["endpoint": "http://127.0.0.1:5999", "certificate": ""],
                "imagePolicy": ["default": [["type": "reject"]]], "lookaside": "",
                "logs": ["recipient": .string(recipient)],
                "keyBroker": [
                    "url": "https://127.0.0.1:8999",
                    "certificate": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
                ],
            ])
        let service: JSONValue = [
            "apiVersion": "serving.knative.dev/v1", "kind": "Service",
            "metadata": ["name": .string(name), "namespace": .string(namespace)],
            "spec": [
                "template": [
                    "spec": [
                        "runtimeClassName": "testudo-cvm",
                        "containers": [
                            ["image": .string(image), "env": [["name": "TARGET", "value": .string(target)]]]
                        ],
                    ]
                ]
            ],
        ]
        let manifest = try ManifestRenderer.render(
            service: try KnativeService(parsing: service),
            digests: [image: try .init(hex: String(repeating: "a", count: 64))], profile: profile)
        return PreparedService(
            name: name, namespace: namespace, service: service, manifest: manifest,
            initData: try InitData(manifest: manifest), images: [:])
    }
}
