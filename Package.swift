// swift-tools-version: 6.2
import PackageDescription

// The folders under Sources are the realms. A target may depend on targets of its own realm and on Common, nothing
// else; `scripts/check-realms` fails the lint when an arrow crosses a boundary. Tools may use Tenant, never Host.

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .treatAllWarnings(as: .error),
]

/// Set by `scripts/fuzz`: the fuzzer is part of the package, and what it feeds counts its branches. `-assert-config`
/// keeps assertions and the bounds checks of unsafe buffers in optimised code; inlined into other modules, code would not count.
let isFuzzing = Context.environment["TESTUDO_FUZZ"] != nil
let instrumented: [SwiftSetting] =
    isFuzzing
    ? [
        .unsafeFlags([
            "-sanitize=fuzzer", "-parse-as-library", "-assert-config", "Debug", "-profile-generate",
            "-profile-coverage-mapping", "-disable-cmo",
        ])
    ] : []

/// The fuzzer reaches readers that are nobody else's, such as the verifier's of certificates.
let testable: [SwiftSetting] = isFuzzing ? [.unsafeFlags(["-enable-testing"])] : []

func product(_ name: String, _ package: String) -> Target.Dependency { .product(name: name, package: package) }

let crypto = product("Crypto", "swift-crypto")
let cryptoExtras = product("CryptoExtras", "swift-crypto")
let asn1 = product("SwiftASN1", "swift-asn1")
let x509 = product("X509", "swift-certificates")
let nioCore = product("NIOCore", "swift-nio")
let nioPosix = product("NIOPosix", "swift-nio")
let nioHTTP1 = product("NIOHTTP1", "swift-nio")
let nioTLS = product("NIOTLS", "swift-nio")
let nioSSL = product("NIOSSL", "swift-nio-ssl")
let nioHTTP2 = product("NIOHTTP2", "swift-nio-http2")
let nioEmbedded = product("NIOEmbedded", "swift-nio")
let logging = product("Logging", "swift-log")
let hummingbird = product("Hummingbird", "hummingbird")
let hummingbirdCore = product("HummingbirdCore", "hummingbird")
let hummingbirdTLS = product("HummingbirdTLS", "hummingbird")
let lifecycle = product("ServiceLifecycle", "swift-service-lifecycle")
let unixSignals = product("UnixSignals", "swift-service-lifecycle")
let grdb = product("GRDB", "GRDB.swift")
let yams = product("Yams", "Yams")
let arguments = product("ArgumentParser", "swift-argument-parser")
let grpcCore = product("GRPCCore", "grpc-swift-2")
let grpcProtobuf = product("GRPCProtobuf", "grpc-swift-protobuf")
let grpcTransport = product("GRPCNIOTransportHTTP2Posix", "grpc-swift-nio-transport")
let protobuf = product("SwiftProtobuf", "swift-protobuf")

func library(
    _ realm: String, _ name: String, _ dependencies: [Target.Dependency] = [], settings: [SwiftSetting] = strict
)
    -> Target
{
    .target(name: name, dependencies: dependencies, path: "Sources/\(realm)/\(name)", swiftSettings: settings)
}

func program(_ realm: String, _ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, path: "Sources/\(realm)/\(name)", swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name, dependencies: dependencies + ["TestSupport"], path: "Tests/\(name)", swiftSettings: strict)
}

let common: [Target] = [
    .target(name: "CLinux", path: "Sources/Common/CLinux"),
    library("Common", "WireFormat"),
    library("Common", "Envelope", ["CLinux", "WireFormat", crypto, cryptoExtras], settings: strict + instrumented),
    library(
        "Common", "Unsealing", ["CLinux", "WireFormat", "Envelope", "ImageFormat", crypto, cryptoExtras],
        settings: strict + instrumented),
    library("Common", "Evidence", ["WireFormat", "Envelope", crypto], settings: strict + instrumented + testable),
    library("Common", "PodManifest", ["WireFormat", "Envelope"]),
    library("Common", "ImageFormat", ["WireFormat", "Envelope", crypto, cryptoExtras, asn1]),
    library("Common", "AgentProtocol", ["WireFormat"]),
    library("Common", "HTTPExchange", [nioCore, nioPosix, nioHTTP1, nioTLS, nioSSL]),
    library("Common", "Registry", ["WireFormat", "Envelope", "ImageFormat", "HTTPExchange", nioCore, crypto]),
    library(
        "Common", "AttestedChannel",
        ["WireFormat", "Envelope", "Unsealing", "Evidence", "HTTPExchange", nioCore, nioSSL, crypto, asn1]),
]

