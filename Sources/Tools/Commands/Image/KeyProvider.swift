import Envelope
import Foundation
import ImageFormat
import Unsealing
import WireFormat

/// Answers one request of the ocicrypt key-provider protocol.
///
/// Go sends byte strings as base64 and reads both forms, Rust sends and reads arrays of numbers: requests may use
/// either, answers use arrays.
struct KeyProvider: Sendable {
    /// The name under which the parameters of the protocol are looked up.
    static let name = "attestation-agent"

    let keyFile: String?

    func answer(_ request: [UInt8]) throws -> [UInt8] {
        let value = try JSONValue.parse(request)
        switch value["op"]?.stringValue {
        case "keywrap":
            let parameters = value["keywrapparams"] ?? .null
            let options = try Self.bytes(parameters["optsdata"], "keywrapparams.optsdata")
            let arguments = try Self.arguments(parameters["ec"]?["Parameters"])
            guard let identifier = arguments["keyid"] else {
                throw CommandFailure(
                    "the request names no keyid",
                    hint: "write provider:attestation-agent:keyid=kbs:///a/b/c::keypath=FILE")
            }
            let packet = try OcicryptSealing.packet(
                options, identifier: "kbs:///\(try KeyCommand.path(identifier))", key: try key(arguments))
            return Self.result("keywrapresults", "annotation", packet.bytes)
        case "keyunwrap":
            let parameters = value["keyunwrapparams"] ?? .null
            let packet = try KeyProviderPacket(
                parsing: try Self.bytes(parameters["annotation"], "keyunwrapparams.annotation"))
            let arguments = try Self.arguments(parameters["dc"]?["Parameters"])
            return Self.result(
                "keyunwrapresults", "optsdata", try OcicryptOpening.open(packet, with: try key(arguments)))
        default:
            throw CommandFailure("the request's op is neither keywrap nor keyunwrap")
        }
    }

    private func key(_ arguments: [String: String]) throws -> SecretBytes {
        guard let path = arguments["keypath"] ?? keyFile else {
            throw CommandFailure("the request names no key file", hint: "add keypath=FILE, or give --key-file")
        }
        let key = SecretBytes(try StateFolder.read(path, hint: "name a file with 32 raw bytes"))
        guard key.count == 32 else { throw CommandFailure("\(path) has \(key.count) bytes, not 32") }
        return key
    }

    private static func result(_ outer: String, _ inner: String, _ bytes: [UInt8]) -> [UInt8] {
        JSONValue.object([outer: .object([inner: .array(bytes.map { .integer(Int64($0)) })])]).canonicalBytes
    }

    private static func bytes(_ value: JSONValue?, _ field: String) throws -> [UInt8] {
        if let text = value?.stringValue { return try Base64.decode(text, field: field) }
        guard let numbers = value?.arrayValue else { throw WireError(field: field, reason: "missing or not bytes") }
        return try numbers.map { number in
            guard let integer = number.integerValue, let byte = UInt8(exactly: integer) else {
                throw WireError(field: field, reason: "holds a number that is not a byte")
            }
            return byte
        }
    }

    /// The `name=value` pairs of the provider's parameters, which are joined by `::`.
    private static func arguments(_ parameters: JSONValue?) throws -> [String: String] {
        var arguments: [String: String] = [:]
        for parameter in parameters?[name]?.arrayValue ?? [] {
            let text = String(decoding: try bytes(parameter, "Parameters"), as: UTF8.self)
            for pair in text.components(separatedBy: "::") {
                guard let equals = pair.firstIndex(of: "=") else { continue }
                arguments[String(pair[..<equals])] = String(pair[pair.index(after: equals)...])
            }
        }
        return arguments
    }
}
