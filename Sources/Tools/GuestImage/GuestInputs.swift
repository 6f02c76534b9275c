/// Everything that a guest image is made of. The image depends on these bytes and on nothing else.
public struct GuestInputs: Sendable {
    /// The stripped agent, which is the guest's first process.
    public var agent: [UInt8]
    /// The kernel image.
    public var kernel: [UInt8]
    /// The measured firmware.
    public var firmware: [UInt8]
    /// The container runtime.
    public var runtime: [UInt8]
    /// The runtime's loader: its path and its bytes; nil for a static runtime.
    public var loader: (path: String, bytes: [UInt8])?
    /// The runtime's libraries by the names they are asked for.
    public var libraries: [(name: String, bytes: [UInt8])]
    /// Kernel modules in load order.
    public var modules: [(name: String, bytes: [UInt8])]

    /// The modules that the guest loads; what they depend on comes before them.
    public static let wantedModules = ["virtio_pci", "virtio_console"]

    /// Collects inputs from unpacked packages.
    ///
    /// - Parameters:
    ///   - agent: The stripped agent.
    ///   - kernelRoot: The folder of the unpacked kernel package.
    ///   - roots: The folders of all other unpacked packages.
    public init(agent: [UInt8], kernelRoot: String, roots: [String]) throws(GuestBuildError) {
        self.agent = agent
        self.kernel = try Disk.read(try Self.find("boot/vmlinuz-", below: [kernelRoot]))
        self.firmware = try Disk.read(try Self.find("usr/share/qemu/qboot.rom", below: roots))
        let runtime = try Disk.read(try Self.find("usr/bin/crun", below: roots))
        let closure = try LibraryFinder(roots: roots).closure(of: runtime)
        self.runtime = runtime
        self.loader = closure.loader
        self.libraries = closure.libraries
        self.modules = try KernelModules(root: kernelRoot).closure(of: Self.wantedModules)
    }

    /// The nodes of the initrd.
    public var entries: [CpioEntry] {
        var entries = ["proc", "sys", "dev", "run", "etc", "newroot"].map { CpioEntry($0, mode: 0o755, .folder) }
        entries.append(CpioEntry("tmp", mode: 0o1777, .folder))
        // The kernel opens it as the first process's standard files, before anything is mounted.
        entries.append(CpioEntry("dev/console", mode: 0o600, .characterDevice(major: 5, minor: 1)))
        entries.append(CpioEntry("init", mode: 0o755, .file(agent)))
        entries.append(CpioEntry("usr/bin/crun", mode: 0o755, .file(runtime)))
        if let loader { entries.append(CpioEntry(loader.path, mode: 0o755, .file(loader.bytes))) }
        for library in libraries {
            entries.append(CpioEntry("lib/x86_64-linux-gnu/\(library.name)", mode: 0o644, .file(library.bytes)))
        }
        for module in modules {
            entries.append(CpioEntry("lib/modules/\(module.name).ko", mode: 0o644, .file(module.bytes)))
        }
        let list = modules.map { "/lib/modules/\($0.name).ko\n" }.joined()
        entries.append(CpioEntry("etc/modules", mode: 0o644, .file(Array(list.utf8))))
        return entries
    }

    /// Bytes by part, for people who watch the size.
    var sizes: [(part: String, bytes: Int)] {
        [
            ("kernel", kernel.count), ("firmware", firmware.count), ("agent", agent.count), ("crun", runtime.count),
            ("libraries", libraries.reduce(loader?.bytes.count ?? 0) { $0 + $1.bytes.count }),
            ("modules", modules.reduce(0) { $0 + $1.bytes.count }),
        ]
    }

    /// The one file below one of the roots whose path begins with `path`.
    private static func find(_ path: String, below roots: [String]) throws(GuestBuildError) -> String {
        let parts = path.split(separator: "/")
        let folder = parts.dropLast().joined(separator: "/")
        let name = parts.last ?? ""
        let found = roots.flatMap { root in
            Disk.list("\(root)/\(folder)").filter { $0.hasPrefix(name) }.map { "\(root)/\(folder)/\($0)" }
        }
        guard let file = found.first, found.count == 1 else {
            throw GuestBuildError("the locked packages have \(found.count) files /\(path)…, not one")
        }
        return file
    }
}
