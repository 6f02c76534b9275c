/// `semver.*`.
extension Builtin {
    static let semanticVersions: [Builtin] = [
        plain("semver.is_valid", 1) { (a: [Value]) throws(Failure) -> Value? in
            guard case .string(let text) = a.operand(1) else { return .bool(false) }
            return .bool(SemanticVersion(text.string) != nil)
        },
        plain("semver.compare", 2) { (a: [Value]) throws(Failure) -> Value? in
            let (one, other) = try (a.string(1), a.string(2))
            guard let first = SemanticVersion(one) else {
                throw .builtin("operand 1: string \(GoQuote.quote(one)) is not a valid SemVer")
            }
            guard let second = SemanticVersion(other) else {
                throw .builtin("operand 2: string \(GoQuote.quote(other)) is not a valid SemVer")
            }
            return .int(SemanticVersion.order(first, second))
        },
    ]
}

/// A version such as `1.2.3-beta.1+build`, as leniently read as OPA does.
struct SemanticVersion {
    private var numbers: [Int]
    private var preRelease: [[UInt8]]

    init?(_ text: String) {
        var bytes = Array(text.utf8)[...]
        if bytes.first == 118 { bytes = bytes.dropFirst() }
        var release = bytes.prefix { $0 != 43 }
        let metadata = bytes.dropFirst(release.count + 1)
        bytes = release
        release = release.prefix { $0 != 45 }
        let tail = bytes.dropFirst(release.count + 1)
        guard metadata.isEmpty || Self.isIdentifier(metadata), tail.isEmpty || Self.isIdentifier(tail) else {
            return nil
        }
        let parts = release.split(separator: 46, omittingEmptySubsequences: false)
        guard parts.count == 3 else { return nil }
        numbers = []
        for part in parts {
            guard let number = Int(part.string) else { return nil }
            numbers.append(number)
        }
        preRelease = tail.isEmpty ? [] : tail.split(separator: 46).map(Array.init)
    }

    private static func isIdentifier(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.split(separator: 46, omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty && part.allSatisfy { ASCII.isAlphanumeric($0) || $0 == 45 }
        }
    }

    static func order(_ left: SemanticVersion, _ right: SemanticVersion) -> Int {
        for (one, other) in zip(left.numbers, right.numbers) where one != other { return one < other ? -1 : 1 }
        if left.preRelease.isEmpty || right.preRelease.isEmpty {
            return left.preRelease.isEmpty == right.preRelease.isEmpty ? 0 : left.preRelease.isEmpty ? 1 : -1
        }
        for (one, other) in zip(left.preRelease, right.preRelease) where one != other {
            switch (one.allSatisfy(ASCII.isDigit), other.allSatisfy(ASCII.isDigit)) {
            case (true, false): return -1
            case (false, true): return 1
            case (true, true):
                let (first, second) = (one.drop { $0 == 48 }, other.drop { $0 == 48 })
                if first.count != second.count { return first.count < second.count ? -1 : 1 }
                if first != second { return first.lexicographicallyPrecedes(second) ? -1 : 1 }
            case (false, false): return one.lexicographicallyPrecedes(other) ? -1 : 1
            }
        }
        let (one, other) = (left.preRelease.count, right.preRelease.count)
        return one == other ? 0 : one < other ? -1 : 1
    }
}
