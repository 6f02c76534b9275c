import Crypto
import RootKeys

extension SealedStore {
    /// Exchanges the root key: a new master key seals the keyring, and only `rootKey` opens that.
    ///
    /// Other replicas go on with the keys that they have; they need `rootKey` when they start again, or before a data key is
    /// rotated: see ``offer(rootKey:)``. Whoever has both the old root key and an old copy of the database can still read
    /// that copy, and whatever data keys it holds; ``rotateDataKey()`` afterwards ends their use.
    public func rotateRootKey(to rootKey: any RootKey) async throws(StoreFailure) {
        try await commitAlone { (store) throws(StoreFailure) in
            if let failure = store.keyringFailure { throw failure }
            guard var plan = store.emptyPlan() else { return nil }
            var next = store.keyring
            next.renewMaster()
            try await plan.carry(next, under: rootKey)
            return plan
        }
        rootKeys = [rootKey]
    }

    /// Seals all that is stored under a new data key and forgets the old one.
    ///
    /// Reading and writing go on meanwhile, here and in other replicas, which learn the new key with the commit that brings
    /// it. When the process ends before this does, ``finishDataKeyRotation()`` goes on.
    public func rotateDataKey() async throws(StoreFailure) {
        try await commitAlone { (store) throws(StoreFailure) in
            guard var plan = store.emptyPlan() else { return nil }
            var next = store.keyring
            next.addDataKey()
            try await plan.carry(next, under: try await store.rootKeyInUse())
            return plan
        }
        try await finishDataKeyRotation()
    }

    /// Whether a rotation of the data key is under way, or was interrupted.
    public var isRotatingDataKey: Bool { keyring.hasOldDataKeys }

    /// Ends an interrupted rotation; does nothing where there is none.
    public func finishDataKeyRotation() async throws(StoreFailure) {
        try await refresh()
        guard keyring.hasOldDataKeys else { return }
        // What is written from now on is under the new key: a commit happens only on top of the one that brought it.
        let target = keyring.current
        var names = index.names + index.notes.map { StoredName.note($0) }
        while !names.isEmpty {
            let batch = Array(names.suffix(min(64, backend.changesLimit / 2)))
            names.removeLast(batch.count)
            try await reseal(batch)
        }
        try await commitAlone { (store) throws(StoreFailure) in
            guard store.keyring.current == target, store.keyring.hasOldDataKeys, var plan = store.emptyPlan() else {
                return nil
            }
            var next = store.keyring
            next.forgetOldDataKeys()
            try await plan.carry(next, under: try await store.rootKeyInUse())
            return plan
        }
    }

    /// An entry or a note that is sealed anew, and which writing of it that was made from.
    private struct Resealed {
        let name: [UInt8]
        let old: StoredMark
        let blob: [UInt8]
    }

    /// Seals those of the entries and notes again that are under an old key, in commits of bounded size.
    private func reseal(_ names: [[UInt8]]) async throws(StoreFailure) {
        var open = names
        while !open.isEmpty {
            // Read and sealed before the commit, which then finds a gap between those of others as easily as they do.
            var ready: [Resealed] = []
            var bytes = 0
            while bytes < min(backend.bytesLimit, 4 << 20) / 2, let name = open.popLast() {
                guard let next = try await resealed(name) else { continue }
                ready.append(next)
                bytes += next.blob.count
            }
            let prepared = ready
            try await commitAlone { (store) throws(StoreFailure) in
                guard var plan = store.emptyPlan() else { return nil }
                for entry in prepared {
                    // What somebody else wrote or removed meanwhile needs nothing any more: that was under the new key.
                    if let revision = StoredName.revision(ofNote: entry.name) {
                        guard store.index.notes.contains(revision) else { continue }
                    } else {
                        guard store.index.mark(entry.name) == entry.old else { continue }
                        plan.marks.append((entry.name, StoredMark(of: entry.blob)))
                    }
                    plan.changes.append(StoreChange(name: entry.name, blob: entry.blob))
                }
                return plan
            }
        }
    }

    /// Seals an entry or a note anew; nil when it is under the current key, or gone.
    private func resealed(_ name: [UInt8]) async throws(StoreFailure) -> Resealed? {
        // One at a time: a few large ones must not fill the memory. Whoever withholds an entry, perhaps until its key is gone, is found here.
        let blob = StoredName.isRecord(name) ? try await backend.read([name])[name] : try await current([name])[name]
        guard let blob, let newer = try keyring.resealed(blob, name: name) else { return nil }
        return Resealed(name: name, old: StoredMark(of: blob), blob: newer)
    }

    /// The root key that opens the keyring's newest record; a keyring is never written under another one by the way.
    private func rootKeyInUse() async throws(StoreFailure) -> any RootKey {
        if let keyringFailure { throw keyringFailure }
        guard let blob = try await backend.read([StoredName.keyring])[StoredName.keyring] else {
            throw StoreFailure(.tampered, "the store's keyring is gone")
        }
        for rootKey in rootKeys {
            if case .success = await Self.open(keyring: blob, [rootKey], master: nil).opened { return rootKey }
        }
        throw StoreFailure(.rootKey, "no root key in hand opens the store's keyring; offer the one that does")
    }

    /// What a replica does every few minutes: learns what others wrote, ends an interrupted rotation, and sweeps.
    public func maintain() async throws(StoreFailure) {
        try await refresh()
        if keyringFailure == nil { try await finishDataKeyRotation() }
        try await backend.sweep()
    }
}

extension CommitPlan {
    /// Lets the commit bring a keyring.
    fileprivate mutating func carry(_ keyring: StoreKeyring, under rootKey: any RootKey) async throws(StoreFailure) {
        let blob = try await SealedStore.keyringBlob(keyring, rootKey)
        changes.append(StoreChange(name: StoredName.keyring, blob: blob))
        head.keyring = Array(SHA256.hash(data: blob))
        self.keyring = keyring
    }
}
