import Foundation
import TestSupport
import Testing

@testable import AgentProtocol

extension IntegrationTests {
    /// What the host sees of a Service's secrets.
    @Suite("Canaries") struct Canaries {
        @Test(.enabled(if: Recorder.isAvailable, "needs unshare and the right to mount in a namespace"))
        func `a host finds no secret of a confidential Service and all those of a plain one`() throws {
            try IntegrationTests.withStack(isRecorded: true) { stack in
                let secret = ["image", "environment and answer", "path and log", "body"].map { Canary("cvm " + $0) }
                let open = ["image", "environment and answer", "path and log", "body"].map { Canary("vm " + $0) }
                try Self.deployConfidential(stack, secret)
                try Self.deployPlain(stack, open)
                try Self.call(stack, secret, open)
                let report = try HostSearch(stack, secret + open)

                let leaks = report.sightings.filter { $0.canary.hasPrefix("cvm") }
                #expect(leaks.isEmpty, "\(leaks)")
                for (canary, places) in Self.expected {
                    for place in places where report.hasMemory || !place.contains("memory") {
                        let isSeen = report.sightings.contains {
                            $0.canary == canary && $0.source.contains(place)
                        }
                        #expect(isSeen, "\(canary) was not found in \(place): the search is blind there")
                    }
                }
                print(report.text)
            }
        }

        /// Where a plain Service's secrets are, whatever the timing: the search that finds nothing of a confidential
        /// one has to find all these. Compressed members are not looked for in memory.
        private static let expected = [
            "vm image": [
                "agent port to-guest, stream", "gzip member", "zstd member", "registry/",
            ],
            "vm environment and answer": [
                "agent port to-guest", "agent port to-host", "http gateway to-host", "node/", "testudod's memory",
            ],
            "vm path and log": [
                "agent port to-guest", "agent port to-host", "http gateway to-guest", "node/logs", "testudod's memory",
            ],
            "vm body": ["agent port to-guest", "http gateway to-guest"],
        ]

        /// Requests by curl through the recording relays, and by the command line.
        private static func call(_ stack: LiveStack, _ secret: [Canary], _ open: [Canary]) throws {
            let recorder = try #require(stack.recorder)
            let trusted = ["--cacert", "\(stack.state)/tenant/testudo-simulated-ca.pem"]
            for (name, scheme, port, canaries) in [
                ("canary-cvm", "https", stack.tlsPort, secret), ("canary-vm", "http", stack.httpPort, open),
            ] {
                let relay = try recorder.relay(before: port, name: "\(scheme) gateway")
                let host = "\(name).default.localhost:\(port)"
                for _ in 0..<3 {
                    let arguments = [
                        "-sS", "--max-time", "120", "--connect-to", "\(host):127.0.0.1:\(relay)", "--data",
                        canaries[3].secret, "\(scheme)://\(host)/\(canaries[2].secret)",
                    ]
                    let answer = try text(run("curl", arguments + (scheme == "https" ? trusted : [])))
                    #expect(answer == "Hello \(canaries[1].secret)!\n")
                }
                let answer = try stack.testudo([
                    "invoke", name, "--path", "/\(canaries[2].secret)", "--data", canaries[3].secret,
                ])
                #expect(answer == "Hello \(canaries[1].secret)!\n")
                #expect(try stack.testudo(["logs", name]).contains(canaries[2].secret))
            }
        }

        @Test func `the search finds a canary in every form`() throws {
            let canary = Canary("here")
            let bytes = Array(canary.secret.utf8)
            for noise in 0..<3 {
                let packed = Data([UInt8](repeating: 0x5A, count: noise) + bytes + [1, 2]).base64EncodedString()
                for tool in ["cat", "gzip", "zstd"] {
                    let search = try CanarySearch([canary])
                    let made = try run(tool, tool == "cat" ? [] : ["-cq"], input: Array(packed.utf8))
                    search.search([7, 7] + made + [9], source: tool)
                    #expect(Set(search.sightings.map(\.form)) == ["base64+\(noise)"], "\(tool)")
                    // What does not compress lies in the member as it is, and is found twice.
                    let isInside = search.sightings.contains { $0.source.contains("\(tool) member") }
                    #expect(isInside == (tool != "cat"), "\(search.sightings)")
                }
            }
            let search = try CanarySearch([canary])
            search.search(bytes, source: "raw")
            search.search(Array(bytes.map { String(format: "%02x", $0) }.joined().utf8), source: "hex")
            #expect(search.sightings.map(\.form) == ["raw", "hex"])
        }

