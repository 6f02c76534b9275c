import Testing
import WireFormat

@testable import ImageFormat

@Suite("Image references")
struct ImageReferenceTests {
    static let digest = "sha256:" + String(repeating: "ab", count: 32)

    @Test(arguments: [
        ("busybox", "docker.io/library/busybox", "latest"),
        ("team/app:1.2", "docker.io/team/app", "1.2"),
        ("index.docker.io/team/app", "docker.io/team/app", "latest"),
        ("localhost/app", "localhost/app", "latest"),
        ("127.0.0.1:5000/hello:v1", "127.0.0.1:5000/hello", "v1"),
        ("[::1]:5000/a/b-c__d.e", "[::1]:5000/a/b-c__d.e", "latest"),
        ("registry.example:443/a:t@\(digest)", "registry.example:443/a", digest),
        ("a@\(digest)", "docker.io/library/a", digest),
    ])
    func `a reference is taken apart`(text: String, name: String, selector: String) throws {
        let reference = try ImageReference(text)
        #expect(reference.name == name)
        #expect(reference.selector == selector)
        #expect(try ImageReference(reference.description) == reference)
    }

    @Test(arguments: [
        "", ":tag", "a:", "a@", "a@sha256:12", "a@sha512:\(String(repeating: "0", count: 128))", "UPPER/case/x y",
        "a//b",
        "a/../b", "a/.b", "a/b-", "a:-tag", "a:b:c", "host:99999/a", "host:0/a", "-host.x/a", "host..x/a", "[::1/a",
        "a\u{301}",
        "a:" + String(repeating: "t", count: 129), String(repeating: "a/", count: 300) + "a", "docker://a", "a b",
        "a\n",
    ])
    func `what is not a reference is refused`(text: String) {
        #expect(throws: WireError.self) { try ImageReference(text) }
    }
}
