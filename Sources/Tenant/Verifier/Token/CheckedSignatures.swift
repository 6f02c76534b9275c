import Crypto
import WireFormat

/// Claims of tokens whose signatures were checked before, so that a bearer who comes often costs one check.
///
/// A token is known by all of its bytes, and with it the key that had signed. Nothing that depends on the time is kept: whether the
/// key is still one of the service's and the token still good is looked at each time.
struct CheckedSignatures: Sendable {
    private struct Checked: Sendable {
        /// The name of the key that had signed.
        var key: String
        var claims: JSONValue
    }

    private var checked: [SHA256.Digest: Checked] = [:]
    /// The oldest first, from ``oldest`` on.
    private var order: [SHA256.Digest] = []
    private var oldest = 0
    private let limit: Int

    /// The most bytes of a token that is kept; those of most machines have some 4 KiB.
    static let tokenLimit = 8 << 10

    /// Keeps the claims of at most `limit` tokens; the oldest go first.
    init(limit: Int = 256) { self.limit = limit }

    /// How many are kept.
    var count: Int { checked.count }

    /// The claims that the key of this name had signed; nil when that was not seen.
    func claims(_ token: SHA256.Digest, signedBy key: String) -> JSONValue? {
        guard let found = checked[token], found.key == key else { return nil }
        return found.claims
    }

    /// Keeps the claims of a token whose signature held.
    mutating func note(_ token: SHA256.Digest, signedBy key: String, _ claims: JSONValue) {
        guard checked.updateValue(Checked(key: key, claims: claims), forKey: token) == nil else { return }
        if order.count < limit {
            order.append(token)
        } else {
            checked[order[oldest]] = nil
            order[oldest] = token
            oldest = (oldest + 1) % limit
        }
    }
}
