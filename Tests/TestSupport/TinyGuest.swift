import Foundation

/// A guest of one C program, for tests that boot a real kernel in a second.
///
/// Its RAM disk is the built guest image's with another `/init` after it, so it has the same modules. The mode on the
/// kernel's command line (`tiny=MODE`) says what it does.
public enum TinyGuest {
    /// Where the built guest image lies: `TESTUDO_TEST_GUEST`, or the build folder's.
    public static let image: String = {
        if let chosen = ProcessInfo.processInfo.environment["TESTUDO_TEST_GUEST"] { return chosen }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        return "\(root)/.build/guest-image"
    }()

    /// The kernel.
    public static var kernel: String { "\(self.image)/kernel" }

    /// Whether QEMU, a C compiler and a built guest image are here.
    public static var isAvailable: Bool {
        ["/usr/bin/qemu-system-x86_64", "/usr/bin/cc", self.kernel, "\(self.image)/initrd"].allSatisfy {
            FileManager.default.fileExists(atPath: $0)
        }
    }

    /// Writes the RAM disk into a folder.
    ///
    /// - Returns: Its path.
    public static func initrd(in folder: String) throws -> String {
        let source = "\(folder)/tiny.c"
        let place = "\(folder)/tiny"
        try self.source.write(toFile: source, atomically: true, encoding: .utf8)
        let compiler = Process()
        compiler.executableURL = URL(fileURLWithPath: "/usr/bin/cc")
        compiler.arguments = ["-static", "-Os", "-o", place, source]
        try compiler.run()
        compiler.waitUntilExit()
        var disk = try Data(contentsOf: URL(fileURLWithPath: "\(self.image)/initrd"))
        // One more frame of the same kind: the kernel joins what they hold, and a later file replaces an earlier one.
        let program = try Data(contentsOf: URL(fileURLWithPath: place))
        disk.append(
            self.frame(self.entry("init", mode: 0o100755, program) + self.entry("TRAILER!!!", mode: 0, Data())))
        let path = "\(folder)/tiny.initrd"
        try disk.write(to: URL(fileURLWithPath: path))
        return path
    }

    /// An LZ4 frame of the legacy kind whose one block holds `content` as it is: a run of literals (LZ4 block format).
    private static func frame(_ content: Data) -> Data {
        var block = Data([0xF0])
        var rest = content.count - 15
        while rest >= 255 {
            block.append(255)
            rest -= 255
        }
        block.append(UInt8(rest))
        block.append(content)
        let length = withUnsafeBytes(of: UInt32(block.count).littleEndian) { Data($0) }
        return Data([0x02, 0x21, 0x4C, 0x18]) + length + block
    }

    private static func entry(_ name: String, mode: Int, _ content: Data) -> Data {
        let fields = [1, mode, 0, 0, 1, 0, content.count, 0, 0, 0, 0, name.utf8.count + 1, 0]
        var entry = Data("070701".utf8)
        for field in fields { entry.append(contentsOf: String(format: "%08X", field).utf8) }
        entry.append(contentsOf: name.utf8)
        entry.append(0)
        while entry.count % 4 != 0 { entry.append(0) }
        entry.append(content)
        while entry.count % 4 != 0 { entry.append(0) }
        return entry
    }

    /// Modes: `poweroff`, `reset`, `hello` (a line on the agent's port, then idle), `report` (64 bytes from the agent's
    /// port become a report request, the answer goes back whole).
    private static let source = #"""
        #define _GNU_SOURCE
        #include <dirent.h>
        #include <fcntl.h>
        #include <stdio.h>
        #include <string.h>
        #include <sys/mount.h>
        #include <sys/reboot.h>
        #include <sys/stat.h>
        #include <sys/syscall.h>
        #include <unistd.h>

        static int port(const char *wanted) {
            for (int round = 0; round < 500; round++, usleep(10000)) {
                DIR *folder = opendir("/sys/class/virtio-ports");
                struct dirent *entry;
                while (folder && (entry = readdir(folder))) {
                    char path[512], name[128] = {0};
                    snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", entry->d_name);
                    int file = open(path, O_RDONLY);
                    if (file < 0) continue;
                    if (read(file, name, sizeof name - 1) < 0) name[0] = 0;
                    close(file);
                    name[strcspn(name, "\n")] = 0;
                    if (strcmp(name, wanted)) continue;
                    snprintf(path, sizeof path, "/dev/%s", entry->d_name);
                    closedir(folder);
                    return open(path, O_RDWR);
                }
                if (folder) closedir(folder);
            }
            return -1;
        }

        static int all(int file, unsigned char *bytes, int count, int writing) {
            for (int place = 0; place < count;) {
                int moved = writing ? write(file, bytes + place, count - place) : read(file, bytes + place, count - place);
                if (moved < 0) return -1;
                if (moved == 0) usleep(1000);
                place += moved;
            }
            return 0;
        }

        int main(void) {
            char line[4096] = {0}, path[512];
            static unsigned char bytes[65536];
            mkdir("/proc", 0755), mkdir("/sys", 0755), mkdir("/dev", 0755);
            mount("proc", "/proc", "proc", 0, 0), mount("sysfs", "/sys", "sysfs", 0, 0);
            mount("devtmpfs", "/dev", "devtmpfs", 0, 0);
            int file = open("/proc/cmdline", O_RDONLY);
            if (read(file, line, sizeof line - 1) < 0) return 1;
            if (strstr(line, "tiny=poweroff")) reboot(RB_POWER_OFF);
            if (strstr(line, "tiny=reset")) reboot(RB_AUTOBOOT);
            FILE *modules = fopen("/etc/modules", "r");
            while (modules && fgets(path, sizeof path, modules)) {
                path[strcspn(path, "\n")] = 0;
                int module = open(path, O_RDONLY);
                if (module >= 0) syscall(SYS_finit_module, module, "", 0), close(module);
            }
            int agent = port("org.testudo.agent");
            if (strstr(line, "tiny=hello")) all(agent, (unsigned char *)"hello\n", 6, 1);
            if (strstr(line, "tiny=report")) {
                int report = port("org.testudo.report");
                for (;;) {
                    unsigned char request[69] = {0, 0, 0, 65, 1};
                    all(agent, request + 5, 64, 0);
                    all(report, request, 69, 1);
                    all(report, bytes, 4, 0);
                    int count = bytes[2] << 8 | bytes[3];
                    all(report, bytes + 4, count, 0);
                    all(agent, bytes, 4 + count, 1);
                }
            }
            for (;;) pause();
        }
        """#
}
