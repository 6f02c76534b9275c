import CLinux
import Glibc
import Testing

@Suite("System calls")
struct CLinuxTests {
    private static func spawn(
        _ arguments: [String], descriptors: [CInt] = [-1, -1, -1], user: UInt32 = CL_KEEP, folder: String? = nil
    ) -> pid_t {
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var environment: [UnsafeMutablePointer<CChar>?] = [strdup("A=b"), nil]
        defer { for pointer in argv + environment { free(pointer) } }
        return cl_spawn(
            arguments[0], &argv, &environment, descriptors, CInt(descriptors.count), user, user, 0, folder)
    }

    private static func run(_ arguments: [String], descriptors: [CInt] = [-1, -1, -1], user: UInt32 = CL_KEEP) -> CInt {
        let pid = Self.spawn(arguments, descriptors: descriptors, user: user)
        guard pid > 0 else { return pid }
        let handle = cl_pidfd_open(pid)
        defer { close(handle) }
        return cl_waitid_pidfd(handle, 0)
    }

    private static func output(of script: String, user: UInt32 = CL_KEEP) -> String {
        var pair: [CInt] = [-1, -1]
        guard cl_socketpair(CInt(SOCK_STREAM.rawValue), &pair) == 0 else { return "" }
        let status = Self.run(["/bin/sh", "-c", script], descriptors: [-1, pair[1], pair[1]], user: user)
        close(pair[1])
        defer { close(pair[0]) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = read(pair[0], &buffer, buffer.count)
        return "\(status) " + String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }

    @Test("exit codes and signals of children are told")
    func status() {
        #expect(Self.run(["/bin/sh", "-c", "exit 7"]) == 7)
        #expect(Self.run(["/bin/sh", "-c", "kill -9 $$"]) == 128 + 9)
        let pid = Self.spawn(["/bin/sh", "-c", "kill -15 $$"])
        let handle = cl_pidfd_open(pid)
        var (code, signal): (CInt, CInt) = (-1, -1)
        #expect(cl_waitid_status(handle, 0, &code, &signal) == 0)
        #expect(code == 0 && signal == 15)
        close(handle)
    }

    @Test("failures in the child come back and leave no child")
    func failures() {
        #expect(Self.spawn(["/nonexistent/program"]) == -ENOENT)
        #expect(Self.spawn(["/bin/true"], folder: "/nonexistent") == -ENOENT)
        #expect(Self.spawn(["/bin/true"], descriptors: [9999]) == -EBADF)
        #expect(Self.spawn(["/etc/passwd"]) == -EACCES)
    }

    @Test("the child sees its descriptors and no others, a new session, and only its environment")
    func clean() {
        let stray = open("/dev/null", O_RDONLY)
        defer { close(stray) }
        #expect(Self.output(of: "ls /proc/$$/fd | tr '\\n' ' '").hasPrefix("0 0 1 2"))
        #expect(!Self.output(of: "ls /proc/$$/fd | tr '\\n' ' '").contains(" \(stray) "))
        #expect(Self.output(of: "test -z \"$HOME\" && echo $A") == "0 b\n")
        #expect(Self.output(of: "read -r a b c d e f g < /proc/$$/stat; test $a = $f && echo session") == "0 session\n")
    }

    @Test("descriptors may be given in any order, also crosswise")
    func crosswise() {
        var pair: [CInt] = [-1, -1]
        #expect(cl_socketpair(CInt(SOCK_STREAM.rawValue), &pair) == 0)
        let script = "echo out; echo err >&2; echo three >&3"
        #expect(Self.run(["/bin/sh", "-c", script], descriptors: [2, -1, 0, pair[1]]) == 0)
        close(pair[1])
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = read(pair[0], &buffer, buffer.count)
        close(pair[0])
        #expect(buffer.prefix(max(0, count)).elementsEqual("three\n".utf8))
    }

    @Test("another user has no groups left", .enabled(if: getuid() == 0))
    func user() {
        #expect(Self.output(of: "id -u; id -g; id -G", user: 64_000) == "0 64000\n64000\n64000\n")
    }

    @Test("a sealed memory file cannot be changed")
    func seal() {
        let file = cl_memfd("test", UInt32(CL_MFD_CLOEXEC | CL_MFD_ALLOW_SEALING))
        #expect(file >= 0)
        let text = "abc"
        let before = write(file, text, 3)
        #expect(before == 3)
        #expect(cl_seal(file) == 0)
        let after = write(file, text, 1)
        #expect(after == -1)
        #expect(ftruncate(file, 0) == -1)
        #expect(cl_seal(file) < 0)
        close(file)
    }

    @Test("descriptors travel over a socket, and more than expected are refused")
    func passing() {
        var pair: [CInt] = [-1, -1]
        #expect(cl_socketpair(CInt(SOCK_STREAM.rawValue), &pair) == 0)
        defer { for end in pair { close(end) } }
        let sent = cl_send_fds(pair[0], "hi", 2, [0, 1], 2)
        #expect(sent == 2)
        var buffer = [UInt8](repeating: 0, count: 16)
        var received: [CInt] = [-1, -1, -1, -1]
        var count = received.count
        #expect(cl_recv_fds(pair[1], &buffer, buffer.count, &received, &count) == 2)
        #expect(count == 2 && received[0] > 2 && received[1] > 2)
        for number in received.prefix(2) { close(number) }
        let again = cl_send_fds(pair[0], "hi", 2, [0, 1], 2)
        #expect(again == 2)
        count = 1
        #expect(cl_recv_fds(pair[1], &buffer, buffer.count, &received, &count) == Int(-EMSGSIZE))
        #expect(count == 0)
    }

    @Test("bytes compare and wipe")
    func memory() {
        var bytes: [UInt8] = [1, 2, 3]
        let (same, other): ([UInt8], [UInt8]) = ([1, 2, 3], [1, 2, 4])
        let results = [cl_equal_ct(bytes, same, 3), cl_equal_ct(bytes, other, 3), cl_equal_ct(bytes, other, 2)]
        #expect(results == [1, 0, 1])
        cl_wipe(&bytes, 3)
        #expect(bytes == [0, 0, 0])
    }
}
