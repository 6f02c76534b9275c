import Foundation
import WireFormat

/// The ports and paths of one deployment, chosen at the first `testudo up` and kept in `config.json`.
struct Settings: Sendable {
    var registryPort = 5000
    var brokerPort = 8480
    var nodePort = 8470
    var tlsPort = 8443
    var httpPort = 8080
    var idleSeconds = 60
    var guestImage = ""
    /// Whether registrations made through this deployment let simulated guests have their keys. A deployment says so
    /// when it is made, since without a TEE nothing else runs; ``UpCommand`` prints it.
    var allowsSimulated = true

    var registry: String { "127.0.0.1:\(registryPort)" }
    var broker: String { "https://127.0.0.1:\(brokerPort)" }
    var node: String { "http://127.0.0.1:\(nodePort)" }

    init() {}

    /// Reads `config.json`, refusing what it does not know.
    init(reading state: StateFolder, hint: String = "run `testudo up` first") throws {
        let value = try JSONValue.parse(try StateFolder.read(state.settingsFile, hint: hint))
        var fields = try JSONFields(value, path: "config.json")
        self.registryPort = Int(try fields.integer("registryPort"))
        self.brokerPort = Int(try fields.integer("brokerPort"))
        self.nodePort = Int(try fields.integer("nodePort"))
        self.tlsPort = Int(try fields.integer("tlsPort"))
        self.httpPort = Int(try fields.integer("httpPort"))
        self.idleSeconds = Int(try fields.integer("idleSeconds"))
        self.guestImage = try fields.string("guestImage")
        // Deployments of before the choice existed had simulated guests only.
        self.allowsSimulated = try fields.bool("allowsSimulated", default: true)
        try fields.finish()
    }

    var json: JSONValue {
        .object([
            "registryPort": .integer(Int64(registryPort)), "brokerPort": .integer(Int64(brokerPort)),
            "nodePort": .integer(Int64(nodePort)), "tlsPort": .integer(Int64(tlsPort)),
            "httpPort": .integer(Int64(httpPort)), "idleSeconds": .integer(Int64(idleSeconds)),
            "guestImage": .string(guestImage), "allowsSimulated": .bool(allowsSimulated),
        ])
    }
}

/// Where the programs and the guest image lie: beside the checkout (`TESTUDO_ROOT`) or beside this executable.
enum Installation {
    static var root: String {
        if let given = ProcessInfo.processInfo.environment["TESTUDO_ROOT"] { return given }
        let executable = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "./testudo"
        let folder = (executable as NSString).deletingLastPathComponent
        guard let range = folder.range(of: "/.build/") else { return folder }
        return String(folder[..<range.lowerBound])
    }

    /// A program built beside this one.
    static func program(_ name: String) throws -> String {
        let executable = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let beside = "\((executable as NSString).deletingLastPathComponent)/\(name)"
        for path in [beside, "\(root)/.build/release/\(name)"]
        where FileManager.default.isExecutableFile(atPath: path) { return path }
        throw CommandFailure("\(name) is not built", hint: "run `make programs` in \(root)")
    }

    /// A program of the system.
    static func systemProgram(_ name: String, package: String) throws -> String {
        for folder in ["/usr/bin", "/usr/sbin", "/bin", "/usr/local/bin"] {
            let path = "\(folder)/\(name)"
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw CommandFailure("\(name) is not installed", hint: "run scripts/setup, or apt-get install \(package)")
    }

    static var guestImage: String { "\(root)/.build/guest-image" }
}
