import WireFormat

/// Reads a tar archive from chunks of any size and emits its entries.
///
/// The reader does no I/O and holds at most one header, one pax record block and one long name. It understands
/// ustar, pax and GNU long names, and refuses what a layer must not hold: absolute paths, `..`, sparse files, unknown
/// entry types, names that are not UTF-8, and bytes after the end. Paths are normalised; that symbolic links
/// lead nowhere outside the root is for the one who unpacks to ensure.
public struct TarReader: Sendable {
    /// Bounds on what an archive may ask for.
    public struct Limits: Sendable {
        /// The most entries.
        public var entries = 1_000_000
        /// The most content bytes, over all entries.
        public var totalBytes: Int64 = 32 << 30
        /// The most bytes of one pax header or long name.
        public var extensionBytes: Int64 = 1 << 20

        /// Creates the default limits.
        public init() {}
    }

    private enum State: Sendable {
        case header([UInt8])
        case content(remaining: Int64, padding: Int)
        case extended(type: UInt8, remaining: Int64, padding: Int, collected: [UInt8])
        case padding(Int)
        case ended
    }

    private let limits: Limits
    private var state = State.header([])
    private var sawZeroBlock = false
    private var extensions = TarExtensions()
    private var hasExtensions = false
    private var entries = 0
    private var totalBytes: Int64 = 0

    /// Creates a reader at the start of an archive.
    public init(limits: Limits = Limits()) { self.limits = limits }

    /// Takes the next bytes of the archive and returns what they complete.
    public mutating func receive(_ bytes: some Collection<UInt8>) throws(WireError) -> [TarEvent] {
        var rest = ArraySlice(bytes)
        var events: [TarEvent] = []
        while !rest.isEmpty {
            switch self.state {
            case .header(var block):
                let taken = rest.prefix(TarHeader.blockSize - block.count)
                block += taken
                rest = rest.dropFirst(taken.count)
                if block.count == TarHeader.blockSize {
                    try self.take(block: block, &events)
                } else {
                    self.state = .header(block)
                }
            case .content(let remaining, let padding):
                let taken = rest.prefix(Int(min(remaining, Int64(rest.count))))
                rest = rest.dropFirst(taken.count)
                events.append(.data(taken))
                let left = remaining - Int64(taken.count)
                self.state = left > 0 ? .content(remaining: left, padding: padding) : Self.padded(padding)
                if left == 0 { events.append(.endOfFile) }
            case .extended(let type, let remaining, let padding, var collected):
                let taken = rest.prefix(Int(min(remaining, Int64(rest.count))))
                rest = rest.dropFirst(taken.count)
                collected += taken
                let left = remaining - Int64(taken.count)
                self.state = .extended(type: type, remaining: left, padding: padding, collected: collected)
                if left == 0 {
                    self.state = Self.padded(padding)
                    try self.take(extension: type, collected)
                }
            case .padding(let count):
                let taken = min(count, rest.count)
                rest = rest.dropFirst(taken)
                self.state = Self.padded(count - taken)
            case .ended:
                guard rest.allSatisfy({ $0 == 0 }) else {
                    throw WireError(field: "tar archive", reason: "bytes after the end")
                }
                return events
            }
        }
        return events
    }

    /// Checks that the archive did not end in the middle of an entry.
    ///
    /// The two zero blocks at the end are POSIX's, but umoci writes layers without them and without the last entry's
    /// padding, and other readers take such layers. That an archive is whole is what the layer's diff_id shows.
    public func finish() throws(WireError) {
        switch self.state {
        case .ended: return
        case .padding where !self.hasExtensions: return
        case .header(let block) where block.isEmpty && self.entries > 0 && !self.hasExtensions: return
        default: throw WireError(field: "tar archive", reason: "ends too early")
        }
    }

    private static func padded(_ count: Int) -> State { count == 0 ? .header([]) : .padding(count) }

