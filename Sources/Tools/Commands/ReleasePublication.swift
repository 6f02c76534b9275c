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
    private let registers: [BootedRegisters]

    /// Reads an image's folder; its `measurements.json` has to say exactly what the image beside it measures.
    ///
    /// - Parameters:
    ///   - folder: The folder that `testudo guest build` wrote.
    ///   - ovmf: The OVMF that launches under SEV-SNP were measured with; without it such measurements are not signed.
    ///   - boots: How the image boots with a TPM; what the registers hold is computed here.
    init(image folder: String, ovmf: String? = nil, boots: GuestRegisterOptions? = nil) throws {
        let measured = try JSONValue.parse(try StateFolder.read("\(folder)/measurements.json"))
        let published = try ReleaseDocument(parsing: measured)
        let (kernel, initrd, firmware) = (
            try StateFolder.read("\(folder)/kernel"), try StateFolder.read("\(folder)/initrd"),
            try StateFolder.read("\(folder)/qboot.rom")
        )
        let present = try LaunchMeasurements(
            kernel: kernel, initrd: initrd, firmware: firmware, ovmf: try ovmf.map { try StateFolder.read($0) })
        let known = Set(
            present.values.map {
                ReferenceValue(
                    technology: $0.technology, measurement: $0.measurement, processors: $0.processors, debug: $0.debug,
                    version: published.version)
            })
        // What is signed is what was measured here, whole: the file decides nothing.
        let measurable = Set(known.map(\.technology))
        if let other = published.values.values.first(where: { !measurable.contains($0.technology) }) {
            throw CommandFailure(
                "\(folder)/measurements.json: nothing here confirms those for \(other.technology.rawValue)",
                hint: ovmf == nil
                    ? "name the build's OVMF: `testudo guest publish --ovmf FILE`; `up` needs a build without one"
                    : "build the image again: `testudo guest build`")
        }
        guard published.values.values == known else {
            throw CommandFailure(
                "\(folder)/measurements.json is not of the image beside it",
                hint: "build the image again: `testudo guest build`")
        }
        version = published.version
        measurements = published.values
        registers =
            try boots?.boots(kernel: kernel, initrd: initrd).map {
                BootedRegisters(debug: $0.debug, banks: $0.banks)
            } ?? []
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
            version: version, issuedAt: issuedAt, expires: expires, artefacts: artefacts, values: measurements,
            registers: registers)
        return try JWS.signEdDSA(claims: document.json, key: key)
    }
}
