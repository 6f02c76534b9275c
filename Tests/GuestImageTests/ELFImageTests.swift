import Foundation
import GuestImage
import Testing
import WireFormat

@Suite struct ELFImageTests {
    @Test func `loader and needed libraries are read`() throws {
        let image = try ELFImage(TinyELF.program(interpreter: "/lib64/ld.so", needed: ["liba.so.1", "libc.so.6"]))
        #expect(image.interpreter == "/lib64/ld.so")
        #expect(image.needed == ["liba.so.1", "libc.so.6"])
        #expect(try ELFImage(TinyELF.program(interpreter: nil, needed: [])).interpreter == nil)
    }

    @Test func `a module's description is read`() throws {
        let image = try ELFImage(TinyELF.module(depends: ["virtio", "virtio_ring"]))
        #expect(try image.moduleInfo("depends") == ["virtio,virtio_ring"])
        #expect(try image.moduleInfo("vermagic") == [])
    }

    @Test func `a real program is read`() throws {
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: "/usr/bin/crun")))
        let image = try ELFImage(bytes)
        #expect(image.interpreter == "/lib64/ld-linux-x86-64.so.2")
        #expect(image.needed.contains("libseccomp.so.2"))
        #expect(image.needed.last == "libc.so.6")
    }

    @Test func `every prefix is refused`() throws {
        let whole = TinyELF.program(interpreter: "/ld", needed: ["liba.so.1"])
        for count in 0..<whole.count {
            #expect(throws: WireError.self, "\(count)") { try ELFImage(Array(whole[..<count])) }
        }
    }

    @Test func `no changed byte makes the parser fail otherwise than by refusing`() throws {
        let whole = TinyELF.module(depends: ["a"])
        for index in whole.indices {
            for value in [0, 1, 0x7f, 0xff] as [UInt8] {
                var changed = whole
                changed[index] = value
                _ = try? ELFImage(changed).moduleInfo("depends")
            }
        }
    }
}
