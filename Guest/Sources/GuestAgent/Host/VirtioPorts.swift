import Glibc

/// Finds virtio-serial ports by the names that the host gave them.
enum VirtioPorts {
    /// Stream to the host's part of Testudo.
    static let agent = "org.testudo.agent"
    /// The stand-in for a security processor's report device.
    static let report = "org.testudo.report"

    /// The device of the port called `name`, or nothing.
    static func device(named name: String) -> String? {
        let base = "/sys/class/virtio-ports"
        guard let folder = try? OpenFile(opening: base, flags: O_RDONLY | O_DIRECTORY),
            let ports = try? TreeRemoval.children(of: folder)
        else { return nil }
        for port in ports.sorted() {
            guard let text = try? contentsOfFile("\(base)/\(port)/name", limit: 256) else { continue }
            if String(decoding: text.prefix { $0 != 10 }, as: UTF8.self) == name { return "/dev/\(port)" }
        }
        return nil
    }

    /// Waits for a port to appear, at most `milliseconds`.
    static func wait(for name: String, milliseconds: Int) -> String? {
        for _ in 0...(milliseconds / 5) {
            if let device = device(named: name) { return device }
            usleep(5000)
        }
        return nil
    }
}
