import WireFormat

extension ReferenceReader {
    func read(swid bytes: [UInt8]) throws(WireError) -> ReferenceDocument {
        throw WireError(field: "document", reason: "SWID manifests are not read")
    }
}
