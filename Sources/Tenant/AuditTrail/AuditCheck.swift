/// Reads the lines of an audit log in their order and says where the chain does not hold.
public struct AuditCheck: Sendable {
    /// A place where the chain does not hold.
    public struct Break: Equatable, Sendable {
        /// The number of the line in the text that was read, from 1.
        public let place: Int
        /// What is wrong there.
        public let reason: String
    }

    /// How many lines were read, fragments included.
    public private(set) var lines = 0
    /// Lines that a crash cut short: they are no JSON, and the chain goes on behind them.
    public private(set) var fragments = 0
    /// Where the chain does not hold, at most ``breakLimit`` of them.
    public private(set) var breaks: [Break] = []
    /// The first line of the chain that was read.
    public private(set) var first: AuditHead?
    /// The last one.
    public private(set) var last: AuditHead?
    private var expected: AuditLink?
    private var heads: [Int64: String]
    private var found: Set<Int64> = []

    /// How many breaks are told.
    public static let breakLimit = 100

    /// Starts a check.
    ///
    /// - Parameter heads: Lines that must be there, as they were noted elsewhere.
    public init(heads: [AuditHead] = []) {
        self.heads = Dictionary(heads.map { ($0.sequence, $0.hash) }) { first, _ in first }
    }

    /// Reads the next line, without its line feed.
    public mutating func read(_ line: some BidirectionalCollection<UInt8>) {
        guard !line.isEmpty else { return }
        lines += 1
        guard let link = AuditLink(line: line) else {
            if line.first == UInt8(ascii: "{"), line.last == UInt8(ascii: "}") {
                note("the line is not part of the chain")
            } else {
                fragments += 1
            }
            return
        }
        if let expected {
            if link.sequence != expected.sequence {
                note(
                    link.sequence > expected.sequence
                        ? "lines \(expected.sequence) to \(link.sequence - 1) are missing"
                        : "line \(link.sequence) stands where line \(expected.sequence) belongs")
            } else if link.previous != expected.previous {
                note("line \(link.sequence - 1) is not the one that line \(link.sequence) was written after")
            }
        } else if link.sequence == 1, link.previous != AuditLink.first.previous {
            note("the first line names a line before it")
        }
        let hash = AuditLink.hash(line)
        if let wanted = heads[link.sequence] {
            found.insert(link.sequence)
            if wanted != hash { note("line \(link.sequence) is not the one that was noted") }
        }
        first = first ?? AuditHead(sequence: link.sequence, hash: hash)
        last = AuditHead(sequence: link.sequence, hash: hash)
        expected = link.next(after: line)
    }

    /// Reads a text of lines.
    public mutating func read(text: some BidirectionalCollection<UInt8>) {
        for line in text.split(separator: UInt8(ascii: "\n")) { read(line) }
    }

    /// Ends the check: what was noted and is not there is a break, unless it lies before the first line that was read.
    public mutating func finish() {
        for (sequence, _) in heads.sorted(by: { $0.key < $1.key }) where !found.contains(sequence) {
            if let first, sequence < first.sequence { continue }
            note("line \(sequence) was noted and is missing: the end of the log was cut off")
        }
    }

    private mutating func note(_ reason: String) {
        if breaks.count < Self.breakLimit { breaks.append(Break(place: lines, reason: reason)) }
    }
}
