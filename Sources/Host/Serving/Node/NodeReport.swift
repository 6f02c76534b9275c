import PodManifest
import Sandbox
import WireFormat

/// Answers the node's own endpoints out of the activator.
struct NodeReport: NodeReporting {
    let description: JSONValue
    let activator: Activator

    func describe() async -> JSONValue { self.description }

    func instances() async -> [JSONValue] { await self.activator.instances() }

    func timelines() async -> [JSONValue] { await self.activator.timelines }

    func logs(_ key: ObjectStore.Key) async -> [JSONValue] {
        await self.activator.logs(key).map { revision, record in
            .object([
                "revision": .string(revision), "instance": .string(record.instance),
                "record": .string(Base64.encode(record.bytes)),
            ])
        }
    }

    func initData(_ key: ObjectStore.Key) async -> [UInt8]? { await self.activator.initData(key)?.bytes }
}
