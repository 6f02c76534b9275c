import Hypervisor

/// Starts machines through another driver after it changed their plan.
struct AlteringDriver: MachineDriver {
    let honest: any MachineDriver
    let alter: @Sendable (inout LaunchPlan) -> Void

    func launch(_ plan: LaunchPlan) async throws(MachineError) -> any RunningMachine {
        var altered = plan
        self.alter(&altered)
        return try await self.honest.launch(altered)
    }
}
