import Evidence
import Hypervisor

/// Chooses how an instance of each class is started: one path, three drivers.
public struct InstanceLauncher: Sendable {
    /// Why a class cannot run here, or how it is started.
    public enum Choice: Sendable {
        /// Started by this driver, behind this security processor.
        case driver(any MachineDriver, Technology)
        /// Not here, for this reason.
        case unavailable(String)
    }

    /// What all machines of the node have in common.
    public struct Machines: Sendable {
        /// The firmware, as it was measured with the guest image.
        public let firmware: String
        /// The guest's kernel.
        public let kernel: String
        /// The guest's initial RAM disk.
        public let initrd: String
        /// What runs guests.
        public let accelerator: Accelerator
        /// Who machines run as; nil keeps the node's account.
        public let account: Account?

        /// Describes the node's machines.
        public init(firmware: String, kernel: String, initrd: String, accelerator: Accelerator, account: Account?) {
            self.firmware = firmware
            self.kernel = kernel
            self.initrd = initrd
            self.accelerator = accelerator
            self.account = account
        }
    }

    /// How each class is started.
    public let choices: [RuntimeClass: Choice]
    private let machines: Machines

    /// Creates a launcher; a class that is not in `choices` is unavailable.
    public init(machines: Machines, choices: [RuntimeClass: Choice]) {
        self.machines = machines
        self.choices = choices
    }

    /// The classes that cannot run here, with why.
    public var unavailable: [RuntimeClass: String] {
        self.choices.compactMapValues { if case .unavailable(let reason) = $0 { reason } else { nil } }
    }

    /// Starts an instance and returns while it boots.
    func launch(
        _ specification: PodSpecification, entry: InstanceJournal.Entry
    ) async throws(SandboxFailure) -> any RunningMachine {
        let name = specification.runtimeClass.rawValue
        switch self.choices[specification.runtimeClass] ?? .unavailable("this node has no driver for it") {
        case .unavailable(let reason): throw SandboxFailure(.classUnavailable, "\(name) cannot run here: \(reason)")
        case .driver(let driver, let technology):
            let manifest = specification.manifest
            let plan = LaunchPlan(
                name: entry.id, firmware: .path(self.machines.firmware), kernel: .path(self.machines.kernel),
                initrd: .path(self.machines.initrd), commandLine: GuestCommandLine.text(debug: manifest.debug),
                vcpus: manifest.resources.vcpus, memoryMiB: manifest.resources.memoryMiB,
                accelerator: self.machines.accelerator,
                technology: technology,
                hostData: specification.runtimeClass == .confidential ? specification.initData.digest.bytes : [],
                consolePath: manifest.debug ? "\(entry.folder)/console" : nil, runAs: self.machines.account)
            do throws(MachineError) {
                return try await driver.launch(plan)
            } catch {
                throw SandboxFailure(.launchFailed, error.message)
            }
        }
    }
}
