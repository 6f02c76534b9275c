import CLinux
import CPKCS11
import Envelope
import WireFormat

/// A session with a token and the key in it. Used on one thread alone, whose calls it blocks.
struct PKCS11Token {
    private let module: Int32
    private let session: UInt
    private let settings: PKCS11Settings

    /// Loads the module, finds the token, opens a session and logs in.
    init(_ settings: PKCS11Settings, writes: Bool) throws(RootKeyFailure) {
        self.settings = settings
        var reason = [CChar](repeating: 0, count: 256)
        var result: UInt = 0
        let module = p11_load(settings.module, &reason, reason.count, &result)
        guard module >= 0 else {
            let end = reason.firstIndex(of: 0) ?? 0
            let told = String(decoding: reason[..<end].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw Self.failure(
                .missing, "the PKCS #11 module \(settings.module) cannot be used",
                ShownText.cut(told, bytes: 200) + (result == 0 ? "" : " (\(Self.name(of: result)))"),
                "check that `module` names the library of the token's maker for this machine")
        }
        self.module = module
        let slot = try Self.slot(module, settings)
        var session: UInt = 0
        let opened = p11_open(module, slot, writes ? 1 : 0, &session)
        guard opened == P11_OK else { throw Self.refusal("C_OpenSession", opened, settings) }
        self.session = session
        do {
            try logIn()
        } catch {
            close()
            throw error
        }
    }

    func close() { _ = p11_close(module, session) }

    private static func slot(_ module: Int32, _ settings: PKCS11Settings) throws(RootKeyFailure) -> UInt {
        var (count, slot, flags): (Int, UInt, UInt) = (0, 0, 0)
        let found = p11_find_token(module, settings.token, &count, &slot, &flags)
        guard found == P11_OK else { throw refusal("C_GetSlotList", found, settings) }
        guard count == 1 else {
            let label = ShownText.cut(settings.token, bytes: 64)
            throw count == 0
                ? failure(
                    .missing, "the token `\(label)` is not there",
                    "the module sees no initialised token with this label",
                    "plug the token in, or correct `token`")
                : failure(
                    .configuration, "the token `\(label)` is not used", "\(count) tokens have this label",
                    "give the tokens different labels, or remove one")
        }
        if flags & UInt(P11_USER_PIN_LOCKED) != 0 { throw locked }
        guard flags & UInt(P11_USER_PIN_FINAL_TRY) == 0 else {
            throw failure(
                .credential, "the PIN is not tried", "the token would lock after one more wrong PIN",
                "log in once by hand (`pkcs11-tool --login --test`), then start again")
        }
        guard flags & UInt(P11_USER_PIN_TO_BE_CHANGED) == 0 else {
            throw failure(
                .credential, "the token cannot be used", "its user has to change the PIN first",
                "change the PIN (`pkcs11-tool --change-pin`) and put it into \(settings.pinFile)")
        }
        return slot
    }

    private func logIn() throws(RootKeyFailure) {
        let file = PINFile(settings.pinFile)
        let pin = try file.pin()
        let result = pin.withBytes { p11_login(module, session, $0.baseAddress, $0.count) }
        switch Int(result) {
        // The login belongs to the whole process: another key on the same token may have made it.
        case P11_OK, P11_USER_ALREADY_LOGGED_IN: file.markAccepted()
        case P11_PIN_INCORRECT, P11_PIN_INVALID, P11_PIN_LEN_RANGE:
            file.markRefused()
            throw file.refused
        case P11_PIN_LOCKED: throw Self.locked
        default: throw Self.refusal("C_Login", result, settings)
        }
    }

    /// The one key with the label, and its identifier.
    func key() throws(RootKeyFailure) -> (handle: UInt, id: [UInt8]) {
        var (count, handle): (Int, UInt) = (0, 0)
        let found = p11_find_key(module, session, settings.key, &count, &handle)
        guard found == P11_OK else { throw Self.refusal("C_FindObjects", found, settings) }
        let label = ShownText.cut(settings.key, bytes: 64)
        guard count == 1 else {
            throw count == 0
                ? Self.failure(
                    .missing, "the key `\(label)` is not there", "the token has no secret key with this label",
                    "correct `key`, or make one with `testudo broker init`")
                : Self.failure(
                    .configuration, "the key `\(label)` is not used", "more than one key has this label",
                    "find out who made the second one, and remove it")
        }
        return (handle, try checked(handle, label))
    }

    /// The identifier of a key that is what ``PKCS11RootKey`` makes: one that no one, not even its maker, has seen.
    private func checked(_ handle: UInt, _ label: String) throws(RootKeyFailure) -> [UInt8] {
        var facts: UInt32 = 0
        var id = [UInt8](repeating: 0, count: Int(P11_ID_BYTES))
        var length = 0
        let read = p11_key_facts(module, session, handle, &facts, &id, &length)
        guard read == P11_OK else { throw Self.refusal("C_GetAttributeValue", read, settings) }
        let demands: [(Int, Bool, String)] = [
            (P11_KEY_IS_AES_256, true, "it is no AES key of 256 bits"),
            (P11_KEY_IS_PRIVATE, true, "it can be used without a PIN"),
            (P11_KEY_IS_SENSITIVE, true, "its value can be read"),
            (P11_KEY_IS_EXTRACTABLE, false, "it can leave the token"),
            (P11_KEY_IS_LOCAL, true, "it was made outside the token"),
            (P11_KEY_WAS_ALWAYS_SENSITIVE, true, "its value could be read once"),
            (P11_KEY_WAS_NEVER_EXTRACTABLE, true, "it could leave the token once"),
            (P11_KEY_ENCRYPTS, true, "it may not encrypt"), (P11_KEY_DECRYPTS, true, "it may not decrypt"),
        ]
        var faults = demands.filter { (facts & UInt32($0.0) != 0) != $0.1 }.map { $0.2 }
        if length != id.count { faults.append("its identifier has not \(id.count) bytes") }
        guard faults.isEmpty else {
            throw Self.failure(
                .configuration, "the key `\(label)` is not used as a root key", faults.joined(separator: ", "),
                "make one with `testudo broker init` and re-wrap the store's keys with it")
        }
        return id
    }

    /// Makes a key; there must be none with the label.
    func makeKey() throws(RootKeyFailure) {
        let label = ShownText.cut(settings.key, bytes: 64)
        var (count, handle): (Int, UInt) = (0, 0)
        let found = p11_find_key(module, session, settings.key, &count, &handle)
        guard found == P11_OK else { throw Self.refusal("C_FindObjects", found, settings) }
        guard count == 0 else {
            throw Self.failure(
                .exists, "the key `\(label)` is not made", "the token has a secret key with this label",
                "choose another `key`, or use that one")
        }
        let id = SecretBytes(random: Int(P11_ID_BYTES)).copyBytes()
        let made = p11_generate_key(module, session, settings.key, id, &handle)
        guard made == P11_OK else { throw Self.refusal("C_GenerateKey", made, settings) }
        do throws(RootKeyFailure) {
            _ = try checked(handle, label)
            // A token may make keys for a mechanism that it does not have.
            let trial = gcm(
                handle, encrypts: true, nonce: [UInt8](repeating: 0, count: 12), context: [1], input: SecretBytes(id))
            if case .failure(let value) = trial { throw Self.refusal("C_Encrypt with AES-GCM", value.code, settings) }
        } catch {
            _ = p11_destroy_key(module, session, handle)
            throw error
        }
    }

    /// One AES-GCM operation, or the token's return value.
    func gcm(
        _ handle: UInt, encrypts: Bool, nonce: [UInt8], context: [UInt8], input: SecretBytes
    ) -> Result<SecretBytes, ReturnValue> {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: input.count + 64, alignment: 16)
        defer {
            cl_wipe(buffer.baseAddress, buffer.count)
            buffer.deallocate()
        }
        var length = buffer.count
        let result = input.withBytes {
            p11_gcm(
                module, session, handle, encrypts ? 1 : 0, nonce, context, context.count, $0.baseAddress, $0.count,
                buffer.baseAddress, &length)
        }
        guard result == P11_OK, length <= buffer.count else { return .failure(ReturnValue(code: result)) }
        return .success(SecretBytes(copying: UnsafeRawBufferPointer(rebasing: buffer[..<length])))
    }

