import Glibc
import Sandbox
import WireFormat

/// The folders and small files that a node keeps, and the lock that keeps a second node out.
struct NodeFiles {
    let state: String

    var objects: String { "\(self.state)/services" }
    var instances: String { "\(self.state)/instances" }
    var logs: String { "\(self.state)/logs" }

    /// Makes the folders and takes the lock, which lasts as long as the process.
    init(_ configuration: NodeConfiguration) throws {
        self.state = configuration.stateDirectory
        for folder in [self.state, self.objects, self.instances, self.logs] { try AtomicFile.makeFolder(folder) }
        let lock = open("\(self.state)/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw WireError(field: "stateDir", reason: "\(self.state) is in use by another testudod")
        }
    }

    /// The API's token; a new random one is stored when there is none.
    static func token(_ path: String) throws -> String {
        if access(path, F_OK) == 0 { return String(decoding: try AtomicFile.read(path, limit: 4096), as: UTF8.self) }
        var random = SystemRandomNumberGenerator()
        let text = Hex.encode((0..<32).map { _ in UInt8.random(in: 0...255, using: &random) })
        try AtomicFile.write(Array((text + "\n").utf8), to: path)
        return text
    }

    /// A kubeconfig that only its owner reads: over plain HTTP kubectl sends no token unless it stands in the address.
    func writeKubeconfig(token: String, host: String, port: Int) throws {
        let token = token.filter { !$0.isWhitespace }
        let text = """
            apiVersion: v1
            kind: Config
            clusters: [{name: testudo, cluster: {server: "http://testudo:\(token)@\(host):\(port)"}}]
            contexts: [{name: testudo, context: {cluster: testudo, user: testudo, namespace: default}}]
            users: [{name: testudo, user: {}}]
            current-context: testudo

            """
        try AtomicFile.write(Array(text.utf8), to: "\(self.state)/kubeconfig")
    }
}
