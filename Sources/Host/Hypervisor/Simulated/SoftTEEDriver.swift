/// Starts machines of class `testudo-cvm` where there is no TEE: through `testudo-softtee`, which stands in for the
/// security processor, measures what it starts and alone can sign reports (rule R7).
public struct SoftTEEDriver: MachineDriver {
    private let program: String
    private let keysFolder: String
    private let account: Account?

    /// Creates the driver.
    ///
    /// - Parameters:
    ///   - program: The path of `testudo-softtee`.
    ///   - keysFolder: The folder with the generated root, made by `testudo-softtee init`; the node cannot read it
    ///     when `account` is another than its own.
    ///   - account: Who the simulated processor and its QEMU run as; nil keeps the node's account.
    public init(program: String, keysFolder: String, account: Account? = nil) {
        self.program = program
        self.keysFolder = keysFolder
        self.account = account
    }

    /// Starts a machine whose technology is `soft-snp`.
    public func launch(_ plan: LaunchPlan) async throws(MachineError) -> any RunningMachine {
        guard plan.technology == .softSNP else {
            throw MachineError(.invalidPlan, "\(plan.name): testudo-softtee starts soft-snp machines only")
        }
        return try await SimulatedMachine.start(
            plan, program: self.program, arguments: ["run", "--keys", self.keysFolder], account: self.account)
    }
}
