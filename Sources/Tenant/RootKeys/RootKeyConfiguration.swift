import Envelope
import WireFormat

/// Which root key a broker uses: the member `rootKey` of its configuration.
///
/// It is either the path of a file, or an object whose `kind` is `file`, `tpm` or `pkcs11`. Unknown members are errors.
public enum RootKeyConfiguration: Equatable, Sendable {
    /// A key in a file.
    case file(String)
    /// A key that a TPM keeps, and the file that describes it.
    case tpm(file: String, TPMSettings)
    /// A key on a PKCS #11 token.
    case pkcs11(PKCS11Settings)

    /// Reads the member.
    ///
    /// - Parameters:
    ///   - value: Its value.
    ///   - path: Its place in the document, for errors.
    ///   - absolute: Makes a path absolute.
    public init(
        _ value: JSONValue, path: String = "rootKey", absolute: (String) -> String
    ) throws(WireError) {
        if let text = value.stringValue {
            guard !text.isEmpty else { throw WireError(field: path, reason: "must name a file") }
            self = .file(absolute(text))
            return
        }
        guard value.objectValue != nil else {
            throw WireError(field: path, reason: "must be the path of a file, or an object with `kind`")
        }
        var fields = try JSONFields(value, path: path)
        switch try fields.string("kind") {
        case "file": self = .file(try fields.path("file", absolute))
        case "tpm": self = .tpm(file: try fields.path("file", absolute), try TPMSettings(&fields, absolute))
        case "pkcs11": self = .pkcs11(try PKCS11Settings(&fields, absolute))
        default: throw fields.refusal("kind", "must be file, tpm or pkcs11")
        }
        try fields.finish()
    }

    /// The short name of the kind.
    public var kind: String {
        switch self {
        case .file: "file"
        case .tpm: "tpm"
        case .pkcs11: "pkcs11"
        }
    }

    /// Opens the root key.
    public func open() async throws(RootKeyFailure) -> any RootKey {
        switch self {
        case .file(let path): try FileRootKey(file: path)
        case .tpm(let file, let settings): try await TPMRootKey.open(file: file, settings)
        case .pkcs11(let settings): try await PKCS11RootKey(settings)
        }
    }

    /// Makes the root key; one that exists is never replaced.
    ///
    /// - Parameters:
    ///   - pcrs: For a TPM: what the key is sealed to.
    ///   - recovery: For a TPM: where the key goes in plain, to be kept elsewhere.
    public func create(pcrs: PCRSelection = .standard, recovery: String? = nil) async throws(RootKeyFailure) {
        switch self {
        case .file(let path): try FileRootKey.create(file: path)
        case .tpm(let file, let settings):
            try await TPMRootKey.create(file: file, pcrs: pcrs, recovery: recovery, settings)
        case .pkcs11(let settings): try await PKCS11RootKey.create(settings)
        }
    }

    /// Seals a TPM's key anew, to what the machine measures now.
    ///
    /// - Parameters:
    ///   - recovery: The recovery file that was made with the key.
    ///   - pcrs: Other PCRs than before.
    public func reseal(recovery: String, pcrs: PCRSelection? = nil) async throws(RootKeyFailure) {
        guard case .tpm(let file, let settings) = self else {
            throw RootKeyFailure(
                .configuration, kind: kind, "nothing is to be sealed anew", because: "the root key is not a TPM's",
                remedy: "a key of this kind does not depend on what the machine booted")
        }
        try await TPMRootKey.reseal(file: file, pcrs: pcrs, recovery: recovery, settings)
    }

    /// The member as JSON, for configurations that a program writes.
    public var json: JSONValue {
        switch self {
        case .file(let path): .string(path)
        case .tpm(let file, let settings):
            .object(["kind": "tpm", "file": .string(file)].merging(settings.members) { $1 })
        case .pkcs11(let settings):
            .object([
                "kind": "pkcs11", "module": .string(settings.module), "token": .string(settings.token),
                "pinFile": .string(settings.pinFile), "key": .string(settings.key),
                "timeoutSeconds": .integer(Int64(settings.timeoutSeconds)),
            ])
        }
    }
}

