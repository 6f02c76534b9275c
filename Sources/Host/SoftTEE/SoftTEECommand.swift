import CLinux
import Glibc
import WireFormat

/// The command line of `testudo-softtee`.
public enum SoftTEECommand {
    /// What is printed for wrong arguments.
    public static let usage = """
        usage: testudo-softtee init --dir FOLDER [--uid USER]
                   make the simulated chip's keys, for another user when root, and print the root's fingerprint
               testudo-softtee show --dir FOLDER
                   print the fingerprint again
               testudo-softtee run --keys FOLDER
                   serve one machine; the node's socket is descriptor 3

        A simulated security processor: what it signs proves nothing to anyone who has not pinned its root.

        """

    /// Runs the program.
    ///
    /// - Parameter arguments: Without the program's name.
    /// - Returns: The exit code; 64 for wrong arguments, 1 for a failure that was named on the error stream.
    public static func run(_ arguments: [String]) -> CInt {
        do throws(SoftTEEError) {
            switch (arguments.first, arguments.dropFirst().first, arguments.count) {
            case ("init", "--dir", 3): Self.print(try SoftKeyFolder(path: arguments[2]).create())
            case ("init", "--dir", 5) where arguments[3] == "--uid":
                guard let user = UInt32(arguments[4]) else { throw SoftTEEError("\(arguments[4]) is no user number") }
                Self.print(try SoftKeyFolder(path: arguments[2]).create(for: user))
            case ("show", "--dir", 3): Self.print(try SoftKeyFolder(path: arguments[2]).load())
            case ("run", "--keys", 3): return try Self.serve(arguments[2])
            default:
                Self.write(Self.usage, to: STDERR_FILENO)
                return 64
            }
            return 0
        } catch {
            Self.write("testudo-softtee (simulated): \(error)\n", to: STDERR_FILENO)
            return 1
        }
    }

    private static func serve(_ folder: String) throws(SoftTEEError) -> CInt {
        // No core file and no debugger of an equal may have the keys of the simulated chip.
        _ = cl_prctl_dumpable(0)
        return ProcessorLoop(control: 3, signer: try SoftKeyFolder(path: folder).load()).run()
    }

    private static func print(_ signer: SoftReportSigner) {
        Self.write("\(signer.summary.canonicalText)\n", to: STDOUT_FILENO)
    }

    private static func write(_ text: String, to descriptor: CInt) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(descriptor, bytes, bytes.count)
    }
}
