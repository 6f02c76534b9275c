import Foundation
import Glibc

/// Real etcd members on free ports, with TLS on both sides of their clients' connections; gone when the tests are.
public final class EtcdCluster: @unchecked Sendable {
    /// Whether etcd and its command line are here.
    public static let isInstalled = areInstalled("etcd", "etcdctl")

    /// A single member that many tests share, each with a prefix of its own.
    public static let shared = Task { try await EtcdCluster(members: 1) }

    /// The members' addresses.
    public let endpoints: [String]
    /// Certificates: `ca.pem`, `client.pem`, `client.key`, `stranger.pem` of another authority.
    public let workshop = CertificateWorkshop.forEtcd

    private let folder: String
    private let commands: [[String]]
    private let lock = NSLock()
    private var processes: [Int: (wrapper: Process, input: Pipe, id: pid_t)] = [:]

    /// Starts members and waits until they serve.
    public init(members: Int, options: [String] = []) async throws {
        // Memory, since a test machine's disk is slow and nothing here has to survive it.
        let base = access("/dev/shm", W_OK) == 0 ? "/dev/shm/" : NSTemporaryDirectory()
        folder = base + "testudo-etcd-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let ports = try (0..<2 * members).map { _ in try Self.freePort() }
        endpoints = (0..<members).map { "https://127.0.0.1:\(ports[$0])" }
        let peers = (0..<members).map { "http://127.0.0.1:\(ports[members + $0])" }
        let all = (0..<members).map { "m\($0)=\(peers[$0])" }.joined(separator: ",")
        let (workshop, endpoints, folder) = (workshop, endpoints, folder)
        commands = (0..<members).map { place in
            [
                "etcd", "--name", "m\(place)", "--data-dir", "\(folder)/m\(place)", "--listen-client-urls",
                endpoints[place], "--advertise-client-urls", endpoints[place], "--listen-peer-urls", peers[place],
                "--initial-advertise-peer-urls", peers[place], "--initial-cluster", all, "--initial-cluster-token",
                folder, "--cert-file", workshop.path("server.pem"), "--key-file", workshop.path("server.key"),
                "--client-cert-auth", "--trusted-ca-file", workshop.path("ca.pem"), "--log-level", "error",
            ] + options
        }
        for place in 0..<members { try start(place) }
        try await waitUntilServing()
    }

    deinit {
        for (_, process) in processes {
            signal(process.id, SIGKILL)
            try? process.input.fileHandleForWriting.close()
        }
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Starts a member, again after ``kill(_:)``.
    public func start(_ place: Int) throws {
        let process = Process()
        let (input, output) = (Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        // Member and data go with the pipe, however the tests end.
        process.arguments =
            [
                "-c",
                "\"$@\" </dev/null >/dev/null 2>&1 & p=$!; echo $p; cat >/dev/null; kill -9 $p; wait; rm -rf \"$0\"",
                folder,
            ]
            + commands[place]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        guard let id = pid_t(line.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw ProgramFailure(program: "etcd", complaint: "did not start: \(line)")
        }
        lock.withLock { processes[place] = (process, input, id) }
    }

    /// Ends a member as a power failure would.
    public func kill(_ place: Int) {
        guard let process = lock.withLock({ processes.removeValue(forKey: place) }) else { return }
        signal(process.wrapper.processIdentifier, SIGKILL)
        signal(process.id, SIGKILL)
        // What the shell had started ends with its input.
        try? process.input.fileHandleForWriting.close()
        process.wrapper.waitUntilExit()
    }

    /// Stops a member's processor time until ``resume(_:)``.
    public func pause(_ place: Int) { lock.withLock { processes[place].map { signal($0.id, SIGSTOP) } } }

    /// Lets a stopped member go on.
    public func resume(_ place: Int) { lock.withLock { processes[place].map { signal($0.id, SIGCONT) } } }

    private func signal(_ id: pid_t, _ number: Int32) { _ = Glibc.kill(id, number) }

    /// Runs etcd's command line on one member or all.
    @discardableResult
    public func control(_ arguments: [String], at place: Int? = nil, input: [UInt8] = []) throws -> [UInt8] {
        try run(
            "etcdctl",
            [
                "--endpoints", place.map { endpoints[$0] } ?? endpoints.joined(separator: ","), "--cacert",
                workshop.path("ca.pem"), "--cert", workshop.path("client.pem"), "--key", workshop.path("client.key"),
            ] + arguments, input: input, environment: ["ETCDCTL_API": "3"])
    }

    /// The place of the present leader.
    public func leader() throws -> Int {
        for place in endpoints.indices {
            let fields = try control(["endpoint", "status", "-w", "fields"], at: place)
            var member: Substring?
            var leader: Substring?
            for line in String(decoding: fields, as: UTF8.self).split(separator: "\n") {
                if line.hasPrefix("\"MemberID\"") { member = line.split(separator: ":").last }
                if line.hasPrefix("\"Leader\"") { leader = line.split(separator: ":").last }
            }
            if let member, member == leader { return place }
        }
        throw ProgramFailure(program: "etcdctl", complaint: "no member leads")
    }

    private func waitUntilServing() async throws {
        let end = ContinuousClock.now + .seconds(60)
        for place in endpoints.indices {
            while (try? control(["endpoint", "health"], at: place)) == nil {
                guard ContinuousClock.now < end else {
                    throw ProgramFailure(program: "etcd", complaint: "does not serve within a minute")
                }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    private static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let outcome = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
            }
        }
        guard outcome == 0 else { throw ProgramFailure(program: "bind", complaint: String(cString: strerror(errno))) }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

extension CertificateWorkshop {
    /// The certificates of all clusters of a test run: made once, since OpenSSL takes its time.
    fileprivate static let forEtcd: CertificateWorkshop = {
        do {
            let workshop = try CertificateWorkshop()
            for authority in ["ca", "stranger"] {
                try workshop.key(authority)
                try workshop.certificate(authority, extensions: CertificateWorkshop.authority())
            }
            try workshop.key("server")
            try workshop.certificate(
                "server", issuer: "ca",
                extensions: [
                    "subjectAltName=IP:127.0.0.1,DNS:localhost", "extendedKeyUsage=serverAuth,clientAuth",
                    "keyUsage=critical,digitalSignature",
                ])
            try workshop.key("client")
            try workshop.certificate(
                "client", issuer: "ca",
                extensions: ["extendedKeyUsage=clientAuth", "keyUsage=critical,digitalSignature"])
            return workshop
        } catch {
            fatalError("certificates for etcd cannot be made: \(error)")
        }
    }()
}
