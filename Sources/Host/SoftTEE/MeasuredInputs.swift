import Evidence
import Hypervisor
import WireFormat

/// The sealed inputs of a machine and the measurement computed over them.
public struct MeasuredInputs {
    /// The firmware's copy.
    public let firmware: SealedCopy
    /// The kernel's copy.
    public let kernel: SealedCopy
    /// The initial RAM disk's copy.
    public let initrd: SealedCopy
    /// What a report of this machine says as its launch digest.
    public let measurement: LaunchMeasurement

    /// Copies, seals, then measures the copies.
    ///
    /// - Parameters:
    ///   - request: Gives the command line and the number of processors.
    ///   - firmware: The node's open firmware file.
    ///   - kernel: The node's open kernel.
    ///   - initrd: The node's open initial RAM disk.
    public init(_ request: SoftTEERequest, firmware: CInt, kernel: CInt, initrd: CInt) throws(SoftTEEError) {
        self.firmware = try SealedCopy(of: firmware, name: "firmware", limit: 16 << 20)
        self.kernel = try SealedCopy(of: kernel, name: "kernel")
        self.initrd = try SealedCopy(of: initrd, name: "initrd")
        let (image, digests) = (try self.firmware.bytes(), (try self.kernel.digest(), try self.initrd.digest()))
        do throws(WireError) {
            let hashes = try KernelHashTable(
                kernelSHA256: digests.0, initrdSHA256: digests.1, commandLine: request.commandLine)
            self.measurement = try SoftLaunch(firmware: image, kernel: hashes, processors: request.vcpus).measurement()
        } catch {
            throw SoftTEEError("cannot measure the launch: \(error)")
        }
    }
}
