import ArgumentParser
import Foundation
import WireFormat

/// `testudo demo`: the whole path for three isolation classes side by side, then a malicious host.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Build, encrypt, sign, deploy and call two functions, then play the malicious host.")

    @Flag(help: "Skip the attacks.") var noAttacks = false
    @Flag(help: "Leave registry, broker and node running at the end.") var keep = false
    @Option(help: "Where report.json and the demo's state go.") var output: String?

    func run() async throws {
        let folder = output ?? "\(Installation.root)/.build/demo"
        _ = LocalStack.stop(StateFolder(option: "\(folder)/state"))
        try? FileManager.default.removeItem(atPath: "\(folder)/state")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let state = StateFolder(option: "\(folder)/state")
        let settings = try DemoStage.settings()
        let stage = DemoStage(folder: folder, state: state, settings: settings, progress: Progress())
        var report = DemoReport()
        do {
            try await stage.open()
            try await report.describe(stage)
            try await DemoClasses(stage: stage).run(into: &report)
            if !noAttacks { try await DemoAttacks(stage: stage).run(into: &report) }
        } catch {
            if !keep { _ = LocalStack.stop(state) }
            try? report.write(to: "\(folder)/report.json")
            throw error
        }
        if !keep {
            let stopped = LocalStack.stop(state)
            print("\nstopped \(stopped.joined(separator: ", "))")
        }
        try report.write(to: "\(folder)/report.json")
        print("report: \(folder)/report.json")
        guard report.isGood else {
            throw CommandFailure("the demo did not end as it must: \(report.faults.joined(separator: "; "))")
        }
    }
}

/// What the demo stands on: a deployment of its own with free ports, and the two images.
struct DemoStage: Sendable {
    let folder: String
    let state: StateFolder
    let settings: Settings
    let progress: Progress

    /// Free ports, so that the demo disturbs nothing that runs.
    static func settings() throws -> Settings {
        var settings = Settings()
        let ports = try FreePorts.take(5)
        settings.registryPort = ports[0]
        settings.brokerPort = ports[1]
        settings.nodePort = ports[2]
        settings.tlsPort = ports[3]
        settings.httpPort = ports[4]
        settings.idleSeconds = 600
        settings.guestImage = Installation.guestImage
        return settings
    }

    func open() async throws {
        try await LocalStack(state: state, settings: settings, progress: progress).start()
        for name in ["hello-swift", "hello-python"] { try await prepareImage(name) }
    }

    /// Builds an image, makes its key in the broker, pushes it encrypted and plain, signs both.
    private func prepareImage(_ name: String) async throws {
        progress.step("building, encrypting, signing and pushing \(name)")
        let build = "\(Installation.root)/examples/\(name)/build"
        let images = "\(folder)/images"
        try ChildProcess.require("/bin/bash", [build, images])
        let admin = try BrokerAdmin(state: state, settings: settings)
        let key = try await admin.json(
            "POST", "/kbs/v0/testudo/keys/default/image-key/\(name)", .object(["kind": "p256"]))
        guard let pem = key["publicKey"]?.stringValue else {
            throw CommandFailure("the broker made no key for \(name)")
        }
        let keyFile = "\(folder)/\(name).pub"
        try StateFolder.write(pem, to: keyFile)
        let skopeo = try Installation.systemProgram("skopeo", package: "skopeo")
        let source = "oci:\(images)/\(name):latest"
        for (target, extra) in [(name, ["--encryption-key", "jwe:\(keyFile)"]), ("\(name)-plain", [])] {
            let reference = "\(settings.registry)/\(target):latest"
            try ChildProcess.require(
                skopeo,
                ["--insecure-policy", "copy", "-q", "--dest-tls-verify=false"] + extra
                    + [source, "docker://\(reference)"])
            try await ImageSigner(key: state.signingKey).sign(reference)
        }
    }

    /// A Service as the examples write it, for one class.
    func service(_ image: String, runtimeClass: String, name: String? = nil, target: String = "Testudo") -> JSONValue {
        let isConfidential = runtimeClass == "testudo-cvm"
        let memory = image == "hello-python" ? "512Mi" : "256Mi"
        var annotations: [String: JSONValue] = [:]
        if isConfidential { annotations["testudo.dev/image-key"] = .string("kbs:///default/image-key/\(image)") }
        return .object([
            "apiVersion": "serving.knative.dev/v1", "kind": "Service",
            "metadata": .object([
                "name": .string(name ?? "\(image)-\(runtimeClass.dropFirst(8))"), "namespace": "default",
                "annotations": .object(annotations),
            ]),
            "spec": .object([
                "template": .object([
                    "spec": .object([
                        "runtimeClassName": .string(runtimeClass),
                        "containers": .array([
                            .object([
                                "image": .string(
                                    "\(settings.registry)/\(image)\(isConfidential ? "" : "-plain"):latest"),
                                "ports": .array([.object(["containerPort": 8080])]),
                                "env": .array([.object(["name": "TARGET", "value": .string(target)])]),
                                "resources": .object([
                                    "limits": .object(["cpu": "1", "memory": .string(memory)])
                                ]),
                            ])
                        ]),
                    ])
                ])
            ]),
        ])
    }

    /// Applies a Service as `testudo apply` does.
    @discardableResult
    func apply(_ service: JSONValue, unsignedDigest: String? = nil) async throws -> PreparedService {
        let prepared = try await Deployment(state: state, settings: settings, progress: Progress(quiet: true)).prepare(
            service, unsignedDigest: unsignedDigest)
        _ = try await prepared.deploy(state: state, settings: settings)
        return prepared
    }
}

/// Ports of the loopback that nobody listens on.
enum FreePorts {
    static func take(_ count: Int) throws -> [Int] {
        var sockets: [Int32] = []
        defer { for socket in sockets { close(socket) } }
        var ports: [Int] = []
        for _ in 0..<count {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            guard descriptor >= 0 else { throw CommandFailure("cannot make a socket") }
            sockets.append(descriptor)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let bound = withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    bind(descriptor, pointer, length) == 0 && getsockname(descriptor, pointer, &length) == 0
                }
            }
            guard bound else { throw CommandFailure("no free port on the loopback") }
            ports.append(Int(UInt16(bigEndian: address.sin_port)))
        }
        return ports
    }
}
