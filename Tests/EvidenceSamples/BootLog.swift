import Crypto
import WireFormat

/// A small boot log with an event of every kind that is understood, each with the digest of what it measures.
public enum BootLog {
    /// The log, with a SHA-256 and a SHA-384 bank.
    public static var bytes: [UInt8] {
        var writer = ByteWriter()
        var header = ByteWriter()
        header.append("Spec ID Event03\0".utf8)
        header.append([0, 0, 0, 0, 0, 2, 0, 2])
        header.u32LE(2)
        for (algorithm, length) in [(11, 32), (12, 48)] as [(UInt16, UInt16)] {
            header.u16LE(algorithm)
            header.u16LE(length)
        }
        header.u8(0)
        writer.u32LE(0)
        writer.u32LE(3)
        writer.append([UInt8](repeating: 0, count: 20))
        writer.u32LE(UInt32(header.bytes.count))
        writer.append(header.bytes)
        for event in events {
            writer.u32LE(1)
            writer.u32LE(event.type)
            writer.u32LE(2)
            writer.u16LE(11)
            writer.append(Array(SHA256.hash(data: event.measured)))
            writer.u16LE(12)
            writer.append(Array(SHA384.hash(data: event.measured)))
            writer.u32LE(UInt32(event.data.count))
            writer.append(event.data)
        }
        return writer.bytes
    }

    private static var events: [(type: UInt32, data: [UInt8], measured: [UInt8])] {
        func same(_ type: UInt32, _ data: [UInt8]) -> (UInt32, [UInt8], [UInt8]) { (type, data, data) }
        let separator: [UInt8] = [0, 0, 0, 0]
        let command = Array("linux /vmlinuz quiet".utf8)
        let variable = variable(name: "BootOrder", contents: [1, 0])
        let configuration = configuration(name: "td_payload_info", content: Array("console=ttyS0".utf8))
        return [
            same(4, separator), same(8, Array("1.0".utf8)), same(6, tagged("INIT/sha384 00112233")),
            same(6, tagged("example.com PullImage {\"image\":\"a\"}")), same(6, tagged("words")),
            (6, [1, 0, 0, 0, 2, 0, 0, 0, 65, 66], Array("AB".utf8)),
            (0xD, Array("grub_cmd: ".utf8) + command + [0], command),
            (0xD, Array("kernel_cmdline: ".utf8) + command, command), (0xD, Array("grub.cfg".utf8), [1, 2, 3]),
            same(0x8000_0001, variable), (0x8000_0002, variable, [1, 0]), same(0x8000_000C, variable),
            (0xA, configuration, Array("console=ttyS0".utf8)), same(0x8000_0007, Array("Calling EFI".utf8)),
            (0x8000_0003, [UInt8](repeating: 7, count: 40), [9]), same(3, Array("note".utf8)),
        ]
    }

    private static func tagged(_ text: String) -> [UInt8] {
        var writer = ByteWriter()
        writer.append("LEAA".utf8)
        writer.u32LE(UInt32(text.utf8.count))
        writer.append(text.utf8)
        return writer.bytes
    }

    private static func variable(name: String, contents: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.append([UInt8](repeating: 0x11, count: 16))
        writer.u64LE(UInt64(name.utf16.count))
        writer.u64LE(UInt64(contents.count))
        for unit in name.utf16 { writer.u16LE(unit) }
        writer.append(contents)
        return writer.bytes
    }

    private static func configuration(name: String, content: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(name.utf8)
        writer.pad(to: 16)
        writer.u32LE(UInt32(content.count))
        writer.append(content)
        return writer.bytes
    }
}