let tenant: [Target] = [
    library("Tenant", "Rego", settings: strict + instrumented),
    library("Tenant", "RegoCrypto", ["Rego", crypto, cryptoExtras, asn1], settings: strict + instrumented),
    library(
        "Tenant", "Verifier",
        ["WireFormat", "Envelope", "Evidence", "Rego", "RegoCrypto", crypto, cryptoExtras, asn1],
        settings: strict + instrumented + testable),
    library(
        "Tenant", "EndorsementSources",
        ["WireFormat", "Evidence", "HTTPExchange", "Verifier", nioCore, nioPosix, crypto]),
    library("Tenant", "AuditTrail", ["WireFormat", crypto], settings: strict + instrumented),
    library(
        "Tenant", "SealedStorage", ["WireFormat", "Envelope", "RootKeys", crypto, grdb],
        settings: strict + instrumented + testable),
    library(
        "Tenant", "KeyManagement", ["WireFormat", "Envelope", "SealedStorage", crypto, asn1, x509],
        settings: strict + instrumented + testable),
    .target(
        name: "EtcdStorage",
        dependencies: ["WireFormat", "Envelope", "SealedStorage", grpcCore, grpcProtobuf, grpcTransport, protobuf],
        path: "Sources/Tenant/EtcdStorage", exclude: ["Protocol"], swiftSettings: strict + instrumented + testable),
    .target(name: "CPKCS11", path: "Sources/Tenant/CPKCS11"),
    library(
        "Tenant", "RootKeys", ["CLinux", "CPKCS11", "WireFormat", "Envelope", crypto, nioPosix],
        settings: strict + instrumented + testable),
    library("Tenant", "EndorsementOptions", ["WireFormat", "EndorsementSources", arguments]),
    library(
        "Tenant", "KeyBroker",
        [
            "WireFormat", "Envelope", "Unsealing", "Evidence", "PodManifest", "Verifier", "EndorsementSources",
            "RootKeys", "Rego",
            "SealedStorage", "EtcdStorage", "KeyManagement", "AuditTrail", crypto, cryptoExtras, asn1, x509,
            hummingbird,
            hummingbirdCore, hummingbirdTLS, lifecycle,
            logging, nioCore, nioPosix, nioSSL,
        ], settings: strict + instrumented + testable),
    program(
        "Tenant", "testudo-keybroker",
        ["KeyBroker", "RootKeys", "WireFormat", arguments, logging, lifecycle, unixSignals]),
    // Serves gRPC; nothing in the broker or the guest stands on it.
    .target(
        name: "AttestationService",
        dependencies: [
            "WireFormat", "Envelope", "Evidence", "Verifier", "EndorsementSources", crypto, hummingbird,
            hummingbirdCore, hummingbirdTLS,
            lifecycle, logging, nioCore, nioPosix, nioSSL, nioHTTP2, grpcCore, grpcProtobuf, grpcTransport, protobuf,
        ], path: "Sources/Tenant/AttestationService", exclude: ["Protocol"], swiftSettings: strict),
    program(
        "Tenant", "testudo-attestation",
        [
            "AttestationService", "EndorsementOptions", "EndorsementSources", "Verifier", "WireFormat", arguments,
            logging, lifecycle,
        ]),
]

let host: [Target] = [
    library(
        "Host", "Hypervisor",
        ["CLinux", "WireFormat", "Envelope", "Evidence", "AgentProtocol", nioCore, nioPosix, logging]),
    library(
        "Host", "SoftTEE", ["CLinux", "WireFormat", "Envelope", "Evidence", "Hypervisor", crypto, cryptoExtras, asn1]),
    program("Host", "testudo-softtee", ["SoftTEE", "CLinux", "WireFormat"]),
    library(
        "Host", "Sandbox",
        [
            "CLinux", "WireFormat", "Envelope", "Evidence", "PodManifest", "AgentProtocol", "Hypervisor", nioCore,
            nioPosix, logging,
        ]),
    library(
        "Host", "Serving",
        [
            "WireFormat", "Envelope", "PodManifest", "ImageFormat", "Registry", "HTTPExchange", "AgentProtocol",
            "Sandbox", "Hypervisor", "Evidence", hummingbird, lifecycle, yams, logging, nioCore, nioPosix, nioHTTP1,
        ]),
    program(
        "Host", "testudod", ["Serving", "Sandbox", "Hypervisor", "WireFormat", arguments, logging, lifecycle]),
]

