import TestSupport
import WireFormat

/// The vectors of the guest's formats.
enum GuestVectors {
    static func bytes(_ path: String) throws -> [UInt8] { try Vectors.bytes("guest/\(path)") }

    static func text(_ path: String) throws -> String { try Vectors.text("guest/\(path)") }

    static func json(_ path: String) throws -> JSONValue { try JSONValue.parse(try self.bytes(path)) }

    static func path(_ path: String) -> String { Vectors.url("guest/\(path)").path }
}
