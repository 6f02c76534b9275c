import Glibc
import NIOCore
import NIOPosix

extension NIOConnectionError {
    /// Why there is no connection, for people: the name, or what each address answered.
    var sentence: String {
        if connectionErrors.isEmpty, dnsAError != nil || dnsAAAAError != nil {
            return "the name \(host) cannot be resolved: is it right, and does this machine reach a name server?"
        }
        var reasons: [String] = []
        for failure in connectionErrors {
            let reason: String =
                switch failure.error {
                case ChannelError.connectTimeout: "no connection in time"
                case let error as IOError: String(cString: strerror(error.errnoCode)).lowercased()
                default: "\(failure.error)"
                }
            if !reasons.contains(reason) { reasons.append(reason) }
        }
        return reasons.isEmpty ? "no connection" : reasons.joined(separator: ", ")
    }
}
