/// Everything that decides how a container runs, from manifest, image configuration and released secrets.
public struct ContainerPlan: Sendable {
    /// Name of the container for the runtime.
    public var identifier: String
    /// The name that the container sees as its host's.
    public var hostname: String
    /// Program and arguments.
    public var arguments: [String]
    /// Environment, `NAME=value`.
    public var environment: [String]
    /// Where the program starts.
    public var workingDirectory: String
    /// Who it runs as.
    public var user: ContainerUser
    /// Memory limit in bytes.
    public var memoryBytes: Int64
    /// Number of processors.
    public var processors: Int
    /// Most files that one process may have open.
    public var openFiles: Int64
    /// An open network namespace to join, as a path.
    public var networkPath: String
    /// The folder with `rootfs`, `config.json` and the files that are bound into the container.
    public var bundle: String

    /// Creates a plan.
    public init(
        identifier: String, hostname: String, arguments: [String], environment: [String], workingDirectory: String,
        user: ContainerUser, memoryBytes: Int64, processors: Int, openFiles: Int64, networkPath: String, bundle: String
    ) {
        self.identifier = identifier
        self.hostname = hostname
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.user = user
        self.memoryBytes = memoryBytes
        self.processors = processors
        self.openFiles = openFiles
        self.networkPath = networkPath
        self.bundle = bundle
    }
}

/// The numbers that a container's first process runs under.
public struct ContainerUser: Equatable, Sendable {
    /// User.
    public var uid: UInt32
    /// Primary group.
    public var gid: UInt32
    /// Other groups.
    public var groups: [UInt32]
    /// Home folder, if the image knows one.
    public var home: String

    /// Creates a user.
    public init(uid: UInt32, gid: UInt32, groups: [UInt32] = [], home: String = "/") {
        self.uid = uid
        self.gid = gid
        self.groups = groups
        self.home = home
    }
}
