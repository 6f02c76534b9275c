import WireFormat

/// Kubernetes quantities: a decimal number with a suffix such as `m`, `k`, `Mi`.
enum Quantity {
    private static let suffixes: [String: (numerator: Int, denominator: Int)] = [
        "": (1, 1), "m": (1, 1000), "k": (1000, 1), "M": (1_000_000, 1), "G": (1_000_000_000, 1),
        "T": (1_000_000_000_000, 1), "Ki": (1 << 10, 1), "Mi": (1 << 20, 1), "Gi": (1 << 30, 1), "Ti": (1 << 40, 1),
    ]

    /// The quantity in thousandths, rounded up.
    static func thousandths(_ value: JSONValue, _ field: String) throws(WireError) -> Int {
        let fault = WireError(field: field, reason: "must be a quantity such as 500m, 1 or 512Mi")
        let text: String
        switch value {
        case .string(let written): text = written
        case .integer, .number: text = value.canonicalText
        default: throw fault
        }
        let digits = text.prefix { ("0"..."9").contains($0) }
        var rest = text.dropFirst(digits.count)
        var fraction: Substring = ""
        if rest.hasPrefix(".") {
            fraction = rest.dropFirst().prefix { ("0"..."9").contains($0) }
            rest = rest.dropFirst(fraction.count + 1)
        }
        guard let factor = suffixes[String(rest)], !digits.isEmpty || !fraction.isEmpty, fraction.count <= 9,
            let number = Int(digits + fraction)
        else { throw fault }
        var divisor = factor.denominator
        for _ in fraction { divisor *= 10 }
        let (scaled, overflow) = number.multipliedReportingOverflow(by: factor.numerator)
        let (thousand, again) = scaled.multipliedReportingOverflow(by: 1000)
        guard !overflow, !again, thousand <= Int.max - divisor else {
            throw WireError(field: field, reason: "is too large")
        }
        return (thousand + divisor - 1) / divisor
    }
}
