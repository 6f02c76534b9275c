import Hypervisor
import WireFormat

/// What `testudod serve --config` reads; unknown fields are refused.
public struct NodeConfiguration: Equatable, Sendable {
    /// A place to listen at.
    public struct Listen: Equatable, Sendable {
        /// The address.
        public let host: String
        /// The port; 0 picks one.
        public let port: Int

        /// Reads `address:port`.
        public init(_ text: String, field: String) throws(WireError) {
            guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]),
                colon != text.startIndex
            else { throw WireError(field: field, reason: "\"\(text)\" is not address:port") }
            self.host = text[..<colon].filter { $0 != "[" && $0 != "]" }
            self.port = Int(port)
        }
    }

    /// The Kubernetes-shaped API.
    public let apiListen: Listen
    /// The TLS gateway.
    public let tlsListen: Listen
    /// The plain HTTP gateway.
    public let httpListen: Listen
    /// The folder of everything the node keeps.
    public let stateDirectory: String
    /// The API's token; made when missing.
    public let tokenFile: String
    /// What the node has to know of the tenant to render manifests.
    public let profileFile: String
    /// The folder with `kernel` and `initrd`.
    public let guestImage: String
    /// The agent for `testudo-runc`.
    public let agent: String
    /// The simulated security processor.
    public let softTEE: String
    /// Its keys.
    public let softTEEKeys: String
    /// How long an instance without connections stays, where the Service says nothing.
    public let idleSeconds: Int
    /// The most instances at once.
    public let maximumInstances: Int
    /// The most guest memory at once; 0 is no limit.
    public let memoryMiB: Int
    /// Who machines run as when the node is root.
    public let account: Account?

    /// Reads the configuration.
    ///
    /// - Throws: `WireError` naming the field.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        var fields = try JSONFields(try JSONValue.parse(bytes), path: "node.json")
        self.apiListen = try Listen(try fields.string("apiListen"), field: fields.path("apiListen"))
        self.tlsListen = try Listen(try fields.string("tlsListen"), field: fields.path("tlsListen"))
        self.httpListen = try Listen(try fields.string("httpListen"), field: fields.path("httpListen"))
        self.stateDirectory = try Self.path("stateDir", &fields)
        self.tokenFile = try Self.path("tokenFile", &fields)
        self.profileFile = try Self.path("profileFile", &fields)
        self.guestImage = try Self.path("guestImage", &fields)
        self.agent = try Self.path("agent", &fields)
        self.softTEE = try Self.path("softtee", &fields)
        self.softTEEKeys = try Self.path("softteeKeys", &fields)
        self.idleSeconds = try Self.number("idleSeconds", &fields, in: 0...3600, default: 60)
        self.maximumInstances = try Self.number("maxInstances", &fields, in: 1...1000, default: 8)
        self.memoryMiB = try Self.number("memoryMiB", &fields, in: 0...(1 << 24), default: 0)
        if let value = fields.optionalValue("account") {
            var account = try JSONFields(value, path: fields.path("account"))
            let user = try account.integer("user", in: 1...Int(Int32.max))
            let group = try account.integer("group", in: 1...Int(Int32.max))
            try account.finish()
            self.account = Account(user: UInt32(user), group: UInt32(group))
        } else {
            self.account = nil
        }
        try fields.finish()
    }

    private static func path(_ name: String, _ fields: inout JSONFields) throws(WireError) -> String {
        let path = try fields.string(name)
        guard path.hasPrefix("/"), !path.utf8.contains(0) else {
            throw fields.refusal(name, "must be an absolute path")
        }
        return path
    }

    private static func number(
        _ name: String, _ fields: inout JSONFields, in range: ClosedRange<Int>, default standard: Int
    ) throws(WireError) -> Int {
        guard let number = try fields.optionalInteger(name) else { return standard }
        guard let exact = Int(exactly: number), range.contains(exact) else {
            throw fields.refusal(name, "must be between \(range.lowerBound) and \(range.upperBound)")
        }
        return exact
    }
}
