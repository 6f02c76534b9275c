// swift-tools-version: 6.2
import PackageDescription

// What runs inside the confidential VM. This dependency list is the list of trusted third-party code: `make tcb` fails
// when something is linked that is not named, with a reason, in docs/dependencies.md.

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .treatAllWarnings(as: .error),
]

func common(_ name: String) -> Target.Dependency { .product(name: name, package: "testudo") }

let package = Package(
    name: "testudo-guest",
    products: [.executable(name: "testudo-agent", targets: ["testudo-agent"])],
    dependencies: [
        .package(name: "testudo", path: ".."),
        .package(url: "https://github.com/apple/swift-crypto.git", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-asn1.git", exact: "1.7.4"),
        .package(url: "https://github.com/apple/swift-nio.git", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", exact: "2.37.6"),
    ],
    targets: [
        .target(name: "GuestInit", path: "Sources/GuestInit"),
        .target(name: "CGuest", path: "Sources/CGuest"),
        .systemLibrary(name: "CZlib", path: "Sources/CZlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", path: "Sources/CZstd", providers: [.apt(["libzstd-dev"])]),
        .target(
            name: "GuestAgent",
            dependencies: [
                "CGuest", "CZlib", "CZstd",
                common("CLinux"), common("WireFormat"), common("Envelope"), common("Unsealing"), common("Evidence"),
                common("PodManifest"), common("ImageFormat"), common("AgentProtocol"), common("HTTPExchange"),
                common("Registry"), common("AttestedChannel"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            path: "Sources/GuestAgent", swiftSettings: strict),
        .executableTarget(
            name: "testudo-agent", dependencies: ["GuestInit", "GuestAgent"], path: "Sources/testudo-agent",
            swiftSettings: strict),
        .testTarget(
            name: "GuestAgentTests",
            dependencies: [
                "GuestAgent", "CGuest", "CZlib", common("WireFormat"), common("Envelope"), common("Evidence"),
                common("PodManifest"), common("ImageFormat"), common("AgentProtocol"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            path: "Tests/GuestAgentTests", swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
