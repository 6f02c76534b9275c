import ArgumentParser
import Envelope
import Evidence
import Foundation
import GuestImage
import WireFormat

/// `testudo guest`: the image that runs inside the virtual machine.
struct GuestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "guest", abstract: "Build, measure and publish the guest image.",
        subcommands: [Build.self, Measure.self, GuestPublish.self])

    /// `testudo guest build`.
    struct Build: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Build kernel, initrd and launch measurements from the sources and the locked packages.")

        @OptionGroup var common: CommonOptions

        @Flag(name: .long, help: "Build a second time elsewhere and compare, writing nothing.")
        var check = false

        @Option(name: .long, help: "With --check: the measurements.json to compare with, instead of the last build's.")
        var published: String?

        @Option(name: .long, help: "An OVMF with a place for kernel hashes: also measure launches under SEV-SNP.")
        var ovmf: String?

        @Option(name: .long, help: "The folder for the image (default: .build/guest-image).")
        var output: String?

        @Option(
            name: .long,
            help: "Publish the measurements: sign them with this private key (Ed25519, PEM), as `guest publish` does.")
        var releaseKey: String?

        @Option(
            name: .long,
            help: ArgumentHelp("With --release-key: when the document expires (default: never).", valueName: "time"))
        var expires: String?

        func validate() throws {
            _ = try GuestPublish.time(expires)
            if check, releaseKey != nil { throw ValidationError("--check writes nothing; leave --release-key out.") }
            if expires != nil, releaseKey == nil { throw ValidationError("--expires goes with --release-key.") }
        }

        func run() async throws {
            let progress = Progress()
            let options = GuestBuild.Options(
                root: Installation.root, version: TestudoVersion.text, output: output ?? Installation.guestImage,
                ovmf: ovmf)
            do throws(GuestBuildError) {
                if check {
                    try compare(try GuestBuild.check(options, published: published) { progress.step($0) })
                } else {
                    report(try GuestBuild.run(options) { progress.step($0) }, in: options.output)
                }
            } catch {
                throw CommandFailure("\(error)")
            }
            guard !check, let releaseKey else { return }
            let path = try GuestPublish.publish(
                image: options.output, key: releaseKey, expires: try GuestPublish.time(expires), ovmf: ovmf)
            progress.step("reference values signed: \(path)")
        }

        private func report(_ outcome: GuestBuild.Outcome, in folder: String) {
            let rows = outcome.image.sizes.map { [$0.part, "\($0.bytes)"] }
            let summary: JSONValue = [
                "folder": .string(folder), "sizes": outcome.manifest["sizes"] ?? .null,
                "kernel": outcome.manifest["kernel"] ?? .null, "initrd": outcome.manifest["initrd"] ?? .null,
                "agent": outcome.manifest["agent"] ?? .null,
            ]
            common.show(summary, text: TextTable.render([["part", "bytes"]] + rows) + "\nwritten to \(folder)")
        }

        private func compare(_ comparison: GuestBuild.Comparison) throws(GuestBuildError) {
            common.show(
                [
                    "equal": .bool(comparison.isEqual),
                    "differingFiles": .array(comparison.differingFiles.map { .string($0) }),
                ],
                text: comparison.isEqual ? "the second build gives the same measurements" : "the builds differ")
            guard comparison.isEqual else {
                let files = comparison.differingFiles.joined(separator: ", ")
                throw GuestBuildError(
                    "the second build differs\(files.isEmpty ? " in its measurements" : " in \(files)")")
            }
        }
    }

    /// `testudo guest measure`.
    struct Measure: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the digests of a guest image and its launch measurement per technology.")

        @OptionGroup var common: CommonOptions

        @Option(name: .long, help: "The folder of the image (default: .build/guest-image).")
        var image: String?

        @Option(name: .long, help: "An OVMF with a place for kernel hashes: also measure launches under SEV-SNP.")
        var ovmf: String?

        @OptionGroup var registers: GuestRegisterOptions

        func run() async throws {
            let folder = image ?? Installation.guestImage
            let kernel = try StateFolder.read("\(folder)/kernel")
            let initrd = try StateFolder.read("\(folder)/initrd")
            let firmware = try StateFolder.read("\(folder)/qboot.rom")
            let measurements = try LaunchMeasurements(
                kernel: kernel, initrd: initrd, firmware: firmware, ovmf: try ovmf.map { try StateFolder.read($0) })
            let boots = try registers.boots(kernel: kernel, initrd: initrd)
            let digests: [(String, [UInt8])] = [
                ("kernel", kernel), ("initrd", initrd), ("firmware", firmware),
                ("command line", Array(GuestCommandLine.release.utf8)),
                ("command line (debug)", Array(GuestCommandLine.debug.utf8)),
            ]
            var value = measurements.json(version: TestudoVersion.text).objectValue ?? [:]
            value["sha256"] = .object(
                Dictionary(
                    digests.map { ($0.0, JSONValue.string(SHA256Digest(hashing: $0.1).hex)) }, uniquingKeysWith: { $1 })
            )
            if !boots.isEmpty { value["registers"] = .array(boots.map(\.json)) }
            let rows = measurements.values.map {
                [
                    $0.technology.rawValue, "\($0.processors)", $0.debug ? "debug" : "release", $0.measurement.hex,
                ]
            }
            var text =
                TextTable.render(digests.map { [$0.0, SHA256Digest(hashing: $0.1).hex] }) + "\n\n"
                + TextTable.render([["technology", "vcpus", "kind", "measurement"]] + rows)
            if let boot = boots.first?.boot {
                let rows = [["kind", "memory", "bank", "register", "value"]] + boots.flatMap(\.rows)
                text += "\n\n" + TextTable.render(rows) + "\n"
                text += "assumed: " + MeasuredBootOptions.assumptions(boot).joined(separator: ", ")
            }
            common.show(.object(value), text: text)
        }
    }
}
