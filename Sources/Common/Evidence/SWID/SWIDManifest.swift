import WireFormat

/// A reference integrity manifest in XML (ISO 19770-2 with TCG's RIM attributes), as NVIDIA publishes them.
///
/// Its XML signature is not verified: whoever takes values from it trusts the way that it came.
public struct SWIDManifest: Equatable, Sendable {
    /// The measurements that may be seen at one index.
    public struct Measurement: Equatable, Sendable {
        /// The index.
        public let index: Int
        /// Digests, SHA-384, any of which is genuine; never empty.
        public let digests: [[UInt8]]
    }

    /// The manifest's identifier.
    public let identifier: String
    /// Rises with each issue.
    public let version: Int64
    /// Who made the platform.
    public let manufacturer: String
    /// The edition, such as `GPU`.
    public let edition: String
    /// The measurements that are not zero, by rising index.
    public let measurements: [Measurement]

    private static let tags = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd"
    private static let rim =
        "https://trustedcomputinggroup.org/resource/tcg-reference-integrity-manifest-rim-information-model/"
    private static let sha384 = "http://www.w3.org/2001/04/xmlenc#sha384"
    private static let measurementLimit = 10_000

    /// Parses a document; what is not of the manifest's own namespaces is passed over.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        var scanner = try XMLScanner(bytes)
        let payload = XMLScanner.Name(space: Self.tags, local: "Payload")
        guard let root = try scanner.next(), root.name == .init(space: Self.tags, local: "SoftwareIdentity") else {
            throw WireError(field: "SWID", reason: "is not a SoftwareIdentity")
        }
        identifier = root.attributes[.init(space: "", local: "tagId")] ?? ""
        guard !identifier.isEmpty else { throw WireError(field: "SWID tagId", reason: "is missing") }
        let number = root.attributes[.init(space: "", local: "tagVersion")] ?? "0"
        guard let version = Int64(number), version >= 0 else {
            throw WireError(field: "SWID tagVersion", reason: "is not a number")
        }
        self.version = version
        var meta: [XMLScanner.Name: String]?
        var found: [Int: Measurement] = [:]
        while let tag = try scanner.next() {
            if tag.name == .init(space: Self.tags, local: "Meta"), tag.around.count == 1 {
                guard meta == nil else { throw WireError(field: "SWID Meta", reason: "comes twice") }
                meta = tag.attributes
            }
            guard tag.name == .init(space: Self.tags, local: "Resource"), tag.around.contains(payload),
                tag.attributes[.init(space: "", local: "type")] == "Measurement"
            else { continue }
            let measurement = try Self.measurement(tag)
            guard found.updateValue(measurement, forKey: measurement.index) == nil else {
                throw WireError(field: "SWID measurement \(measurement.index)", reason: "comes twice")
            }
        }
        guard let manufacturer = meta?[.init(space: Self.rim, local: "PlatformManufacturerStr")],
            let edition = meta?[.init(space: "", local: "edition")]
        else { throw WireError(field: "SWID Meta", reason: "names no manufacturer or no edition") }
        self.manufacturer = manufacturer
        self.edition = edition
        measurements = found.values.filter { !$0.digests.isEmpty }.sorted { $0.index < $1.index }
    }

    /// A measurement; digests of zeros stand for none, as they do in an index that is not used.
    private static func measurement(_ tag: XMLScanner.Tag) throws(WireError) -> Measurement {
        guard let text = tag.attributes[.init(space: "", local: "index")], let index = Int(text),
            (0..<measurementLimit).contains(index)
        else { throw WireError(field: "SWID measurement", reason: "has no index") }
        guard tag.attributes[.init(space: "", local: "active")] ?? "True" == "True" else {
            return Measurement(index: index, digests: [])
        }
        var digests: [[UInt8]] = []
        while digests.count <= 256,
            let text = tag.attributes[.init(space: sha384, local: "Hash\(digests.count)")]
        {
            let digest = try Hex.decode(text, field: "SWID measurement \(index)")
            guard digest.count == 48 else {
                throw WireError(field: "SWID measurement \(index)", reason: "is not a SHA-384 digest")
            }
            digests.append(digest)
        }
        return Measurement(index: index, digests: digests.filter { $0.contains { $0 != 0 } })
    }
}
