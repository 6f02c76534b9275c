import Envelope
import Foundation
import HTTPExchange
import ImageFormat
import NIOPosix
import Synchronization
import Testing
import WireFormat

@testable import Registry

/// Registries that lie, and the forms of authentication.
@Suite("Hostile and guarded registries", .timeLimit(.minutes(1)))
struct HostileRegistryTests {
    static let content = Array("0123456789".utf8)
    static let blob = Descriptor(
        mediaType: "application/octet-stream", digest: SHA256Digest(hashing: content), size: 10)
    static let manifest = ImageManifest(config: blob, layers: []).bytes

    static func withServer<R>(
        _ answer: @escaping @Sendable (ScriptedServer.Request) -> ScriptedServer.Answer,
        credentials: RegistryCredentials = .anonymous,
        _ body: (RegistryClient) async throws -> R
    ) async throws -> R {
        let server = try await ScriptedServer(answer)
        do {
            let result = try await body(try RealRegistryTests.client(server.port, credentials: credentials))
            await server.stop()
            return result
        } catch {
            await server.stop()
            throw error
        }
    }

    static func kind(_ body: () async throws -> Void) async -> RegistryError.Kind? {
        do { try await body() } catch { return (error as? RegistryError)?.kind }
        return nil
    }

    @Test(arguments: [
        ("other bytes", Array("0123456780".utf8)), ("more bytes", Array("01234567890".utf8)),
        ("fewer bytes", Array("012345678".utf8)),
    ])
    func `a blob that is not its digest is refused`(name: String, body: [UInt8]) async throws {
        let kind = try await Self.withServer({ _ in .init(body: body) }) { client in
            await Self.kind { _ = try await client.blob("r", Self.blob) }
        }
        #expect(kind == .damaged, "\(name)")
    }

    @Test func `a manifest that is not its digest, or is stated as another type, is refused`() async throws {
        let headers = [("Content-Type", MediaType.ociManifest)]
        let digest = SHA256Digest(hashing: [9]).description
        let damaged = try await Self.withServer({ _ in .init(headers: headers, body: Self.manifest) }) { client in
            await Self.kind { _ = try await client.document("r", digest) }
        }
        #expect(damaged == .damaged)
        let mistyped = try await Self.withServer({ _ in
            .init(headers: [("Content-Type", MediaType.ociIndex)], body: Self.manifest)
        }) { client in
            await Self.kind { _ = try await client.document("r", "t") }
        }
        #expect(mistyped == .badAnswer)
    }

    @Test func `a redirect is followed at home and refused elsewhere`() async throws {
        let home = try await Self.withServer({ request in
            request.target.hasPrefix("/v2/")
                ? .init(status: 307, headers: [("Location", "/store/x?y=1")]) : .init(body: Self.content)
        }) { try await $0.blob("r", Self.blob) }
        #expect(home == Self.content)
        for location in ["http://127.0.0.2:1/x", "//127.0.0.2/x", "https://127.0.0.1/x", "ftp://x/", ""] {
            let kind = try await Self.withServer({ _ in .init(status: 307, headers: [("Location", location)]) }) {
                client in
                await Self.kind { _ = try await client.blob("r", Self.blob) }
            }
            #expect(kind == .badAnswer, "\(location)")
        }
        let loop = try await Self.withServer({ _ in .init(status: 302, headers: [("Location", "/again")]) }) { client in
            await Self.kind { _ = try await client.document("r", "t") }
        }
        #expect(loop == .badAnswer)
    }

