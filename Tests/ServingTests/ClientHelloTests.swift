import Testing

@testable import Serving

/// Real ClientHellos, with what they name.
enum SampleHello {
    /// A hello as OpenSSL sends it, built field by field so that each field can be changed.
    static func bytes(
        name: String? = "hello.default.localhost", nameType: UInt8 = 0, sessionID: Int = 32, grease: Bool = true,
        extra: [(UInt16, [UInt8])] = [], padding: Int = 0, recordSize: Int = 16384
    ) -> [UInt8] {
        func u16(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 0xff), UInt8(value & 0xff)] }
        var extensions: [(UInt16, [UInt8])] = grease ? [(0x1a1a, [])] : []
        if let name {
            let entry = [nameType] + u16(name.utf8.count) + Array(name.utf8)
            extensions.append((0, u16(entry.count) + entry))
        }
        extensions +=
            [(23, []), (16, [0, 12, 2, 0x68, 0x32, 8] + Array("http/1.1".utf8)), (43, [4, 3, 4, 3, 3])] + extra
        if padding > 0 { extensions.append((21, [UInt8](repeating: 0, count: padding))) }
        if grease { extensions.append((0x2a2a, [0])) }
        let block = extensions.flatMap { type, content in u16(Int(type)) + u16(content.count) + content }
        var body: [UInt8] = [3, 3] + [UInt8](repeating: 0xa5, count: 32)
        body += [UInt8(sessionID)] + [UInt8](repeating: 0x5a, count: sessionID)
        body += [0, 6, 0x0a, 0x0a, 0x13, 0x01, 0xc0, 0x2b] + [1, 0]
        body += u16(block.count) + block
        let message: [UInt8] = [1, UInt8(body.count >> 16)] + u16(body.count & 0xffff) + body
        var records: [UInt8] = []
        var rest = message[...]
        while !rest.isEmpty {
            let fragment = rest.prefix(recordSize)
            records += [22, 3, 1] + u16(fragment.count) + fragment
            rest = rest.dropFirst(recordSize)
        }
        return records
    }

    /// What OpenSSL 3.0.19 sends for `a.example`, captured.
    static let openSSL: [UInt8] = [
        0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, 0xb6, 0x6b, 0xc4, 0x74, 0xa4, 0x71, 0x4b,
        0xbe, 0xf1, 0xf4, 0xcc, 0x71, 0xcb, 0x5a, 0x0e, 0x1c, 0xb9, 0x96, 0x62, 0xa6, 0x5b, 0xa2, 0xd6, 0xa6, 0x42,
        0x5d, 0xba, 0xf3, 0x08, 0x5b, 0x67, 0x80, 0x20, 0x85, 0x60, 0xff, 0x6d, 0x4f, 0x61, 0xbf, 0x6e, 0x05, 0x04,
        0xc6, 0xf8, 0x5b, 0x40, 0x1a, 0x0b, 0x4b, 0x32, 0xd8, 0xba, 0x5e, 0x26, 0xfb, 0xc8, 0x75, 0x27, 0x0a, 0xee,
        0x8b, 0xd5, 0xe8, 0xf5, 0x00, 0x24, 0x13, 0x02, 0x13, 0x03, 0x13, 0x01, 0xc0, 0x2c, 0xc0, 0x30, 0xc0, 0x2b,
        0xc0, 0x2f, 0xcc, 0xa9, 0xcc, 0xa8, 0xc0, 0x24, 0xc0, 0x28, 0xc0, 0x23, 0xc0, 0x27, 0x00, 0x9f, 0x00, 0x9e,
        0x00, 0x6b, 0x00, 0x67, 0x00, 0xff, 0x01, 0x00, 0x01, 0x8f, 0x00, 0x00, 0x00, 0x0e, 0x00, 0x0c, 0x00, 0x00,
        0x09, 0x61, 0x2e, 0x65, 0x78, 0x61, 0x6d, 0x70, 0x6c, 0x65, 0x00, 0x0b, 0x00, 0x04, 0x03, 0x00, 0x01, 0x02,
        0x00, 0x0a, 0x00, 0x16, 0x00, 0x14, 0x00, 0x1d, 0x00, 0x17, 0x00, 0x1e, 0x00, 0x19, 0x00, 0x18, 0x01, 0x00,
        0x01, 0x01, 0x01, 0x02, 0x01, 0x03, 0x01, 0x04, 0x00, 0x23, 0x00, 0x00, 0x00, 0x16, 0x00, 0x00, 0x00, 0x17,
        0x00, 0x00, 0x00, 0x0d, 0x00, 0x2a, 0x00, 0x28, 0x04, 0x03, 0x05, 0x03, 0x06, 0x03, 0x08, 0x07, 0x08, 0x08,
        0x08, 0x09, 0x08, 0x0a, 0x08, 0x0b, 0x08, 0x04, 0x08, 0x05, 0x08, 0x06, 0x04, 0x01, 0x05, 0x01, 0x06, 0x01,
        0x03, 0x03, 0x03, 0x01, 0x03, 0x02, 0x04, 0x02, 0x05, 0x02, 0x06, 0x02, 0x00, 0x2b, 0x00, 0x05, 0x04, 0x03,
        0x04, 0x03, 0x03, 0x00, 0x2d, 0x00, 0x02, 0x01, 0x01, 0x00, 0x33, 0x00, 0x26, 0x00, 0x24, 0x00, 0x1d, 0x00,
        0x20, 0xf0, 0xf2, 0x86, 0xaf, 0x44, 0xc6, 0x38, 0x27, 0x14, 0x28, 0x9e, 0x8a, 0x15, 0x2a, 0x0d, 0xc4, 0x87,
        0xaa, 0x38, 0x78, 0x4c, 0xf2, 0x37, 0xe3, 0xfd, 0xe8, 0x36, 0x3c, 0xc3, 0xc2, 0x34, 0x53, 0x00, 0x15, 0x00,
        0xe4, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    ]
}

