import Evidence
import WireFormat

/// The launch measurements of a guest image: what evidence of a genuine guest says.
public struct LaunchMeasurements: Sendable {
    /// One way to start the image.
    public struct Value: Equatable, Sendable {
        /// How it is protected.
        public let technology: Technology
        /// The number of virtual processors.
        public let processors: Int
        /// Whether it has a console.
        public let debug: Bool
        /// What the security processor measures.
        public let measurement: LaunchMeasurement
    }

    /// How many processors measurements are computed for.
    public static let processors = 1...8

    /// The measurements of every way to start the image.
    public let values: [Value]

    /// Measures an image for the software stand-in and, when an OVMF with a place for kernel hashes is given, for SNP.
    public init(kernel: [UInt8], initrd: [UInt8], firmware: [UInt8], ovmf: [UInt8]?) throws(WireError) {
        var values: [Value] = []
        let measuredOVMF: MeasuredFirmware?
        if let ovmf { measuredOVMF = try MeasuredFirmware(image: ovmf) } else { measuredOVMF = nil }
        for debug in [false, true] {
            let table = KernelHashTable(
                kernel: kernel, initrd: initrd, commandLine: GuestCommandLine.text(debug: debug))
            for count in Self.processors {
                let soft = SoftLaunch(firmware: firmware, kernel: table, processors: count)
                values.append(
                    Value(technology: .softSNP, processors: count, debug: debug, measurement: try soft.measurement()))
                guard let measuredOVMF else { continue }
                let snp = SNPLaunch(firmware: measuredOVMF, kernel: table, processors: count)
                values.append(
                    Value(technology: .snp, processors: count, debug: debug, measurement: try snp.measurement()))
            }
        }
        self.values = values
    }

    /// The reference values as the broker takes them, signed: `{"version","values":[..]}`.
    public func json(version: String) -> JSONValue {
        let values = values.map { value in
            JSONValue.object([
                "technology": .string(value.technology.rawValue), "measurement": .string(value.measurement.hex),
                "vcpus": .integer(Int64(value.processors)), "debug": .bool(value.debug),
            ])
        }
        return ["version": .string(version), "values": .array(values)]
    }
}
