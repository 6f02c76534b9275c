import WireFormat

extension VerificationRecord {
    /// What `parse` gives; malformed input ends the verification.
    func parsed<Value>(_ parse: () throws(WireError) -> Value) throws(EvidenceRefusal) -> Value {
        do throws(WireError) {
            return try parse()
        } catch {
            throw refusal(.format, error.field, "", error.description)
        }
    }
}