@Suite struct ClientHelloTests {
    @Test func `the name is found, in lower case and without a final dot`() {
        #expect(ClientHello.read(SampleHello.bytes()) == .serverName("hello.default.localhost"))
        #expect(
            ClientHello.read(SampleHello.bytes(name: "HELLO.Default.localhost."))
                == .serverName("hello.default.localhost"))
        #expect(
            ClientHello.read(SampleHello.bytes(sessionID: 0, grease: false)) == .serverName("hello.default.localhost"))
        #expect(ClientHello.read(SampleHello.bytes(name: nil)) == .noServerName)
        #expect(ClientHello.read(SampleHello.openSSL) == .serverName("a.example"))
    }

    @Test(arguments: [1, 2, 3, 4, 5, 7, 60, 199]) func `a hello in many records is joined`(size: Int) {
        #expect(ClientHello.read(SampleHello.bytes(recordSize: size)) == .serverName("hello.default.localhost"))
        let bytes = SampleHello.bytes(recordSize: size)
        for end in 0..<bytes.count { #expect(ClientHello.read(bytes[..<end]) == .needsMore, "prefix of \(end)") }
    }

    @Test func `every prefix needs more and what follows the hello is ignored`() {
        let bytes = SampleHello.bytes()
        for end in 0..<bytes.count { #expect(ClientHello.read(bytes[..<end]) == .needsMore, "prefix of \(end)") }
        #expect(ClientHello.read(bytes + [23, 3, 3, 0, 1, 0]) == .serverName("hello.default.localhost"))
    }

    @Test(arguments: [
        Array("GET / HTTP/1.1\r\n".utf8), [0x80, 0x2e, 1, 3, 1], [22, 2, 0, 0, 5], [22, 3, 1, 0, 0],
        [22, 3, 1, 0x40, 1],
        [21, 3, 3, 0, 2, 2, 40], [22, 3, 1, 0, 4, 2, 0, 0, 0], [22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff],
        [22, 3, 3, 0, 4, 1, 0, 0, 0],
    ])
    func `garbage is refused as soon as it shows`(bytes: [UInt8]) {
        guard case .malformed = ClientHello.read(bytes) else {
            Issue.record("\(bytes) gave \(ClientHello.read(bytes))")
            return
        }
    }

    @Test func `wrong names are refused`() {
        let names = [
            "", ".", "a..b", "-a.b", "a-.b", "a b", "a/b", "a\u{0}b", String(repeating: "a", count: 64), "ä.example",
            "*",
        ]
        for name in names {
            guard case .malformed = ClientHello.read(SampleHello.bytes(name: name)) else {
                Issue.record("\(name) was accepted")
                continue
            }
        }
        for wrong in [
            SampleHello.bytes(nameType: 1), SampleHello.bytes(sessionID: 33), SampleHello.bytes(extra: [(0, [])]),
            SampleHello.bytes(extra: [(23, [])]), SampleHello.bytes(padding: 17000),
        ] {
            guard case .malformed = ClientHello.read(wrong) else {
                Issue.record("accepted: \(wrong.prefix(80))")
                continue
            }
        }
    }

    @Test func `no changed byte is read past its field`() {
        let bytes = SampleHello.bytes(name: "a.example", grease: false)
        var outcomes: Set<String> = []
        for place in bytes.indices {
            for value in [0, 1, 0x7f, 0x80, 0xff, bytes[place] &+ 1, bytes[place] &- 1] as [UInt8] {
                var changed = bytes
                changed[place] = value
                switch ClientHello.read(changed) {
                case .serverName(let name):
                    outcomes.insert("name")
                    #expect(name.utf8.count <= 253)
                case .malformed: outcomes.insert("malformed")
                case .needsMore: outcomes.insert("more")
                case .noServerName: outcomes.insert("none")
                }
            }
        }
        #expect(outcomes == ["name", "malformed", "more", "none"])
    }

    @Test func `random bytes never bring it down`() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            var bytes = SampleHello.bytes(recordSize: Int.random(in: 1...300, using: &random))
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let cut = Int.random(in: 0...bytes.count, using: &random)
            if case .serverName(let name) = ClientHello.read(bytes[..<cut]) {
                #expect(HostName.normalized(name.utf8) == name)
            }
        }
    }
}

