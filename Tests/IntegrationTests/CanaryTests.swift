import Foundation
import TestSupport
import Testing

extension IntegrationTests {
    /// What the host sees of a Service's secrets.
    @Suite("Canaries") struct Canaries {
        @Test func `a host finds no secret of a confidential Service and all those of a plain one`() throws {
            try IntegrationTests.withStack { stack in
                let secret = ["image", "environment and answer", "path and log", "body"].map { Canary("cvm " + $0) }
                let open = ["image", "environment and answer", "path and log", "body"].map { Canary("vm " + $0) }
                try Self.deployConfidential(stack, secret)
                try Self.deployPlain(stack, open)
                for (name, canaries) in [("canary-cvm", secret), ("canary-vm", open)] {
                    for _ in 0..<5 {
                        let answer = try stack.testudo([
                            "invoke", name, "--path", "/\(canaries[2].secret)", "--data", canaries[3].secret,
                        ])
                        #expect(answer == "Hello \(canaries[1].secret)!\n")
                    }
                    #expect(try stack.testudo(["logs", name]).contains(canaries[2].secret))
                }
                let (search, hasMemory) = try Self.searchHost(stack, secret + open)

                let leaks = search.sightings.filter { $0.canary.hasPrefix("cvm") }
                #expect(leaks.isEmpty, "\(leaks)")
                let found = Set(search.sightings.map(\.canary))
                for canary in open where hasMemory || canary.place != "vm body" {
                    #expect(found.contains(canary.place), "\(canary.place) was not found: the search is blind")
                }
                let gzip = search.sightings.contains { $0.canary == "vm image" && $0.source.contains("gzip member") }
                #expect(gzip, "the plain image's layer was not looked into")
                print("canaries: \(search.bytesRead >> 20) MiB searched; plain ones found:")
                for canary in open {
                    let places = search.sightings.filter { $0.canary == canary.place }
                    print("  \(canary.place): \(places.count) times, first \(places.first?.description ?? "nowhere")")
                }
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
            try stack.push(try image(stack, canaries[0], "canary-vm"), as: "canary-vm")
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

        /// Everything that is the host's: its folders, logs and processes. The tenant's folder, broker and command line
        /// are not, and QEMU's memory is the guest's: no processor seals it in a simulation.
        ///
        /// The bytes of gateway and virtio-serial pass through the node's memory; it is searched in their place, since
        /// recording the sockets themselves needs a tracer.
        private static func searchHost(
            _ stack: LiveStack, _ canaries: [Canary]
        ) throws -> (search: CanarySearch, hasMemory: Bool) {
            let search = try CanarySearch(canaries)
            var hasMemory = true
            let registry = stack.process("registry").map { ProcessTable.family(of: $0) } ?? []
            for entry in stack.nodeFamily() + registry {
                let isRead = try search.search(process: entry, memory: !entry.isQEMU)
                hasMemory = hasMemory && isRead
            }
            #expect(stack.nodeFamily().filter(\.isQEMU).count == 2, "both guests run while the host looks")
            for folder in ["node", "softtee", "registry"] { try search.search(folder: "\(stack.state)/\(folder)") }
            for log in ["node", "registry"] {
                try search.search(file: "\(stack.state)/run/\(log).log", source: "the log of \(log)")
            }
            if !hasMemory { print("canaries: the node's memory is not readable here: skipped") }
            return (search, hasMemory)
        }
    }
}
