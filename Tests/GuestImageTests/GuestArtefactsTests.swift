import Evidence
import Foundation
import Testing
import WireFormat

@testable import GuestImage

/// A tiny set of unpacked packages on disk.
private struct FakePackages {
    let root: String
    var kernel: String { "\(root)/linux-image" }
    var userland: [String] { ["\(root)/crun", "\(root)/libs"] }

    init() throws {
        root = "\(NSTemporaryDirectory())/guest-image-\(UUID().uuidString)"
        let modules = "linux-image/lib/modules/6.1.0/kernel/drivers"
        try add("linux-image/boot/vmlinuz-6.1.0", Array("kernel".utf8))
        try add("\(modules)/virtio/virtio.ko", TinyELF.module(depends: ["virtio_ring"]))
        try add("\(modules)/virtio/virtio_ring.ko", TinyELF.module(depends: []))
        try add("\(modules)/virtio/virtio_pci.ko", TinyELF.module(depends: ["virtio", "virtio_ring"]))
        try add("\(modules)/char/virtio_console.ko", TinyELF.module(depends: ["virtio", "virtio_ring"]))
        try add("\(modules)/char/other.ko", TinyELF.module(depends: []))
        try add(
            "crun/usr/bin/crun", TinyELF.program(interpreter: "/lib64/ld.so.2", needed: ["liba.so.1", "libc.so.6"]))
        let libraries = "libs/usr/lib/x86_64-linux-gnu"
        try add("\(libraries)/liba.so.1.2", TinyELF.program(interpreter: nil, needed: ["libb.so.1", "libc.so.6"]))
        try add("\(libraries)/libb.so.1", TinyELF.program(interpreter: nil, needed: ["libc.so.6"]))
        try add("\(libraries)/libc.so.6", TinyELF.program(interpreter: nil, needed: ["ld.so.2"]))
        try add("\(libraries)/unused.so", [1])
        try add("libs/lib/x86_64-linux-gnu/ld.so.2", TinyELF.program(interpreter: nil, needed: []))
        try add("libs/usr/share/qemu/qboot.rom", [UInt8](repeating: 0xf4, count: 65536))
        try FileManager.default.createSymbolicLink(
            atPath: "\(root)/\(libraries)/liba.so.1", withDestinationPath: "liba.so.1.2")
    }

    private func add(_ path: String, _ bytes: [UInt8]) throws {
        let url = URL(fileURLWithPath: "\(root)/\(path)")
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
    }

    func artefacts() throws -> GuestArtefacts {
        try GuestArtefacts(GuestInputs(agent: Array("agent".utf8), kernelRoot: kernel, roots: userland))
    }

    func remove() { try? FileManager.default.removeItem(atPath: root) }
}

@Suite(.serialized) struct GuestArtefactsTests {
    private let lock: PackageLock

    init() throws { lock = try PackageLock(parsing: Array(#"{"packages":[]}"#.utf8)) }

    @Test func `the initrd holds what the guest needs and nothing else`() throws {
        let packages = try FakePackages()
        defer { packages.remove() }
        let inputs = try GuestInputs(agent: [1], kernelRoot: packages.kernel, roots: packages.userland)
        #expect(inputs.modules.map(\.name) == ["virtio_ring", "virtio", "virtio_pci", "virtio_console"])
        #expect(inputs.loader?.path == "/lib64/ld.so.2")
        #expect(
            Set(inputs.entries.map(\.path)) == [
                "proc", "sys", "dev", "run", "etc", "newroot", "tmp", "dev/console", "init", "usr/bin/crun",
                "lib64/ld.so.2", "lib/x86_64-linux-gnu/liba.so.1", "lib/x86_64-linux-gnu/libb.so.1",
                "lib/x86_64-linux-gnu/libc.so.6", "lib/modules/virtio_ring.ko", "lib/modules/virtio.ko",
                "lib/modules/virtio_pci.ko", "lib/modules/virtio_console.ko", "etc/modules",
            ])
        let manifest = try packages.artefacts().manifest(version: "1", lock: lock, tools: [:])
        #expect(manifest["sizes"]?["agent"]?.integerValue == 5)
        #expect(manifest["files"]?.arrayValue?.count == inputs.entries.count)
    }

    @Test func `folder, umask, time zone, language and clock leave no trace`() throws {
        let first = try FakePackages()
        defer { first.remove() }
        let before = try first.artefacts()
        let mask = umask(0o077)
        setenv("TZ", "Pacific/Chatham", 1)
        setenv("LC_ALL", "tr_TR.UTF-8", 1)
        defer {
            umask(mask)
            unsetenv("TZ")
            unsetenv("LC_ALL")
        }
        let second = try FakePackages()
        defer { second.remove() }
        for case let path as String in try #require(FileManager.default.enumerator(atPath: second.root)) {
            let date = Date(timeIntervalSince1970: 1)
            try? FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: "\(second.root)/\(path)")
        }
        let after = try second.artefacts()
        #expect(after.initrd == before.initrd)
        let manifests = [before, after].map { $0.manifest(version: "1", lock: lock, tools: [:]).canonicalText }
        #expect(manifests[0] == manifests[1])
    }

    @Test func `a missing library or module is named`() throws {
        let packages = try FakePackages()
        defer { packages.remove() }
        #expect(throws: GuestBuildError("no locked package has ld.so.2; add its package to Guest/packages.lock")) {
            try FileManager.default.removeItem(atPath: "\(packages.root)/libs/lib/x86_64-linux-gnu/ld.so.2")
            _ = try packages.artefacts()
        }
    }

    @Test func `every way to start the image has a measurement of its own`() throws {
        let packages = try FakePackages()
        defer { packages.remove() }
        let image = try packages.artefacts()
        func values(initrd: [UInt8]) throws -> [LaunchMeasurements.Value] {
            try LaunchMeasurements(kernel: image.kernel, initrd: initrd, firmware: image.firmware, ovmf: nil).values
        }
        let measured = try values(initrd: image.initrd)
        #expect(measured.count == 16)
        #expect(Set(measured.map(\.measurement)).count == 16)
        #expect(measured.allSatisfy { $0.technology == .softSNP })
        var changed = image.initrd
        changed[0] ^= 1
        #expect(Set(measured.map(\.measurement)).isDisjoint(with: try values(initrd: changed).map(\.measurement)))
    }
}
