/// Finds the host in the first request of a plain HTTP/1 connection.
///
/// Only what routing needs is read: the end of the head, the Host field and the method. The bytes go on unchanged.
public enum RequestHead {
    /// The most bytes a request head may have.
    public static let limit = 16 * 1024

    /// What the bytes so far say.
    public enum Outcome: Equatable, Sendable {
        /// The head is not complete yet.
        case needsMore
        /// The complete head asks for this host, in lower case and without its port.
        case host(String)
        /// The bytes are not an HTTP/1 request with one host.
        case malformed(String)
    }

    /// Reads as far as `bytes` go.
    ///
    /// - Parameter bytes: All bytes of the connection so far.
    /// - Returns: The outcome; `needsMore` is never returned for ``limit`` bytes or more.
    public static func read(_ bytes: some Collection<UInt8>) -> Outcome {
        let head = Array(bytes.prefix(self.limit))
        var lines: [ArraySlice<UInt8>] = []
        var start = 0
        while let end = head[start...].firstIndex(of: 0x0a) {
            guard end > start, head[end - 1] == 0x0d else { return .malformed("line without CR LF") }
            let line = head[start..<(end - 1)]
            if line.isEmpty { return lines.isEmpty ? .malformed("empty request line") : self.host(in: lines) }
            if lines.isEmpty, !self.isRequestLine(line) { return .malformed("not an HTTP/1 request line") }
            lines.append(line)
            start = end + 1
        }
        return head.count >= self.limit ? .malformed("request head over \(self.limit) bytes") : .needsMore
    }

    private static func isRequestLine(_ line: ArraySlice<UInt8>) -> Bool {
        let words = line.split(separator: 0x20, omittingEmptySubsequences: false)
        return words.count == 3 && !words[0].isEmpty && !words[1].isEmpty
            && (words[2].elementsEqual("HTTP/1.1".utf8) || words[2].elementsEqual("HTTP/1.0".utf8))
    }

    private static func host(in lines: [ArraySlice<UInt8>]) -> Outcome {
        var found: String?
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return .malformed("field without a colon") }
            guard line[..<colon].map({ $0 | 0x20 }).elementsEqual("host".utf8) else { continue }
            guard found == nil else { return .malformed("two Host fields") }
            var value = line[(colon + 1)...]
            while let first = value.first, first == 0x20 || first == 0x09 { value.removeFirst() }
            while let last = value.last, last == 0x20 || last == 0x09 { value.removeLast() }
            if let port = value.lastIndex(of: UInt8(ascii: ":")) {
                guard value[(port + 1)...].allSatisfy({ (0x30...0x39).contains($0) }) else { return .malformed("Host") }
                value = value[..<port]
            }
            guard let name = HostName.normalized(value) else { return .malformed("Host is not a DNS name") }
            found = name
        }
        return found.map { .host($0) } ?? .malformed("no Host field")
    }
}
