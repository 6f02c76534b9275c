import WireFormat

extension PodManifest {
    /// Reads a manifest and checks every field; unknown fields are refused.
    ///
    /// - Throws: `WireError` naming the field.
    public init(parsing value: JSONValue) throws(WireError) {
        var fields = try JSONFields(value, path: "manifest")
        guard try fields.string("apiVersion") == "testudo.dev/v1", try fields.string("kind") == "PodManifest" else {
            throw WireError(field: "manifest.kind", reason: "not a testudo.dev/v1 PodManifest")
        }
        self.name = try fields.string("name")
        self.namespace = try fields.string("namespace")
        self.runtimeClass = try fields.string("runtimeClass")
        self.guestVersion = try fields.string("guestVersion")
        self.debug = try fields.bool("debug", default: false)
        self.protections = try fields.strings("protections")
        self.containers = []
        for (position, entry) in try fields.array("containers").enumerated() {
            self.containers.append(try PodContainer(parsing: entry, path: "manifest.containers[\(position)]"))
        }
        var resources = try JSONFields(try fields.value("resources"), path: "manifest.resources")
        self.resources = PodResources(
            vcpus: Int(try resources.integer("vcpus")), memoryMiB: Int(try resources.integer("memoryMiB")))
        try resources.finish()
        var registry = try JSONFields(try fields.value("registry"), path: "manifest.registry")
        self.registry = PodRegistry(
            endpoint: try registry.string("endpoint"), certificate: try registry.string("certificate"))
        try registry.finish()
        self.imagePolicy = try fields.value("imagePolicy")
        self.lookaside = try fields.string("lookaside")
        var network = try JSONFields(try fields.value("network"), path: "manifest.network")
        self.network = PodNetwork(
            hostnames: try network.strings("hostnames"), plaintext: try network.bool("plaintext", default: false),
            egress: try network.strings("egress"))
        try network.finish()
        self.hostOperations = try fields.strings("hostOperations")
        var logs = try JSONFields(try fields.value("logs"), path: "manifest.logs")
        self.logRecipient = try logs.string("recipient")
        try logs.finish()
        var broker = try JSONFields(try fields.value("keyBroker"), path: "manifest.keyBroker")
        self.keyBroker = PodKeyBroker(url: try broker.string("url"), certificate: try broker.string("certificate"))
        try broker.finish()
        self.concurrency = Int(try fields.integer("concurrency"))
        self.timeoutSeconds = Int(try fields.integer("timeoutSeconds"))
        try fields.finish()
        try self.validate()
    }

    /// The manifest as JSON; `canonicalBytes` of it is what is bound.
    public var json: JSONValue {
        .object([
            "apiVersion": "testudo.dev/v1", "kind": "PodManifest", "name": .string(self.name),
            "namespace": .string(self.namespace), "runtimeClass": .string(self.runtimeClass),
            "guestVersion": .string(self.guestVersion), "debug": .bool(self.debug),
            "protections": .array(self.protections.map { .string($0) }),
            "containers": .array(self.containers.map(\.json)),
            "resources": .object([
                "vcpus": .integer(Int64(self.resources.vcpus)), "memoryMiB": .integer(Int64(self.resources.memoryMiB)),
            ]),
            "registry": .object([
                "endpoint": .string(self.registry.endpoint), "certificate": .string(self.registry.certificate),
            ]),
            "imagePolicy": self.imagePolicy, "lookaside": .string(self.lookaside),
            "network": .object([
                "hostnames": .array(self.network.hostnames.map { .string($0) }),
                "plaintext": .bool(self.network.plaintext),
                "egress": .array(self.network.egress.map { .string($0) }),
            ]),
            "hostOperations": .array(self.hostOperations.map { .string($0) }),
            "logs": .object(["recipient": .string(self.logRecipient)]),
            "keyBroker": .object([
                "url": .string(self.keyBroker.url), "certificate": .string(self.keyBroker.certificate),
            ]),
            "concurrency": .integer(Int64(self.concurrency)),
            "timeoutSeconds": .integer(Int64(self.timeoutSeconds)),
        ])
    }
}

extension PodContainer {
    init(parsing value: JSONValue, path: String) throws(WireError) {
        var fields = try JSONFields(value, path: path)
        self.name = try fields.string("name")
        self.image = try fields.string("image")
        self.imageKey = try fields.optionalString("imageKey")
        self.command = try fields.strings("command")
        self.arguments = try fields.strings("args")
        self.environment = []
        for (position, entry) in try fields.array("env").enumerated() {
            self.environment.append(try Variable(parsing: entry, path: "\(path).env[\(position)]"))
        }
        self.workingDirectory = try fields.string("workingDir")
        self.port = Int(try fields.integer("port"))
        self.user = try fields.string("user")
        try fields.finish()
    }

    var json: JSONValue {
        var object: [String: JSONValue] = [
            "name": .string(self.name), "image": .string(self.image),
            "command": .array(self.command.map { .string($0) }), "args": .array(self.arguments.map { .string($0) }),
            "env": .array(self.environment.map(\.json)), "workingDir": .string(self.workingDirectory),
            "port": .integer(Int64(self.port)), "user": .string(self.user),
        ]
        if let imageKey = self.imageKey { object["imageKey"] = .string(imageKey) }
        return .object(object)
    }
}

extension PodContainer.Variable {
    init(parsing value: JSONValue, path: String) throws(WireError) {
        var fields = try JSONFields(value, path: path)
        self.name = try fields.string("name")
        let literal = try fields.optionalString("value")
        let secret = try fields.optionalString("secret")
        switch (literal, secret) {
        case (let text?, nil): self.source = .value(text)
        case (nil, let path?): self.source = .secret(path)
        default: throw WireError(field: path, reason: "needs either value or secret")
        }
        try fields.finish()
    }

    var json: JSONValue {
        switch self.source {
        case .value(let text): .object(["name": .string(self.name), "value": .string(text)])
        case .secret(let path): .object(["name": .string(self.name), "secret": .string(path)])
        }
    }
}
