import Foundation

/// Finds the libraries of a program in unpacked packages: the program's DT_NEEDED, theirs, and so on.
struct LibraryFinder {
    /// Where Debian's loader looks, in this order.
    private static let folders = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "lib", "usr/lib", "lib64"]
    let roots: [String]

    /// The loader of `program` with its path, and the libraries by the names they are asked for.
    func closure(of program: [UInt8]) throws(GuestBuildError) -> (
        loader: (path: String, bytes: [UInt8])?, libraries: [(name: String, bytes: [UInt8])]
    ) {
        let image = try Self.parse(program, "the program")
        var loader: (path: String, bytes: [UInt8])?
        var seen: Set<String> = []
        if let path = image.interpreter {
            let name = path.split(separator: "/").last.map(String.init) ?? path
            seen.insert(name)
            loader = (path, try find(name))
        }
        var libraries: [(name: String, bytes: [UInt8])] = []
        var open = image.needed
        while !open.isEmpty {
            let name = open.removeFirst()
            guard seen.insert(name).inserted else { continue }
            let bytes = try find(name)
            libraries.append((name, bytes))
            open += try Self.parse(bytes, name).needed
        }
        return (loader, libraries)
    }

    private static func parse(_ bytes: [UInt8], _ name: String) throws(GuestBuildError) -> ELFImage {
        do {
            return try ELFImage(bytes)
        } catch {
            throw GuestBuildError("\(name) cannot be read: \(error)")
        }
    }

    private func find(_ name: String) throws(GuestBuildError) -> [UInt8] {
        guard !name.contains("/") else { throw GuestBuildError("a library is asked for by path: \(name)") }
        for root in roots {
            for folder in Self.folders {
                let path = "\(root)/\(folder)/\(name)"
                guard let real = Self.resolve(path, below: root) else { continue }
                return try Disk.read(real)
            }
        }
        throw GuestBuildError("no locked package has \(name); add its package to Guest/packages.lock")
    }

    /// Follows links within the package; nil when there is no file.
    private static func resolve(_ path: String, below root: String) -> String? {
        var path = path
        for _ in 0..<8 {
            guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path) else {
                return FileManager.default.fileExists(atPath: path) ? path : nil
            }
            let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
            path = target.hasPrefix("/") ? root + target : "\(folder)/\(target)"
        }
        return nil
    }
}