let tools: [Target] = [
    .systemLibrary(name: "CLZ4", path: "Sources/Tools/CLZ4", providers: [.apt(["liblz4-dev"])]),
    library("Tools", "GuestImage", ["CLZ4", "CLinux", "WireFormat", "Envelope", "Evidence", crypto]),
    library("Tools", "EvidenceCases", ["WireFormat", "Evidence", "Verifier", crypto]),
    library(
        "Tools", "Commands",
        [
            "CLinux", "WireFormat", "Envelope", "Unsealing", "Evidence", "PodManifest", "ImageFormat", "Registry",
            "HTTPExchange", "AttestedChannel", "AgentProtocol", "Verifier", "EndorsementOptions",
            "EndorsementSources", "EvidenceCases",
            "Rego",
            "RegoCrypto", "GuestImage", "AuditTrail",
            arguments,
            yams,
            crypto, cryptoExtras, asn1, x509, nioCore, nioPosix, nioHTTP1, nioSSL,
        ]),
    program("Tools", "testudo", ["Commands", arguments]),
]

let suites: [Target] = [
    .target(name: "TestSupport", dependencies: ["WireFormat"], path: "Tests/TestSupport", swiftSettings: strict),
    .target(
        name: "FakeGuest",
        dependencies: ["AgentProtocol", "Evidence", "Hypervisor", "PodManifest", "WireFormat", nioCore, nioPosix],
        path: "Tests/FakeGuest", swiftSettings: strict),
    .target(
        name: "FakeVendor", dependencies: [nioCore, nioPosix, nioHTTP1, nioSSL], path: "Tests/FakeVendor",
        swiftSettings: strict),
    .executableTarget(
        name: "hostile-node",
        dependencies: [
            "Evidence", "Hypervisor", "PodManifest", "Sandbox", "WireFormat", arguments, logging, nioPosix,
        ],
        path: "Tests/HostileNode", swiftSettings: strict),
    .executableTarget(
        name: "rego-differential", dependencies: ["Rego"], path: "Tests/RegoDifferential", exclude: ["Comparison"],
        swiftSettings: strict),
    .executableTarget(
        name: "store-worker",
        dependencies: ["SealedStorage", "EtcdStorage", "RootKeys", "WireFormat"],
        path: "Tests/StoreWorker", swiftSettings: strict),
    .executableTarget(
        name: "byte-recorder", dependencies: ["CLinux"], path: "Tests/ByteRecorder", swiftSettings: strict),
    .target(name: "CAllocations", path: "Benchmarks/CAllocations"),
    .executableTarget(
        name: "rego-bench", dependencies: ["Rego", "CAllocations"], path: "Benchmarks/RegoBench",
        swiftSettings: strict),
    .executableTarget(
        name: "evidence-bench",
        dependencies: ["CAllocations", "Evidence", "Verifier", "WireFormat", crypto, cryptoExtras],
        path: "Benchmarks/EvidenceBench", swiftSettings: strict),
    .executableTarget(
        name: "broker-bench",
        dependencies: [
            "KeyBroker", "SoftTEE", "HTTPExchange", "Evidence", "Envelope", "WireFormat", crypto, cryptoExtras,
            nioPosix,
        ],
        path: "Benchmarks/BrokerBench", swiftSettings: strict),
    tests("WireFormatTests", ["WireFormat"]),
    tests("CLinuxTests", ["CLinux"]),
    tests("EnvelopeTests", ["Envelope", "Unsealing", "WireFormat", crypto, cryptoExtras]),
    .target(
        name: "EvidenceSamples", dependencies: ["WireFormat", crypto], path: "Tests/EvidenceSamples",
        swiftSettings: strict),
    tests("EvidenceTests", ["Evidence", "EvidenceSamples", "WireFormat", "Envelope", crypto]),
    tests("PodManifestTests", ["PodManifest", "WireFormat", "Envelope", crypto]),
    tests("ImageFormatTests", ["ImageFormat", "Unsealing", "WireFormat", "Envelope", crypto, cryptoExtras]),
    tests("AgentProtocolTests", ["AgentProtocol", "WireFormat"]),
    tests(
        "RegistryTests",
        [
            "Registry", "ImageFormat", "Unsealing", "HTTPExchange", "WireFormat", "Envelope", crypto, cryptoExtras,
            nioCore,
            nioPosix, nioHTTP1,
        ]),
    tests(
        "AttestedChannelTests",
        [
            "AttestedChannel", "HTTPExchange", "WireFormat", "Envelope", "Unsealing", crypto, asn1, x509, nioCore,
            nioPosix,
            nioHTTP1, nioSSL,
        ]),
    tests("AuditTrailTests", ["AuditTrail", "WireFormat"]),
    tests(
        "SealedStorageTests",
        ["SealedStorage", "EtcdStorage", "store-worker", "RootKeys", "WireFormat", "Envelope", crypto, grdb]),
    tests("VerifierTests", ["Verifier", "Rego", "Evidence", "WireFormat", "Envelope", crypto, cryptoExtras, asn1]),
    tests(
        "EndorsementSourcesTests",
        [
            "EndorsementSources", "FakeVendor", "Verifier", "Evidence", "HTTPExchange", "WireFormat", crypto, nioCore,
            nioPosix,
        ]),
    tests(
        "KeyManagementTests",
        ["KeyManagement", "SealedStorage", "EtcdStorage", "RootKeys", "WireFormat", "Envelope", crypto, asn1, x509]),
    tests("RootKeysTests", ["RootKeys", "WireFormat", "Envelope"]),
    tests(
        "KeyBrokerTests",
        [
            "KeyBroker", "testudo-keybroker", "EndorsementSources", "FakeVendor", "Verifier", "SoftTEE",
            "AttestedChannel", "HTTPExchange", "Unsealing",
            "Envelope", "WireFormat", "Evidence", "PodManifest", "SealedStorage", "RootKeys", "AuditTrail",
            "KeyManagement",
            crypto, cryptoExtras, asn1, x509, grdb, logging, lifecycle, nioCore, nioEmbedded, nioPosix, nioSSL,
        ]),
    // The wire as a client in another language sees it, and the description of the API.
    .testTarget(
        name: "InteropTests",
        dependencies: ["KeyBroker", "testudo-keybroker", "Rego", "WireFormat", "Envelope", "TestSupport"],
        path: "Tests/Interop", exclude: ["Client", "Exploration"], swiftSettings: strict),
    .testTarget(
        name: "AttestationServiceTests",
        dependencies: [
            "AttestationService", "testudo-attestation", "EndorsementSources", "FakeVendor", "Verifier", "WireFormat",
            "Envelope", "TestSupport", crypto,
        ], path: "Tests/AttestationServiceTests", exclude: ["Client"], swiftSettings: strict),
    tests("HypervisorTests", ["Hypervisor", "WireFormat", "AgentProtocol", nioCore, nioPosix]),
    tests(
        "SoftTEETests",
        ["SoftTEE", "Verifier", "Evidence", "Hypervisor", "WireFormat", "Envelope", "CLinux", crypto, cryptoExtras]),
    tests(
        "SandboxTests",
        [
            "Sandbox", "FakeGuest", "Hypervisor", "PodManifest", "WireFormat", "AgentProtocol", nioCore, nioPosix,
            logging,
        ]),
    tests(
        "ServingTests",
        [
            "Serving", "Sandbox", "FakeGuest", "Hypervisor", "PodManifest", "Envelope", "WireFormat", "HTTPExchange",
            nioCore, nioPosix, yams, hummingbird, lifecycle, logging,
        ]),
    tests("EvidenceCasesTests", ["EvidenceCases", "WireFormat"]),
    tests("RegoTests", ["Rego", "RegoCrypto", yams]),
    tests("GuestImageTests", ["CLZ4", "GuestImage", "Evidence", "WireFormat", "Envelope"]),
    tests(
        "CommandsTests",
        [
            "Commands", "AuditTrail", "GuestImage", "KeyBroker", "KeyManagement", "HTTPExchange", "PodManifest",
            "ImageFormat",
            "Registry",
            "Unsealing", "WireFormat", "Envelope", "Verifier", "Rego", "FakeVendor", "CLinux", "Evidence",
            "EvidenceSamples", arguments, crypto, logging, lifecycle, nioCore, nioPosix,
        ]),
    tests("IntegrationTests", ["byte-recorder", "AgentProtocol", "WireFormat"]),
    tests(
        "AttackTests",
        [
            "hostile-node", "testudo-softtee", "SoftTEE", "FakeGuest", "Hypervisor", "Verifier", "WireFormat",
            "Envelope",
            "PodManifest", "Evidence",
        ]),
]

