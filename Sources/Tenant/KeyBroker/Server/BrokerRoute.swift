/// Every call that the broker answers: method and path, where `{name}` is one segment and `{name...}` the rest.
///
/// This list is the router's table. `docs/api/keybroker.openapi.json` describes the same calls; a test compares the two.
enum BrokerRoute: String, CaseIterable, Sendable {
    // Anybody's.
    case health = "GET /healthz"
    case readiness = "GET /readyz"
    case metrics = "GET /metrics"
    case tokenKeys = "GET /.well-known/jwks.json"
    case standing = "GET /kbs/v0/testudo/registration/{digest}"
    case authority = "GET /kbs/v0/testudo/ca/{root}"
    case issuingAuthority = "GET /kbs/v0/testudo/authority/{namespace}/{line}"
    case revocationList = "GET /kbs/v0/testudo/crl/{namespace}/{line}/{version}"
    case openSession = "POST /kbs/v0/auth"
    case attest = "POST /kbs/v0/attest"

    // Attested guests'.
    case resource = "GET /kbs/v0/resource/{repository}/{type}/{tag}"
    case certificate = "POST /kbs/v0/testudo/certificate"
    case useKey = "POST /kbs/v0/kms/{namespace}/{key}/{operation}"

    // Administrators'.
    case listResources = "GET /kbs/v0/resource"
    case putResource = "POST /kbs/v0/resource/{repository}/{type}/{tag}"
    case deleteResource = "DELETE /kbs/v0/resource/{repository}/{type}/{tag}"
    case resourceVersions = "GET /kbs/v0/testudo/resources/{repository}/{type}/{tag}"
    case makeKey = "POST /kbs/v0/testudo/keys/{repository}/{type}/{tag}"
    case rotateTokenKey = "POST /kbs/v0/testudo/token-key"
    case rotateCookieKey = "POST /kbs/v0/testudo/cookie-key"
    case listReferenceValues = "GET /kbs/v0/reference-value"
    case takeReferenceValues = "POST /kbs/v0/reference-value"
    case referenceValue = "GET /kbs/v0/reference-value/{name...}"
    case deleteReferenceValue = "DELETE /kbs/v0/reference-value/{name...}"
    case listReleases = "GET /kbs/v0/testudo/reference-values"
    case publishRelease = "PUT /kbs/v0/testudo/reference-values"
    case withdrawRelease = "DELETE /kbs/v0/testudo/reference-values/{version}"
    case listManifests = "GET /kbs/v0/testudo/manifests"
    case manifest = "GET /kbs/v0/testudo/manifests/{digest}"
    case registerManifest = "PUT /kbs/v0/testudo/manifests/{digest}"
    case retireManifest = "DELETE /kbs/v0/testudo/manifests/{digest}"
    case setGlobalPolicy = "POST /kbs/v0/resource-policy"
    case listPolicyNames = "GET /kbs/v0/resource-policy"
    case listPolicies = "GET /kbs/v0/testudo/resource-policies"
    case policy = "GET /kbs/v0/testudo/resource-policies/{id}"
    case putPolicy = "PUT /kbs/v0/testudo/resource-policies/{id}"
    case deletePolicy = "DELETE /kbs/v0/testudo/resource-policies/{id}"
    case setAttestationPolicy = "POST /kbs/v0/attestation-policy"
    case listAttestationPolicies = "GET /kbs/v0/testudo/attestation-policies"
    case attestationPolicy = "GET /kbs/v0/testudo/attestation-policies/{id}"
    case deleteAttestationPolicy = "DELETE /kbs/v0/testudo/attestation-policies/{id}"
    case explain = "POST /kbs/v0/testudo/explain"
    case listTenants = "GET /kbs/v0/testudo/tenants"
    case tenant = "GET /kbs/v0/testudo/tenants/{name}"
    case putTenant = "PUT /kbs/v0/testudo/tenants/{name}"
    case deleteTenant = "DELETE /kbs/v0/testudo/tenants/{name}"
    case listRevocations = "GET /kbs/v0/testudo/revocations"
    case revoke = "PUT /kbs/v0/testudo/revocations/{kind}/{value}"
    case reinstate = "DELETE /kbs/v0/testudo/revocations/{kind}/{value}"
    case audit = "GET /kbs/v0/testudo/audit"
    case auditHead = "GET /kbs/v0/testudo/audit/head"
    case listKeys = "GET /kbs/v0/testudo/kms/{namespace}"
    case describeKey = "GET /kbs/v0/testudo/kms/{namespace}/{key}"
    case createKey = "PUT /kbs/v0/testudo/kms/{namespace}/{key}"
    case manageKey = "POST /kbs/v0/testudo/kms/{namespace}/{key}/{step}"
    case destroyKey = "DELETE /kbs/v0/testudo/kms/{namespace}/{key}/{step}"
    case establishAuthority = "POST /kbs/v0/testudo/authority/{namespace}/{line}/{step}"
    case listLeaves = "GET /kbs/v0/testudo/leaves/{namespace}"
    case revokeLeaves = "POST /kbs/v0/testudo/leaves/{namespace}"
    case logKeys = "GET /kbs/v0/testudo/log-keys"

    /// What a request's method and path mean.
    enum Resolution: Equatable {
        /// The call, and what stands for the braces, in order; the rest of a path is one entry for each segment.
        case route(BrokerRoute, [String])
        /// The path is known, under these methods only.
        case otherMethods([String])
        /// Nothing is there.
        case unknown
    }

    /// Finds the call; segments are compared as they came, without decoding.
    static func resolve(method: String, path: [String]) -> Resolution {
        var others: [String] = []
        for entry in table {
            guard let values = entry.values(path) else { continue }
            if entry.method == method { return .route(entry.route, values) }
            others.append(entry.method)
        }
        return others.isEmpty ? .unknown : .otherMethods(others.sorted())
    }

    private struct Entry {
        let route: BrokerRoute
        let method: String
        /// Nil stands for any one segment.
        let segments: [String?]
        /// Whether one segment or more may follow.
        let hasRest: Bool

        init(_ route: BrokerRoute) {
            let parts = route.rawValue.split(separator: " ")
            let names = parts[1].dropFirst().split(separator: "/")
            self.route = route
            method = String(parts[0])
            hasRest = names.last?.hasSuffix("...}") ?? false
            segments = names.prefix(names.count - (hasRest ? 1 : 0)).map { $0.hasPrefix("{") ? nil : String($0) }
        }

        func values(_ path: [String]) -> [String]? {
            guard hasRest ? path.count > segments.count : path.count == segments.count else { return nil }
            var values: [String] = []
            for (found, wanted) in zip(path, segments) {
                if let wanted {
                    guard found == wanted else { return nil }
                } else {
                    values.append(found)
                }
            }
            return values + path.dropFirst(segments.count)
        }
    }

    private static let table = allCases.map(Entry.init)
}
