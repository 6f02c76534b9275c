import ImageFormat
import Testing
import WireFormat

@testable import GuestAgent

@Suite("Container configuration")
struct RuntimeConfigurationTests {
    let plan = ContainerPlan(
        identifier: "hello", hostname: "hello", arguments: ["/app", "-x"], environment: ["A=b"], workingDirectory: "/w",
        user: ContainerUser(uid: 7, gid: 8, groups: [9]), memoryBytes: 1 << 29, processors: 2, openFiles: 1024,
        networkPath: "/proc/1/fd/9", bundle: "/run/testudo/hello")

    @Test("the process is what the plan says, without new privileges")
    func process() {
        let value = RuntimeConfiguration.render(plan)
        let process = value["process"]
        #expect(process?["args"] == ["/app", "-x"])
        #expect(process?["cwd"] == "/w")
        #expect(process?["user"]?["uid"] == 7)
        #expect(process?["user"]?["additionalGids"] == [9])
        #expect(process?["noNewPrivileges"] == true)
        #expect(process?["terminal"] == false)
        let bounding = process?["capabilities"]?["bounding"]?.arrayValue ?? []
        #expect(!bounding.isEmpty)
        for dangerous in [
            "CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_NET_ADMIN", "CAP_SYS_PTRACE", "CAP_MKNOD", "CAP_NET_RAW",
        ] {
            #expect(!bounding.contains(.string(dangerous)))
        }
    }

    @Test("every namespace is new, the network is the pod's")
    func namespaces() {
        let list = RuntimeConfiguration.render(plan)["linux"]?["namespaces"]?.arrayValue ?? []
        let types = Set(list.compactMap { $0["type"]?.stringValue })
        #expect(types == ["pid", "ipc", "uts", "mount", "cgroup", "network"])
        let network = list.first { $0["type"] == "network" }
        #expect(network?["path"] == "/proc/1/fd/9")
    }

    @Test("limits, the temporary folder and hidden paths are there")
    func limits() {
        let value = RuntimeConfiguration.render(plan)
        #expect(value["linux"]?["resources"]?["memory"]?["limit"]?.integerValue == 1 << 29)
        #expect(value["linux"]?["resources"]?["cpu"]?["quota"] == 200_000)
        let mounts = value["mounts"]?.arrayValue ?? []
        let temporary = mounts.first { $0["destination"] == "/tmp" }
        #expect(temporary?["options"]?.arrayValue?.contains("mode=1777") == true)
        #expect(value["linux"]?["maskedPaths"]?.arrayValue?.contains("/proc/kcore") == true)
        #expect(value["linux"]?["readonlyPaths"]?.arrayValue?.contains("/proc/sys") == true)
    }

    @Test("the system call policy refuses by default and lists nothing that leads out")
    func systemCalls() {
        let policy = SystemCallPolicy.json
        #expect(policy["defaultAction"] == "SCMP_ACT_ERRNO")
        let rules = policy["syscalls"]?.arrayValue ?? []
        let free = rules.filter { $0["action"] == "SCMP_ACT_ALLOW" && $0["args"] == nil }
        let names = Set(free.flatMap { $0["names"]?.arrayValue ?? [] }.compactMap(\.stringValue))
        for needed in ["read", "execve", "mmap", "futex", "epoll_wait", "accept4"] { #expect(names.contains(needed)) }
        for dangerous in [
            "mount", "umount2", "unshare", "setns", "bpf", "ptrace", "kexec_load", "init_module", "keyctl", "clone",
            "clone3", "socket", "io_uring_setup", "userfaultfd", "perf_event_open", "reboot", "pivot_root",
        ] {
            #expect(!names.contains(dangerous), "\(dangerous) is allowed")
        }
    }

    @Test("command, arguments and environment follow Kubernetes' rules")
    func terms() throws {
        let text = """
            {"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]},
             "config":{"Entrypoint":["/e"],"Cmd":["c"],"Env":["A=1","PATH=/p"]}}
            """
        let image = try ImageConfig(parsing: Array(text.utf8))
        #expect(ProcessTerms.arguments(command: [], args: [], image: image) == ["/e", "c"])
        #expect(ProcessTerms.arguments(command: [], args: ["x"], image: image) == ["/e", "x"])
        #expect(ProcessTerms.arguments(command: ["/n"], args: [], image: image) == ["/n"])
        let environment = ProcessTerms.environment(
            image: image, manifest: [("A", "2"), ("PORT", "1")], platform: [("PORT", "8080")], home: "/h")
        #expect(environment == ["PATH=/p", "HOME=/h", "A=2", "PORT=8080"])
    }
}
