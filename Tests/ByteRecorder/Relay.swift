import Glibc

/// Connections that are passed on and written down until they end.
struct Relay {
    private var directions: [Direction] = []

    /// The recorder of one machine: pairs of the host's and QEMU's socket from descriptor 3 on, named in order.
    static func machine(folder: String, names: [String]) throws(RecorderError) -> Relay {
        var relay = Relay()
        for (place, name) in names.enumerated() {
            let host = CInt(3 + 2 * place)
            let machine = host + 1
            let isOwn = name == RecordedMachine.ownMonitor
            relay.directions.append(
                try Direction(from: machine, to: isOwn ? nil : host, file: "\(folder)/\(name).to-host"))
            if isOwn { continue }
            relay.directions.append(try Direction(from: host, to: machine, file: "\(folder)/\(name).to-guest"))
        }
        return relay
    }

    /// Adds a connection of TCP; `number` names its records.
    mutating func add(client: CInt, server: CInt, folder: String, number: Int) throws(RecorderError) {
        self.directions.append(try Direction(from: client, to: server, file: "\(folder)/\(number).to-guest"))
        self.directions.append(try Direction(from: server, to: client, file: "\(folder)/\(number).to-host"))
    }

    /// Until every connection ended.
    mutating func run() throws(RecorderError) {
        while !self.directions.isEmpty { _ = try self.step(listening: -1) }
    }

    /// Waits once and moves what can be moved.
    ///
    /// - Returns: Whether somebody calls `socket`.
    mutating func step(listening socket: CInt) throws(RecorderError) -> Bool {
        var polls = self.directions.map(\.wish) + [pollfd(fd: socket, events: Int16(POLLIN), revents: 0)]
        if poll(&polls, nfds_t(polls.count), -1) < 0 { return false }
        for place in self.directions.indices where polls[place].revents != 0 { try self.directions[place].move() }
        self.close()
        return polls.last.map { $0.revents != 0 } ?? false
    }

    /// Forgets connections that ended both ways.
    private mutating func close() {
        let open = Set(
            self.directions.filter { !$0.isOver }.flatMap { [$0.source, $0.target].compactMap(\.self) })
        for direction in self.directions where direction.isOver && !open.contains(direction.source) {
            _ = Glibc.close(direction.source)
        }
        self.directions.removeAll { $0.isOver && !open.contains($0.source) }
    }
}
