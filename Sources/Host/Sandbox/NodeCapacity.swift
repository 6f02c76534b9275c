/// How many pods and how much guest memory the node gives out.
public actor NodeCapacity {
    /// The most instances at once.
    public let instances: Int
    /// The most guest memory at once, in MiB; 0 means that only the number of instances counts.
    public let memoryMiB: Int
    private var taken: [String: Int] = [:]

    /// Creates the limits.
    public init(instances: Int, memoryMiB: Int) {
        self.instances = instances
        self.memoryMiB = memoryMiB
    }

    /// Takes room for one instance.
    ///
    /// - Parameters:
    ///   - id: The instance; taking twice for one is taking once.
    ///   - memoryMiB: Its guest memory.
    /// - Throws: ``SandboxFailure`` (`NodeFull`) with the limit that was reached.
    public func take(_ id: String, memoryMiB: Int) throws(SandboxFailure) {
        guard self.taken[id] == nil else { return }
        guard self.taken.count < self.instances else {
            throw SandboxFailure(
                .nodeFull, "\(self.instances) instances run already; delete a Service or raise maxInstances")
        }
        let used = self.taken.values.reduce(0, +)
        guard self.memoryMiB == 0 || used + memoryMiB <= self.memoryMiB else {
            throw SandboxFailure(
                .nodeFull, "\(memoryMiB) MiB do not fit: \(used) of \(self.memoryMiB) MiB are given out already")
        }
        self.taken[id] = memoryMiB
    }

    /// Gives the room of an instance back.
    public func giveBack(_ id: String) { self.taken[id] = nil }
}
