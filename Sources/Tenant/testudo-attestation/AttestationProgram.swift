import ArgumentParser
import AttestationService
import Foundation
import Glibc
import Logging
import ServiceLifecycle
import Verifier
import WireFormat

@main
struct AttestationProgram: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "testudo-attestation",
        abstract: "Verifies evidence of confidential machines and answers with signed results.",
        discussion: """
            Speaks the attestation service's and the reference value provider's protocol of confidential containers over gRPC, \
            and the former over HTTP. Callers need a bearer token, or a certificate where --client-ca names its authority. \
            What evidence needs of what vendors publish, and neither it nor --endorsement files have, is fetched, unless --offline.
            """)

    @Option(help: ArgumentHelp("Where gRPC is served.", valueName: "host:port")) var grpc = "127.0.0.1:50004"
    @Option(help: ArgumentHelp("Where HTTP is served; none for none.", valueName: "host:port")) var rest = "none"
    @Option(help: ArgumentHelp("The TLS certificates (PEM).", valueName: "file")) var certificate: String?
    @Option(help: ArgumentHelp("Their private key (PEM, 0600).", valueName: "file")) var privateKey: String?
    @Option(help: ArgumentHelp("Whose certificates callers must have (PEM).", valueName: "file"))
    var clientCa: String?
    @Option(help: ArgumentHelp("Tokens of callers, one a line (0600).", valueName: "file")) var clientTokens: String?
    @Option(help: ArgumentHelp("Tokens of administrators, one a line (0600).", valueName: "file"))
    var adminTokens: String?
    @Flag(help: "Answer everybody, policies and reference values included.") var insecureAnonymous = false
    @Flag(help: "Serve networks without TLS.") var insecureCleartext = false
    @Option(
        help: ArgumentHelp(
            "Where policies, registered values and keys of tokens are kept (0700); made when it is not there.",
            valueName: "folder"))
    var state: String?
    @Option(
        help: ArgumentHelp(
            "The key that signs tokens (PEM, 0600); made when it is not there. Without it --state has keys that rotate.",
            valueName: "file"))
    var signingKey: String?
    @Option(help: "How many days a key in --state signs.") var tokenKeyDays: Int64 = 30
    @Option(help: ArgumentHelp("The certificates of that key (PEM).", valueName: "file")) var signingChain: String?
    @Option(
        help: ArgumentHelp(
            "A key that signed before (PEM, 0600) and until when, such as 2026-11-21T12:00:00Z=old.pem; known until its last token "
                + "has expired; often.", valueName: "time=file"))
    var formerKey: [String] = []
    @Option(help: "The signature of a key that is made: ES256 or ES384.") var algorithm = "ES256"
    @Option(help: "The life of a token in minutes.") var tokenMinutes: Int64 = 5
    @Option(help: "The issuer that tokens name.") var issuer = "testudo-attestation"
    @Flag(help: "Let guests pass that the host may debug; policies see that it may.") var allowDebug = false
    @Flag(help: "Tokens explain each claim.") var explain = false
    @Option(help: ArgumentHelp("A policy to begin with; often.", valueName: "id=file")) var policy: [String] = []
    @Option(help: ArgumentHelp("Reference values to begin with (JSON object).", valueName: "file"))
    var referenceValues: String?
    @Option(
        help: ArgumentHelp("A public key that signs documents of reference values (PEM); often.", valueName: "file"))
    var referenceKey: [String] = []
    @Flag(help: "Take documents of reference values that nobody signed.") var allowUnsigned = false
    @Option(help: ArgumentHelp("Certificates, revocation lists, Intel's data; often.", valueName: "file"))
    var endorsement: [String] = []
    @OptionGroup var supply: SupplyOptions
    @Option(help: ArgumentHelp("The fingerprint of a stand-in's root; often.", valueName: "hex"))
    var softRoot: [String] = []
    @Option(help: ArgumentHelp("The key of a TPM; often.", valueName: "file")) var attestationKey: [String] = []
    @Option(help: ArgumentHelp("Certificates of TPMs' keys (DER, PEM); often.", valueName: "file"))
    var tpmCertificate: [String] = []
    @Option(help: ArgumentHelp("A root of such certificates; often.", valueName: "file")) var tpmRoot: [String] = []
    @Option(help: ArgumentHelp("Distrust line=milan, an FMSPC, root=SHA256 or chip=HEX; often.", valueName: "what"))
    var distrust: [String] = []
    @Option(help: ArgumentHelp("Arm platforms, as in trustee's store.", valueName: "file")) var platforms: String?
    @Flag(help: "Print what happens as JSON lines.") var json = false

    func run() async throws {
        umask(0o077)
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        let logger = Logger(label: "testudo-attestation")
        do {
            let service = try await ServiceFiles(self).service()
            let server = AttestationServer(service, try configuration(), logger: logger) { [json] wire, port in
                let text = "listening \(wire) \(port)"
                let event: JSONValue = [
                    "event": "listening", "wire": .string(wire), "port": .integer(Int64(port)), "text": .string(text),
                ]
                print(json ? event.canonicalText : text)
                fflush(nil)
            }
            try await ServiceGroup(
                services: [server], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
            ).run()
        } catch let error as WireError {
            throw Self.exit(error.description)
        } catch let error as ServiceFailure {
            throw Self.exit(error.reason)
        }
    }

    private static func exit(_ reason: String) -> ExitCode {
        let line = Array("testudo-attestation: \(ShownText.line(reason))\n".utf8)
        _ = write(STDERR_FILENO, line, line.count)
        return .failure
    }

    private func configuration() throws -> ServerConfiguration {
        let clients = try clientTokens.map { try ServiceFiles.lines($0) } ?? []
        let administrators = try adminTokens.map { try ServiceFiles.lines($0) } ?? []
        let hasCallers = !clients.isEmpty || !administrators.isEmpty || clientCa != nil
        guard hasCallers || insecureAnonymous else {
            throw WireError(
                field: "tokens",
                reason: "nobody may call: --client-tokens, --admin-tokens, --client-ca or --insecure-anonymous")
        }
        let anonymous: CallAuthorizer.Role =
            insecureAnonymous ? .administrator : clientCa != nil ? .client : .anyone
        var tls: ServerConfiguration.TLS?
        if let certificate, let privateKey {
            tls = ServerConfiguration.TLS(
                certificates: try ServiceFiles.bytes(certificate), key: try ServiceFiles.secret(privateKey),
                clientAuthorities: try clientCa.map { try ServiceFiles.bytes($0) })
        } else if certificate != nil || privateKey != nil || clientCa != nil {
            throw WireError(field: "TLS", reason: "needs --certificate and --private-key")
        }
        return try ServerConfiguration(
            grpc: grpc == "none" ? nil : try .init(parsing: grpc),
            rest: rest == "none" ? nil : try .init(parsing: rest),
            tls: tls,
            authorizer: try CallAuthorizer(clients: clients, administrators: administrators, anonymous: anonymous),
            allowsCleartext: insecureCleartext)
    }
}
