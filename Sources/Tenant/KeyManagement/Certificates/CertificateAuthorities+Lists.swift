import SealedStorage
import WireFormat

/// A list as it was published last.
struct PublishedList: Sendable {
    let number: UInt64
    /// When it was made; 0 when a new one is wanted at once.
    var made: Int64
    let der: [UInt8]

    var json: JSONValue {
        .object([
            "number": .integer(Int64(clamping: number)), "made": .integer(made), "der": .string(Base64.encode(der)),
        ])
    }

    init(number: UInt64, made: Int64, der: [UInt8]) {
        self.number = number
        self.made = made
        self.der = der
    }

    init?(_ bytes: [UInt8]) {
        guard let value = try? JSONValue.parse(bytes), let number = value["number"]?.integerValue,
            let made = value["made"]?.integerValue, let text = value["der"]?.stringValue,
            let der = try? Base64.decode(text, field: "der")
        else { return nil }
        self.init(number: UInt64(clamping: number), made: made, der: der)
    }
}

extension CertificateAuthorities {
    /// The list of revoked leaves of an issuing key, signed by it, in DER; good for at most an hour.
    ///
    /// It is made anew half an hour after the last one, and at the first call after a revocation, so that calls of strangers cost
    /// no signatures. A leaf stays on the list for an hour after its end.
    ///
    /// - Parameters:
    ///   - name: The authority.
    ///   - version: The version of its key, as the leaf names it; nil for the one that issues now.
    public func revocationList(_ name: AuthorityName, version: UInt32? = nil) async throws(KeyFailure) -> [UInt8] {
        let record = try await record(name)
        let wanted =
            version.map { number in record.generations.last { $0.version == number } } ?? record.generations.last
        guard let generation = wanted else {
            throw version == nil
                ? Self.unfinished(name)
                : KeyFailure(.notFound, "version", "\(name) has issued nothing with this version of its key")
        }
        let now = keys.now()
        let key = EntryFamily.revocationList["\(name)/\(generation.version)"]
        let kept = try await KeyFailure.wrapping {
            try await self.keys.store.read(key).flatMap { PublishedList($0.value) }
        }
        // A list from the future is one of a clock that went wrong: it is made anew.
        if let kept, kept.made <= now, now - kept.made < Self.listAge { return kept.der }
        let issuer = try X509Check.certificate(generation.certificate, "issuer")
        let material = try await signer(try name.key(), generation.version).material
        let end = min(now + Self.listLife, issuer.notValidAfter.seconds)
        return try await keys.transact([key], listing: [.issuedLeaf]) { (transaction) throws(KeyFailure) in
            let last = try KeyStore.read(key, in: transaction).flatMap { PublishedList($0.value) }
            if let last, last.made <= now, now - last.made < Self.listAge { return last.der }
            var entries: [RevocationListWriter.Entry] = []
            var forgotten = 0
            for (entry, leaf) in try Self.leaves(transaction, prefix: "\(name)/") {
                if leaf.notAfter + Self.listLife < now {
                    // The others go with later lists.
                    guard forgotten < Self.batch else { continue }
                    forgotten += 1
                    transaction.remove(EntryFamily.issuedLeaf[entry])
                } else if let time = leaf.revoked, leaf.version == generation.version {
                    guard let serial = try? Hex.decode(String(entry.split(separator: "/").last ?? ""), field: "serial")
                    else { throw KeyFailure(.failed, "serial", "of an issued leaf cannot be read") }
                    entries.append(RevocationListWriter.Entry(serial: serial, time: time, reason: leaf.reason))
                }
            }
            let number = (last?.number ?? 0) + 1
            let der = try RevocationListWriter(
                issuer: issuer, number: number, thisUpdate: now, nextUpdate: end, entries: entries
            ).signed(material)
            transaction.put(key, PublishedList(number: number, made: now, der: der).json.canonicalBytes)
            return der
        }
    }

    /// The leaves of a namespace that have not expired, for its administrators.
    public func leaves(_ namespace: String) async throws(KeyFailure) -> JSONValue {
        let now = keys.now()
        return try await KeyFailure.wrapping {
            .array(
                try await self.keys.store.list(.issuedLeaf).filter { $0.name.hasPrefix("\(namespace)/") }.compactMap {
                    let leaf = try IssuedLeaf($0.value)
                    guard leaf.notAfter > now, case .object(var members) = leaf.json else { return nil }
                    let parts = $0.name.split(separator: "/")
                    members["line"] = .string(String(parts.dropFirst().first ?? ""))
                    members["serial"] = .string(String(parts.last ?? ""))
                    return .object(members)
                })
        }
    }
}
