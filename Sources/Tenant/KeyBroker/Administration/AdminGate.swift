import Crypto
import CryptoExtras
import Envelope
import Foundation
import WireFormat

/// Who calls as an administrator, as his token proved it.
struct Administrator: Sendable {
    /// His name, for the audit log.
    let name: String
    /// His role.
    let role: String
    /// Whose administrator he is; nil for the broker's own.
    var tenant: Tenant?
}

/// Decides who may administer, by a bearer JWT.
///
/// There is no mode without credentials; a gate cannot be made without keys. Owners of `adminKeys` (EdDSA, role `admin`, at
/// most an hour) may do everything. Tokens of identity providers name a role, and a rule has to allow it the call.
struct AdminGate: Sendable {
    /// Each key by itself: one whose file is gone or broken is not in force, the others are.
    private let keys: [WatchedFiles<[Curve25519.Signing.PublicKey]>]
    private let providers: [(settings: IdentityProvider, keys: [WatchedFiles<ProviderKeys>])]
    private let settings: AdministratorSettings
    let clock: BrokerClock

    /// The longest time that a credential may still have to live: one hour.
    static let longestLife: Int64 = 3600
    /// The `aud` that a credential may carry; any other is meant for somebody else.
    static let audience = "testudo-keybroker"

    /// Creates a gate for the owners of the keys in `paths` and for whom `settings` trust.
    init(
        keys paths: [String], _ settings: AdministratorSettings, watch: FileWatch, clock: BrokerClock
    ) throws(BrokerError) {
        guard !paths.isEmpty else {
            throw BrokerError(.adminAccess, check: "admin-keys", "no administrator's key is configured")
        }
        keys = try paths.map { (path) throws(BrokerError) in
            try WatchedFiles("administrators' keys", paths: [path], watch: watch, orElse: []) {
                () throws(BrokerError) in [try Self.publicKey(file: path)]
            }
        }
        var providers: [(settings: IdentityProvider, keys: [WatchedFiles<ProviderKeys>])] = []
        for provider in settings.providers {
            let sources: [(path: String, keys: IdentityProvider.Keys)] =
                switch provider.keys {
                case .files(let paths): paths.map { ($0, .files([$0])) }
                case .keySet(let path): [(path, .keySet(path))]
                }
            let keys = try sources.map { (source) throws(BrokerError) in
                try WatchedFiles(
                    "identity provider's keys", paths: [source.path], watch: watch, orElse: ProviderKeys.nobody
                ) {
                    () throws(BrokerError) in try ProviderKeys(source.keys)
                }
            }
            providers.append((provider, keys))
        }
        self.providers = providers
        self.settings = settings
        self.clock = clock
    }

    /// Reads an Ed25519 public key from a PEM file.
    static func publicKey(file path: String) throws(BrokerError) -> Curve25519.Signing.PublicKey {
        let text = String(decoding: try PrivateFile.readTrusted(path, what: "public key"), as: UTF8.self)
        guard let key = try? Curve25519.Signing.PublicKey(pemRepresentation: text) else {
            throw BrokerError(.failed, check: "configuration", "\(path) is no Ed25519 public key in PEM form")
        }
        return key
    }

    /// Checks who calls, and whether his role may call this.
    func admit(_ request: BrokerRequest) throws(BrokerError) -> Administrator {
        guard let authorization = request.authorization, let token = BearerToken.value(in: authorization) else {
            throw Self.refusal("admin-token-missing", "an administrator's bearer token is needed")
        }
        if let claims = try? JWS.verify(token, keys: keys.flatMap(\.contents).map { .edDSA($0) }).payload {
            return try admitOwner(claims)
        }
        guard let header = try? JWS.unverifiedHeader(token) else { throw Self.unknown }
        for (provider, keys) in providers {
            guard let claims = try? JWS.verify(token, keys: keys.flatMap { $0.contents.candidates(header) }).payload,
                provider.issuer == nil || claims["iss"]?.stringValue == provider.issuer,
                provider.audience.map({ Self.audiences(claims).contains(.string($0)) }) ?? true
            else { continue }
            return try admitRole(claims, provider, request)
        }
        throw Self.unknown
    }

