import WireFormat

/// The container of a Knative Service.
public struct KnativeContainer: Equatable, Sendable {
    /// Its name; `user-container` when absent.
    public let name: String
    /// The image as written, with tag or digest.
    public let image: String
    /// Replaces the image's entry point when not empty.
    public let command: [String]
    /// Replaces the image's arguments when not empty.
    public let arguments: [String]
    /// The environment.
    public let environment: [Variable]
    /// Replaces the image's working directory when not empty.
    public let workingDirectory: String
    /// The port; 8080 when absent.
    public let port: Int
    /// `uid` or `uid:gid` from the security context, or empty.
    public let user: String
    /// Processors, rounded up from `limits.cpu`; 1 when absent.
    public let vcpus: Int
    /// MiB, rounded up from `limits.memory`; 512 when absent.
    public let memoryMiB: Int

    /// One variable.
    public struct Variable: Equatable, Sendable {
        /// Where its value comes from.
        public enum Source: Equatable, Sendable {
            /// The value itself.
            case value(String)
            /// The entry `key` of the Secret `name`.
            case secret(name: String, key: String)
        }

        /// The name.
        public let name: String
        /// Where the value comes from.
        public let source: Source
    }

    init(parsing value: JSONValue, path: String) throws(WireError) {
        var fields = try JSONFields(value, path: path)
        self.name = try fields.optionalString("name") ?? "user-container"
        guard self.name != "queue-proxy" else { throw fields.refusal("name", "is reserved") }
        try Check.label(self.name, fields.path("name"))
        self.image = try fields.string("image")
        self.command = try fields.optionalStrings("command")
        self.arguments = try fields.optionalStrings("args")
        self.workingDirectory = try fields.optionalString("workingDir") ?? ""
        var environment: [Variable] = []
        for (position, entry) in try fields.optionalArray("env").enumerated() {
            environment.append(try Variable(parsing: entry, path: "\(path).env[\(position)]"))
        }
        self.environment = environment
        self.port = try Self.port(try fields.optionalArray("ports"), fields.path("ports"))
        (self.vcpus, self.memoryMiB) = try Self.size(try fields.optionalFields("resources"))
        self.user = try KnativeLimits.user(try fields.optionalFields("securityContext"))
        try KnativeLimits.checkReadiness(try fields.optionalFields("readinessProbe"), port: self.port)
        // The digest is pinned, so that every policy comes to the same.
        if let policy = try fields.optionalString("imagePullPolicy") {
            try Check.oneOf(policy, ["Always", "IfNotPresent", "Never"], fields.path("imagePullPolicy"))
        }
        try KnativeLimits.checkContainer(&fields)
    }

    private static func port(_ ports: [JSONValue], _ path: String) throws(WireError) -> Int {
        guard ports.count <= 1 else { throw WireError(field: path, reason: "must have at most one entry") }
        guard let entry = ports.first else { return 8080 }
        var fields = try JSONFields(entry, path: "\(path)[0]")
        let number = try fields.optionalInteger("containerPort").map { Int($0) } ?? 8080
        let name = try fields.optionalString("name") ?? ""
        guard ["", "http1"].contains(name) else {
            throw fields.refusal("name", name == "h2c" ? "h2c is not supported yet" : "must be http1 or absent")
        }
        guard try fields.optionalString("protocol") ?? "TCP" == "TCP" else {
            throw fields.refusal("protocol", "must be TCP")
        }
        try Check.range(number, 1...65535, fields.path("containerPort"))
        guard ![8008, 8012, 8013, 8022, 9090, 9091].contains(number) else {
            throw fields.refusal("containerPort", "\(number) is reserved")
        }
        for key in ["hostPort", "hostIP"] where fields.optionalValue(key) != nil {
            throw fields.refusal(key, "is never allowed in a Knative Service")
        }
        try fields.finish()
        return number
    }

    private static func size(_ resources: JSONFields?) throws(WireError) -> (vcpus: Int, memoryMiB: Int) {
        guard var resources else { return (1, 512) }
        var size = (vcpus: 1, memoryMiB: 512)
        for kind in ["limits", "requests"] {
            guard var list = try resources.optionalFields(kind) else { continue }
            let cpu = try list.optionalValue("cpu").map { value throws(WireError) in
                try Quantity.thousandths(value, list.path("cpu"))
            }
            let memory = try list.optionalValue("memory").map { value throws(WireError) in
                try Quantity.thousandths(value, list.path("memory"))
            }
            // Requests say what a scheduler should set aside; the machine is as large as the limits.
            if kind == "limits" {
                if let cpu { size.vcpus = max(1, (cpu + 999) / 1000) }
                if let memory { size.memoryMiB = (memory / 1000 + (1 << 20) - 1) >> 20 }
                try Check.range(size.vcpus, 1...16, list.path("cpu"))
                try Check.range(size.memoryMiB, 64...1_048_576, list.path("memory"))
            }
            for key in list.remainingKeys { throw list.refusal(key, "is not supported") }
        }
        try resources.finish()
        return size
    }
}

extension KnativeContainer.Variable {
    init(parsing value: JSONValue, path: String) throws(WireError) {
        var fields = try JSONFields(value, path: path)
        self.name = try fields.string("name")
        try Check.variableName(self.name, fields.path("name"))
        guard !NodeChoices.reservedNames.contains(self.name) else {
            throw fields.refusal("name", "\(self.name) is set by the platform")
        }
        let literal = try fields.optionalString("value")
        guard var from = try fields.optionalFields("valueFrom") else {
            self.source = .value(literal ?? "")
            try fields.finish()
            return
        }
        guard literal ?? "" == "" else { throw fields.refusal("valueFrom", "must not stand beside value") }
        try fields.finish()
        guard var reference = try from.optionalFields("secretKeyRef") else {
            throw WireError(field: from.path, reason: "only secretKeyRef is supported yet")
        }
        try from.finish()
        let name = try reference.string("name")
        let key = try reference.string("key")
        guard try reference.bool("optional", default: false) == false else {
            throw reference.refusal("optional", "is not supported: a missing secret stops the pod")
        }
        try reference.finish()
        self.source = .secret(name: name, key: key)
    }
}