    @Test func `a password is asked for, sent once it is, and missed if absent`() async throws {
        let guarded: @Sendable (ScriptedServer.Request) -> ScriptedServer.Answer = { request in
            let expected = "Basic \(Base64.encode(Array("u:p:w".utf8)))"
            guard request.headers["authorization"] == expected else {
                return .init(status: 401, headers: [("WWW-Authenticate", "Basic realm=\"r\"")])
            }
            return .init(body: Self.content)
        }
        let credentials = RegistryCredentials.basic(user: "u", password: SecretBytes(Array("p:w".utf8)))
        #expect(
            try await Self.withServer(guarded, credentials: credentials) { try await $0.blob("r", Self.blob) }
                == Self.content)
        let wrong = RegistryCredentials.basic(user: "u", password: SecretBytes([1]))
        for credentials in [RegistryCredentials.anonymous, wrong] {
            let kind = try await Self.withServer(guarded, credentials: credentials) { client in
                await Self.kind { _ = try await client.blob("r", Self.blob) }
            }
            #expect(kind == .unauthorized)
        }
    }

    @Test func `a token is fetched from the registry itself for our scope`() async throws {
        let asked = Mutex<[String]>([])
        let content = try await Self.withServer({ request in
            if request.target.hasPrefix("/token") {
                asked.withLock { $0.append(request.target) }
                return .init(body: Array("{\"token\":\"abc\"}".utf8))
            }
            guard request.headers["authorization"] == "Bearer abc" else {
                let realm = "http://\(request.headers["host"] ?? "")/token"
                return .init(
                    status: 401,
                    headers: [
                        ("WWW-Authenticate", "Bearer realm=\"\(realm)\",service=\"s v\",scope=\"registry:catalog:*\"")
                    ])
            }
            return .init(body: Self.content)
        }) { try await $0.blob("r", Self.blob) }
        #expect(content == Self.content)
        #expect(asked.withLock { $0 } == ["/token?scope=repository%3Ar%3Apull&service=s%20v"])
    }

    @Test func `a token service elsewhere is not asked`() async throws {
        for realm in ["http://127.0.0.2:9/token", "https://auth.example/token", "nonsense"] {
            let kind = try await Self.withServer({ _ in
                .init(status: 401, headers: [("WWW-Authenticate", "Bearer realm=\"\(realm)\"")])
            }) { client in await Self.kind { _ = try await client.document("r", "t") } }
            #expect(kind == (realm == "nonsense" ? .badAnswer : .unauthorized))
        }
    }

    @Test func `simple signatures come from the extension or from a lookaside store`() async throws {
        let digest = SHA256Digest(hashing: [5])
        let reference = try ImageReference("reg.example/team/app").pinned(to: digest)
        let server = try await ScriptedServer { request in
            switch request.target {
            case "/extensions/v2/team/app/signatures/\(digest)":
                let entry: JSONValue = [
                    "schemaVersion": 2, "type": "atomic", "name": "n", "content": .string(Base64.encode([1, 2])),
                ]
                return .init(body: JSONValue.object(["signatures": [entry]]).canonicalBytes)
            case "/store/team/app@sha256=\(digest.hex)/signature-1": return .init(body: [3])
            default: return .init(status: 404)
            }
        }
        let client = try RealRegistryTests.client(server.port)
        let needs = SignaturePolicy.Needs(cosign: false, simple: true)
        let direct = try await client.signatures(of: reference, digests: [digest], needs: needs)
        #expect(direct.simple == [SimpleSignature(message: [1, 2])])
        let exchanger = HTTPExchanger(
            endpoint: try HTTPEndpoint(url: "http://127.0.0.1:\(server.port)", trust: .none), dialer: TCPDialer(),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        let store = LookasideStore(basePath: "/store/", exchanger: exchanger)
        let beside = try await client.signatures(of: reference, digests: [digest], needs: needs, lookaside: store)
        #expect(beside.simple == [SimpleSignature(message: [3])])
        await server.stop()
    }

    @Test(arguments: [
        "Basic", "Bearer realm=\"http://a/b\",service=x", "bearer  realm=\"a\\\"b\" , x=\"\"",
    ])
    func `challenges are read`(text: String) { #expect(AuthChallenge(text) != nil) }

    @Test(arguments: ["", "Digest realm=x", "Bearer realm", "Bearer realm=\"a", "Bearer a=1,a=2"])
    func `other challenges are not`(text: String) { #expect(AuthChallenge(text) == nil) }
}
