import Crypto
import Envelope
import Evidence
import Foundation
import GuestImage
import Verifier
import WireFormat

import struct Envelope.SHA256Digest

/// The signed document that goes out with a guest image: its launch measurements for each technology and number of
/// processors that the build measured, and the digests of the image's parts (rule R9).
struct ReleasePublication {
    /// The name of the document beside the image.
    static let fileName = "reference-values.jws"

    private let measurements: ReferenceValues
    private let version: String
    private let artefacts: [String: SHA256Digest]

    /// Reads an image's folder; its `measurements.json` has to be that of the image beside it.
    init(image folder: String) throws {
        let measured = try JSONValue.parse(try StateFolder.read("\(folder)/measurements.json"))
        let published = try ReleaseDocument(parsing: measured)
        let (kernel, initrd, firmware) = (
            try StateFolder.read("\(folder)/kernel"), try StateFolder.read("\(folder)/initrd"),
            try StateFolder.read("\(folder)/qboot.rom")
        )
        let present = try LaunchMeasurements(kernel: kernel, initrd: initrd, firmware: firmware, ovmf: nil).values
        let known = Set(published.values.values.map(\.measurement))
        guard present.allSatisfy({ known.contains($0.measurement) }) else {
            throw CommandFailure(
                "\(folder)/measurements.json is not of the image beside it",
                hint: "build the image again: `testudo guest build`")
        }
        version = published.version
        measurements = published.values
        artefacts = [
            "kernel": SHA256Digest(hashing: kernel), "initrd": SHA256Digest(hashing: initrd),
            "qboot.rom": SHA256Digest(hashing: firmware),
        ]
    }

    /// The guest's version.
    var guestVersion: String { version }

    /// The document, signed.
    func signed(by key: Curve25519.Signing.PrivateKey, issuedAt: Int64, expires: Int64?) throws -> String {
        let document = ReleaseDocument(
            version: version, issuedAt: issuedAt, expires: expires, artefacts: artefacts, values: measurements)
        return try JWS.signEdDSA(claims: document.json, key: key)
    }
}
