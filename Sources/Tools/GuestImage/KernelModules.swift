import Foundation
import WireFormat

/// The modules of one kernel, found by name, with what each depends on.
///
/// Debian's package has no `modules.dep` (it is made at installation), so dependencies are read from the modules.
struct KernelModules {
    private let paths: [String: String]

    /// Looks through `lib/modules/<release>/kernel` below `root`.
    init(root: String) throws(GuestBuildError) {
        let base = "\(root)/lib/modules"
        guard let walk = FileManager.default.enumerator(atPath: base) else {
            throw GuestBuildError("the kernel package has no modules")
        }
        var paths: [String: String] = [:]
        for case let path as String in walk where path.hasSuffix(".ko") {
            paths[Self.name(path)] = "\(base)/\(path)"
        }
        self.paths = paths
    }

    /// The wanted modules and all they depend on, each after its dependencies: name and bytes.
    func closure(of wanted: [String]) throws(GuestBuildError) -> [(name: String, bytes: [UInt8])] {
        var result: [(name: String, bytes: [UInt8])] = []
        var seen: Set<String> = []
        for name in wanted { try visit(name, &seen, &result) }
        return result
    }

    private func visit(
        _ name: String, _ seen: inout Set<String>, _ result: inout [(name: String, bytes: [UInt8])]
    ) throws(GuestBuildError) {
        guard seen.insert(name).inserted else { return }
        guard let path = paths[name] else { throw GuestBuildError("the kernel package has no module \(name)") }
        let bytes = try Disk.read(path)
        let dependencies: [String]
        do {
            dependencies = try ELFImage(bytes).moduleInfo("depends")
                .flatMap { $0.split(separator: ",").map { Self.name(String($0)) } }
        } catch {
            throw GuestBuildError("module \(name) cannot be read: \(error)")
        }
        for dependency in dependencies { try visit(dependency, &seen, &result) }
        result.append((name, bytes))
    }

    /// A module's name: `-` and `_` are the same.
    private static func name(_ path: String) -> String {
        let file = path.split(separator: "/").last ?? ""
        return String(file.hasSuffix(".ko") ? file.dropLast(3) : file).replacing("-", with: "_")
    }
}