let fuzzerLinking: [LinkerSetting] = [.unsafeFlags(["-sanitize=fuzzer", "-profile-generate"])]

let fuzzers: [Target] = [
    .target(name: "Fuzzing", dependencies: ["WireFormat"], path: "Tests/Fuzzing", swiftSettings: strict),
    .target(
        name: "FuzzProgram", dependencies: ["Fuzzing", "CAllocations"], path: "Tests/FuzzProgram", swiftSettings: strict
    ),
    .executableTarget(
        name: "rego-fuzzer", dependencies: ["Fuzzing", "Rego", "RegoCrypto"], path: "Tests/RegoFuzzer",
        swiftSettings: strict + instrumented, linkerSettings: fuzzerLinking),
    .executableTarget(
        name: "evidence-fuzzer",
        dependencies: ["FuzzProgram", "Fuzzing", "EvidenceSamples", "WireFormat", "Evidence", "Verifier", crypto],
        path: "Tests/EvidenceFuzzer", swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])],
        linkerSettings: fuzzerLinking),
    .executableTarget(
        name: "broker-fuzzer",
        dependencies: [
            "FuzzProgram", "Fuzzing", "WireFormat", "Envelope", "Unsealing", "PodManifest", "Verifier", "KeyBroker",
            "KeyManagement", "SealedStorage", "EtcdStorage", "RootKeys", "AuditTrail", crypto, cryptoExtras, asn1,
            x509, hummingbirdCore,
        ], path: "Tests/BrokerFuzzer", swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])],
        linkerSettings: fuzzerLinking),
]

