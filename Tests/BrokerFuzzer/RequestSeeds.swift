import Crypto
import Envelope
import Foundation
import WireFormat

/// Each call with success, and some that fail.
extension RequestFormat {
    static func seeds(_ vectors: URL) -> [[UInt8]] {
        let policy = Base64.encodeURL(Array("package policy\nallow if input.x == data.plugin\n".utf8))
        let explain =
            "{\"resource\":\"acme/key/one\",\"claims\":{\"x\":1},\"query\":{\"a\":\"b\"},\"plugin\":\"resource\"}"
        let sample = Base64.encode(Array("{\"launch\":[\"abc\"]}".utf8))
        let csr = Base64.encode(Array((CertificateFormat.seeds(vectors).first ?? []).dropFirst()))
        let kms = "/kbs/v0/testudo/kms/acme"
        let all: [(String, String, String)] = [
            ("GET /healthz", "nobody", ""), ("GET /readyz", "nobody", ""), ("GET /metrics", "nobody", ""),
            ("GET /.well-known/jwks.json", "nobody", ""), ("GET /kbs/v0/testudo/registration/\(digest)", "nobody", ""),
            ("GET /kbs/v0/testudo/ca/tenant", "nobody", ""),
            ("GET /kbs/v0/testudo/authority/acme/tenant", "nobody", ""),
            ("GET /kbs/v0/testudo/crl/acme/tenant/1", "nobody", ""),
            ("POST /kbs/v0/auth", "nobody", "{\"version\":\"0.4.0\",\"tee\":\"snp\",\"extra-params\":{}}"),
            ("POST /kbs/v0/attest", "session", attestation),
            ("GET /kbs/v0/resource/acme/key/one?version=1", "guest", ""),
            ("POST /kbs/v0/testudo/certificate", "guest", "{\"csr\":\"\(csr)\"}"),
            ("POST /kbs/v0/kms/acme/data/encrypt", "guest", "{\"plaintext\":\"AAAA\"}"),
            ("GET /kbs/v0/resource", "admin", ""),
            ("POST /kbs/v0/resource/acme/key/two?expires=1900000000", "tenant", "s"),
            ("DELETE /kbs/v0/resource/acme/key/two?version=1", "tenant", ""),
            ("DELETE /kbs/v0/resource/acme/key/two", "admin", ""),
            ("GET /kbs/v0/testudo/resources/acme/key/one", "tenant", ""),
            ("POST /kbs/v0/testudo/keys/acme/key/made", "tenant", "{\"kind\":\"p256\"}"),
            ("POST /kbs/v0/testudo/token-key", "admin", ""), ("GET /kbs/v0/reference-value", "admin", ""),
            (
                "POST /kbs/v0/reference-value", "admin",
                "{\"version\":\"0.1.0\",\"type\":\"sample\",\"payload\":\"\(sample)\",\"expires\":\"never\",\"note\":\"n\"}"
            ),
            ("GET /kbs/v0/reference-value/launch%2Fa", "admin", ""),
            ("DELETE /kbs/v0/reference-value/launch", "admin", ""),
            ("GET /kbs/v0/testudo/reference-values", "admin", ""),
            ("PUT /kbs/v0/testudo/reference-values", "admin", Fixed.made { try release() }),
            ("DELETE /kbs/v0/testudo/reference-values/0.2.0", "admin", ""),
            ("GET /kbs/v0/testudo/manifests", "tenant", ""), ("GET /kbs/v0/testudo/manifests/\(digest)", "tenant", ""),
            ("PUT /kbs/v0/testudo/manifests/\(digest)", "tenant", registration),
            ("DELETE /kbs/v0/testudo/manifests/\(String(digest.reversed()))", "admin", ""),
            ("POST /kbs/v0/resource-policy", "admin", "{\"policy\":\"\(policy)\",\"registration\":\"needed\"}"),
            ("GET /kbs/v0/resource-policy", "admin", ""), ("GET /kbs/v0/testudo/resource-policies", "tenant", ""),
            (
                "PUT /kbs/v0/testudo/resource-policies/team", "tenant",
                "{\"policy\":\"\(policy)\",\"prefix\":\"acme/key\"}"
            ),
            ("GET /kbs/v0/testudo/resource-policies/team", "admin", ""),
            ("DELETE /kbs/v0/testudo/resource-policies/team", "tenant", ""),
            ("POST /kbs/v0/testudo/explain", "tenant", explain), ("GET /kbs/v0/testudo/tenants", "admin", ""),
            ("GET /kbs/v0/testudo/tenants/acme", "admin", ""), ("PUT /kbs/v0/testudo/tenants/acme", "admin", tenant),
            ("DELETE /kbs/v0/testudo/tenants/acme", "admin", ""), ("GET /kbs/v0/testudo/revocations", "admin", ""),
            ("PUT /kbs/v0/testudo/revocations/line/milan", "admin", "{\"reason\":\"r\"}"),
            ("PUT /kbs/v0/testudo/revocations/instance/\(String(repeating: "02", count: 16))", "admin", ""),
            ("DELETE /kbs/v0/testudo/revocations/line/milan", "admin", ""),
            ("GET /kbs/v0/testudo/audit?last=3&since=5", "admin", ""), ("GET /kbs/v0/testudo/audit", "tenant", ""),
            ("GET /kbs/v0/testudo/audit/head", "admin", ""), ("GET \(kms)", "admin", ""),
            ("GET \(kms)/data", "admin", ""),
            (
                "PUT \(kms)/other", "admin",
                "{\"kind\":\"hmac-sha-256\",\"operations\":[\"mac\"],\"exportable\":false,\"overlap\":60,"
                    + "\"material\":{\"raw\":\"\(Base64.encode(Fixed.bytes(1)))\"}}"
            ),
            (
                "PUT \(kms)/imported", "admin",
                "{\"kind\":\"ed25519\",\"exportable\":true,\"material\":{\"wrapped\":\"AAAA\",\"by\":\"data\"}}"
            ),
            ("POST \(kms)/data/rotate", "admin", "{\"activates\":1800000060,\"notAfter\":1900000000,\"overlap\":5}"),
            ("POST \(kms)/data/deactivate", "admin", "{\"version\":1}"),
            ("POST \(kms)/data/encrypt", "admin", "{\"plaintext\":\"AAAA\",\"associated\":\"AAAA\"}"),
            ("DELETE \(kms)/data/1?newest=true", "admin", ""),
            (
                "POST /kbs/v0/testudo/authority/acme/tenant/certify", "admin",
                "{\"suffixes\":[\"acme.localhost\"],\"days\":9}"
            ),
            ("POST /kbs/v0/testudo/authority/acme/simulated/request", "admin", "{\"suffixes\":[\"acme.localhost\"]}"),
            (
                "POST /kbs/v0/testudo/authority/acme/simulated/install", "admin",
                JSONValue.object([
                    "certificate": .string(CertificateFormat.root.pem), "root": .string(CertificateFormat.root.pem),
                ]).canonicalText
            ),
            ("GET /kbs/v0/testudo/leaves/acme", "admin", ""),
            ("POST /kbs/v0/testudo/leaves/acme", "admin", "{\"instance\":\"\(String(repeating: "01", count: 16))\"}"),
            ("GET /kbs/v0/testudo/log-keys?service=acme/hello", "tenant", ""), ("PATCH /kbs/v0/auth", "nobody", ""),
            ("GET /kbs/v0/resource/acme/key/one", "Bearer \(adminToken)", ""),
        ]
        return all.map { Array("\($0.0)\n\($0.1)\n\($0.2)".utf8) }
    }
}
