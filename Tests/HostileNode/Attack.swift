import ArgumentParser
import Hypervisor
import PodManifest
import Sandbox
import WireFormat

/// What the node alters before it starts the tenant's pod.
enum Attack: String, CaseIterable, ExpressibleByArgument, Sendable {
    /// Nothing: an honest launch, for attacks that come from elsewhere.
    case none
    /// The kernel gets one more argument.
    case commandLine = "command-line"
    /// The RAM disk gets one more file.
    case initrd
    /// Another manifest, launched and latched with its own digest.
    case manifest
    /// The tenant's digest as HOST_DATA, another manifest latched.
    case hostData = "host-data"

    /// What is appended to the kernel's command line.
    static let argument = " testudo.evil=1"
    /// The variable that another manifest sets, and its value there.
    static let variable = PodContainer.Variable(name: "TARGET", source: .value("Mallory"))

    /// The document that the guest is given.
    func latched(_ original: InitData) throws(WireError) -> InitData {
        switch self {
        case .none, .commandLine, .initrd: original
        case .manifest, .hostData: try Self.forged(original)
        }
    }

    /// Changes the launch of an otherwise honest node.
    ///
    /// - Parameters:
    ///   - plan: What an honest node starts for the document that is latched.
    ///   - original: The tenant's document.
    ///   - alteredInitrd: The RAM disk with one more file.
    func alter(_ plan: inout LaunchPlan, original: InitData, alteredInitrd: String) {
        switch self {
        case .none, .manifest: break
        case .commandLine: plan.commandLine += Self.argument
        case .initrd: plan.initrd = .path(alteredInitrd)
        case .hostData: plan.hostData = original.digest.bytes
        }
    }

    private static func forged(_ original: InitData) throws(WireError) -> InitData {
        var manifest = original.manifest
        for place in manifest.containers.indices {
            manifest.containers[place].environment.removeAll { $0.name == self.variable.name }
            manifest.containers[place].environment.append(self.variable)
        }
        return try InitData(manifest: manifest)
    }
}
