/// Finds the server name in the first bytes of a TLS connection, without taking part in the handshake.
///
/// Reads the ClientHello only (RFC 8446 section 4.1.2, RFC 6066 section 3): no cipher suite is looked at and nothing is
/// decrypted. The handshake message may be spread over several records and the bytes may come in any pieces.
/// Source of the limits: a ClientHello with two post-quantum key shares is about 2 KiB; 16 KiB leaves room for more.
public enum ClientHello {
    /// The most bytes (record headers included) that are looked at before the client is given up.
    public static let limit = 16 * 1024

    /// What the bytes so far say.
    public enum Outcome: Equatable, Sendable {
        /// Not all of the ClientHello has come yet.
        case needsMore
        /// The complete ClientHello names this server, in lower case.
        case serverName(String)
        /// The complete ClientHello names no server.
        case noServerName
        /// The bytes are not a ClientHello.
        case malformed(String)
    }

    /// Reads as far as `bytes` go.
    ///
    /// - Parameter bytes: All bytes of the connection so far.
    /// - Returns: The outcome; `needsMore` is never returned for more than ``limit`` bytes.
    public static func read(_ bytes: some Collection<UInt8>) -> Outcome {
        do throws(Stop) {
            return try self.serverName(inHandshake: self.handshake(in: Array(bytes.prefix(self.limit + 1))))
        } catch {
            switch error {
            case .needsMore where bytes.count >= self.limit: return .malformed("ClientHello over \(self.limit) bytes")
            case .needsMore: return .needsMore
            case .malformed(let reason): return .malformed(reason)
            }
        }
    }

    private enum Stop: Error {
        case needsMore
        case malformed(String)
    }

    /// Joins the fragments of the handshake records into the body of the ClientHello message.
    private static func handshake(in bytes: [UInt8]) throws(Stop) -> [UInt8] {
        var message: [UInt8] = []
        var wanted: Int?
        var place = 0
        while true {
            if let wanted, message.count >= wanted { return Array(message[4..<wanted]) }
            let header = bytes[place...].prefix(5)
            // Refuse what cannot become a handshake record as soon as its first byte shows it.
            if let type = header.first, type != 22 { throw .malformed("record type \(type) is not handshake") }
            if header.count > 1, header[place + 1] != 3 { throw .malformed("record version is not TLS") }
            guard header.count == 5 else { throw .needsMore }
            let length = Int(header[place + 3]) << 8 | Int(header[place + 4])
            guard length > 0, length <= 16384 else { throw .malformed("record length \(length)") }
            let fragment = bytes[(place + 5)...].prefix(length)
            message += fragment
            if let type = message.first, type != 1 { throw .malformed("handshake type \(type) is not client_hello") }
            if message.count >= 4 {
                let total = 4 + (Int(message[1]) << 16 | Int(message[2]) << 8 | Int(message[3]))
                guard total <= self.limit else { throw .malformed("ClientHello of \(total) bytes") }
                wanted = total
            }
            guard fragment.count == length else {
                if let wanted, message.count >= wanted { continue }
                throw .needsMore
            }
            place += 5 + length
        }
    }

    private static func serverName(inHandshake body: [UInt8]) throws(Stop) -> Outcome {
        var hello = Cursor(body[...])
        guard try hello.u8() == 3 else { throw .malformed("client version is not TLS") }
        try hello.skip(1 + 32)
        guard try hello.vector8().count <= 32 else { throw .malformed("session id over 32 bytes") }
        let suites = try hello.vector16()
        guard suites.count >= 2, suites.count % 2 == 0 else { throw .malformed("cipher suites") }
        guard try !hello.vector8().isEmpty else { throw .malformed("compression methods") }
        if hello.isEmpty { return .noServerName }
        var extensions = Cursor(try hello.vector16())
        guard hello.isEmpty else { throw .malformed("bytes after the extensions") }
        var seen: Set<UInt16> = []
        var name: String?
        while !extensions.isEmpty {
            let type = try extensions.u16()
            let content = try extensions.vector16()
            guard seen.insert(type).inserted else { throw .malformed("extension \(type) twice") }
            if type == 0 { name = try self.hostName(in: content) }
        }
        return name.map { .serverName($0) } ?? .noServerName
    }

    /// The one `host_name` entry of a server_name extension, checked to be a DNS name.
    private static func hostName(in content: ArraySlice<UInt8>) throws(Stop) -> String {
        var outer = Cursor(content)
        var list = Cursor(try outer.vector16())
        guard outer.isEmpty else { throw .malformed("bytes after the server names") }
        guard try list.u8() == 0 else { throw .malformed("server name of an unknown type") }
        let name = try list.vector16()
        guard list.isEmpty else { throw .malformed("more than one server name") }
        guard let text = HostName.normalized(name) else { throw .malformed("server name is not a DNS name") }
        return text
    }

    /// Walks a slice; every step is checked against its end.
    private struct Cursor {
        private var bytes: ArraySlice<UInt8>

        init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

        var isEmpty: Bool { self.bytes.isEmpty }

        mutating func take(_ count: Int) throws(Stop) -> ArraySlice<UInt8> {
            guard self.bytes.count >= count else { throw .malformed("ClientHello ends early") }
            defer { self.bytes = self.bytes.dropFirst(count) }
            return self.bytes.prefix(count)
        }

        mutating func skip(_ count: Int) throws(Stop) { _ = try self.take(count) }

        mutating func u8() throws(Stop) -> UInt8 {
            try self.take(1).reduce(0) { _, byte in byte }
        }

        mutating func u16() throws(Stop) -> UInt16 {
            try self.take(2).reduce(0) { $0 << 8 | UInt16($1) }
        }

        mutating func vector8() throws(Stop) -> ArraySlice<UInt8> { try self.take(Int(self.u8())) }

        mutating func vector16() throws(Stop) -> ArraySlice<UInt8> { try self.take(Int(self.u16())) }
    }
}