    /// What a function of the module returned.
    struct ReturnValue: Error {
        let code: UInt

        /// Whether a new session and a new login may help.
        var saysLost: Bool {
            [
                P11_SESSION_CLOSED, P11_SESSION_HANDLE_INVALID, P11_USER_NOT_LOGGED_IN, P11_DEVICE_REMOVED,
                P11_DEVICE_ERROR, P11_TOKEN_NOT_PRESENT, P11_KEY_HANDLE_INVALID, P11_OBJECT_HANDLE_INVALID,
                P11_GENERAL_ERROR, P11_FUNCTION_FAILED,
            ].contains(Int(code))
        }

        /// Whether it may mean that a tag was wrong, for which tokens have several words.
        var maySayDamaged: Bool {
            [
                P11_ENCRYPTED_DATA_INVALID, P11_ENCRYPTED_DATA_LEN_RANGE, P11_GENERAL_ERROR, P11_FUNCTION_FAILED,
            ].contains(Int(code))
        }
    }

    static func refusal(_ call: String, _ result: UInt, _ settings: PKCS11Settings) -> RootKeyFailure {
        let gone = [P11_DEVICE_REMOVED, P11_TOKEN_NOT_PRESENT, P11_TOKEN_NOT_RECOGNIZED].contains(Int(result))
        return failure(
            gone ? .missing : .refused, "the token `\(ShownText.cut(settings.token, bytes: 64))` refuses",
            "\(call) returned \(name(of: result))",
            gone ? "plug the token in" : "look at the token with its maker's tools or `pkcs11-tool`")
    }

