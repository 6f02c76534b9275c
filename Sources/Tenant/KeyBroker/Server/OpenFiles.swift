import Glibc

/// The descriptors of the broker: connections must leave some for the audit log and the database.
enum OpenFiles {
    /// How many descriptors connections leave free.
    static let reserve = 256

    /// Raises the limit of open files as far as needed and allowed; answers how many connections it leaves room for.
    static func raise(forConnections wanted: Int) -> Int {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return connections(atMost: wanted, descriptors: 1024) }
        let needed = rlim_t(wanted + reserve)
        if limit.rlim_cur < needed {
            var raised = limit
            raised.rlim_cur = min(needed, limit.rlim_max)
            if setrlimit(resource, &raised) == 0 { limit = raised }
        }
        return connections(atMost: wanted, descriptors: Int(clamping: limit.rlim_cur))
    }

    /// The connections that `descriptors` allow: all but the reserve, or half of them where there are very few.
    static func connections(atMost wanted: Int, descriptors: Int) -> Int {
        max(1, min(wanted, max(descriptors - reserve, descriptors / 2)))
    }
}
