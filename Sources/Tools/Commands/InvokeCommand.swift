import ArgumentParser
import Foundation
import HTTPExchange
import NIOCore
import NIOPosix
import WireFormat
import X509

/// `testudo invoke`: one request to a Service, over TLS that ends in the guest.
struct InvokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invoke", abstract: "Send one request to a Service; waits while it starts from zero.")

    @OptionGroup var common: CommonOptions
    @Argument(help: "The Service.") var name: String
    @Option(name: .shortAndLong, help: "The namespace.") var namespace = "default"
    @Option(help: "The path.") var path = "/"
    @Option(name: .shortAndLong, help: "Send this text as the body of a POST.") var data: String?
    @Option(help: "Seconds to wait for the answer.") var timeout = 120
    @Flag(help: "Refuse guests on simulated processors and classes without one.") var hardwareOnly = false

    func run() async throws {
        let settings = try Settings(reading: common.folder)
        let call = ServiceCall(state: common.folder, settings: settings, hardwareOnly: hardwareOnly)
        let response = try await call.send(
            name: name, namespace: namespace, path: path, body: data.map { Array($0.utf8) }, timeout: timeout)
        let simulated = call.isSimulated(response)
        if simulated { Warning.simulated(name) }
        let text = String(decoding: response.body, as: UTF8.self)
        common.show(
            .object([
                "status": .integer(Int64(response.status)), "body": .string(text), "simulated": .bool(simulated),
            ]),
            text: text.hasSuffix("\n") ? String(text.dropLast()) : text)
        if response.status >= 400 { throw ExitCode(22) }
    }
}

/// Requests to Services through the gateways of this machine.
struct ServiceCall: Sendable {
    let state: StateFolder
    let settings: Settings
    /// Trust the root of guests on hardware alone.
    var hardwareOnly = false

    func host(_ name: String, _ namespace: String) -> String { "\(name).\(namespace).localhost" }

    /// The roots that a client of this deployment may trust: the tenant's, and the simulated one where it was made.
    func roots() throws -> [String] {
        let paths =
            hardwareOnly || !settings.allowsSimulated ? [state.tenantRoot] : [state.tenantRoot, state.simulatedRoot]
        return paths.compactMap { try? StateFolder.text($0) }
    }

    /// Whether the certificate of an answer is one for simulated guests; which root signed it cannot be feigned.
    func isSimulated(_ response: ExchangeResponse) -> Bool {
        guard let der = response.peerCertificate, let leaf = try? Certificate(derEncoded: der),
            let pem = try? StateFolder.text(state.simulatedRoot), let root = try? Certificate(pemEncoded: pem)
        else { return false }
        return root.publicKey.isValidSignature(leaf.signature, for: leaf)
    }

    func endpoint(_ name: String, _ namespace: String, scheme: String) throws -> HTTPEndpoint {
        let trust: TLSTrust = scheme == "https" ? .roots(pem: try roots()) : .none
        let port = scheme == "https" ? settings.tlsPort : settings.httpPort
        return try HTTPEndpoint(url: "\(scheme)://\(host(name, namespace)):\(port)", trust: trust)
    }

    func send(
        name: String, namespace: String, path: String = "/", body: [UInt8]? = nil, timeout: Int = 120,
        scheme: String? = nil
    ) async throws -> ExchangeResponse {
        let client = try NodeClient(state: state, settings: settings)
        let service = try await client.call("GET", NodeClient.servicePath(namespace, name))
        let runtimeClass = service["spec"]?["template"]?["spec"]?["runtimeClassName"]?.stringValue ?? "testudo-cvm"
        var chosen = scheme ?? "https"
        if hardwareOnly, runtimeClass != "testudo-cvm" || scheme == "http" {
            throw CommandFailure(
                "\(name) is of class \(runtimeClass), which proves nothing about where it runs",
                hint: "call it without --hardware-only, or deploy it as testudo-cvm")
        }
        if scheme == nil, runtimeClass != "testudo-cvm" {
            // The class is the node's word, and a lie would get it the request in clear: the broker knows better.
            let isConfidential = try await BrokerAdmin(state: state, settings: settings).manifests().contains {
                $0["name"]?.stringValue == name && $0["namespace"]?.stringValue == namespace
                    && $0["state"]?.stringValue == "active"
            }
            if !isConfidential { chosen = "http" }
        }
        let exchanger = HTTPExchanger(
            endpoint: try endpoint(name, namespace, scheme: chosen), dialer: LoopbackDialer(),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, timeoutSeconds: timeout,
            connectSeconds: timeout)  // The handshake waits for a guest that starts from zero.
        do {
            return try await exchanger.send(
                ExchangeRequest(method: body == nil ? "GET" : "POST", path: path, headers: [], body: body ?? []))
        } catch  where hardwareOnly && error.phase == .tls {
            throw CommandFailure(
                "\(name) has no certificate for guests on hardware: \(error)",
                hint: "`testudo attest \(name)` shows what its processor is; a simulated one is refused here")
        } catch {
            let after = try? await client.find("GET", NodeClient.servicePath(namespace, name))
            let ready = after.flatMap { GetCommand.condition("Ready", of: $0) }
            let reason = ready?["message"]?.stringValue ?? "\(error)"
            throw CommandFailure(
                "\(name) did not answer: \(ShownText.line(reason))",
                hint: "`testudo get \(name)`, `testudo audit` and `testudo logs \(name)`")
        }
    }
}

/// Names below `.localhost` are this machine (RFC 6761), whatever a resolver says.
struct LoopbackDialer: Dialer {
    func dial(host: String, port: Int, on eventLoop: any EventLoop) async throws -> any Channel {
        try await TCPDialer().dial(host: host.hasSuffix("localhost") ? "127.0.0.1" : host, port: port, on: eventLoop)
    }
}
