import Foundation

/// A random secret, planted in one place, and the forms in which a search has to know it.
struct Canary {
    let place: String
    let secret: String
    /// Each form's name and bytes.
    let forms: [(name: String, bytes: [UInt8])]

    init(_ place: String) {
        self.place = place
        let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".utf8)
        let bytes = (0..<32).compactMap { _ in letters.randomElement() }
        secret = String(decoding: bytes, as: UTF8.self)
        let hex = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        var forms = [("raw", bytes), ("hex", Array(hex.utf8)), ("HEX", Array(hex.uppercased().utf8))]
        for alignment in 0..<3 {
            // Characters that hold bits of a neighbour's bytes are cut off.
            let padded = Data([UInt8](repeating: 0, count: alignment) + bytes).base64EncodedString()
            let first = (alignment * 8 + 5) / 6
            let last = (alignment + bytes.count) * 8 / 6
            let core = String(padded.prefix(last).dropFirst(first))
            forms.append(("base64+\(alignment)", Array(core.utf8)))
            let safe = core.replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
            if safe != core { forms.append(("base64url+\(alignment)", Array(safe.utf8))) }
        }
        self.forms = forms
    }
}

/// One place where a canary was found.
struct Sighting: CustomStringConvertible {
    let canary: String
    let form: String
    let source: String

    var description: String { "\(canary) as \(form) in \(source)" }
}