/// Which counter shows that a store was rolled back: the member `rollbackCounter` of a broker's configuration.
public enum CounterConfiguration: Equatable, Sendable {
    /// A counter in a file of a second store.
    case file(String, timeoutSeconds: Int)
    /// A counter in a TPM, and the file that describes it.
    case tpm(file: String, TPMSettings)

    /// Reads the member, an object whose `kind` is `file` or `tpm`.
    public init(
        _ value: JSONValue, path: String = "rollbackCounter", absolute: (String) -> String
    ) throws(WireError) {
        var fields = try JSONFields(value, path: path)
        switch try fields.string("kind") {
        case "file":
            let file = try fields.path("file", absolute)
            self = .file(file, timeoutSeconds: try fields.timeout(default: 10))
        case "tpm": self = .tpm(file: try fields.path("file", absolute), try TPMSettings(&fields, absolute))
        default: throw fields.refusal("kind", "must be file or tpm")
        }
        try fields.finish()
    }

    /// Opens the counter.
    ///
    /// - Parameter key: A key of the store, for this purpose alone.
    public func open(key: SecretBytes) async throws(RootKeyFailure) -> any RollbackCounter {
        switch self {
        case .file(let path, let seconds): try await FileCounter(file: path, key: key, timeoutSeconds: seconds)
        case .tpm(let file, let settings): try await TPMCounter(file: file, settings)
        }
    }

    /// Makes the counter; one that exists is never replaced.
    ///
    /// - Parameter replacing: Whether a file that is the counter of another store gives way. A TPM's counts for any store.
    public func create(key: SecretBytes, replacing: Bool = false) async throws(RootKeyFailure) {
        switch self {
        case .file(let path, let seconds):
            try await FileCounter.create(file: path, key: key, timeoutSeconds: seconds, replacing: replacing)
        case .tpm(let file, let settings): try await TPMCounter.create(file: file, settings)
        }
    }
}

extension TPMSettings {
    fileprivate init(_ fields: inout JSONFields, _ absolute: (String) -> String) throws(WireError) {
        let tcti = try TPMSettings.checkedTCTI(
            try fields.optionalString("tcti") ?? "device:/dev/tpmrm0", field: fields.path("tcti"))
        let programs = try fields.optionalString("programs").map(absolute) ?? "/usr/bin"
        let seconds = try fields.timeout(default: 30)
        self.init(
            tcti: tcti, programs: programs, timeoutSeconds: seconds,
            ownerAuth: try fields.optionalString("ownerAuth").map(absolute))
    }

    fileprivate var members: [String: JSONValue] {
        var members: [String: JSONValue] = [
            "tcti": .string(tcti), "programs": .string(programs), "timeoutSeconds": .integer(Int64(timeoutSeconds)),
        ]
        if let ownerAuth { members["ownerAuth"] = .string(ownerAuth) }
        return members
    }
}

extension PKCS11Settings {
    fileprivate init(_ fields: inout JSONFields, _ absolute: (String) -> String) throws(WireError) {
        let module = try fields.string("module")
        // dlopen looks through folders of its own for anything else.
        guard module.hasPrefix("/") else { throw fields.refusal("module", "must be an absolute path") }
        let token = try fields.string("token")
        guard (1...32).contains(token.utf8.count) else { throw fields.refusal("token", "must have 1 to 32 bytes") }
        let key = try fields.string("key")
        guard (1...64).contains(key.utf8.count) else { throw fields.refusal("key", "must have 1 to 64 bytes") }
        self.init(
            module: module, token: token, pinFile: try fields.path("pinFile", absolute), key: key,
            timeoutSeconds: try fields.timeout(default: 10))
    }
}

extension JSONFields {
    fileprivate mutating func path(_ key: String, _ absolute: (String) -> String) throws(WireError) -> String {
        let path = try string(key)
        guard !path.isEmpty, !path.utf8.contains(0) else { throw refusal(key, "must name a file") }
        return absolute(path)
    }

    fileprivate mutating func timeout(default fallback: Int) throws(WireError) -> Int {
        guard let seconds = try optionalInteger("timeoutSeconds") else { return fallback }
        guard (1...300).contains(seconds) else { throw refusal("timeoutSeconds", "must be between 1 and 300") }
        return Int(seconds)
    }
}
