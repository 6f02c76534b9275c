import WireFormat

/// A listener of administrators' own: the members `adminListen` and `adminClientCA` of the configuration.
///
/// Where there is one, administrators' calls are answered there only, to clients with a certificate of this authority, over
/// TLS 1.3; their token is needed all the same.
public struct AdminListener: Sendable, Equatable {
    /// The address to listen on.
    public var host: String
    /// The port; 0 lets the system choose.
    public var port: Int
    /// The certificates of the authority (PEM), read again when they change.
    public var clientAuthority: String

    /// Takes the members out of the configuration; nil when there are none.
    init?(_ configuration: inout JSONFields, _ absolute: (String) -> String) throws(WireError) {
        let address = try configuration.optionalString("adminListen")
        let authority = try configuration.optionalString("adminClientCA")
        switch (address, authority) {
        case (nil, nil): return nil
        case (let address?, let authority?):
            (host, port) = try BrokerConfiguration.address(address, field: "adminListen")
            clientAuthority = absolute(authority)
        default: throw WireError(field: "adminListen", reason: "and adminClientCA must both be there, or neither")
        }
    }
}

extension KeyBroker {
    /// What a caller is told who came to the wrong listener.
    static let otherListener = BrokerError(.notFound, check: "listener", "administrators call the ADMIN listener")
}
