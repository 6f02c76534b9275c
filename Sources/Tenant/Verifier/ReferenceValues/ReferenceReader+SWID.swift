import Envelope
import Evidence
import WireFormat

/// Manifests in XML. Their signatures are not verified, so that they count as unsigned.
extension ReferenceReader {
    /// The names are trustee's: `Manufacturer.edition.measurement_12`, spaces and dashes as underscores.
    func read(swid bytes: [UInt8]) throws(WireError) -> ReferenceDocument {
        try requireConsent()
        let manifest = try SWIDManifest(parsing: bytes)
        let source = "swid/\(ShownText.cut(manifest.identifier, bytes: 200))"
        let provenance = provenance(of: source, signer: nil, document: SHA256Digest(hashing: bytes).hex)
        func plain(_ text: String, _ odd: Character) -> String { String(text.map { $0 == odd ? "_" : $0 }) }
        let prefix = "\(plain(manifest.manufacturer, " ")).\(manifest.edition)"
        var entries: [ReferenceValueEntry] = []
        for measurement in manifest.measurements {
            let name = plain("\(prefix).measurement_\(measurement.index)", "-")
            entries.append(
                try entry(
                    name, .array(measurement.digests.map { .string(Hex.encode($0)) }), nil, nil, provenance))
        }
        guard !entries.isEmpty else {
            throw WireError(field: "SWID", reason: "holds no measurement that is not zero")
        }
        return try ReferenceDocument(
            .swid, entries, provenance, issues: [(source: source, sequence: manifest.version)])
    }
}
