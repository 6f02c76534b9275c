import ArgumentParser
import Foundation
import WireFormat

/// The options that every command takes.
struct CommonOptions: ParsableArguments {
    @Option(name: .long, help: "The deployment's folder (default: .testudo, or TESTUDO_STATE).")
    var state: String?

    @Flag(name: .long, help: "Print JSON instead of text.")
    var json = false

    var folder: StateFolder { StateFolder(option: state) }

    /// Prints the JSON form or the text form of a result.
    func show(_ value: JSONValue, text: @autoclosure () -> String) {
        print(json ? ShownText.json(value.prettyText) : ShownText.lines(text()))
    }
}

/// Progress of what takes longer than a second, on standard error so that standard output stays clean.
struct Progress: Sendable {
    let quiet: Bool

    init(quiet: Bool = false) { self.quiet = quiet }

    func step(_ text: String) {
        guard !quiet else { return }
        FileHandle.standardError.write(Data("\(text)\n".utf8))
    }
}

/// What must not pass unnoticed, on standard error in every output form.
enum Warning {
    static func simulated(_ name: String) {
        say(
            "simulated: the security processor behind \(name) is software on the host and proves nothing "
                + "about it; --hardware-only refuses it")
    }

    static func say(_ text: String) {
        FileHandle.standardError.write(Data("warning: \(ShownText.line(text))\n".utf8))
    }
}
