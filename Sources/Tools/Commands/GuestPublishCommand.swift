import ArgumentParser
import Foundation
import Verifier
import WireFormat

/// `testudo guest publish`: signs the measurements of an image, for `testudo reference-values import`.
struct GuestPublish: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish",
        abstract: "Sign the launch measurements of a guest image and write \(ReleasePublication.fileName) beside it.")

    @OptionGroup var common: CommonOptions
    @Option(help: "The release signer's private key (Ed25519, PEM).") var releaseKey: String
    @Option(help: ArgumentHelp("When the document expires (default: never).", valueName: "time")) var expires: String?
    @Option(help: "The folder of the image (default: .build/guest-image).") var image: String?
    @Option(help: "The OVMF that the build measured launches under SEV-SNP with.") var ovmf: String?
    @OptionGroup var registers: GuestRegisterOptions

    func run() throws {
        let path = try Self.publish(
            image: image ?? Installation.guestImage, key: releaseKey, expires: try Self.time(expires),
            ovmf: ovmf, boots: registers)
        common.show(.object(["document": .string(path)]), text: "written to \(path)")
    }

    /// Reads an option's time.
    static func time(_ text: String?) throws -> Int64? {
        guard let text else { return nil }
        guard let seconds = ReferenceTime.seconds(parsing: text) else {
            throw ValidationError("--expires \(text): not a time such as 2027-01-31T00:00:00Z.")
        }
        return seconds
    }

    /// Writes the signed document; answers its path.
    static func publish(
        image folder: String, key path: String, expires: Int64?, ovmf: String? = nil, boots: GuestRegisterOptions? = nil
    ) throws -> String {
        let key = try Ed25519PEM.privateKey(try StateFolder.text(path, hint: "name the release key"))
        let signed = try ReleasePublication(image: folder, ovmf: ovmf, boots: boots).signed(
            by: key, issuedAt: ReferenceValueFile.now, expires: expires)
        let output = "\(folder)/\(ReleasePublication.fileName)"
        try StateFolder.write(signed + "\n", to: output)
        return output
    }
}
