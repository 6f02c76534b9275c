/// Starts machines of class `testudo-vm`: QEMU alone, no security processor.
public struct QEMUDriver: MachineDriver {
    private let program: String

    /// Creates the driver.
    ///
    /// - Parameter program: QEMU's path.
    public init(program: String = QEMUArguments.program) { self.program = program }

    /// Starts QEMU for a plan whose technology is `none`, or `snp` on hardware that has it.
    public func launch(_ plan: LaunchPlan) async throws(MachineError) -> any RunningMachine {
        try await VirtualMachine.start(plan, program: self.program)
    }
}
