import WireFormat

/// What Intel says of the security versions of platforms of one FMSPC (PCS, TCB info of version 3, and of 2 for SGX).
struct TCBInfo: Sendable {
    /// What the info is for.
    enum Kind: String {
        case sgx = "SGX"
        case tdx = "TDX"
    }

    /// One level: whoever reaches all its versions has at least its status.
    struct Level: Sendable {
        var components: [UInt8]
        /// For TDX only.
        var tdxComponents: [UInt8]
        var pceSVN: UInt16
        /// Since when the level is what it is, in seconds since 1970.
        var date: Int64
        var status: TCBStatus
        var advisories: [String]
    }

    /// The signer and attributes of a TDX module.
    struct Module: Sendable {
        var signer: [UInt8]
        var attributes: [UInt8]
        var mask: [UInt8]
    }

    /// One major version of the TDX module.
    struct ModuleIdentity: Sendable {
        /// Upper case, e.g. `TDX_03`.
        var id: String
        var module: Module
        var levels: [SVNLevel]
    }

    let kind: Kind
    let fmspc: [UInt8]
    let pceID: [UInt8]
    let issued: Int64
    let nextUpdate: Int64
    let evaluationNumber: Int
    let module: Module?
    let moduleIdentities: [ModuleIdentity]
    let levels: [Level]

    private static let limits = JSONLimits(depth: 16, size: 1 << 20)
    private static let levelLimit = 256

    init(parsing bytes: [UInt8]) throws(WireError) {
        var fields = try JSONFields(try JSONValue.parse(bytes, limits: Self.limits), path: "tcbInfo")
        let version = try fields.integer("version", in: 2...3)
        if version == 2 {
            guard fields.optionalValue("id") == nil else { throw fields.refusal("id", "is not of version 2") }
            kind = .sgx
        } else {
            guard let kind = Kind(rawValue: try fields.string("id")) else {
                throw fields.refusal("id", "is neither SGX nor TDX")
            }
            self.kind = kind
        }
        fmspc = try fields.hex("fmspc", count: 6)
        pceID = try fields.hex("pceId", count: 2)
        issued = try fields.time("issueDate")
        nextUpdate = try fields.time("nextUpdate")
        guard try fields.integer("tcbType") == 0 else { throw fields.refusal("tcbType", "is not known") }
        evaluationNumber = try fields.integer("tcbEvaluationDataNumber", in: 0...Int(Int32.max))
        if kind == .tdx {
            var module = try fields.fields("tdxModule")
            self.module = try Self.module(&module)
        } else {
            module = nil
        }
        moduleIdentities = try fields.objects("tdxModuleIdentities", limit: Self.levelLimit, optional: true) {
            (element) throws(WireError) in
            ModuleIdentity(
                id: try element.string("id").uppercased(), module: try Self.module(&element),
                levels: try SVNLevel.read(&element))
        }
        let kind = kind
        levels = try fields.objects("tcbLevels", limit: Self.levelLimit) { (element) throws(WireError) in
            var tcb = try element.fields("tcb")
            return Level(
                components: version == 2
                    ? try Self.numbered(&tcb) : try Self.components("sgxtcbcomponents", &tcb),
                tdxComponents: kind == .tdx ? try Self.components("tdxtcbcomponents", &tcb) : [],
                pceSVN: UInt16(truncatingIfNeeded: try tcb.integer("pcesvn", in: 0...65_535)),
                date: try element.time("tcbDate"), status: try element.status(TCBStatus.ofLevels),
                advisories: try element.optionalStrings("advisoryIDs"))
        }
    }

    private static func module(_ fields: inout JSONFields) throws(WireError) -> Module {
        Module(
            signer: try fields.hex("mrsigner", count: 48), attributes: try fields.hex("attributes", count: 8),
            mask: try fields.hex("attributesMask", count: 8))
    }

    private static func components(_ key: String, _ fields: inout JSONFields) throws(WireError) -> [UInt8] {
        let versions = try fields.objects(key, limit: 16) { (element) throws(WireError) in
            UInt8(truncatingIfNeeded: try element.integer("svn", in: 0...255))
        }
        guard versions.count == 16 else { throw fields.refusal(key, "must have 16 components") }
        return versions
    }

    /// The components of version 2, each in a member of its own.
    private static func numbered(_ fields: inout JSONFields) throws(WireError) -> [UInt8] {
        var versions: [UInt8] = []
        for number in 1...16 {
            let key = "sgxtcbcomp\(number < 10 ? "0" : "")\(number)svn"
            versions.append(UInt8(truncatingIfNeeded: try fields.integer(key, in: 0...255)))
        }
        return versions
    }

    /// The identity of the TDX module of this major version.
    func moduleIdentity(major: UInt8) -> ModuleIdentity? {
        let id = "TDX_" + Hex.encode([major]).uppercased()
        return moduleIdentities.first { $0.id == id }
    }
}

/// One level of an enclave or of a TDX module: whoever has at least its version has its status.
struct SVNLevel: Sendable {
    var svn: UInt16
    /// In seconds since 1970.
    var date: Int64
    var status: TCBStatus

    /// Reads the member `tcbLevels`.
    static func read(_ fields: inout JSONFields) throws(WireError) -> [SVNLevel] {
        try fields.objects("tcbLevels", limit: 256) { (element) throws(WireError) in
            var tcb = try element.fields("tcb")
            return SVNLevel(
                svn: UInt16(truncatingIfNeeded: try tcb.integer("isvsvn", in: 0...65_535)),
                date: try element.time("tcbDate"), status: try element.status(TCBStatus.ofParts))
        }
    }
}

extension [SVNLevel] {
    /// The status of whoever has the version `svn`: that of the first level it reaches.
    func status(of svn: UInt16) -> TCBStatus { first { svn >= $0.svn }?.status ?? .notSupported }
}

extension JSONFields {
    /// Takes exactly `count` bytes in hex of either case.
    mutating func hex(_ key: String, count: Int) throws(WireError) -> [UInt8] {
        let bytes = try Hex.decode(try string(key), field: path(key))
        guard bytes.count == count else { throw refusal(key, "must be \(count) bytes") }
        return bytes
    }

    /// Takes a moment, in seconds since 1970.
    mutating func time(_ key: String) throws(WireError) -> Int64 {
        guard let time = CalendarTime(text: try string(key)) else { throw refusal(key, "is not a time") }
        return time.seconds
    }

    /// Takes the member `tcbStatus`.
    mutating func status(_ allowed: Set<TCBStatus>) throws(WireError) -> TCBStatus {
        guard let status = TCBStatus(rawValue: try string("tcbStatus")), allowed.contains(status) else {
            throw refusal("tcbStatus", "is not known")
        }
        return status
    }

    /// Takes a list of objects, each read by `read`.
    mutating func objects<Element>(
        _ key: String, limit: Int, optional: Bool = false,
        _ read: (inout JSONFields) throws(WireError) -> Element
    ) throws(WireError) -> [Element] {
        let values = optional ? try optionalArray(key) : try array(key)
        guard values.count <= limit else { throw refusal(key, "has more than \(limit) elements") }
        var elements: [Element] = []
        for (index, value) in values.enumerated() {
            var fields = try JSONFields(value, path: path("\(key)[\(index)]"))
            elements.append(try read(&fields))
        }
        return elements
    }
}
