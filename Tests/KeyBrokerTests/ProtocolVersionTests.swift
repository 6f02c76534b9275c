import CryptoExtras
import Envelope
import Evidence
import Testing
import Unsealing
import WireFormat

@testable import KeyBroker

@Suite("Versions of the protocol")
struct ProtocolVersionTests {
    private let rsa = try? _RSA.Encryption.PrivateKey(keySize: .bits2048)

    private func key(_ algorithm: String) throws -> JSONValue {
        let numbers = try #require(try rsa?.publicKey.getKeyPrimitives())
        return [
            "kty": "RSA", "alg": .string(algorithm), "n": .string(Base64.encodeURL(Array(numbers.modulus))),
            "e": .string(Base64.encodeURL(Array(numbers.publicExponent))),
        ]
    }

    private func auth(_ bench: BrokerBench, _ version: String) async -> BrokerResponse {
        let body: JSONValue = ["version": .string(version), "tee": "snp", "extra-params": ""]
        return await bench.send("POST", "kbs/v0/auth", body: body.canonicalBytes)
    }

    /// Evidence as the fake appraiser believes it, of a guest launched for no manifest.
    private func evidence(_ report: [UInt8]) -> JSONValue {
        ["report": .string(Hex.encode(report)), "measurement": .string(BrokerBench.measurement)]
    }

    private func attest(
        _ bench: BrokerBench, _ version: ProtocolVersion, _ key: JSONValue
    ) async throws -> BrokerResponse {
        let response = await auth(bench, version.rawValue)
        let nonce = try #require(try JSONValue.parse(response.body)["nonce"]?.stringValue)
        let report = ReportBinding.rcar(
            teePublicKey: key, nonce: nonce, additionalEvidence: version == .v0_3_0 ? "" : nil)
        let stated: JSONValue
        switch version {
        case .v0_1_0: stated = .string(evidence(report).canonicalText)
        case .v0_1_1, .v0_2_0: stated = evidence(report)
        case .v0_3_0, .v0_4_0: stated = ["primary_evidence": evidence(report), "additional_evidence": ""]
        }
        let body: JSONValue = ["tee-pubkey": key, "tee-evidence": stated]
        return await bench.send(
            "POST", "kbs/v0/attest", body: body.canonicalBytes, cookie: try BrokerBench.cookie(response))
    }

    @Test func `older versions are refused unless configured, with the text that clients know`() async throws {
        let bench = try await BrokerBench { _, _ in }
        for version in ["0.3.0", "0.2.0", "0.1.0", "0.4.1", "0.4", "1.0.0", "", "0.4.0 "] {
            let response = await auth(bench, version)
            try expectRefusal(response, 401, "AttestationError")
            let detail = try JSONValue.parse(response.body)["detail"]?.stringValue
            #expect(
                detail
                    == "KBS Client Protocol Version Mismatch: expect =0.4.0 while the request is \(version)")
        }
        #expect(await auth(bench, "0.4.0").status == 200)
        let configured = try await BrokerBench { folder, configuration in
            var members = try #require(
                try JSONValue.parse(try PrivateFile.readPublic(folder + "/config.json", what: "configuration"))
                    .objectValue)
            members["protocolVersions"] = ["0.2.0"]
            configuration = try BrokerConfiguration(
                parsing: JSONValue.object(members).canonicalBytes, folder: folder)
            members["protocolVersions"] = ["0.5.0"]
            #expect(throws: WireError.self) {
                try BrokerConfiguration(parsing: JSONValue.object(members).canonicalBytes, folder: folder)
            }
        }
        #expect(await auth(configured, "0.2.0").status == 200)
        #expect(await auth(configured, "0.4.0").status == 200)
        #expect(await auth(configured, "0.3.0").status == 401)
    }

    @Test(arguments: [ProtocolVersion.v0_1_0, .v0_1_1, .v0_2_0, .v0_3_0])
    func `evidence of an older version is appraised, and its guest has no manifest`(
        version: ProtocolVersion
    ) async throws {
        let bench = try await BrokerBench()
        let key = try self.key(version.hasLegacyAnswers ? "RSA1_5" : "RSA-OAEP-256")
        // The evidence holds; nobody registered the manifest that such a guest does not have.
        try expectRefusal(try await attest(bench, version, key), 403, "PolicyDeny")
        let checks = try await bench.audit().compactMap { $0["check"]?.stringValue }
        #expect(checks.contains("manifest-unregistered"))
        // The form of another version is not understood.
        let other = await auth(bench, version.rawValue)
        let newest = FakeGuest().attestation("x").canonicalBytes
        try expectRefusal(
            await bench.send("POST", "kbs/v0/attest", body: newest, cookie: try BrokerBench.cookie(other)), 400,
            "SerdeError")
        // Padding of the old kind is for the oldest versions alone.
        if !version.hasLegacyAnswers {
            let refused = try await attest(bench, version, try self.key("RSA1_5"))
            try expectRefusal(refused, 400, "SerdeError")
            #expect(String(decoding: refused.body, as: UTF8.self).contains("tee-pubkey.alg"))
        }
    }

    @Test func `an answer for the oldest guests has their form and opens with OAEP alone`() throws {
        let key = try JSONWebKey(parsing: try self.key("RSA1_5"))
        #expect(key.isLegacyRecipient)
        let sealed = try JWE.encryptLegacy(Array("secret".utf8), to: key)
        #expect(sealed["protected"] == #"{"alg":"RSA-OAEP","enc":"A256GCM"}"#)
        #expect(sealed["tag"] == "")
        let private15 = try #require(rsa)
        let wrapped = try Base64.decodeURL(try #require(sealed["encrypted_key"]?.stringValue), field: "key")
        let contentKey = try private15.decrypt(wrapped, padding: .PKCS1_OAEP_SHA256)
        #expect(contentKey.count == 32)
        #expect(throws: EnvelopeError.self) { try JWE.encrypt([1], to: key) }
    }
}