    static func failure(
        _ code: RootKeyFailure.Code, _ event: String, _ reason: String, _ remedy: String
    ) -> RootKeyFailure {
        RootKeyFailure(code, kind: "pkcs11", event, because: reason, remedy: remedy)
    }

    private static var locked: RootKeyFailure {
        failure(
            .credential, "the token cannot be used", "its user is locked after too many wrong PINs",
            "have the token's security officer set a new PIN")
    }

    /// The name of a return value, or its number.
    private static func name(of result: UInt) -> String {
        switch Int(result) {
        case P11_GENERAL_ERROR: "CKR_GENERAL_ERROR"
        case P11_FUNCTION_FAILED: "CKR_FUNCTION_FAILED"
        case P11_DEVICE_ERROR: "CKR_DEVICE_ERROR"
        case P11_DEVICE_REMOVED: "CKR_DEVICE_REMOVED"
        case P11_KEY_HANDLE_INVALID: "CKR_KEY_HANDLE_INVALID"
        case P11_MECHANISM_INVALID: "CKR_MECHANISM_INVALID (the token has no AES-GCM)"
        case P11_MECHANISM_PARAM_INVALID: "CKR_MECHANISM_PARAM_INVALID (the token wants another form of AES-GCM)"
        case P11_OBJECT_HANDLE_INVALID: "CKR_OBJECT_HANDLE_INVALID"
        case P11_PIN_EXPIRED: "CKR_PIN_EXPIRED"
        case P11_SESSION_CLOSED: "CKR_SESSION_CLOSED"
        case P11_SESSION_HANDLE_INVALID: "CKR_SESSION_HANDLE_INVALID"
        case P11_TOKEN_NOT_PRESENT: "CKR_TOKEN_NOT_PRESENT"
        case P11_TOKEN_NOT_RECOGNIZED: "CKR_TOKEN_NOT_RECOGNIZED"
        case P11_USER_NOT_LOGGED_IN: "CKR_USER_NOT_LOGGED_IN"
        case P11_CRYPTOKI_NOT_INITIALIZED: "CKR_CRYPTOKI_NOT_INITIALIZED"
        default: "0x" + String(result, radix: 16)
        }
    }
}
