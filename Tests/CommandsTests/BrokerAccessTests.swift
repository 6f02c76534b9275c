import ArgumentParser
import Crypto
import CryptoExtras
import Envelope
import Foundation
import HTTPExchange
import NIOCore
import NIOPosix
import TestSupport
import Testing
import WireFormat

@testable import Commands
@testable import KeyBroker

/// A server that knows nothing of TLS.
private final class PlainServer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\n\r\n")), promise: nil)
    }
}

@Suite("testudo broker with any broker", .serialized, .timeLimit(.minutes(2)))
struct BrokerAccessTests {
    private static let list = ["broker", "resources", "list"]

    @Test func `options win over the environment, which wins over the deployment`() throws {
        let environment = [
            "TESTUDO_BROKER": "https://a:1", "TESTUDO_BROKER_CA": "ca", "TESTUDO_BROKER_ADMIN_KEY": "key",
            "TESTUDO_BROKER_TENANT": "acme", "TESTUDO_BROKER_CLIENT_CERTIFICATE": "c",
            "TESTUDO_BROKER_CLIENT_KEY": "k",
        ]
        var expected = BrokerAccess(
            url: "https://a:1", authority: "ca", adminKey: "key", tenant: "acme", clientCertificate: "c", clientKey: "k"
        )
        #expect(try BrokerAccessOptions.parse([]).access(environment) == expected)
        #expect(try BrokerAccessOptions.parse([]).access(["TESTUDO_BROKER": ""]) == BrokerAccess())
        #expect(try BrokerAccessOptions.parse([]).access(["TESTUDO_BROKER_SUBJECT": "ann"]).subject == "ann")
        #expect(AdministratorName.account(user: "ann b\n", host: "") == "annb@unknown")
        #expect(AdministratorName.isName(AdministratorName.account))
        // kbs-client's names are understood.
        let options = ["--url", "https://b:2", "--cert-file", "other", "--auth-private-key", "mine"]
        (expected.url, expected.authority, expected.adminKey) = ("https://b:2", "other", "mine")
        #expect(try BrokerAccessOptions.parse(options).access(environment) == expected)
        // A token that is named stands for its owner alone.
        (expected.adminKey, expected.tenant, expected.tokenFile) = (nil, nil, "t")
        #expect(
            try BrokerAccessOptions.parse(Array(options.prefix(4)) + ["--token-file", "t"]).access(environment)
                == expected)
        for wrong in [
            ["--admin-key", "k", "--token-file", "t"], ["--tenant", "a", "--token-file", "t"],
            ["--subject", "a", "--token-file", "t"], ["--subject", "a\nb"], ["--subject", ""],
        ] {
            #expect(throws: (any Error).self) { try BrokerAccessOptions.parse(wrong) }
        }
    }

    @Test func `a broker is called by its address where there is no deployment`() async throws {
        try await BrokerStage.run { stage in
            let folder = try ScratchFolder()
            let file = try folder.write("secret", [1, 2, 3])
            try await BrokerStage.enter(["broker", "resources", "set", "a/b/c", "--file", file] + stage.named)
            #expect(try await stage.broker.store.storedResource(try ResourcePath(parsing: "a/b/c"))?.size == 3)
            for words in [["key", "list"], ["audit"], ["reference-values", "list"], Self.list] {
                try await BrokerStage.enter(words + stage.named)
            }
            // Its log lies elsewhere than the deployment's.
            let log = try await BrokerStage.complaint(["broker", "audit", "verify"] + stage.named)
            #expect(log.status == 2 && log.hint?.contains("oldest first") == true)
        }
    }

    @Test func `what is missing or wrong is said with what to do`() async throws {
        try await BrokerStage.run { stage in
            let folder = try ScratchFolder()
            let (ca, key) = (stage.state.broker + "/tls.pem", stage.state.broker + "/admin.key")
            let notPEM = try folder.write("text", Array("no certificate".utf8))
            let other = folder.path + "/other"
            try await BrokerStage.enter(["broker", "admin", "keygen", other])
            let workshop = try CertificateWorkshop()
            try workshop.key("stranger")
            try workshop.certificate("stranger", extensions: ["subjectAltName=DNS:localhost,IP:127.0.0.1"])
            let url = stage.settings.broker
            let cases: [(words: [String], says: String, hint: String, status: Int32)] = [
                ([], "cannot read /nowhere/config.json", "--broker URL --ca FILE --admin-key FILE", 1),
                (["--broker", url, "--admin-key", key], "which certificate", "--ca FILE", 2),
                (["--broker", url, "--ca", ca], "who calls", "--admin-key FILE", 2),
                (["--broker", url, "--ca", ca, "--tenant", "acme"], "tenant acme", "--admin-key FILE", 2),
                (["--broker", url, "--ca", notPEM, "--admin-key", key], "no certificate", "PEM", 2),
                (["--broker", url, "--ca", ca, "--admin-key", notPEM], "no Ed25519 private key", "keygen", 2),
                (["--broker", url, "--ca", ca, "--token-file", notPEM], "no token", "JWT", 2),
                (["--broker", "127.0.0.1:1", "--ca", ca, "--admin-key", key], "no address", "https://HOST:PORT", 2),
                (
                    ["--broker", url + "/kbs", "--ca", ca, "--admin-key", key], "has a path (/kbs)", "without a path", 2
                ),
                (
                    ["--broker", url, "--ca", ca, "--admin-key", key, "--client-key", key], "no certificate",
                    "--client-certificate", 2
                ),
                (
                    ["--broker", url, "--ca", workshop.path("stranger.pem"), "--admin-key", key],
                    "another certificate than --ca has", "tls.pem", 1
                ),
                (
                    ["--broker", "https://127.0.0.1:1", "--ca", ca, "--admin-key", key], "did not answer",
                    "check --broker", 1
                ),
                (["--broker", url, "--ca", ca, "--admin-key", other], "Cannot verify token", "--admin-key", 1),
            ]
            for (words, says, hint, status) in cases {
                let failure = try await BrokerStage.complaint(Self.list + words)
                #expect(failure.what.contains(says), "\(words): \(failure)")
                #expect(failure.hint?.contains(hint) == true && failure.status == status, "\(words): \(failure)")
            }
            await #expect(throws: PolicyFileError.self) {
                try await BrokerStage.enter(
                    Self.list + ["--broker", url, "--ca", "/nowhere/ca.pem", "--admin-key", key])
            }
        }
    }

    @Test func `a broker whose certificate an authority signed is believed under its name only`() async throws {
        let workshop = try CertificateWorkshop()
        for name in ["ca", "server", "elsewhere"] { try workshop.key(name) }
        try workshop.certificate("ca", extensions: CertificateWorkshop.authority())
        for (name, place) in [("server", "127.0.0.1"), ("elsewhere", "127.0.0.9")] {
            try workshop.certificate(
                name, issuer: "ca",
                extensions: ["subjectAltName=IP:\(place)", "extendedKeyUsage=serverAuth", "basicConstraints=CA:FALSE"])
            try chmod(workshop.path("\(name).key"))
        }
        for (name, isBelieved) in [("server", true), ("elsewhere", false)] {
            let tls: JSONValue = [
                "cert": .string(workshop.path("\(name).pem")), "key": .string(workshop.path("\(name).key")),
            ]
            try await BrokerStage.run(members: ["tls": tls]) { stage in
                let words = [
                    "--broker", stage.settings.broker, "--ca", workshop.path("ca.pem"), "--admin-key",
                    stage.state.broker + "/admin.key",
                ]
                if isBelieved {
                    try await BrokerStage.enter(Self.list + words)
                } else {
                    let failure = try await BrokerStage.complaint(Self.list + words)
                    #expect(failure.what.contains("is for 127.0.0.9 and not for 127.0.0.1"), "\(failure)")
                    #expect(failure.hint?.contains("--broker") == true, "\(failure)")
                }
                // The server's own certificate is compared byte for byte, whatever names it has.
                try await BrokerStage.enter(
                    Self.list + words.map { $0 == workshop.path("ca.pem") ? workshop.path("\(name).pem") : $0 })
            }
        }
    }

    @Test func `what is wrong with a server's certificate is a sentence without the program's own insides`() throws {
        let workshop = try CertificateWorkshop()
        for name in ["ca", "server", "other"] { try workshop.key(name) }
        try workshop.certificate("ca", extensions: CertificateWorkshop.authority())
        try workshop.certificate("other", extensions: CertificateWorkshop.authority())
        let der = try workshop.certificate("server", issuer: "ca", extensions: ["subjectAltName=DNS:*.example,IP:::1"])
        let shown = try #require(ServerCertificate(der: der))
        func refusal(_ host: String, after days: Double = 0, _ authority: String = "ca") throws -> String {
            let roots = TLSTrust.roots(pem: [try StateFolder.text(workshop.path("\(authority).pem"))])
            return shown.refusal(
                by: try HTTPEndpoint(url: "https://\(host):1", trust: roots),
                now: Date(timeIntervalSinceNow: days * 86_400 + 60)
            ).reason
        }
        #expect(try refusal("a.example", after: 31).hasPrefix("its certificate expired at 2"))
        #expect(try refusal("a.example", after: -1).hasPrefix("its certificate is not valid before 2"))
        #expect(try refusal("a.b.example") == "its certificate is for *.example, ::1 and not for a.b.example")
        for host in ["a.example", "[::1]"] {
            #expect(try refusal(host, "other").hasPrefix("no authority in --ca vouches for its certificate"), "\(host)")
        }
    }

    @Test func `a server that speaks no TLS, and one of an unknown authority, are told apart`() async throws {
        let workshop = try CertificateWorkshop()
        try workshop.key("other")
        try workshop.certificate("other", extensions: CertificateWorkshop.authority())
        try await BrokerStage.run { stage in
            let named = stage.named.map { $0.hasSuffix("/tls.pem") ? workshop.path("other.pem") : $0 }
            let unknown = try await BrokerStage.complaint(Self.list + named)
            #expect(unknown.what.contains("no authority in --ca vouches"), "\(unknown)")
            #expect(!unknown.what.contains("OPENSSL") && !unknown.what.contains(".cc"), "\(unknown)")
        }
        let plain = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(PlainServer()) }
            }.bind(host: "127.0.0.1", port: 0).get()
        let folder = try ScratchFolder()
        try await BrokerStage.enter(["broker", "admin", "keygen", folder.path + "/key"])
        let port = try #require(plain.localAddress?.port)
        let deaf = try await BrokerStage.complaint(
            Self.list + [
                "--broker", "https://127.0.0.1:\(port)", "--ca", workshop.path("other.pem"), "--admin-key",
                folder.path + "/key",
            ])
        #expect(deaf.what.contains("does not speak TLS"), "\(deaf)")
        try await plain.close()
    }

    private func chmod(_ path: String) throws {
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    }

    @Test func `a listener of administrators is called with a client certificate, and says when there is none`()
        async throws
    {
        let workshop = try CertificateWorkshop()
        for name in ["ca", "client", "other-ca", "stranger"] { try workshop.key(name) }
        for name in ["ca", "other-ca"] {
            try workshop.certificate(name, extensions: CertificateWorkshop.authority())
        }
        for (name, issuer) in [("client", "ca"), ("stranger", "other-ca")] {
            try workshop.certificate(
                name, issuer: issuer, extensions: ["extendedKeyUsage=clientAuth", "basicConstraints=CA:FALSE"])
        }
        let members: [String: JSONValue] = [
            "adminListen": "127.0.0.1:0", "adminClientCA": .string(workshop.path("ca.pem")),
        ]
        try await BrokerStage.run(members: members) { stage in
            let place = ["--broker", "https://127.0.0.1:\(stage.adminPort)"] + stage.named.dropFirst(2)
            func identity(_ name: String, key: String? = nil) -> [String] {
                [
                    "--client-certificate", workshop.path("\(name).pem"), "--client-key",
                    workshop.path("\(key ?? name).key"),
                ]
            }
            try await BrokerStage.enter(Self.list + place + identity("client"))
            for wrong in [[], identity("stranger")] {
                let failure = try await BrokerStage.complaint(Self.list + place + wrong)
                #expect(failure.hint?.contains("--client-certificate FILE --client-key FILE") == true, "\(failure)")
            }
            let mixed = try await BrokerStage.complaint(Self.list + place + identity("client", key: "stranger"))
            #expect(mixed.what.contains("not usable") && mixed.hint?.contains("--client-key") == true, "\(mixed)")
            let public_ = try await BrokerStage.complaint(Self.list + stage.named + identity("client"))
            #expect(public_.hint?.contains("adminListen") == true, "\(public_)")
        }
    }

    @Test func `a tenant's administrator does what is the tenant's, and is told what is not`() async throws {
        try await BrokerStage.run { stage in
            let folder = try ScratchFolder()
            let key = folder.path + "/ann"
            try await BrokerStage.enter(["broker", "admin", "keygen", key])
            let failure = try await BrokerStage.complaint(["broker", "admin", "keygen", key])
            #expect(failure.what.contains("is there already"))
            try await BrokerStage.enter(
                [
                    "broker", "tenants", "set", "acme", "--admin", "ann=\(key).pub", "--repository", "acme",
                    "--namespace", "acme",
                ] + stage.named)
            let ann = ["--tenant", "acme"] + stage.named.dropLast() + [key]
            let file = try folder.write("secret", [1])
            try await BrokerStage.enter(["broker", "resources", "set", "acme/key/one", "--file", file] + ann)
            let refused = try await BrokerStage.complaint(
                ["broker", "resources", "set", "other/key/one", "--file", file] + ann)
            #expect(refused.what.contains("not allowed") && refused.hint?.contains("not one of its own") == true)
            let stranger = try await BrokerStage.complaint(Self.list + ["--tenant", "acme"] + stage.named)
            #expect(stranger.hint?.contains("--admin-key") == true, "\(stranger)")
            let nobody = try await BrokerStage.complaint(Self.list + ["--tenant", "nobody"] + stage.named)
            #expect(nobody.hint?.contains("whether there is a tenant nobody") == true, "\(nobody)")
            // A quota is what stands in the way, whatever else a conflict means.
            try await BrokerStage.enter(["broker", "tenants", "set", "acme", "--resources", "1"] + stage.named)
            let full = try await BrokerStage.complaint(["key", "create", "acme/key/two"] + ann)
            #expect(full.hint?.contains("tenants set acme --resources") == true, "\(full)")
        }
    }

    @Test func `an identity provider's token is sent as it is`() async throws {
        let provider = Curve25519.Signing.PrivateKey()
        let folder = try ScratchFolder()
        let pem = try folder.write("idp.pem", Array(provider.publicKey.pemRepresentation.utf8))
        let members: [String: JSONValue] = [
            "administrators": [
                "identityProviders": [["issuer": "https://idp", "keys": [.string(pem)]]],
                "acls": [["role": "reader", "methods": ["GET"], "endpoints": ["^/kbs/v0/resource$"]]],
            ]
        ]
        try await BrokerStage.run(members: members) { stage in
            let now = Int64(Date().timeIntervalSince1970)
            let token = try JWS.signEdDSA(
                claims: ["role": "reader", "iss": "https://idp", "exp": .integer(now + 60)], key: provider)
            let file = try folder.write("token", Array((token + "\n").utf8))
            let words = stage.named.prefix(4) + ["--token-file", file]
            try await BrokerStage.enter(Self.list + words)
            let refused = try await BrokerStage.complaint(["broker", "tenants", "list"] + words)
            #expect(refused.what.contains("Role reader not allowed"), "\(refused)")
            let twice = try await BrokerStage.complaint(["broker", "admin", "token", "--token-file", file])
            #expect(twice.status == 2)
        }
    }

    @Test func `a token for curl is taken by the broker`() async throws {
        try await BrokerStage.run { stage in
            let words = ["--admin-key", stage.state.broker + "/admin.key", "--minutes", "60", "--subject", "ann"]
            let (token, seconds) = try AdministratorToken.parse(words).made()
            #expect(seconds <= 3600)
            var request = BrokerRequest(method: "GET", path: ["kbs", "v0", "resource"])
            request.authorization = "Bearer \(token)"
            #expect(await stage.broker.respond(to: request).status == 200)
            #expect(throws: (any Error).self) { try AdministratorToken.parse(["--minutes", "61"]) }
        }
    }
}
