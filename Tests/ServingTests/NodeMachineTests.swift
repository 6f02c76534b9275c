import Foundation
import TestSupport
import Testing
import WireFormat

@testable import Serving

@Suite("What a machine can run")
struct NodeMachineTests {
    @Test func `a class that cannot run names all that is in its way at once`() async throws {
        let folder = try ScratchFolder()
        let text: JSONValue = [
            "apiListen": "127.0.0.1:0", "tlsListen": "127.0.0.1:0", "httpListen": "127.0.0.1:0",
            "stateDir": .string(folder.path), "tokenFile": "/token", "profileFile": "/profile",
            "guestImage": .string("\(folder.path)/image"), "agent": .string("\(folder.path)/agent"),
            "softtee": .string("\(folder.path)/softtee"), "softteeKeys": .string(folder.path),
        ]
        let configuration = try NodeConfiguration(parsing: text.canonicalBytes)
        let machine = await NodeMachine.find(configuration, instances: folder.path)
        let classes = try #require(machine.description["classes"])
        func reason(_ name: String) -> String { classes[name]?["reason"]?.stringValue ?? "" }
        for file in ["qboot.rom", "kernel", "initrd"] {
            for name in ["testudo-vm", "testudo-cvm"] {
                #expect(reason(name).contains("\(folder.path)/image/\(file) is missing"), "\(reason(name))")
            }
        }
        #expect(reason("testudo-cvm").contains("\(folder.path)/softtee is missing or not executable"))
        #expect(!reason("testudo-vm").contains("softtee"))
        #expect(reason("testudo-runc").contains("\(folder.path)/agent is missing"))
        #expect(reason("testudo-runc").contains("it needs root") == (geteuid() != 0))
    }
}
