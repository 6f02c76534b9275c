import Evidence
import WireFormat

/// A guest that was published: its launch measurement and what that stands for.
public struct ReferenceValue: Hashable, Sendable {
    /// The technology that the measurement holds for.
    public let technology: Technology
    /// The launch measurement.
    public let measurement: LaunchMeasurement
    /// The number of virtual processors, which is part of the measurement.
    public let processors: Int
    /// Whether it is a debug guest with a console.
    public let debug: Bool
    /// The version of the guest.
    public let version: String
    /// The oldest firmware that the guest may run on, by product line; when there are any, other lines are refused.
    public let minimumTCB: [ProductLine: TCBVersion.Components]

    /// Describes a published guest.
    public init(
        technology: Technology, measurement: LaunchMeasurement, processors: Int, debug: Bool, version: String,
        minimumTCB: [ProductLine: TCBVersion.Components] = [:]
    ) {
        self.technology = technology
        self.measurement = measurement
        self.processors = processors
        self.debug = debug
        self.version = version
        self.minimumTCB = minimumTCB
    }
}

/// The guests that are known, of any number of versions.
///
/// Whoever holds a document of reference values must have checked its signature before it gets here (rule R9).
public struct ReferenceValues: Equatable, Sendable {
    /// The known guests.
    public private(set) var values: Set<ReferenceValue>

    /// No known guest: every measurement is refused.
    public static let none = ReferenceValues([])

    private static let limit = 100_000

    /// Takes known guests.
    public init(_ values: Set<ReferenceValue>) { self.values = values }

    /// Reads the document of one version: `{"version", "values": [{"technology", "measurement", "vcpus", "debug"}]}`.
    ///
    /// A value may have `minimumTCB`, an object of product lines with `bootloader`, `tee`, `snp`, `microcode` and, for
    /// Turin, `fmc`: the firmware versions below which evidence is refused.
    public init(document: JSONValue) throws(WireError) { self = try ReleaseDocument(parsing: document).values }

    /// Reads the list `values` of the document of one version.
    init(entries: [JSONValue], version: String) throws(WireError) {
        guard entries.count <= Self.limit else {
            throw WireError(field: "values", reason: "are more than \(Self.limit)")
        }
        values = []
        for (index, entry) in entries.enumerated() {
            var entry = try JSONFields(entry, path: "values[\(index)]")
            guard let technology = Technology(rawValue: try entry.string("technology")), technology != .none else {
                throw entry.refusal("technology", "is not a technology with measurements")
            }
            values.insert(
                ReferenceValue(
                    technology: technology, measurement: try LaunchMeasurement(hex: try entry.string("measurement")),
                    processors: try entry.integer("vcpus", in: 1...SNPLaunch.processorLimit),
                    debug: try entry.bool("debug"), version: version, minimumTCB: try FirmwareFloors.read(&entry)))
            try entry.finish()
        }
    }

    /// The document of one version, in a fixed order.
    public func document(version: String) -> JSONValue {
        let entries = values.filter { $0.version == version }.sorted {
            ($0.technology.rawValue, $0.processors, $0.measurement.hex)
                < ($1.technology.rawValue, $1.processors, $1.measurement.hex)
        }
        return [
            "version": .string(version),
            "values": .array(
                entries.map {
                    var members: [String: JSONValue] = [
                        "technology": .string($0.technology.rawValue), "measurement": .string($0.measurement.hex),
                        "vcpus": .integer(Int64($0.processors)), "debug": .bool($0.debug),
                    ]
                    if !$0.minimumTCB.isEmpty { members["minimumTCB"] = FirmwareFloors.json($0.minimumTCB) }
                    return .object(members)
                }),
        ]
    }

    /// Adds the guests of `other`.
    public mutating func formUnion(_ other: ReferenceValues) { values.formUnion(other.values) }

    /// The guest with this measurement under this technology; of several the debug one, since it promises less, then
    /// the one of the preferred version: a guest that did not change is published by several versions.
    public func match(
        _ technology: Technology, _ measurement: LaunchMeasurement, preferring version: String? = nil
    ) -> ReferenceValue? {
        let all = values.filter { $0.technology == technology && $0.measurement == measurement }
        let debug = all.filter(\.debug)
        let found = debug.isEmpty ? all : debug
        return found.first { $0.version == version } ?? found.min { $0.version < $1.version }
    }

    /// The firmware that a guest with this measurement needs, by each of the versions that demand any: all of them hold,
    /// whichever version ``match(_:_:preferring:)`` finds.
    func firmwareFloors(
        _ technology: Technology, _ measurement: LaunchMeasurement
    ) -> Set<[ProductLine: TCBVersion.Components]> {
        Set(
            values.filter { $0.technology == technology && $0.measurement == measurement }.map(\.minimumTCB)
                .filter { !$0.isEmpty })
    }
}
