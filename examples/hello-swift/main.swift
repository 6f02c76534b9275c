import Glibc

// The Knative hello world without a framework: one thread, poll(2), HTTP/1.1 with keep-alive. It answers every GET with
// `Hello TARGET!` and prints one line per request, so that there is a log to seal.

func environment(_ name: String, default fallback: String) -> String {
    guard let value = getenv(name) else { return fallback }
    return String(cString: value)
}

func fail(_ what: String) -> Never {
    perror(what)
    exit(1)
}

let target = environment("TARGET", default: "World")
let port = UInt16(environment("PORT", default: "8080")) ?? 8080
let body = Array("Hello \(target)!\n".utf8)
let answer =
    Array("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: \(body.count)\r\n\r\n".utf8) + body

signal(SIGPIPE, SIG_IGN)
signal(SIGTERM) { _ in _exit(0) }

let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
guard listener >= 0 else { fail("socket") }
var yes: Int32 = 1
setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
var address = sockaddr_in()
address.sin_family = sa_family_t(AF_INET)
address.sin_port = port.bigEndian
let bound = withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
}
guard bound == 0, listen(listener, 128) == 0 else { fail("bind") }

/// What a client sent so far of its next request.
var pending: [Int32: [UInt8]] = [:]
var buffer = [UInt8](repeating: 0, count: 16384)
let limit = 65536

/// The length of the request head at the front of `bytes`, with its blank line.
func headLength(_ bytes: [UInt8]) -> Int? {
    guard bytes.count >= 4 else { return nil }
    for index in 0...(bytes.count - 4)
    where bytes[index] == 13 && bytes[index + 1] == 10 && bytes[index + 2] == 13 && bytes[index + 3] == 10 {
        return index + 4
    }
    return nil
}

/// The body length that a request head announces.
func bodyLength(_ head: ArraySlice<UInt8>) -> Int {
    for line in String(decoding: head, as: UTF8.self).split(separator: "\r\n") {
        let parts = line.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "content-length" else { continue }
        return Int(parts[1].drop(while: { $0 == " " })) ?? 0
    }
    return 0
}

/// Answers the complete requests of one client; false when the connection has to be closed.
@MainActor
func serve(_ client: Int32) -> Bool {
    let count = read(client, &buffer, buffer.count)
    guard count > 0 else { return false }
    var bytes = pending[client] ?? []
    bytes += buffer[0..<count]
    while let head = headLength(bytes) {
        let whole = head + bodyLength(bytes[0..<head])
        guard whole <= limit else { return false }
        guard bytes.count >= whole else { break }
        let line = String(decoding: bytes.prefix(while: { $0 != 13 }), as: UTF8.self)
        print("request \(line)")
        fflush(nil)
        guard write(client, answer, answer.count) == answer.count else { return false }
        bytes.removeFirst(whole)
    }
    guard bytes.count <= limit else { return false }
    pending[client] = bytes
    return true
}

print("listening on \(port)")
fflush(nil)
while true {
    var sockets = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
    sockets += pending.keys.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    guard poll(&sockets, nfds_t(sockets.count), -1) > 0 else { continue }
    for entry in sockets where entry.revents != 0 {
        if entry.fd == listener {
            let client = accept(listener, nil, nil)
            if client >= 0 { pending[client] = [] }
        } else if !serve(entry.fd) {
            pending[entry.fd] = nil
            close(entry.fd)
        }
    }
}
