import Crypto
import Envelope
import RootKeys
import WireFormat

/// A keyring's record as it was found: what it is and whether it opens here.
struct KeyringOffer {
    /// SHA-256 over the record.
    let digest: [UInt8]
    /// The keyring, or why it does not open.
    let opened: Result<StoreKeyring, StoreFailure>
}

extension SealedStore {
    /// Adds a root key that may open the keyring from now on, before or after another replica wraps it anew.
    public func offer(rootKey: any RootKey) async throws(StoreFailure) {
        rootKeys.append(rootKey)
        if keyringFailure != nil { try await rescan() }
    }

    /// The keyring among changes, where another one was written than the one that is known here.
    func keyringOffer(_ changes: StoreChanges) async throws(StoreFailure) -> KeyringOffer? {
        guard let blob = changes.sightings.first(where: { $0.name == StoredName.keyring })?.blob else { return nil }
        guard keyringFailure != nil || Array(SHA256.hash(data: blob)) != keyringDigest else { return nil }
        return await Self.open(keyring: blob, rootKeys, master: keyring.masterKey)
    }

    static func storedKeyring(
        _ backend: any StoreBackend, _ rootKeys: [any RootKey]
    ) async throws(StoreFailure) -> KeyringOffer? {
        guard let blob = try await backend.read([StoredName.keyring])[StoredName.keyring] else { return nil }
        return await open(keyring: blob, rootKeys, master: nil)
    }

    /// Opens a keyring's record with the master key that is known, or else with one of the root keys.
    static func open(
        keyring blob: [UInt8], _ rootKeys: [any RootKey], master: SecretBytes?
    ) async -> KeyringOffer {
        let digest = Array(SHA256.hash(data: blob))
        var reader = ByteReader(blob)
        guard let length = try? reader.u16BE("length"),
            let wrapped = try? reader.bytes(Int(length), "wrapped master key")
        else {
            return KeyringOffer(
                digest: digest, opened: .failure(StoreFailure(.tampered, "the store's keyring is cut short")))
        }
        let sealed = reader.rest()
        if let master, let known = try? StoreKeyring(sealed, master: master) {
            return KeyringOffer(digest: digest, opened: .success(known))
        }
        var failure = StoreFailure(.rootKey, "there is no root key")
        for rootKey in rootKeys {
            do {
                let master = try await rootKey.unwrap(wrapped, context: StoreKeyring.context)
                return KeyringOffer(digest: digest, opened: .success(try StoreKeyring(sealed, master: master)))
            } catch let error as RootKeyFailure {
                failure = StoreFailure(
                    .rootKey,
                    "the root key does not open the store's keyring, which another one wrapped perhaps: \(error.description)"
                )
            } catch let error as StoreFailure {
                failure = error
            } catch {
                failure = StoreFailure(.failed, "the keyring cannot be opened")
            }
        }
        return KeyringOffer(digest: digest, opened: .failure(failure))
    }

    /// The keyring's record under a root key.
    static func keyringBlob(
        _ keyring: StoreKeyring, _ rootKey: any RootKey
    ) async throws(StoreFailure) -> [UInt8] {
        let wrapped: [UInt8]
        do {
            wrapped = try await rootKey.wrap(keyring.masterKey, context: StoreKeyring.context)
        } catch {
            throw StoreFailure(.rootKey, error.description)
        }
        guard wrapped.count <= Int(UInt16.max) else { throw StoreFailure(.limit, "the wrapped master key is too long") }
        var writer = ByteWriter()
        writer.u16BE(UInt16(wrapped.count))
        writer.append(wrapped)
        writer.append(try keyring.sealed())
        return writer.bytes
    }

    static func create(
        _ backend: any StoreBackend, _ rootKeys: [any RootKey]
    ) async throws(StoreFailure) -> (keyring: StoreKeyring, digest: [UInt8], isNew: Bool) {
        let keyring = StoreKeyring()
        let blob = try await keyringBlob(keyring, rootKeys[0])
        let head = StoreHead(revision: 1, sum: EntrySum(), keyring: Array(SHA256.hash(data: blob)))
        let made = try await backend.commit(
            [
                StoreChange(name: StoredName.keyring, blob: blob),
                StoreChange(
                    name: StoredName.head,
                    blob: try keyring.seal(record: head.bytes, name: StoredName.head, version: head.revision)),
            ], at: 0)
        if made != nil { return (keyring, head.keyring, true) }
        // Another replica was first, or the database holds something without a keyring.
        guard let theirs = try await storedKeyring(backend, rootKeys) else {
            throw StoreFailure(
                .tampered,
                "the \(backend.kind) database holds entries and no keyring: a restore was interrupted (empty it and restore again), "
                    + "or somebody removed it")
        }
        return (try theirs.opened.get(), theirs.digest, false)
    }
}
