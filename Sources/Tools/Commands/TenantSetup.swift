import Crypto
import Envelope
import Foundation
import Verifier
import WireFormat

/// Makes what a tenant needs before anything runs: the broker's folder, the image signing key, the log key, the pinned
/// soft root, and after the broker answers the roots for clients, the signed reference values and the node's profile.
struct TenantSetup: Sendable {
    let state: StateFolder
    let settings: Settings
    let progress: Progress

    /// Before the broker starts.
    func prepare() async throws {
        try makeSoftRoot()
        try makeBroker()
        try makeSigningKey()
        try makeLogKey()
    }

    /// After the broker answers.
    func finish() async throws {
        let admin = try BrokerAdmin(state: state, settings: settings)
        try StateFolder.write(try await admin.call("GET", "/kbs/v0/testudo/ca/tenant"), to: state.tenantRoot)
        try StateFolder.write(try await admin.call("GET", "/kbs/v0/testudo/ca/simulated"), to: state.simulatedRoot)
        try await publishReferenceValues(admin)
        try writeProfile()
    }

    private func makeBroker() throws {
        let config = "\(state.broker)/config.json"
        if !FileManager.default.fileExists(atPath: config) {
            progress.step("making the key broker's keys")
            try ChildProcess.require(
                try Installation.program("testudo-keybroker"), ["init", "--dir", state.broker])
        }
        guard case .object(var fields) = try JSONValue.parse(try StateFolder.read(config)) else {
            throw CommandFailure("\(config) is not a JSON object")
        }
        fields["listen"] = .string("127.0.0.1:\(settings.brokerPort)")
        fields["softRoots"] = .array(settings.allowsSimulated ? [.string(try softRootFingerprint())] : [])
        try StateFolder.write(JSONValue.object(fields).prettyText + "\n", to: config, mode: 0o600)
    }

    /// The fingerprint of the soft root: the tenant pins it knowing that it stands for no hardware.
    private func softRootFingerprint() throws -> String {
        let record = try JSONValue.parse(try StateFolder.read("\(state.tenant)/soft-root.json"))
        guard let fingerprint = record["arkSHA256"]?.stringValue else {
            throw CommandFailure("soft-root.json names no fingerprint", hint: "delete \(state.root) and start again")
        }
        return fingerprint
    }

    private func makeSoftRoot() throws {
        let record = "\(state.tenant)/soft-root.json"
        if FileManager.default.fileExists(atPath: record) { return }
        progress.step("making the simulated security processor's root (RSA-4096)")
        var arguments = ["init", "--dir", state.softTEE]
        if let user = SoftTEEUser.current { arguments += ["--uid", String(user)] }
        let output = try ChildProcess.require(try Installation.program("testudo-softtee"), arguments)
        try StateFolder.write(output, to: record, mode: 0o600)
    }

    private func makeSigningKey() throws {
        if FileManager.default.fileExists(atPath: state.signingKey) { return }
        let key = P256.Signing.PrivateKey()
        try StateFolder.write(key.pemRepresentation + "\n", to: state.signingKey, mode: 0o600)
        try StateFolder.write(key.publicKey.pemRepresentation + "\n", to: state.signingPublicKey)
    }

    private func makeLogKey() throws {
        if FileManager.default.fileExists(atPath: state.logKey) { return }
        try StateFolder.write(P256.KeyAgreement.PrivateKey().pemRepresentation + "\n", to: state.logKey, mode: 0o600)
    }

    /// Signs the measurements of the guest image built here with the tenant's release key (rule R9).
    private func publishReferenceValues(_ admin: BrokerAdmin) async throws {
        let publication = try ReleasePublication(image: settings.guestImage)
        let key = try Ed25519PEM.privateKey(try StateFolder.text("\(state.broker)/release.key"))
        // Later than what the broker knows, also where this machine's clock was set back.
        let documents = try await admin.json("GET", "/kbs/v0/testudo/reference-values").arrayValue ?? []
        let known = documents.first { $0["version"]?.stringValue == publication.guestVersion }
        let last = known?["issuedAt"].flatMap(ReferenceTime.seconds) ?? 0
        let signed = try publication.signed(by: key, issuedAt: max(ReferenceValueFile.now, last + 1), expires: nil)
        try await admin.call(
            "PUT", "/kbs/v0/testudo/reference-values", body: Array(signed.utf8), type: "application/jose")
    }

    /// What the node has to know to render manifests: all of it public.
    private func writeProfile() throws {
        let logKey = try P256.KeyAgreement.PrivateKey(pemRepresentation: try StateFolder.text(state.logKey))
        let profile: JSONValue = .object([
            "guestVersion": .string(TestudoVersion.text),
            "domain": .string("localhost"),
            "registry": .object(["endpoint": .string("http://\(settings.registry)"), "certificate": .string("")]),
            "imagePolicy": try imagePolicy(),
            "lookaside": .string(""),
            "logs": .object(["recipient": .string(Base64.encodeURL(Array(logKey.publicKey.x963Representation)))]),
            "keyBroker": .object([
                "url": .string(settings.broker),
                "certificate": .string(try StateFolder.text("\(state.broker)/tls.pem")),
            ]),
        ])
        try StateFolder.write(profile.prettyText + "\n", to: state.profileFile)
    }

    /// Everything has to be signed with the tenant's key; `tenant/image-policy.json` overrides.
    private func imagePolicy() throws -> JSONValue {
        let path = "\(state.tenant)/image-policy.json"
        if FileManager.default.fileExists(atPath: path) { return try JSONValue.parse(try StateFolder.read(path)) }
        let signed: JSONValue = .object([
            "type": "sigstoreSigned", "keyData": .string(try StateFolder.text(state.signingPublicKey)),
            "signedIdentity": .object(["type": "matchRepository"]),
        ])
        return .object([
            "default": .array([.object(["type": "reject"])]),
            "transports": .object(["docker": .object([settings.registry: .array([signed])])]),
        ])
    }
}

/// The user under which the software security processor runs when the node is root (rule R7).
enum SoftTEEUser {
    /// A fixed number outside the ranges that Debian hands out; nil when this user is not root and cannot change.
    static let number: UInt32 = 64_321

    static var current: UInt32? { geteuid() == 0 ? number : nil }
}