    private func admitOwner(_ claims: JSONValue) throws(BrokerError) -> Administrator {
        try Self.checkTimes(claims, now: clock.seconds, longestLife: Self.longestLife)
        try Self.checkAudience(claims)
        let role = try Self.role(claims)
        guard role == "admin" else { throw Self.notAllowed(role) }
        return Administrator(name: Self.name(claims) ?? "admin", role: role)
    }

    private func admitRole(
        _ claims: JSONValue, _ provider: IdentityProvider, _ request: BrokerRequest
    ) throws(BrokerError) -> Administrator {
        try Self.checkTimes(claims, now: clock.seconds, longestLife: provider.longestLife)
        let role = try Self.role(claims)
        guard settings.allows(role, try AdministratorCall(request)) else { throw Self.notAllowed(role) }
        return Administrator(name: "\(Self.name(claims) ?? "unnamed") (\(ShownText.cut(role, bytes: 32)))", role: role)
    }

    /// Checks that a credential holds now and not for too long.
    static func checkTimes(_ claims: JSONValue, now: Int64, longestLife: Int64) throws(BrokerError) {
        guard let expiry = claims["exp"]?.integerValue else { throw refusal("admin-exp", "the token has no exp") }
        guard expiry > now else { throw refusal("admin-exp", "the token has expired") }
        guard expiry - now <= longestLife else {
            throw refusal("admin-exp", "the token lives longer than \(longestLife) seconds")
        }
        for name in ["iat", "nbf"] {
            guard let value = claims[name] else { continue }
            guard let start = value.integerValue, start <= now + 60 else {
                throw refusal("admin-\(name)", "the token is not valid yet")
            }
        }
    }

    /// Checks that a credential that names a service names this one.
    static func checkAudience(_ claims: JSONValue) throws(BrokerError) {
        guard let audience = claims["aud"] else { return }
        guard audience.stringValue == Self.audience else {
            throw refusal("admin-aud", "the token is meant for another service")
        }
    }

    static func role(_ claims: JSONValue) throws(BrokerError) -> String {
        guard let role = claims["role"]?.stringValue else { throw refusal("admin-role", "the token has no role") }
        return role
    }

    /// What a credential calls its owner.
    static func name(_ claims: JSONValue) -> String? { claims["sub"]?.stringValue.map { ShownText.cut($0, bytes: 64) } }

    private static func audiences(_ claims: JSONValue) -> [JSONValue] {
        claims["aud"]?.arrayValue ?? claims["aud"].map { [$0] } ?? []
    }

    /// What trustee's clients look for.
    static let unknown = refusal("admin-token", "Cannot verify token with any of the issuers")

    static func notAllowed(_ role: String, note: String = "") -> BrokerError {
        BrokerError(
            .adminDenied, check: "admin-role", "Role \(ShownText.cut(role, bytes: 32)) not allowed", note: note)
    }

    static func refusal(_ check: String, _ detail: String) -> BrokerError {
        BrokerError(.adminAccess, check: check, detail)
    }
}

/// The `Bearer` scheme of RFC 6750.
enum BearerToken {
    /// The token in a header value; nil when the scheme is another one.
    static func value(in authorization: String) -> String? {
        let bytes = authorization.utf8
        let (scheme, rest) = (bytes.prefix(6), bytes.dropFirst(6))
        let space = UInt8(ascii: " ")
        guard scheme.elementsEqual("bearer".utf8, by: { $0 | 0x20 == $1 }), rest.first == space else { return nil }
        let token = rest.dropFirst()
        return token.isEmpty || token.contains(space) ? nil : String(Substring(token))
    }
}