    private mutating func take(block: [UInt8], _ events: inout [TarEvent]) throws(WireError) {
        self.state = .header([])
        if block.allSatisfy({ $0 == 0 }) {
            guard !self.hasExtensions else {
                throw WireError(field: "tar archive", reason: "ends after an extended header")
            }
            if self.sawZeroBlock { self.state = .ended }
            self.sawZeroBlock = true
            return
        }
        guard !self.sawZeroBlock else { throw WireError(field: "tar archive", reason: "a lone zero block") }
        let header = try TarHeader(block: block)
        switch header.type {
        case UInt8(ascii: "x"), UInt8(ascii: "g"), UInt8(ascii: "L"), UInt8(ascii: "K"):
            guard (1...self.limits.extensionBytes).contains(header.size) else {
                throw WireError(
                    field: "tar extended header", reason: "empty or larger than \(self.limits.extensionBytes) bytes")
            }
            self.state = .extended(
                type: header.type, remaining: header.size, padding: Self.paddingLength(header.size), collected: [])
        default:
            let entry = try self.entry(header)
            self.entries += 1
            guard self.entries <= self.limits.entries else {
                throw WireError(field: "tar archive", reason: "more than \(self.limits.entries) entries")
            }
            events.append(.entry(entry))
            if case .file(let size) = entry.kind {
                let (total, overflow) = self.totalBytes.addingReportingOverflow(size)
                guard !overflow, total <= self.limits.totalBytes else {
                    throw WireError(field: "tar archive", reason: "more than \(self.limits.totalBytes) content bytes")
                }
                self.totalBytes = total
                self.state = .content(remaining: size, padding: Self.paddingLength(size))
                if size == 0 {
                    self.state = .header([])
                    events.append(.endOfFile)
                }
            }
            self.extensions = TarExtensions()
            self.hasExtensions = false
        }
    }

    private static func paddingLength(_ size: Int64) -> Int { Int((512 - size % 512) % 512) }

    private mutating func take(extension type: UInt8, _ bytes: [UInt8]) throws(WireError) {
        switch type {
        case UInt8(ascii: "x"): try self.extensions.take(paxRecords: bytes)
        case UInt8(ascii: "L"): self.extensions.path = Array(bytes.prefix { $0 != 0 })
        case UInt8(ascii: "K"): self.extensions.linkPath = Array(bytes.prefix { $0 != 0 })
        default:
            // Global records would change entries for some readers and not for others.
            var scratch = TarExtensions()
            try scratch.take(paxRecords: bytes)
            guard scratch.isEmpty else {
                throw WireError(field: "tar archive", reason: "global headers are not supported")
            }
            return
        }
        self.hasExtensions = true
    }

    private func entry(_ header: TarHeader) throws(WireError) -> TarEntry {
        let more = self.extensions
        let rawPath = more.path ?? header.name
        let path = try TarPath.normalise(rawPath, field: "tar path")
        let size = more.size ?? header.size
        guard size >= 0 else { throw WireError(field: "tar size", reason: "negative") }
        let link = more.linkPath ?? header.linkName
        let kind: TarEntry.Kind
        switch header.type {
        case 0, UInt8(ascii: "0"), UInt8(ascii: "7"):
            // Archives older than ustar mark a folder only by the slash at its end.
            kind = rawPath.last == UInt8(ascii: "/") && size == 0 ? .directory : .file(size: size)
        case UInt8(ascii: "1"): kind = .hardLink(target: try TarPath.hardLinkTarget(link))
        case UInt8(ascii: "2"): kind = .symbolicLink(target: try TarPath.linkText(link))
        case UInt8(ascii: "3"):
            kind = .characterDevice(major: try device(header.major), minor: try device(header.minor))
        case UInt8(ascii: "4"): kind = .blockDevice(major: try device(header.major), minor: try device(header.minor))
        case UInt8(ascii: "5"): kind = .directory
        case UInt8(ascii: "6"): kind = .namedPipe
        case UInt8(ascii: "S"): throw WireError(field: "tar entry", reason: "sparse files are not supported")
        default: throw WireError(field: "tar entry", reason: "unknown type \(header.type)")
        }
        if case .file = kind {
        } else if size != 0 {
            throw WireError(field: "tar size", reason: "not zero for an entry without content")
        }
        if path.isEmpty, kind != .directory {
            throw WireError(field: "tar path", reason: "the root must be a directory")
        }
        return TarEntry(
            path: path, kind: kind, mode: UInt32(header.mode & 0o7777),
            userID: try owner(more.userID ?? header.userID), groupID: try owner(more.groupID ?? header.groupID),
            modified: more.modified?.seconds ?? header.modified, modifiedNanoseconds: more.modified?.nanoseconds ?? 0,
            attributes: more.attributes.sorted { $0.key < $1.key }.map { .init(name: $0.key, value: $0.value) })
    }

    private func owner(_ number: Int64) throws(WireError) -> UInt32 {
        // The highest number means "leave as it is" to chown and would keep root as owner.
        guard let value = UInt32(exactly: number), value != .max else {
            throw WireError(field: "tar owner", reason: "out of range")
        }
        return value
    }

    private func device(_ number: Int64) throws(WireError) -> UInt32 {
        guard (0..<(1 << 20)).contains(number) else { throw WireError(field: "tar device", reason: "out of range") }
        return UInt32(number)
    }
}

extension TarExtensions {
    var isEmpty: Bool {
        self.path == nil && self.linkPath == nil && self.size == nil && self.userID == nil && self.groupID == nil
            && self.modified == nil && self.attributes.isEmpty
    }
}
