import Crypto
import Envelope
import Foundation
import Fuzzing
import PodManifest
import Verifier
import WireFormat

@testable import KeyBroker

/// The messages of the handshake, each input as if it came in every version of the protocol.
enum RCARFormat: FormatFamily {
    static let shape = Shape.json
    static let sources = ["ChallengeRequest", "AttestationMessage", "ProtocolVersion"].map {
        "Sources/Tenant/KeyBroker/Handshake/\($0).swift"
    }

    static func run(_ bytes: [UInt8]) throws {
        var failure: (any Error)?
        do { try request(bytes) } catch { failure = error }
        for version in ProtocolVersion.allCases {
            do { try message(bytes, version) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    private static func request(_ bytes: [UInt8]) throws {
        let request = try ChallengeRequest(bytes)
        _ = try? request.checkHashes()
        _ = try? request.checkTechnology(among: ["snp", "tdx"])
        let version = try request.version(among: Set(ProtocolVersion.allCases))
        require(ProtocolVersion(code: version.code) == version, "a version is another one")
    }

    private static func message(_ bytes: [UInt8], _ version: ProtocolVersion) throws {
        let message = try AttestationMessage(bytes, version: version)
        // What is not refused here has to be good for answers.
        let key = try? JSONWebKey(parsing: message.teePublicKey)
        require(key != nil, "a key is accepted and is none")
        require((message.nonce != nil) == (version == .v0_4_0), "a nonce where the version has none")
        let bound = message.runtimeData(nonce: "bm9uY2U=").canonicalBytes
        require(try JSONValue.parse(bound).canonicalBytes == bound, "what is bound is read otherwise")
        let document = message.initData.map { Array($0.utf8) }
        if let document {
            _ = try? InitDataDocument(parsing: document)
            _ = try? InitData(parsing: document)
        }
        let digest = document.map { Hex.encode(SHA256.hash(data: $0)) } ?? ""
        let claims = try BoundClaims(additionalEvidence: message.additionalEvidence ?? "", initDataDigest: digest)
        require(claims.manifest == digest && claims.binding == "launch", "a guest claims another manifest")
        require(claims.epoch >= 0, "an epoch before the first")
    }

    static func seeds(_ vectors: URL) -> [[UInt8]] {
        var seeds: [JSONValue] = ProtocolVersion.allCases.map {
            ["version": .string($0.rawValue), "tee": "snp", "extra-params": ""]
        }
        seeds.append([
            "version": "0.4.0", "tee": "tdx",
            "extra-params": ["supported-hash-algorithms": ["sha256", "sha384"], "other": [1, 2.5, .null, true]],
        ])
        let document = "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n\"aa.toml\" = '''\na = 1\n'''\n"
        let digest = Hex.encode(SHA256.hash(data: Array(document.utf8)))
        let additional = JSONValue.object([
            "testudo": [
                "binding": "launch", "epoch": 3, "instance": .string(String(repeating: "0a", count: 16)),
                "manifest": .string(digest), "tlsKey": .string(String(repeating: "0b", count: 32)),
                "logKey": .string(String(repeating: "0c", count: 32)),
            ]
        ]).canonicalText
        let evidence: JSONValue = ["attestation_report": ["version": 2, "measurement": [1, 2, 3]], "cert_chain": []]
        for key in Fixed.recipients {
            let runtime: JSONValue = ["nonce": "AAECAwQFBgc=", "tee-pubkey": key]
            seeds.append([
                "init-data": ["format": "toml", "body": .string(document)], "runtime-data": runtime,
                "tee-evidence": ["primary_evidence": evidence, "additional_evidence": .string(additional)],
            ])
            seeds.append([
                "runtime-data": runtime, "tee-evidence": ["primary_evidence": evidence, "additional_evidence": ""],
            ])
            seeds.append(["tee-pubkey": key, "tee-evidence": ["primary_evidence": evidence]])
            seeds.append(["tee-pubkey": key, "tee-evidence": evidence])
            seeds.append(["tee-pubkey": key, "tee-evidence": .string(evidence.canonicalText)])
        }
        return seeds.map(\.canonicalBytes)
    }
}

/// Cookies of sessions. After a byte 0 stands what a cookie holds, which the fuzzer seals; after a byte 1 a whole header.
enum CookieFormat: FormatFamily {
    static let room = 8_192
    static let shape = Shape.chosen { bytes in
        switch bytes.first {
        case 0 where bytes.count > 10 && bytes[9] == 0:
            .fields([.bytes(1), .number(8, bigEndian: true), .number(1), .number(1), .sized(1)])
        case 0: .fields([.bytes(1), .number(8, bigEndian: true), .number(1), .bytes(32), .rest(.json)])
        case 1: .raw
        default: .token
        }
    }
    static let sources = ["SessionCookie", "CookieKeys"].map { "Sources/Tenant/KeyBroker/Handshake/\($0).swift" }

    private static let keys = Fixed.made {
        try CookieKeys(current: SecretBytes(Fixed.bytes(10)), previous: SecretBytes(Fixed.bytes(11)))
    }
    private static let former = Fixed.made { try CookieKeys(current: SecretBytes(Fixed.bytes(11))) }

    static func run(_ bytes: [UInt8]) throws {
        switch bytes.first {
        case 0: try payload(Array(bytes.dropFirst()))
        case 1:
            var request = BrokerRequest(method: "GET", path: [])
            request.cookie = String(decoding: bytes.dropFirst(), as: UTF8.self)
            guard let value = request.sessionCookie else { return }
            require(value.utf8.count <= SessionCookie.maximumBytes, "a cookie is too long")
            require(!value.contains(";"), "a cookie goes on")
        default:
            let text = String(decoding: bytes, as: UTF8.self)
            guard let session = SessionCookie(opening: text, keys, now: Fixed.now) else { return }
            require(Honest.contains(bytes), "a cookie opens that was never sealed")
            let left = session.remaining(now: Fixed.now)
            require(left <= SessionCookie.lifetime + SessionCookie.skew, "a session lives too long")
        }
    }

    private static func payload(_ payload: [UInt8]) throws {
        guard let value = sealed(payload), let session = SessionCookie(opening: value, keys, now: Fixed.now) else {
            return
        }
        require(session.issued <= Fixed.now + SessionCookie.skew, "a session from the future")
        require(session.remaining(now: Fixed.now) <= SessionCookie.lifetime + SessionCookie.skew, "it lives too long")
        // The broker itself seals no longer names, as what is no UTF-8 gives, and no higher epochs.
        switch session {
        case .challenged(let one): guard one.technology.utf8.count <= 255 else { return }
        case .attested(let one): guard one.guest.epoch.magnitude <= 1 << 53 else { return }
        }
        guard let again = try? session.sealed(keys) else { return }
        let opened = SessionCookie(opening: again, keys, now: Fixed.now)
        switch (session, opened) {
        case (.challenged(let one), .challenged(let other)): require(one == other, "a session is another")
        case (.attested(let one), .attested(let other)): require(one == other, "a session is another")
        default: require(false, "a session that was sealed does not open")
        }
        require(SessionCookie(opening: again, former, now: Fixed.now) == nil, "a cookie opens with another key")
    }

    /// What whoever has the key can seal.
    private static func sealed(_ payload: [UInt8]) -> String? {
        let key = keys.current
        let head = [1] + key.name + Fixed.bytes(12, 24)
        guard let nonce = try? AES.GCM.Nonce(data: [UInt8](repeating: 0, count: 12)),
            let box = try? AES.GCM.seal(
                payload, using: key.derived(Fixed.bytes(12, 24)), nonce: nonce, authenticating: head)
        else { return nil }
        return Base64.encodeURL(head + Array(box.ciphertext) + Array(box.tag))
    }

    static func seeds(_ vectors: URL) -> [[UInt8]] {
        let guest = Fixed.made { try Guests.attested() }
        let sessions: [SessionCookie] = [
            .challenged(.init(technology: "snp", nonce: "AAEC", issued: Fixed.now - 10, version: .v0_4_0)),
            .challenged(.init(technology: "az-snp-vtpm", nonce: "", issued: Fixed.now + 30, version: .v0_1_0)),
            .attested(.init(issued: Fixed.now - 100, tokenHash: Fixed.bytes(13), guest: guest)),
        ]
        var seeds = Fixed.made { try sessions.flatMap { [try $0.sealed(keys), try $0.sealed(former)] } }
        seeds.append(Fixed.made { try sessions[0].sealed(CookieKeys()) })
        let late = SessionCookie.challenged(.init(technology: "tdx", nonce: "A", issued: 5, version: .v0_3_0))
        seeds.append(Fixed.made { try late.sealed(keys) })
        let challenged = [UInt64(Fixed.now), UInt64(Int64.max), UInt64.max].map { issued in
            var inner = ByteWriter()
            inner.u8(0)
            inner.u64BE(issued)
            inner.append([0, 5, 3] + Array("tdxbm9uY2U=".utf8))
            return inner.bytes
        }
        var attested = ByteWriter()
        attested.u8(0)
        attested.u64BE(UInt64(Fixed.now))
        attested.u8(1)
        attested.append(Fixed.bytes(13))
        attested.append(
            JSONValue.object(["guest": guest.claims, "key": guest.encryptionKey]).canonicalBytes)
        let headers = ["kbs-session-id=abc", "a=b; kbs-session-id=abc; c", "kbs-session-id=;;= ;kbs-session-id"]
        return seeds.map { Array($0.utf8) } + challenged + [attested.bytes] + headers.map { [1] + Array($0.utf8) }
    }
}

/// Guests that the fuzzer made up.
enum Guests {
    static let manifest = String(repeating: "ab", count: 32)

    static var claims: JSONValue {
        [
            "manifest": .string(manifest), "measurement": .string(String(repeating: "cd", count: 48)),
            "technology": "snp", "simulated": false, "debug": false,
            "instance": .string(String(repeating: "01", count: 16)), "epoch": 2, "binding": "launch",
            "tlsKey": .string(Hex.encode(SHA256.hash(data: Fixed.signing.publicKey.derRepresentation))),
        ]
    }

    static func attested(_ key: JSONValue? = nil) throws -> AttestedGuest {
        try AttestedGuest(claims: claims, encryptionKey: key ?? Fixed.recipients[0])
    }
}
