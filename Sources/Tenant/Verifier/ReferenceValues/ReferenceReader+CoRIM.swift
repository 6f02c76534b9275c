import Envelope
import Evidence
import WireFormat

/// Manifests in CBOR, signed (COSE) or, when the user allows it, not.
extension ReferenceReader {
    /// Reads a manifest; the payload of a signed one is looked at when a pinned key signed it, and not before.
    func read(corim bytes: [UInt8]) throws(WireError) -> ReferenceDocument {
        let digest = SHA256Digest(hashing: bytes).hex
        guard try SignedCoRIM.isSigned(bytes) else {
            try requireConsent()
            return try read(CoRIM(parsing: bytes), nil, digest, signature: nil)
        }
        let signed = try SignedCoRIM(parsing: bytes)
        guard let key = keys.first(where: { $0.isValid(signed.message) }) else {
            throw WireError(field: "signature", reason: "the manifest is not signed by a pinned key")
        }
        if let start = signed.validity?.notBefore, now < start {
            throw WireError(
                field: "signature validity", reason: "the signature holds from \(ReferenceTime.text(start)) on")
        }
        let document = try read(
            CoRIM(payload: signed.message.payload), key.identifier, digest, signature: signed.validity)
        try key.check(document)
        return document
    }

    /// The names are trustee's: vendor, model and measured element, then `digests` or `raw_bytes`. What one manifest says of
    /// a name more than once is gathered, where trustee keeps the last.
    private func read(
        _ manifest: CoRIM, _ signer: String?, _ digest: String, signature: CoRIM.Validity?
    ) throws(WireError) -> ReferenceDocument {
        let provenance = provenance(
            of: "corim/\(ShownText.cut(manifest.identifier, bytes: 200))", signer: signer, document: digest)
        var digests: [String: [JSONValue]] = [:]
        var raw: [String: [JSONValue]] = [:]
        var order: [String] = []
        for measurement in manifest.modules.flatMap(\.measurements) {
            let place = measurement.path.joined(separator: "/")
            func gather(_ name: String, _ values: [[UInt8]], _ known: inout [String: [JSONValue]]) {
                guard !values.isEmpty else { return }
                if known[name] == nil { order.append(name) }
                for value in values.map({ JSONValue.string(Hex.encode($0)) })
                where known[name]?.contains(value) != true { known[name, default: []].append(value) }
            }
            gather("\(place)/digests", measurement.digests, &digests)
            gather("\(place)/raw_bytes", measurement.rawValue.map { [$0] } ?? [], &raw)
        }
        let ends = [manifest.validity?.notAfter, signature?.notAfter].compactMap { $0 }
        var entries: [ReferenceValueEntry] = []
        for name in order {
            let value: JSONValue
            if let found = digests[name] {
                value = .array(found)
            } else {
                let found = raw[name] ?? []
                value = found.count == 1 ? found[0] : .array(found)
            }
            entries.append(
                try entry(name, value, manifest.validity?.notBefore, ends.min().map { $0 + 1 }, provenance))
        }
        guard !entries.isEmpty else {
            throw WireError(field: "CoRIM", reason: "holds no reference value that is understood")
        }
        // A module's version rises with each issue; the manifest has no such number but for the start of its validity.
        var issues = [(source: provenance.source, sequence: manifest.validity?.notBefore ?? 0)]
        for module in manifest.modules {
            let name = "comid/\(ShownText.cut(module.identifier, bytes: 200))"
            issues.append((source: name, sequence: Int64(clamping: module.version)))
        }
        return try ReferenceDocument(.corim, entries, provenance, issues: issues, unread: manifest.unread)
    }
}