@Suite struct RequestHeadTests {
    private func read(_ text: String) -> RequestHead.Outcome { RequestHead.read(Array(text.utf8)) }

    @Test func `the host is found without its port`() {
        #expect(
            self.read("GET / HTTP/1.1\r\nHost: Hello.Default.localhost:8080\r\nA: b\r\n\r\nbody")
                == .host("hello.default.localhost"))
        #expect(self.read("POST /x HTTP/1.0\r\nhOST:\t a.b \r\n\r\n") == .host("a.b"))
        let whole = "GET / HTTP/1.1\r\nHost: a.b\r\n\r\n"
        for end in 0..<whole.utf8.count {
            #expect(RequestHead.read(Array(whole.utf8.prefix(end))) == .needsMore, "prefix of \(end)")
        }
    }

    @Test(arguments: [
        "GET /\r\n\r\n", "GET / HTTP/2.0\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\r\n", "GET / HTTP/1.1\n",
        "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "GET / HTTP/1.1\r\nHost\r\n\r\n", "GET / HTTP/1.1\r\nHost:\r\n\r\n",
    ])
    func `what cannot be routed is refused`(text: String) {
        guard case .malformed = self.read(text) else {
            Issue.record("accepted")
            return
        }
    }

    @Test func `an endless head is refused`() {
        let text = "GET / HTTP/1.1\r\nA: " + String(repeating: "x", count: RequestHead.limit)
        guard case .malformed = self.read(text) else {
            Issue.record("accepted")
            return
        }
    }
}
