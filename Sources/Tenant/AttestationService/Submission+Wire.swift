import Verifier
import WireFormat

extension Submission {
    /// The largest evidence, in bytes of its text.
    static let evidenceLimit = 12 << 20

    /// Reads the evidence of a gRPC request.
    init(_ request: Attestation_IndividualAttestationRequest) throws(WireError) {
        let runtime: RuntimeData
        switch request.runtimeData {
        case nil: runtime = .none
        case .rawRuntimeData(let text): runtime = .raw(try Base64.decodeEither(text, field: "raw_runtime_data"))
        case .structuredRuntimeData(let text): runtime = .structured(try JSONValue.parse(text: text))
        }
        let initData: InitData
        switch request.initData {
        case nil: initData = .none
        case .initDataDigest(let text):
            initData = .digest(try Base64.decodeEither(text, field: "init_data_digest"))
        case .initDataToml(let text): initData = .document(try InitDataDocument(parsing: Array(text.utf8)))
        }
        try self.init(
            tee: request.tee, encoded: request.evidence, runtime, hash: request.runtimeDataHashAlgorithm, initData)
    }

    /// Reads the evidence of a request in JSON.
    init(json: JSONValue, path: String) throws(WireError) {
        var fields = try JSONFields(json, path: path)
        var runtime = RuntimeData.none
        if var given = try fields.optionalFields("runtime_data") {
            if let text = try given.optionalString("raw") {
                runtime = .raw(try Base64.decodeEither(text, field: given.path("raw")))
            } else {
                runtime = .structured(try given.value("structured"))
            }
            try given.finish()
        }
        var initData = InitData.none
        if var given = try fields.optionalFields("init_data") {
            if let text = try given.optionalString("init_data_digest") {
                initData = .digest(try Base64.decodeEither(text, field: given.path("init_data_digest")))
            } else {
                initData = .document(try InitDataDocument(parsing: Array(try given.string("init_data_toml").utf8)))
            }
            try given.finish()
        }
        try self.init(
            tee: try fields.string("tee"), encoded: try fields.string("evidence"), runtime,
            hash: try fields.optionalString("runtime_data_hash_algorithm") ?? "", initData)
        try fields.finish()
    }

    private init(
        tee: String, encoded: String, _ runtime: RuntimeData, hash: String, _ initData: InitData
    ) throws(WireError) {
        guard encoded.utf8.count <= Self.evidenceLimit else {
            throw WireError(field: "evidence", reason: "exceeds \(Self.evidenceLimit) bytes")
        }
        let document = try JSONValue.parse(try Base64.decodeEither(encoded, field: "evidence"))
        self.init(
            tee: tee, evidence: document, runtimeData: runtime,
            hash: hash.isEmpty ? .sha384 : try HashAlgorithm(parsing: hash, field: "runtime_data_hash_algorithm"),
            initData: initData)
    }
}
