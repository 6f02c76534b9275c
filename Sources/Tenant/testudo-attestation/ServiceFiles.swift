import AttestationService
import Foundation
import Glibc
import Verifier
import WireFormat

/// The service that the program's options describe, with what their files hold.
struct ServiceFiles {
    private let options: AttestationProgram

    private static let sizeLimit = 4 << 20

    init(_ options: AttestationProgram) { self.options = options }

    func service() async throws -> EvaluationService {
        let clock: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }
        var files: [(name: String, bytes: [UInt8])] = []
        for path in options.endorsement { files.append((name: path, bytes: try Self.bytes(path))) }
        var settings = VerificationSettings(
            anchors: try TrustAnchors(softRootFingerprints: options.softRoot),
            endorsements: try EndorsementFiles(files), clock: clock)
        if options.allowDebug { settings.allowDebugging() }
        settings.distrust = try Distrust(options.distrust)
        if !options.tpmCertificate.isEmpty {
            settings.tpm = try TPMEndorsements(
                certificates: try options.tpmCertificate.map { (name: $0, bytes: try Self.bytes($0)) },
                roots: try options.tpmRoot.map { (name: $0, bytes: try Self.bytes($0)) }, distrust: settings.distrust)
        }
        for path in options.attestationKey {
            settings.attestationKeys.insert(try AttestationKey(parsing: try Self.bytes(path)).publicKeyInfo)
        }
        if let path = options.platforms {
            settings.platforms = try CCAEndorsement.list(json: try JSONValue.parse(try Self.bytes(path)))
        }
        var values: [String: JSONValue] = [:]
        if let path = options.referenceValues {
            guard let members = try JSONValue.parse(try Self.bytes(path)).objectValue else {
                throw WireError(field: path, reason: "must be an object of values by name")
            }
            values = members
        }
        var keys: [ReferenceSigningKey] = []
        for path in options.referenceKey {
            keys.append(try ReferenceSigningKey(pem: String(decoding: try Self.bytes(path), as: UTF8.self)))
        }
        let state = try options.state.map { (folder) throws(WireError) in try ServiceState(folder: folder) }
        let service = try EvaluationService(
            settings: settings, supply: try options.supply.supply(state: options.state, clock: clock),
            references: try ReferenceValueRegistry(
                values, state: state, keys: keys, allowsUnsigned: options.allowUnsigned, clock: clock),
            keys: try tokenKeys(state, now: clock()), issuer: options.issuer, build: "testudo-attestation 0.1.0",
            state: state, explains: options.explain)
        for option in options.policy {
            let parts = option.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw WireError(field: "--policy", reason: "must be ID=FILE") }
            try await service.setPolicy(parts[0], encoded: Base64.encodeURL(try Self.bytes(parts[1])))
        }
        return service
    }

    private var algorithm: TokenSigningKey.Algorithm {
        get throws {
            guard let algorithm = TokenSigningKey.Algorithm(rawValue: options.algorithm) else {
                throw WireError(field: "--algorithm", reason: "must be ES256 or ES384")
            }
            return algorithm
        }
    }

    /// The keys in the owner's files, or those that the service keeps itself.
    private func tokenKeys(_ state: ServiceState?, now: Int64) throws -> TokenKeys {
        guard (1...1440).contains(options.tokenMinutes) else {
            throw WireError(field: "--token-minutes", reason: "must be 1 to 1440")
        }
        guard (1...3650).contains(options.tokenKeyDays) else {
            throw WireError(field: "--token-key-days", reason: "must be 1 to 3650")
        }
        let lifetime = options.tokenMinutes * 60
        if let path = options.signingKey { return TokenKeys(try keyring(path, lifetime: lifetime, now: now)) }
        guard options.formerKey.isEmpty, options.signingChain == nil else {
            throw WireError(field: "--former-key, --signing-chain", reason: "need --signing-key")
        }
        guard let state else {
            throw WireError(field: "keys", reason: "--state or --signing-key must say where they are")
        }
        return try TokenKeys(
            in: state, try algorithm, lifetime: lifetime, period: options.tokenKeyDays * 86_400, now: now)
    }

    /// The key that signs, and those that signed before, each until its time: a start adds nothing to their lives.
    private func keyring(_ path: String, lifetime: Int64, now: Int64) throws -> TokenKeyring {
        var former: [(key: TokenSigningKey, until: Int64)] = []
        for option in options.formerKey {
            let parts = option.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, let until = ReferenceTime.seconds(parsing: parts[0]) else {
                throw WireError(
                    field: "--former-key \(option)",
                    reason: "must say until when the key signed: 2026-11-21T12:00:00Z=\(parts.last ?? "FILE")")
            }
            guard until <= now else {
                throw WireError(field: "--former-key \(option)", reason: "the time has not come yet")
            }
            let pem = String(decoding: try Self.secret(parts[1]), as: UTF8.self)
            former.append((try TokenSigningKey(pem: pem), until))
        }
        former.sort { $0.until < $1.until }
        let current = try signingKey(path)
        let keyring = TokenKeyring(former.first?.key ?? current, since: 0, lifetime: lifetime)
        for (index, known) in former.enumerated() {
            keyring.rotate(to: index + 1 < former.count ? former[index + 1].key : current, now: known.until)
        }
        return keyring
    }

    /// The key of the file; a new one where there is no file.
    private func signingKey(_ path: String) throws -> TokenSigningKey {
        let algorithm = try algorithm
        let chain = try options.signingChain.map { try TokenSigningKey.certificates(pem: try Self.bytes($0)) } ?? []
        if access(path, F_OK) == 0 {
            return try TokenSigningKey(pem: String(decoding: try Self.secret(path), as: UTF8.self)).certified(by: chain)
        }
        let key = TokenSigningKey(algorithm)
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw WireError(field: path, reason: "cannot be made") }
        defer { close(file) }
        let text = Array((key.pem + "\n").utf8)
        guard write(file, text, text.count) == text.count, fsync(file) == 0 else {
            throw WireError(field: path, reason: "cannot be written")
        }
        return key.certified(by: chain)
    }

    /// A file that everybody may read.
    static func bytes(_ path: String) throws -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw WireError(field: path, reason: "cannot be read")
        }
        guard data.count <= sizeLimit else { throw WireError(field: path, reason: "exceeds \(sizeLimit) bytes") }
        return Array(data)
    }

    /// A file that only its owner may read.
    static func secret(_ path: String) throws -> [UInt8] {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & 0o077 == 0 else {
            throw WireError(field: path, reason: "must be there and not accessible to group or others (chmod 600)")
        }
        return try bytes(path)
    }

    /// The lines of a secret file that are not empty.
    static func lines(_ path: String) throws -> [String] {
        String(decoding: try secret(path), as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
            .filter { !$0.isEmpty }
    }
}
