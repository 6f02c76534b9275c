import Envelope
import Foundation

/// Compiles the agent so that its bytes depend on the sources and the compiler, not on the folder it is compiled in.
///
/// Paths get into a program through `__FILE__` and `#filePath`: the folder is mapped to `/src` for every compiler. What
/// still differs between two builds of the same sources - module hashes and the build id - is stripped with the symbols.
struct AgentBuild {
    /// The checkout: holds `Package.swift`, `Sources` and `Guest`.
    let root: String

    /// Takes the folder as the compilers will name it, without links and doubled slashes: only then does the map fit.
    init(root: String) throws(GuestBuildError) {
        guard let path = realpath(root, nil) else { throw GuestBuildError("there is no folder \(root)") }
        defer { free(path) }
        self.root = String(cString: path)
    }

    /// Where compiled parts stay for the next build.
    var scratch: String { "\(root)/.build/guest" }

    /// The program with its symbols, for debuggers.
    var unstripped: String { "\(scratch)/release/testudo-agent" }

    /// Builds and strips; the stripped program's bytes.
    func run(progress: (String) -> Void) throws(GuestBuildError) -> [UInt8] {
        progress("compiling the agent (some minutes the first time)")
        try Disk.makeFolder(scratch)
        // SwiftPM keeps its plan when a file appears in a package that this one depends on by path: it would not be seen.
        unlink("\(scratch)/release.yaml")
        try Tool.run("swift", arguments, in: root, log: "\(scratch)/build.log")
        let program = unstripped
        return try Disk.scratch(beside: "\(scratch)/strip") { (folder) throws(GuestBuildError) in
            let stripped = "\(folder)/testudo-agent"
            try Tool.run(
                "strip",
                ["--remove-section=.swift_modhash", "--remove-section=.note.gnu.build-id", "-o", stripped, program],
                in: folder, log: "\(folder)/log")
            return try Disk.read(stripped)
        }
    }

    private var arguments: [String] {
        [
            "build", "--configuration", "release", "--package-path", "\(root)/Guest", "--scratch-path", scratch,
            "--product", "testudo-agent", "--static-swift-stdlib", "-Xswiftc", "-static-executable",
            "-Xcc", "-ffile-prefix-map=\(root)=/src", "-Xcxx", "-ffile-prefix-map=\(root)=/src",
            "-Xswiftc", "-file-prefix-map", "-Xswiftc", "\(root)=/src",
        ]
    }

    /// What besides the sources decides the agent's bytes.
    func tools() -> [String: String] {
        var result: [String: String] = [:]
        let log = "\(scratch)/version.log"
        if (try? Tool.run("swift", ["--version"], in: root, log: log)) != nil,
            let text = try? String(contentsOfFile: log, encoding: .utf8)
        {
            result["swift"] = text.split(separator: "\n").first.map(String.init) ?? ""
        }
        result["initrd"] = LegacyLZ4.library
        for library in ["libz.a", "libzstd.a", "liblz4.so.1"] {
            guard let bytes = try? Disk.read("/usr/lib/x86_64-linux-gnu/\(library)") else { continue }
            result[library] = SHA256Digest(hashing: bytes).description
        }
        return result
    }
}
