import Envelope
import EtcdStorage
import WireFormat

/// The member `etcd` of the configuration: the cluster that holds the store in place of a SQLite file.
public struct EtcdSettings: Sendable, Equatable {
    /// The members as `https://host:port`.
    public var endpoints: [String]
    /// The file of the authorities that may sign members' certificates.
    public var authorities: String?
    /// The file of the broker's certificate.
    public var certificate: String?
    /// The file of its key, 0600.
    public var key: String?
    /// The user, where etcd asks for one.
    public var user: String?
    /// The file of the user's password, 0600.
    public var passwordFile: String?
    /// What all keys in etcd start with.
    public var prefix: String

    /// Reads the member.
    init(_ fields: inout JSONFields, _ absolute: (String) -> String) throws(WireError) {
        endpoints = try fields.strings("endpoints")
        authorities = try fields.optionalString("ca").map(absolute)
        certificate = try fields.optionalString("certificate").map(absolute)
        key = try fields.optionalString("key").map(absolute)
        user = try fields.optionalString("user")
        passwordFile = try fields.optionalString("passwordFile").map(absolute)
        prefix = try fields.optionalString("prefix") ?? "testudo"
        guard !endpoints.isEmpty else { throw fields.refusal("endpoints", "must name at least one member") }
        guard (certificate == nil) == (key == nil) else {
            throw fields.refusal("key", "certificate and key come together")
        }
        guard (user == nil) == (passwordFile == nil) else {
            throw fields.refusal("passwordFile", "user and passwordFile come together")
        }
        try fields.finish()
    }

    /// The backend's form, with what the files hold now.
    func configuration() throws(BrokerError) -> EtcdConfiguration {
        var password: SecretBytes?
        if let passwordFile {
            let bytes = try PrivateFile.read(passwordFile, what: "etcd password")
            password = SecretBytes(Array(bytes.reversed().drop { $0 == 10 || $0 == 13 || $0 == 32 }.reversed()))
        }
        return EtcdConfiguration(
            endpoints: endpoints, authorities: authorities, certificate: certificate, key: key, user: user,
            password: password, prefix: prefix)
    }
}
