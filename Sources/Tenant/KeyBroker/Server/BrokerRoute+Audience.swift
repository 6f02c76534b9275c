extension BrokerRoute {
    /// Whether the call is for administrators: what is added to the list is, unless it is named here.
    var isForAdministrators: Bool {
        switch self {
        case .health, .readiness, .metrics, .tokenKeys, .standing, .authority, .openSession, .attest, .resource,
            .certificate, .useKey, .issuingAuthority, .revocationList:
            false
        default: true
        }
    }
}
