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
    /// A manifest that names another key broker, launched and latched with its own digest.
    case broker

    /// What is appended to the kernel's command line.
    static let argument = " testudo.evil=1"
    /// The variable that another manifest sets, and its value there.
    static let variable = PodContainer.Variable(name: "TARGET", source: .value("Mallory"))

    /// The document that the guest is given.
    ///
    /// - Parameters:
    ///   - original: The tenant's document.
    ///   - broker: Who stands in for the tenant's key broker; for ``broker`` only.
    func latched(_ original: InitData, broker: PodKeyBroker? = nil) throws(WireError) -> InitData {
        switch self {
        case .none, .commandLine, .initrd: return original
        case .manifest, .hostData: return try Self.forged(original)
        case .broker:
            guard let broker else { throw WireError(field: "broker", reason: "no other key broker was named") }
            var manifest = original.manifest
            manifest.keyBroker = broker
            return try InitData(manifest: manifest)
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
        case .none, .manifest, .broker: break
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
