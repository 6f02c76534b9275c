import WireFormat

/// What Intel publishes beside a platform's certificates, as it was fetched: nothing of it is trusted yet.
///
/// The signatures cover the documents byte for byte, so these are kept as they were served.
public struct IntelCollateral: Equatable, Sendable {
    /// A JSON document with its signature and the certificates of its signer.
    public struct SignedDocument: Equatable, Sendable {
        /// The document, exactly as signed.
        public var content: [UInt8]
        /// r || s (64 bytes).
        public var signature: [UInt8]
        /// The signer's certificate and the root, in PEM.
        public var issuerChain: [UInt8]

        /// Joins the parts.
        public init(content: [UInt8], signature: [UInt8], issuerChain: [UInt8]) {
            self.content = content
            self.signature = signature
            self.issuerChain = issuerChain
        }

        /// Takes a document out of a response of the provisioning certification service (PCS, version 4).
        ///
        /// - Parameters:
        ///   - response: The body: `{"<member>":{…},"signature":"<128 hex digits>"}`, without white space between.
        ///   - member: `tcbInfo` or `enclaveIdentity`.
        ///   - issuerChain: The certificates of the response's header, decoded to PEM.
        public init(response: [UInt8], member: String, issuerChain: [UInt8]) throws(WireError) {
            let opening = Array("{\"\(member)\":".utf8)
            let middle = Array(",\"signature\":\"".utf8)
            var text = response[...]
            while let last = text.last, last == 0x0A || last == 0x0D || last == 0x20 { text.removeLast() }
            let tail = middle.count + 128 + 2
            guard text.count > opening.count + tail, text.starts(with: opening),
                text.suffix(tail).starts(with: middle), text.suffix(2).elementsEqual("\"}".utf8)
            else { throw WireError(field: member, reason: "is not a signed document of the expected form") }
            let digits = String(decoding: text.suffix(130).dropLast(2), as: UTF8.self)
            self.init(
                content: Array(text.dropFirst(opening.count).dropLast(tail)),
                signature: try Hex.decode(digits, field: "\(member) signature"), issuerChain: issuerChain)
        }
    }

    /// The security versions and their status, for one FMSPC.
    public var tcbInfo: SignedDocument?
    /// The quoting enclave that is to be trusted.
    public var qeIdentity: SignedDocument?
    /// The list of revoked PCK certificates in DER.
    public var pckRevocationList: [UInt8]?
    /// The authority that signed that list and the root, in PEM; without it the quote's own authority must have.
    public var pckRevocationListChain: [UInt8]?
    /// The root's list of revoked certificates in DER.
    public var rootRevocationList: [UInt8]?

    /// Joins what is at hand.
    public init(
        tcbInfo: SignedDocument?, qeIdentity: SignedDocument?, pckRevocationList: [UInt8]?,
        pckRevocationListChain: [UInt8]?, rootRevocationList: [UInt8]?
    ) {
        self.tcbInfo = tcbInfo
        self.qeIdentity = qeIdentity
        self.pckRevocationList = pckRevocationList
        self.pckRevocationListChain = pckRevocationListChain
        self.rootRevocationList = rootRevocationList
    }

    /// Reads the one JSON object that verifiers exchange: `tcb_info`, `tcb_info_signature`, `tcb_info_issuer_chain`, the
    /// same with `qe_identity`, `pck_crl`, `pck_crl_issuer_chain` and `root_ca_crl`; documents and chains as texts, the
    /// rest in hex. Members that are absent or null stay absent.
    public init(json: JSONValue) throws(WireError) {
        var fields = try JSONFields(json, path: "collateral")
        tcbInfo = try Self.document("tcb_info", &fields)
        qeIdentity = try Self.document("qe_identity", &fields)
        pckRevocationList = try Self.hex("pck_crl", &fields)
        pckRevocationListChain = try fields.optionalString("pck_crl_issuer_chain").map { Array($0.utf8) }
        rootRevocationList = try Self.hex("root_ca_crl", &fields)
    }

    private static func document(_ name: String, _ fields: inout JSONFields) throws(WireError) -> SignedDocument? {
        guard let content = try fields.optionalString(name),
            let signature = try hex("\(name)_signature", &fields),
            let chain = try fields.optionalString("\(name)_issuer_chain")
        else { return nil }
        return SignedDocument(content: Array(content.utf8), signature: signature, issuerChain: Array(chain.utf8))
    }

    private static func hex(_ name: String, _ fields: inout JSONFields) throws(WireError) -> [UInt8]? {
        guard let text = try fields.optionalString(name) else { return nil }
        return try Hex.decode(text, field: fields.path(name))
    }
}
