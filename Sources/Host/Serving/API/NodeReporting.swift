import WireFormat

/// What the node tells about itself, besides Services.
public protocol NodeReporting: Sendable {
    /// Accelerator, technology, classes.
    func describe() async -> JSONValue
    /// The instances that run or start.
    func instances() async -> [JSONValue]
    /// The phases of the latest starts, oldest first.
    func timelines() async -> [JSONValue]
    /// The sealed log records that are kept of a Service.
    func logs(_ key: ObjectStore.Key) async -> [JSONValue]
    /// The exact bytes of the envelope of a Service's manifest, or nil.
    func initData(_ key: ObjectStore.Key) async -> [UInt8]?
}
