import Evidence
import Glibc
import Hypervisor
import Sandbox
import WireFormat

/// What this machine can run, found out once at the start.
struct NodeMachine: Sendable {
    let launcher: InstanceLauncher
    let description: JSONValue

    /// Probes the accelerator and looks for the programs that each class needs; a class that cannot run has all that is in its way.
    static func find(_ configuration: NodeConfiguration, instances: String) async -> NodeMachine {
        let firmware = "\(configuration.guestImage)/qboot.rom"
        let kernel = "\(configuration.guestImage)/kernel"
        let initrd = "\(configuration.guestImage)/initrd"
        let isRoot = geteuid() == 0
        let account = isRoot ? configuration.account.map(Self.withDeviceGroup) : nil
        let needed: [String] = [QEMUArguments.program, firmware, kernel, initrd]
        let missing = needed.filter { access($0, R_OK) != 0 }.map { "\($0) is missing or unreadable" }
        var finding = AcceleratorFinding(
            accelerator: .tcg, reason: "not probed: \(missing.joined(separator: "; "))")
        if missing.isEmpty {
            do throws(MachineError) {
                finding = try await AcceleratorProbe(
                    kernel: kernel, initrd: initrd, cacheFile: "\(configuration.stateDirectory)/accelerator.json"
                ).find(runAs: account, commandLine: GuestCommandLine.text(debug: false))
            } catch {
                finding = AcceleratorFinding(accelerator: .tcg, reason: "the probe failed: \(error.message)")
            }
        }
        let choices: [RuntimeClass: InstanceLauncher.Choice] = [
            .machine: Self.machine(missing: missing),
            .confidential: Self.confidential(configuration, missing: missing, account: account),
            .container: Self.container(configuration, isRoot: isRoot, instances: instances),
        ]
        let machines = InstanceLauncher.Machines(
            firmware: firmware, kernel: kernel, initrd: initrd, accelerator: finding.accelerator, account: account)
        return NodeMachine(
            launcher: InstanceLauncher(machines: machines, choices: choices),
            description: Self.describe(finding, choices))
    }

    /// The account with the group that may open KVM's device, where there is one.
    private static func withDeviceGroup(_ account: Account) -> Account {
        var status = stat()
        guard stat("/dev/kvm", &status) == 0, status.st_mode & (S_IRGRP | S_IWGRP) == S_IRGRP | S_IWGRP,
            status.st_gid != 0
        else { return account }
        return Account(user: account.user, group: status.st_gid)
    }

    private static func machine(missing: [String]) -> InstanceLauncher.Choice {
        missing.isEmpty ? .driver(QEMUDriver(), .none) : .unavailable(missing.joined(separator: "; "))
    }

    private static func confidential(
        _ configuration: NodeConfiguration, missing: [String], account: Account?
    ) -> InstanceLauncher.Choice {
        var obstacles = missing
        if access(configuration.softTEE, X_OK) != 0 {
            obstacles.append("there is no TEE here and \(configuration.softTEE) is missing or not executable")
        }
        guard obstacles.isEmpty else { return .unavailable(obstacles.joined(separator: "; ")) }
        return .driver(
            SoftTEEDriver(program: configuration.softTEE, keysFolder: configuration.softTEEKeys, account: account),
            .softSNP)
    }

    private static func container(
        _ configuration: NodeConfiguration, isRoot: Bool, instances: String
    ) -> InstanceLauncher.Choice {
        var obstacles: [String] = []
        if !isRoot { obstacles.append("it needs root") }
        if access(configuration.agent, X_OK) != 0 {
            obstacles.append("\(configuration.agent) is missing or not executable")
        }
        let runtimes: [String] = ["/usr/sbin/runc", "/usr/bin/runc"]
        if !runtimes.contains(where: { access($0, X_OK) == 0 }) { obstacles.append("runc is not installed") }
        guard obstacles.isEmpty else { return .unavailable(obstacles.joined(separator: "; ")) }
        return .driver(AgentProcessDriver(program: configuration.agent, instances: instances), .none)
    }

    private static func describe(
        _ finding: AcceleratorFinding, _ choices: [RuntimeClass: InstanceLauncher.Choice]
    ) -> JSONValue {
        var classes: [String: JSONValue] = [:]
        var technology = Technology.none
        for (runtimeClass, choice) in choices {
            switch choice {
            case .driver(_, let found):
                classes[runtimeClass.rawValue] = .object(["available": true, "technology": .string(found.rawValue)])
                if runtimeClass == .confidential { technology = found }
            case .unavailable(let reason):
                classes[runtimeClass.rawValue] = .object(["available": false, "reason": .string(reason)])
            }
        }
        return .object([
            "kind": "Node", "apiVersion": "testudo.dev/v1", "metadata": .object(["name": "self"]),
            "accelerator": .string(finding.accelerator.rawValue), "acceleratorReason": .string(finding.reason),
            "technology": .string(technology.rawValue), "simulated": .bool(technology == .softSNP),
            "classes": .object(classes),
        ])
    }
}
