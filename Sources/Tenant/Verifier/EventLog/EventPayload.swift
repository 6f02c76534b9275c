import Evidence
import WireFormat

/// Whether an event's digest is that of what the log says was measured.
///
/// Registers vouch for digests only. For the kinds of event whose text or structure is what was measured, the digest is computed
/// again, so that nobody reads an edited text. For the others (images, tables, files) the log holds a name, not the thing.
public enum EventPayload: Sendable, Equatable {
    /// The digest is that of the event.
    case matches
    /// It is not, though it should be.
    case differs
    /// The event only names what was measured.
    case opaque

    /// Looks at an event of a boot log in every known bank.
    init(_ event: BootEvent) {
        guard event.type != .noAction, let candidates = Self.candidates(event.type, event.data) else {
            self = .opaque
            return
        }
        var known = false
        for digest in event.digests {
            guard let bank = TPMHash(rawValue: digest.algorithm) else { continue }
            known = true
            guard candidates.contains(where: { bank.digest($0) == digest.bytes }) else {
                self = .differs
                return
            }
        }
        self = known ? .matches : .opaque
    }

    /// Looks at an event of a log in JSON.
    init(_ event: RuntimeEventLog.Event) {
        guard let digest = event.digest else {
            // Computed from the payload, so it cannot differ.
            self = .matches
            return
        }
        if event.isRuntime {
            self = TPMHash.sha384.digest(event.runtimeMessage) == digest ? .matches : .differs
        } else if !event.payload.isEmpty, let candidates = Self.candidates(event.type, event.payload) {
            self = candidates.contains { TPMHash.sha384.digest($0) == digest } ? .matches : .differs
        } else {
            self = .opaque
        }
    }

    /// What the digest may be of, by the event's kind; nil when the event does not hold what was measured.
    private static func candidates(_ type: EventType, _ data: [UInt8]) -> [[UInt8]]? {
        switch type {
        case .separator, .crtmVersion, .nonHostInfo, .variableDriverConfig, .partitionTable, .action, .variableBoot2:
            return [data]
        case .variableBoot:
            // EDK2 measures the contents; the profile asks for the whole structure.
            guard let variable = try? EFIVariableData(parsing: data) else { return [data] }
            return [data, variable.contents]
        case .eventTag:
            // Linux only names what it measured; the attestation agent's entries are measured themselves.
            guard data.count >= 4, data[..<4].elementsEqual(Array("LEAA".utf8)) else { return nil }
            return [data]
        case .platformConfiguration:
            return (try? ShimConfiguration(parsing: data)).map { [$0.content] }
        case .initialProgramLoader:
            return loaderText(data)
        default: return nil
        }
    }

    /// GRUB measures commands and command lines without the word in front and without the final zero.
    private static func loaderText(_ data: [UInt8]) -> [[UInt8]]? {
        for prefix in ["grub_cmd: ", "kernel_cmdline: ", "module_cmdline: "] where data.starts(with: Array(prefix.utf8))
        {
            let text = data.dropFirst(prefix.utf8.count)
            return [Array(text.last == 0 ? text.dropLast() : text), Array(text)]
        }
        return nil
    }
}

extension RuntimeEventLog.Event {
    /// Whether dstack measured this itself: all of RTMR 3 and all events of its own type.
    var isRuntime: Bool { register == 3 || type == .dstackRuntime }

    /// The digest that was extended.
    var extended: [UInt8] { digest ?? TPMHash.sha384.digest(isRuntime ? runtimeMessage : payload) }
}
