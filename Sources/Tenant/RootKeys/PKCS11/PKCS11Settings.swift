/// Where a key on a PKCS #11 token is.
public struct PKCS11Settings: Equatable, Sendable {
    /// The shared library of the token's maker. It runs inside the broker and sees what the broker sees.
    public var module: String
    /// The label of the token.
    public var token: String
    /// The file with the user's PIN (0600).
    public var pinFile: String
    /// The label of the key.
    public var key: String
    /// How many seconds one operation may take.
    public var timeoutSeconds: Int

    /// Creates settings.
    public init(module: String, token: String, pinFile: String, key: String, timeoutSeconds: Int = 10) {
        self.module = module
        self.token = token
        self.pinFile = pinFile
        self.key = key
        self.timeoutSeconds = timeoutSeconds
    }
}