/// The inner loop on two cores: `TESTUDO_ONLY=EvidenceTests swift test` builds that suite and what it stands on.
func reachable(from names: [String], in targets: [Target]) -> [Target] {
    var found: Set<String> = []
    var open = names
    while let name = open.popLast() {
        guard found.insert(name).inserted, let target = targets.first(where: { $0.name == name }) else { continue }
        for case .byNameItem(let dependency, _) in target.dependencies { open.append(dependency) }
    }
    return targets.filter { found.contains($0.name) }
}

let all = common + tenant + host + tools + suites + (isFuzzing ? fuzzers : [])
let chosen =
    Context.environment["TESTUDO_ONLY"].map { reachable(from: $0.split(separator: ",").map(String.init), in: all) }
    ?? all
let shared = [
    "CLinux", "WireFormat", "Envelope", "Unsealing", "Evidence", "PodManifest", "ImageFormat", "AgentProtocol",
    "HTTPExchange", "Registry",
    "AttestedChannel",
]

let package = Package(
    name: "testudo",
    products: shared.filter { name in chosen.contains { $0.name == name } }.map { .library(name: $0, targets: [$0]) },
    dependencies: [
        .package(url: "https://github.com/apple/swift-crypto.git", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-asn1.git", exact: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates.git", exact: "1.21.1"),
        .package(url: "https://github.com/apple/swift-nio.git", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", exact: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-http2.git", exact: "1.46.0"),
        .package(url: "https://github.com/apple/swift-log.git", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", exact: "1.8.2"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", exact: "2.28.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", exact: "2.13.0"),
        .package(url: "https://github.com/groue/GRDB.swift.git", exact: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams.git", exact: "6.2.2"),
        .package(url: "https://github.com/grpc/grpc-swift-2.git", exact: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport.git", exact: "2.9.2"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf.git", exact: "2.4.1"),
        .package(url: "https://github.com/apple/swift-protobuf.git", exact: "1.39.0"),
    ],
    targets: chosen,
    swiftLanguageModes: [.v6]
)
