import WireFormat

/// What a tenant's manifests have in common. All of it is public; the node gets a copy to render manifests with.
public struct TenantProfile: Equatable, Sendable {
    /// The guest version to ask for.
    public var guestVersion: String
    /// What Services' host names end in.
    public var domain: String
    /// Where images come from.
    public var registry: PodRegistry
    /// Which signatures images need, in the shape of containers-policy.json.
    public var imagePolicy: JSONValue
    /// The base URL of a store of simple signatures; empty for none.
    public var lookaside: String
    /// The tenant's public key for logs, P-256 in X9.63 form as base64url.
    public var logRecipient: String
    /// The tenant's key broker.
    public var keyBroker: PodKeyBroker

    /// Reads a profile; unknown fields are refused.
    public init(parsing value: JSONValue) throws(WireError) {
        var fields = try JSONFields(value, path: "profile")
        self.guestVersion = try fields.string("guestVersion")
        self.domain = try fields.string("domain")
        var registry = try fields.fields("registry")
        self.registry = PodRegistry(
            endpoint: try registry.string("endpoint"), certificate: try registry.optionalString("certificate") ?? "")
        try registry.finish()
        self.imagePolicy = try fields.value("imagePolicy")
        self.lookaside = try fields.optionalString("lookaside") ?? ""
        var logs = try fields.fields("logs")
        self.logRecipient = try logs.string("recipient")
        try logs.finish()
        var broker = try fields.fields("keyBroker")
        self.keyBroker = PodKeyBroker(url: try broker.string("url"), certificate: try broker.string("certificate"))
        try broker.finish()
        try fields.finish()
        try Check.hostname(self.domain, "profile.domain")
    }

    /// The profile as JSON.
    public var json: JSONValue {
        [
            "guestVersion": .string(self.guestVersion), "domain": .string(self.domain),
            "registry": [
                "endpoint": .string(self.registry.endpoint), "certificate": .string(self.registry.certificate),
            ],
            "imagePolicy": self.imagePolicy, "lookaside": .string(self.lookaside),
            "logs": ["recipient": .string(self.logRecipient)],
            "keyBroker": ["url": .string(self.keyBroker.url), "certificate": .string(self.keyBroker.certificate)],
        ]
    }
}
