import Foundation
import Glibc
import TestSupport

/// A deployment of the release programs in a folder of its own, on free ports, with copies of programs and guest image:
/// who rebuilds them meanwhile does not change what runs here.
final class LiveStack {
    static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    static let programs = ["testudo", "testudod", "testudo-softtee", "testudo-keybroker"]
    static let guestFiles = ["kernel", "initrd", "qboot.rom", "measurements.json", "manifest.json", "testudo-agent"]

    static var isAvailable: Bool {
        programs.allSatisfy { FileManager.default.isExecutableFile(atPath: "\(repository)/.build/release/\($0)") }
            && guestFiles.allSatisfy {
                FileManager.default.fileExists(atPath: "\(repository)/.build/guest-image/\($0)")
            }
            && areInstalled("skopeo", "umoci", "docker-registry", "qemu-system-x86_64", "curl", "zstd")
    }

    /// Everything of the deployment is below; the simulated processor's user has to reach its program in here.
    let folder: String
    /// registry, broker, node, TLS, HTTP.
    let ports: [Int]
    /// Writes down what crosses the sockets of machines; nil in most tests.
    let recorder: Recorder?
    private var isUp = false

    var state: String { "\(folder)/state" }
    var registry: String { "127.0.0.1:\(ports[0])" }
    var tlsPort: Int { ports[3] }
    var httpPort: Int { ports[4] }
    var kubeconfig: String { "\(state)/node/kubeconfig" }

    init(isRecorded: Bool = false) throws {
        folder = "\(Self.repository)/.build/integration/\(UUID().uuidString)"
        ports = try FreePorts.find(5)
        for (source, names) in [("release", Self.programs), ("guest-image", Self.guestFiles)] {
            try FileManager.default.createDirectory(
                atPath: "\(folder)/.build/\(source)", withIntermediateDirectories: true)
            for name in names {
                let real = URL(fileURLWithPath: "\(Self.repository)/.build/\(source)/\(name)").resolvingSymlinksInPath()
                try FileManager.default.copyItem(atPath: real.path, toPath: "\(folder)/.build/\(source)/\(name)")
            }
        }
        recorder = isRecorded ? try Recorder(folder: "\(folder)/recorded") : nil
    }

    /// Stops what runs and removes the folder.
    func remove() {
        if isUp { try? down() }
        recorder?.stop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    func up() throws {
        isUp = true
        let options = zip(["registry", "broker", "node", "tls", "http"], ports).flatMap { ["--\($0)-port", "\($1)"] }
        let arguments = ["up", "--idle-seconds", "300"] + options
        guard let recorder else { return _ = try testudo(arguments) }
        let command = command(arguments)
        try run(
            "unshare", recorder.recorded(command.program, command.arguments), environment: command.environment)
    }

    func down() throws {
        try testudo(["down"])
        isUp = false
    }

    /// The arguments and environment of a command of this deployment.
    func command(_ arguments: [String]) -> (program: String, arguments: [String], environment: [String: String]) {
        ("\(folder)/.build/release/testudo", arguments + ["--state", state], ["TESTUDO_ROOT": folder])
    }

    /// Runs a command of this deployment; what it printed.
    @discardableResult
    func testudo(_ arguments: [String]) throws -> String {
        let command = command(arguments)
        return try text(run(command.program, command.arguments, environment: command.environment))
    }

    /// Builds hello-swift once for all tests; its OCI layout.
    static let hello = Result {
        let folder = "\(repository)/.build/integration/images"
        try run("\(repository)/examples/hello-swift/build", [folder])
        return "\(folder)/hello-swift"
    }

    /// Pushes an OCI layout under a name and signs it; `key` names the broker's key that it is encrypted for.
    func push(_ layout: String, as name: String, encryptedFor key: String? = nil) throws {
        var arguments = ["copy", "-q", "--dest-tls-verify=false"]
        if let key {
            let file = "\(folder)/\(name).pub"
            try testudo(["key", "create", key, "-o", file])
            arguments += ["--encryption-key", "jwe:\(file)"]
        }
        try run("skopeo", arguments + ["oci:\(layout):latest", "docker://\(registry)/\(name):latest"])
        try testudo(["image", "sign", "\(registry)/\(name):latest"])
    }

    /// Pushes hello-swift, encrypted and signed as its Service wants it.
    func pushHello() throws {
        try push(try Self.hello.get(), as: "hello-swift", encryptedFor: "default/image-key/hello-swift")
    }

    /// Writes the Service of the example under another name, with this deployment's registry.
    func service(_ name: String, image: String, replacing changes: [String: String] = [:]) throws -> String {
        var yaml = try String(contentsOfFile: "\(Self.repository)/examples/hello-swift/service.yaml", encoding: .utf8)
        yaml = yaml.replacingOccurrences(of: "127.0.0.1:5000/hello-swift", with: "\(registry)/\(image)")
        yaml = yaml.replacingOccurrences(of: "name: hello-swift", with: "name: \(name)")
        for (old, new) in changes { yaml = yaml.replacingOccurrences(of: old, with: new) }
        let file = "\(folder)/\(name).yaml"
        try yaml.write(toFile: file, atomically: true, encoding: .utf8)
        return file
    }

    /// The process of a part; nil when it does not run.
    func process(_ part: String) -> pid_t? {
        guard let record = try? String(contentsOfFile: "\(state)/run/\(part).pid", encoding: .utf8),
            let pid = record.split(separator: " ").first.flatMap({ pid_t($0) }),
            let entry = ProcessTable.read()[pid], !entry.isZombie
        else { return nil }
        return pid
    }

    /// The node and all that it started.
    func nodeFamily() -> [ProcessTable.Entry] { process("node").map { ProcessTable.family(of: $0) } ?? [] }
}

/// Bytes as text.
func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
