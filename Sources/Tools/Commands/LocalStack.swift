import Foundation
import HTTPExchange
import NIOPosix
import WireFormat

/// Registry, key broker and node on loopback: what `testudo up` starts and `testudo down` stops.
///
/// Order matters: the broker makes the tenant's keys and certificate, from which the node's tenant profile is written.
struct LocalStack: Sendable {
    static let names = ["node", "broker", "registry"]
    let state: StateFolder
    let settings: Settings
    let progress: Progress

    /// Starts what does not run; parts that run are left alone.
    func start() async throws {
        try DeploymentPort.check(settings, isRunning: running)
        try state.create()
        let claim = try DeploymentClaim(state)
        defer { withExtendedLifetime(claim) {} }
        try GuestImageFolder(settings.guestImage).check()
        try StateFolder.write(settings.json.prettyText + "\n", to: state.settingsFile)
        try await startRegistry()
        try await TenantSetup(state: state, settings: settings, progress: progress).prepare()
        try await startBroker()
        try await TenantSetup(state: state, settings: settings, progress: progress).finish()
        try await startNode()
    }

    private func running(_ name: String) -> Bool { DaemonRecord.load(name, state)?.isRunning ?? false }

    private func launch(_ name: String, _ program: String, _ arguments: [String]) throws {
        progress.step("starting \(name)")
        let pid = try ChildProcess.detach(program, arguments, log: "\(state.run)/\(name).log")
        try DaemonRecord(name: name, pid: pid).save(state)
    }

    private func startRegistry() async throws {
        if running("registry") { return }
        let config = """
            version: 0.1
            log: {level: warn}
            storage: {filesystem: {rootdirectory: "\(state.registry)"}, delete: {enabled: true}}
            http: {addr: "\(settings.registry)"}

            """
        try StateFolder.write(config, to: "\(state.registry)/config.yml")
        let program = try Installation.systemProgram("docker-registry", package: "docker-registry")
        try launch("registry", program, ["serve", "\(state.registry)/config.yml"])
        try await wait("registry", url: "http://\(settings.registry)", path: "/v2/", trust: .none)
    }

    private func startBroker() async throws {
        if running("broker") { return }
        try launch(
            "broker", try Installation.program("testudo-keybroker"),
            ["serve", "--config", "\(state.broker)/config.json"])
        let certificate = try StateFolder.text("\(state.broker)/tls.pem")
        try await wait("broker", url: settings.broker, path: "/healthz", trust: .pinnedCertificate(pem: certificate))
    }

    private func startNode() async throws {
        if running("node") { return }
        try NodeConfiguration(state: state, settings: settings).write()
        try launch("node", try Installation.program("testudod"), ["serve", "--config", "\(state.node)/node.json"])
        try await wait("node", url: settings.node, path: "/healthz", trust: .none)
    }

    /// Waits for an answer; says which program to look at when it ends or stays silent.
    private func wait(_ name: String, url: String, path: String, trust: TLSTrust) async throws {
        let exchanger = HTTPExchanger(
            endpoint: try HTTPEndpoint(url: url, trust: trust), dialer: TCPDialer(),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, timeoutSeconds: 2)
        let log = "\(state.run)/\(name).log"
        for _ in 0..<600 {
            guard running(name) else {
                let said = ((try? StateFolder.text(log)) ?? "").split(separator: "\n").suffix(5).joined(separator: "\n")
                throw CommandFailure("\(name) ended while starting:\n\(said)", hint: "the whole log is \(log)")
            }
            if (try? await exchanger.send(ExchangeRequest(method: "GET", path: path))) != nil { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw CommandFailure("\(name) does not answer at \(url)", hint: "look into \(log)")
    }

    /// Stops everything, newest first; the names of what ran.
    static func stop(_ state: StateFolder) -> [String] {
        var stopped: [String] = []
        for name in names {
            guard let record = DaemonRecord.load(name, state) else { continue }
            if record.isRunning { stopped.append(name) }
            record.stop(state, grace: name == "node" ? 20 : 10)
        }
        return stopped
    }

    /// Which parts run, and what the node says of the machine.
    func status() async -> JSONValue {
        var parts: [String: JSONValue] = [:]
        var all = true
        for name in Self.names {
            let record = DaemonRecord.load(name, state)
            let isRunning = record?.isRunning ?? false
            all = all && isRunning
            parts[name] = .object([
                "running": .bool(isRunning), "pid": isRunning ? .integer(Int64(record?.pid ?? 0)) : .null,
            ])
        }
        var result: [String: JSONValue] = [
            "running": .bool(all), "parts": .object(parts), "registry": .string(settings.registry),
            "broker": .string(settings.broker), "node": .string(settings.node),
            "tlsGateway": .string("127.0.0.1:\(settings.tlsPort)"),
            "httpGateway": .string("127.0.0.1:\(settings.httpPort)"),
            "allowsSimulated": .bool(settings.allowsSimulated),
        ]
        if let client = try? NodeClient(state: state, settings: settings),
            let node = try? await client.find("GET", "/apis/testudo.dev/v1/nodes/self")
        {
            result["machine"] = node
        }
        return .object(result)
    }

    /// The isolation classes of this machine, those that it cannot give with the reason.
    private static func classes(_ entries: [String: JSONValue]) -> String {
        entries.sorted { $0.key < $1.key }.map { name, entry in
            if entry["available"]?.boolValue == true { return name }
            return "no \(name) (\(entry["reason"]?.stringValue ?? "no reason given"))"
        }.joined(separator: ", ")
    }

    static func table(_ status: JSONValue) -> String {
        var rows: [[String]] = []
        for (name, place) in [
            ("registry", "registry"), ("broker", "broker"), ("node", "node"), ("tls gateway", "tlsGateway"),
            ("http gateway", "httpGateway"),
        ] {
            let part = name.hasSuffix("gateway") ? "node" : name
            let running = status["parts"]?[part]?["running"]?.boolValue ?? false
            rows.append([name, running ? "running" : "stopped", status[place]?.stringValue ?? ""])
        }
        if let machine = status["machine"] {
            for key in ["accelerator", "technology", "simulated", "classes"] {
                guard let value = machine[key] else { continue }
                rows.append([key, value.objectValue.map(classes) ?? value.stringValue ?? value.canonicalText])
            }
        }
        return TextTable.render(rows)
    }
}

/// The folder that `testudo guest build` fills.
struct GuestImageFolder {
    let path: String

    init(_ path: String) { self.path = path }

    func check() throws {
        let missing = ["kernel", "initrd", "measurements.json"].filter {
            !FileManager.default.fileExists(atPath: "\(path)/\($0)")
        }
        guard missing.isEmpty else {
            throw CommandFailure(
                "the guest image has no \(missing.joined(separator: ", no ")) in \(path)",
                hint: "run `testudo guest build`")
        }
    }
}
