import Envelope
import WireFormat

extension AdminGate {
    /// The tenant for whose administrator a token was made, by its own word: good for looking up keys, for nothing else.
    static func claimedTenant(_ authorization: String?) -> String? {
        guard let token = authorization.flatMap(BearerToken.value(in:)), token.utf8.count <= JWS.maximumBytes else {
            return nil
        }
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let payload = try? Base64.decodeURL(String(parts[1]), field: "token"),
            let claims = try? JSONValue.parse(payload),
            claims["role"]?.stringValue == AdministratorSettings.tenantRole,
            let name = claims["tenant"]?.stringValue, Tenant.isName(name)
        else { return nil }
        return name
    }

    /// Checks that a token was made by a tenant's administrator, for this tenant.
    ///
    /// The same rules hold as for the broker's own administrators: Ed25519, an hour at most.
    func admit(_ authorization: String?, for tenant: Tenant) throws(BrokerError) -> Administrator {
        let token = authorization.flatMap(BearerToken.value(in:)) ?? ""
        for admin in tenant.admins {
            guard let claims = try? JWS.verify(token, keys: [.edDSA(admin.key)]).payload else { continue }
            try Self.checkTimes(claims, now: clock.seconds, longestLife: Self.longestLife)
            try Self.checkAudience(claims)
            let role = try Self.role(claims)
            guard role == AdministratorSettings.tenantRole, claims["tenant"]?.stringValue == tenant.name else {
                throw Self.notAllowed(role)
            }
            return Administrator(name: "\(tenant.name)/\(admin.name)", role: role, tenant: tenant)
        }
        throw Self.unknown
    }
}
