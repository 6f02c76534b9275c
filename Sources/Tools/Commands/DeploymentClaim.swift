import Foundation

/// Keeps a second `testudo up` from starting the parts of a deployment while one is at work; ends with the process at the latest.
final class DeploymentClaim: Sendable {
    private let folder: Int32

    /// Claims the deployment's folder, which has to be there.
    init(_ state: StateFolder) throws {
        let folder = open(state.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else {
            throw CommandFailure(
                "\(state.root) cannot be opened: \(String(cString: strerror(errno)))", hint: "check its permissions")
        }
        guard flock(folder, LOCK_EX | LOCK_NB) == 0 else {
            close(folder)
            throw CommandFailure(
                "another `testudo up` is at work in \(state.root)",
                hint: "wait until it has ended; `testudo status` shows what runs then")
        }
        self.folder = folder
    }

    deinit { close(folder) }
}
