import Foundation
import Glibc
import TestSupport

/// Searches what a host can read for canaries: raw, in hex, in base64, and inside gzip and zstd members.
final class CanarySearch {
    let canaries: [Canary]
    private(set) var sightings: [Sighting] = []
    private(set) var bytesRead = 0
    private let scratch: ScratchFolder

    init(_ canaries: [Canary]) throws {
        self.canaries = canaries
        self.scratch = try ScratchFolder()
    }

    func search(folder: String) throws {
        guard let walk = FileManager.default.enumerator(atPath: folder) else { return }
        for case let name as String in walk {
            let path = "\(folder)/\(name)"
            search(Array(name.utf8), source: "the file name \(name)", depth: 2)
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue else {
                continue
            }
            try search(file: path, source: path)
        }
    }

    func search(file: String, source: String) throws {
        guard let data = FileManager.default.contents(atPath: file) else { return }
        search(data, source: source, depth: 0)
    }

    /// `depth` 2 and more looks into no members.
    func search(_ bytes: some ContiguousBytes, source: String, depth: Int = 0) {
        bytes.withUnsafeBytes { memory in
            bytesRead += memory.count
            for canary in canaries {
                for form in canary.forms where ByteSearch.first(form.bytes, in: memory) != nil {
                    sightings.append(Sighting(canary: canary.place, form: form.name, source: source))
                }
            }
            guard depth < 2 else { return }
            let kinds: [(String, [UInt8])] = [("gzip", [0x1F, 0x8B, 0x08]), ("zstd", [0x28, 0xB5, 0x2F, 0xFD])]
            for (tool, magic) in kinds {
                var place = 0
                while let found = ByteSearch.first(magic, in: memory, from: place) {
                    member(memory[found...], tool: tool, source: "\(source), \(tool) member at \(found)", depth: depth)
                    place = found + magic.count
                }
            }
        }
    }

    /// Opens what begins like a compressed member, as far as it opens.
    private func member(_ bytes: Slice<UnsafeRawBufferPointer>, tool: String, source: String, depth: Int) {
        // Most false beginnings show in the flags.
        if tool == "gzip", bytes.count < 18 || bytes[bytes.startIndex + 3] > 0x1F { return }
        let packed = "\(scratch.path)/packed"
        guard (try? Data(bytes).write(to: URL(fileURLWithPath: packed))) != nil else { return }
        let command = "\(tool) -dcq <\(packed) 2>/dev/null | head -c 67108864; true"
        guard let content = try? run("sh", ["-c", command]), !content.isEmpty else { return }
        search(content, source: source, depth: depth + 1)
    }

    /// Command line, environment and, where the kernel lets us, the written memory of a process.
    ///
    /// - Returns: Whether the memory could be read.
    @discardableResult
    func search(process entry: ProcessTable.Entry, memory: Bool) throws -> Bool {
        for file in ["cmdline", "environ"] {
            search(ProcessTable.bytes(entry.pid, file), source: "\(entry.name)'s \(file)", depth: 2)
        }
        guard memory else { return true }
        let file = open("/proc/\(entry.pid)/mem", O_RDONLY)
        guard file >= 0 else { return false }
        defer { close(file) }
        let chunk = 4 << 20
        var buffer = [UInt8](repeating: 0, count: chunk)
        for line in text(ProcessTable.bytes(entry.pid, "maps")).split(separator: "\n") {
            let fields = line.split(separator: " ")
            let ends = fields[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
            guard ends.count == 2, fields[1].hasPrefix("rw") else { continue }
            var place = ends[0]
            while place < ends[1] {
                let count = pread(file, &buffer, min(chunk, Int(ends[1] - place)), off_t(Int64(bitPattern: place)))
                guard count > 0 else { break }
                buffer.withUnsafeBytes { all in
                    search(Data(all[0..<count]), source: "\(entry.name)'s memory at \(fields[0])", depth: 2)
                }
                // What lies across the border of two reads is seen by the second.
                place += UInt64(count == chunk ? count - 128 : count)
            }
        }
        return true
    }
}