        @Test func `a canary cut in two by the multiplexer's frames is found in its stream`() throws {
            let canary = Canary("here")
            let bytes = Array(canary.secret.utf8)
            var link: [UInt8] = [1, 2, 3]
            let parts: [(UInt32, ArraySlice<UInt8>)] = [
                (3, bytes.prefix(11)), (5, [0x5A][...]), (3, bytes.dropFirst(11)),
            ]
            MuxFrame.hello(.guest).encode(into: &link)
            for (stream, part) in parts {
                MuxFrame(.data, stream: stream, payload: Array(part)).encode(into: &link)
            }
            let recording = try MuxRecording(link + [0, 0])
            #expect(recording.unread == 5 && recording.streams["stream 1.3"] == bytes)
            let search = try CanarySearch([canary])
            search.search(link, source: "link")
            #expect(search.sightings.isEmpty, "the frames cut nothing")
            for (name, bytes) in recording.streams { search.search(bytes, source: name) }
            #expect(search.sightings.map(\.source) == ["stream 1.3"])
        }

        /// The image encrypted, the environment a secret of the broker.
        private static func deployConfidential(_ stack: LiveStack, _ canaries: [Canary]) throws {
            let layout = try image(stack, canaries[0], "canary-cvm")
            try stack.push(layout, as: "canary-cvm", encryptedFor: "default/image-key/canary-cvm")
            let file = "\(stack.folder)/target"
            try canaries[1].secret.write(toFile: file, atomically: true, encoding: .utf8)
            try stack.testudo(["key", "set", "default/canary/target", "--file", file])
            let service = try stack.service(
                "canary-cvm", image: "canary-cvm",
                replacing: [
                    "image-key/hello-swift": "image-key/canary-cvm",
                    "value: Testudo": "valueFrom: {secretKeyRef: {name: canary, key: target}}",
                ])
            try stack.testudo(["apply", "-f", service])
        }

        /// The same Service in the clear.
        private static func deployPlain(_ stack: LiveStack, _ canaries: [Canary]) throws {
            let layout = try image(stack, canaries[0], "canary-vm")
            try stack.push(layout, as: "canary-vm")
            // The same image once more in the registry's store, packed the other way.
            let (bare, packed) = ("dir:\(stack.folder)/bare", "oci:\(stack.folder)/packed:latest")
            try run("skopeo", ["copy", "-q", "--dest-decompress", "oci:\(layout):latest", bare])
            try run("skopeo", ["copy", "-q", "--dest-compress-format", "zstd", bare, packed])
            // Digests are kept, or the registry's gzip layers would be taken for these.
            try run(
                "skopeo",
                [
                    "copy", "-q", "--dest-tls-verify=false", "--preserve-digests", packed,
                    "docker://\(stack.registry)/canary-vm:zstd",
                ])
            let service = try stack.service(
                "canary-vm", image: "canary-vm",
                replacing: [
                    "  annotations:\n    testudo.dev/image-key: kbs:///default/image-key/hello-swift\n": "",
                    "testudo-cvm": "testudo-vm", "value: Testudo": "value: \(canaries[1].secret)",
                ])
            try stack.testudo(["apply", "-f", service])
        }

        /// hello-swift with a secret file in a layer of its own.
        private static func image(_ stack: LiveStack, _ canary: Canary, _ name: String) throws -> String {
            let folder = "\(stack.folder)/images"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: try LiveStack.hello.get(), toPath: "\(folder)/\(name)")
            try canary.secret.write(toFile: "\(folder)/model.bin", atomically: true, encoding: .utf8)
            try run("tar", ["-C", folder, "--owner=0", "--group=0", "-cf", "\(folder)/\(name).tar", "model.bin"])
            try run("umoci", ["raw", "add-layer", "--image", "\(folder)/\(name):latest", "\(folder)/\(name).tar"])
            return "\(folder)/\(name)"
        }
    }
}
