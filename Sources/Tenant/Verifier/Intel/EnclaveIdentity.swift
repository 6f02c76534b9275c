import Evidence
import WireFormat

/// What Intel says of its quoting enclave (PCS, enclave identity of version 2).
struct EnclaveIdentity: Sendable {
    /// Which enclave it is about.
    enum Kind: String {
        /// The quoting enclave of SGX.
        case sgx = "QE"
        /// The quoting enclave of TDX.
        case tdx = "TD_QE"
    }

    let kind: Kind
    let issued: Int64
    let nextUpdate: Int64
    let evaluationNumber: Int
    let miscSelect: [UInt8]
    let miscSelectMask: [UInt8]
    let attributes: [UInt8]
    let attributesMask: [UInt8]
    let signer: [UInt8]
    let productID: UInt16
    let levels: [SVNLevel]

    init(parsing bytes: [UInt8]) throws(WireError) {
        let limits = JSONLimits(depth: 16, size: 1 << 20)
        var fields = try JSONFields(try JSONValue.parse(bytes, limits: limits), path: "enclaveIdentity")
        guard let kind = Kind(rawValue: try fields.string("id")) else {
            throw fields.refusal("id", "is neither QE nor TD_QE")
        }
        self.kind = kind
        guard try fields.integer("version") == 2 else { throw fields.refusal("version", "is not known") }
        issued = try fields.time("issueDate")
        nextUpdate = try fields.time("nextUpdate")
        evaluationNumber = try fields.integer("tcbEvaluationDataNumber", in: 0...Int(Int32.max))
        miscSelect = try fields.hex("miscselect", count: 4)
        miscSelectMask = try fields.hex("miscselectMask", count: 4)
        attributes = try fields.hex("attributes", count: 16)
        attributesMask = try fields.hex("attributesMask", count: 16)
        signer = try fields.hex("mrsigner", count: 32)
        productID = UInt16(truncatingIfNeeded: try fields.integer("isvprodid", in: 0...65_535))
        levels = try SVNLevel.read(&fields)
    }

    /// What is wrong with the enclave of this report, apart from its version; nil when it is the one.
    func mismatch(_ report: SGXReportBody) -> String? {
        if !Self.equals(report.miscSelect, miscSelect, under: miscSelectMask) { return "MISCSELECT" }
        if !Self.equals(report.attributes, attributes, under: attributesMask) { return "ATTRIBUTES" }
        if report.mrSigner != signer { return "MRSIGNER" }
        if report.productID != productID { return "ISVPRODID" }
        return nil
    }

    /// Whether the bits of `value` under `mask` are `wanted`; bits wanted outside of the mask can never be met.
    static func equals(_ value: [UInt8], _ wanted: [UInt8], under mask: [UInt8]) -> Bool {
        zip(value, mask).map { $0 & $1 } == wanted
    }
}
