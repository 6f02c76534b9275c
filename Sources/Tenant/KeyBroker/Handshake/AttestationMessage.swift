import Envelope
import Evidence
import WireFormat

/// The body of `/attest`, parsed whole; nothing in it is trusted yet.
///
/// Version 0.4.0 sends init-data and runtime data beside the evidence. Before it the body was the key and the evidence: of
/// several devices in 0.3.0, of the machine alone until then, and as a text of JSON in 0.1.0.
///
/// Members that are not known are left alone, as trustee does, so that later clients may say more; but not in `runtime-data`,
/// which evidence binds as a whole, and not in `init-data`, where a member could give the document another meaning.
struct AttestationMessage: Sendable {
    /// The init-data document; nil when the guest was launched for none.
    let initData: String?
    /// The challenge as the message repeats it; nil before 0.4.0, where the evidence alone has it.
    let nonce: String?
    let teePublicKey: JSONValue
    let primaryEvidence: JSONValue
    /// The exact text beside the evidence; nil where the version has none, so that no report covers it.
    let additionalEvidence: String?

    init(_ body: [UInt8], version: ProtocolVersion = .v0_4_0) throws(WireError) {
        var fields = try JSONFields(try JSONValue.parse(body), path: "")
        if version == .v0_4_0 {
            initData = try Self.initData(&fields)
            var runtime = try fields.fields("runtime-data")
            nonce = try runtime.string("nonce")
            teePublicKey = try Self.key(&runtime, version)
            try runtime.finish()
        } else {
            (initData, nonce) = (nil, nil)
            teePublicKey = try Self.key(&fields, version)
        }
        switch version {
        case .v0_4_0, .v0_3_0:
            var evidence = try fields.fields("tee-evidence")
            primaryEvidence = try evidence.value("primary_evidence")
            additionalEvidence = try evidence.optionalString("additional_evidence") ?? ""
        case .v0_2_0, .v0_1_1, .v0_1_0:
            let evidence = try fields.value("tee-evidence")
            if let text = evidence.stringValue, version.hasLegacyAnswers {
                primaryEvidence = try JSONValue.parse(text: text)
            } else {
                primaryEvidence = evidence
            }
            additionalEvidence = nil
        }
    }

    private static func initData(_ fields: inout JSONFields) throws(WireError) -> String? {
        guard var document = try fields.optionalFields("init-data") else { return nil }
        guard try document.string("format") == "toml" else { throw document.refusal("format", "must be toml") }
        let body = try document.string("body")
        try document.finish()
        return body
    }

    /// A key that answers can be sealed to is demanded here: a guest is told at once, not at its first resource.
    private static func key(_ fields: inout JSONFields, _ version: ProtocolVersion) throws(WireError) -> JSONValue {
        let path = fields.path("tee-pubkey")
        let value = try fields.value("tee-pubkey")
        do {
            let key = try JSONWebKey(parsing: value)
            try key.requireRecipient(allowsPadding15: version.hasLegacyAnswers)
        } catch {
            // The key calls itself `jwk`; the guest knows it by its place in the message.
            let member = error.field.hasPrefix("jwk.") ? "." + error.field.dropFirst(4) : ""
            throw WireError(field: path + member, reason: error.reason)
        }
        return value
    }

    /// What the report data is made from.
    func runtimeData(nonce: String) -> JSONValue {
        var members: [String: JSONValue] = ["tee-pubkey": teePublicKey, "nonce": .string(nonce)]
        if let additionalEvidence { members["additional-evidence"] = .string(additionalEvidence) }
        return .object(members)
    }
}
