import Foundation
import WireFormat

/// The node's `node.json`.
struct NodeConfiguration {
    let state: StateFolder
    let settings: Settings

    func write() throws {
        let agent = try agentCopy()
        var fields: [String: JSONValue] = [
            "apiListen": .string("127.0.0.1:\(settings.nodePort)"),
            "tlsListen": .string("127.0.0.1:\(settings.tlsPort)"),
            "httpListen": .string("127.0.0.1:\(settings.httpPort)"),
            "stateDir": .string(state.node),
            "tokenFile": .string(state.nodeTokenFile),
            "profileFile": .string(state.profileFile),
            "guestImage": .string(settings.guestImage),
            "agent": .string(agent),
            "softtee": .string(try Installation.program("testudo-softtee")),
            "softteeKeys": .string(state.softTEE),
            "idleSeconds": .integer(Int64(settings.idleSeconds)),
        ]
        if let user = SoftTEEUser.current {
            fields["account"] = .object(["user": .integer(Int64(user)), "group": .integer(Int64(user))])
        }
        try StateFolder.write(JSONValue.object(fields).prettyText + "\n", to: "\(state.node)/node.json")
    }

    /// The agent of the guest image is data there; as a program of the host (class testudo-runc) it has to be executable.
    private func agentCopy() throws -> String {
        let copy = "\(state.node)/testudo-agent"
        try StateFolder.write(
            try StateFolder.read("\(settings.guestImage)/testudo-agent", hint: "run `testudo guest build`"), to: copy,
            mode: 0o755)
        return copy
    }
}
