import Foundation
import Testing
import WireFormat

@testable import KeyBroker

/// What keeps docs/BROKER-CONFIG.md true: its rows, the list of members, and what the decoders take out of the document.
@Suite("The reference of the broker's configuration")
struct ConfigurationTableTests {
    private static let root = URL(filePath: #filePath).appending(path: "../../..").standardized

    private func text(_ path: String) throws -> String {
        try String(contentsOf: Self.root.appending(path: path), encoding: .utf8)
    }

    private func rows() throws -> [[String]] {
        try text("docs/BROKER-CONFIG.md").split(separator: "\n").filter { $0.hasPrefix("| `") }.map { line in
            line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }

    @Test func `has a row for each member and for no other, with type, default and purpose`() throws {
        var described: Set<String> = []
        for row in try rows() {
            #expect(row.count == 4 && row.allSatisfy { !$0.isEmpty }, "\(row)")
            #expect(described.insert(row[0].trimmingCharacters(in: ["`"])).inserted, "\(row[0]) comes twice")
        }
        let known = Set(BrokerConfiguration.members)
        #expect(known.count == BrokerConfiguration.members.count)
        #expect(known.subtracting(described).sorted() == [], "members that the page lacks")
        #expect(described.subtracting(known).sorted() == [], "members that the broker lacks")
    }

    /// The decoders of the configuration, and the object that each reads.
    private static let decoders = [
        "KeyBroker/BrokerConfiguration.swift", "KeyBroker/Server/AdminListener.swift",
        "KeyBroker/Storage/EtcdSettings.swift", "KeyBroker/Administration/AdministratorSettings.swift",
        "KeyBroker/Tokens/ForeignIssuer.swift", "KeyBroker/Appraisal/AttestationFiles.swift",
        "KeyBroker/Appraisal/EndorsementSettings.swift", "KeyBroker/Appraisal/PinnedReferenceKey.swift",
        "KeyBroker/Handshake/ProtocolVersion.swift", "KeyBroker/Server/CallLimits.swift",
        "RootKeys/RootKeyConfiguration.swift",
    ]

    @Test func `the list of members is what the decoders take`() throws {
        let taking = try Regex(
            #"[. ](?:string|strings|integer|value|fields|array|bool|path|optionalString|optionalStrings|optionalInteger"#
                + #"|optionalValue|optionalFields|optionalArray)\(\s*"([A-Za-z]+)""#, as: (Substring, Substring).self)
        let rate = try Regex(#"Self\.rate\(&fields, "([A-Za-z]+)""#, as: (Substring, Substring).self)
        var taken: Set<String> = []
        for file in Self.decoders {
            let source = try text("Sources/Tenant/\(file)")
            let names = source.matches(of: taking).map { String($0.1) } + source.matches(of: rate).map { String($0.1) }
            #expect(!names.isEmpty, "\(file) takes nothing any more")
            taken.formUnion(names)
        }
        let known = Set(BrokerConfiguration.members.map { String($0.split(separator: ".").last ?? "") })
        #expect(taken.subtracting(known).sorted() == [], "members that decoders take and the list lacks")
        #expect(known.subtracting(taken).sorted() == [], "members of the list that no decoder takes")
        // Whoever else is handed the document is one of the files above.
        let handed = try Regex(#"([A-Z][A-Za-z]+)(?:\.[a-z]+)?\(&(?:fields|members)"#, as: (Substring, Substring).self)
        let source = try text("Sources/Tenant/KeyBroker/BrokerConfiguration.swift")
        let others = Set(source.matches(of: handed).map { String($0.1) })
        for name in others {
            let isKnown = try Self.decoders.contains { try text("Sources/Tenant/\($0)").contains(" \(name)") }
            #expect(isKnown, "\(name) reads the configuration in a file that this test does not look at")
        }
        #expect(others.count >= 6)
    }

    /// A document that is read, with each object in it.
    private static let whole: JSONValue = [
        "listen": "127.0.0.1:1", "adminListen": "127.0.0.1:2", "adminClientCA": "ca.pem",
        "etcd": ["endpoints": ["https://a:1"]], "rootKey": ["kind": "tpm", "file": "f"],
        "formerRootKeys": [["kind": "file", "file": "f"]], "rollbackCounter": ["kind": "file", "file": "f"],
        "tls": ["cert": "c", "key": "k"], "adminKeys": ["a"],
        "administrators": [
            "identityProviders": [["keys": ["k"]]], "acls": [["role": "r", "endpoints": ["^/kbs/x$"]]],
        ],
        "referenceKeys": [["key": "k", "names": ["n"]]], "ca": ["dir": "d"],
        "foreignTokens": [["issuer": "i", "jwks": "j"]], "attestation": [:], "endorsements": [:], "auditLog": "l",
        "rateLimits": ["auth": ["perSecond": 1, "burst": 1], "attest": ["perSecond": 1, "burst": 1]],
    ]

    /// The document with a member more at a place such as `administrators.acls[].roel`.
    private func adding(_ path: ArraySlice<String>, to value: JSONValue) -> JSONValue {
        guard let step = path.first else { return value }
        var members = value.objectValue ?? [:]
        let isList = step.hasSuffix("[]")
        let name = isList ? String(step.dropLast(2)) : step
        if path.count == 1 {
            members[name] = true
        } else if isList {
            members[name] = .array((members[name]?.arrayValue ?? []).map { adding(path.dropFirst(), to: $0) })
        } else {
            members[name] = adding(path.dropFirst(), to: members[name] ?? [:])
        }
        return .object(members)
    }

    private func refusal(_ path: String) -> String {
        let document = adding(path.split(separator: ".").map(String.init)[...], to: Self.whole)
        do throws(WireError) {
            _ = try BrokerConfiguration(parsing: document.canonicalBytes, folder: "/")
            return "taken"
        } catch {
            return BrokerConfiguration.explained(error)
        }
    }

    @Test(arguments: [
        ("listne", "listen"), ("Listen", "listen"), ("admin_keys", "adminKeys"), ("tokenMinute", "tokenMinutes"),
        ("tls.certs", "cert"), ("etcd.endpoint", "endpoints"), ("rootKey.Kind", "kind"),
        ("formerRootKeys[].flie", "file"), ("rollbackCounter.timeoutSecond", "timeoutSeconds"),
        ("administrators.acl", "acls"), ("administrators.acls[].roles", "role"),
        ("administrators.identityProviders[].isuer", "issuer"), ("referenceKeys[].name", "names"),
        ("ca.listAdress", "listAddress"), ("foreignTokens[].certificate", "certificates"),
        ("attestation.plicy", "policy"), ("endorsements.ofline", "offline"), ("rateLimits.atest", "attest"),
        ("rateLimits.auth.brust", "burst"), ("tls.adminKeys", "adminKeys"), ("identityProviders", "identityProviders"),
    ])
    func `a member that is not known is refused with the name that was meant`(path: String, meant: String) {
        let said = refusal(path)
        #expect(said.contains("is an unknown field"), "\(said)")
        #expect(said.contains("\(meant)` is meant?"), "\(said)")
    }

    @Test func `a member that resembles none is refused, and the page named`() {
        #expect(refusal("zzzzzz").hasSuffix("is an unknown field; docs/BROKER-CONFIG.md has all that there are"))
        #expect(refusal("etcd.quux").hasSuffix("docs/BROKER-CONFIG.md has all that there are"))
        #expect(refusal(String(repeating: "listen", count: 1000)).utf8.count < 400)
        #expect(refusal("ca.dir2x").contains("unknown field"))
    }

    @Test(arguments: BrokerConfiguration.members)
    func `each member of the list is known where the list says`(path: String) {
        // A truth value is wrong for all members but one; what is said is never that the member is not known.
        #expect(!refusal(path).contains("unknown field") || Self.ofOtherKinds.contains(path), "\(refusal(path))")
    }

    /// Members of root keys and counters of other kinds than those in the document.
    private static let ofOtherKinds: Set = [
        "rootKey.module", "rootKey.token", "rootKey.pinFile", "rootKey.key", "rollbackCounter.tcti",
        "rollbackCounter.programs", "rollbackCounter.ownerAuth",
    ]
}
