import CLinux
import Glibc

/// Two connected stream sockets: ours and the child's.
struct SocketPair {
    let near: OwnedDescriptor
    let far: OwnedDescriptor

    init(for purpose: String) throws(MachineError) {
        var ends: [CInt] = [-1, -1]
        guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw MachineError(.launchFailed, "cannot make the \(purpose) socket: \(String(cString: strerror(errno)))")
        }
        (self.near, self.far) = (OwnedDescriptor(ends[0]), OwnedDescriptor(ends[1]))
    }
}

extension MachineFile {
    /// Opens the file for reading, or borrows the caller's descriptor.
    ///
    /// - Parameter purpose: What the file is, for the error.
    /// - Returns: The number to hand to a child and the owner that keeps it open, if it was opened here.
    func open(_ purpose: String) throws(MachineError) -> (number: CInt, owner: OwnedDescriptor?) {
        switch self {
        case .descriptor(let number): return (number, nil)
        case .path(let path):
            let number = Glibc.open(path, O_RDONLY | O_CLOEXEC)
            guard number >= 0 else {
                throw MachineError(.missing, "cannot open the \(purpose) \(path): \(String(cString: strerror(errno)))")
            }
            return (number, OwnedDescriptor(number))
        }
    }
}

/// Creates or truncates the console file of a debug machine; only its owner may read it.
func openConsole(_ path: String) throws(MachineError) -> OwnedDescriptor {
    let number = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard number >= 0 else {
        throw MachineError(.missing, "cannot create the console file \(path): \(String(cString: strerror(errno)))")
    }
    return OwnedDescriptor(number)
}
