import Envelope
import WireFormat

extension PodManifest {
    /// The classes that a manifest can name.
    static let runtimeClasses = ["testudo-cvm", "testudo-vm", "testudo-runc"]
    /// The protections that a manifest can ask for: those that the key broker enforces, so that none is promised in vain. They
    /// are the names of `Evidence.Protection`.
    static let knownProtections = [
        "attested", "memory-confidentiality", "memory-integrity", "replay-protection", "register-confidentiality",
        "register-integrity", "interrupt-protection", "alias-check", "ciphertext-hiding", "debug-off", "migration-off",
        "firmware-rollback-protection", "firmware-currency",
    ]
    /// What a manifest can allow the host to ask for.
    static let knownHostOperations = ["status", "stop", "debug-console"]

    /// Checks every rule that is not a matter of shape.
    func validate() throws(WireError) {
        try Check.label(self.name, "manifest.name")
        try Check.label(self.namespace, "manifest.namespace")
        try Check.oneOf(self.runtimeClass, Self.runtimeClasses, "manifest.runtimeClass")
        try Check.version(self.guestVersion, "manifest.guestVersion")
        try Check.closedList(self.protections, Self.knownProtections, "manifest.protections")
        try Check.closedList(self.hostOperations, Self.knownHostOperations, "manifest.hostOperations")
        try Check.range(self.resources.vcpus, 1...16, "manifest.resources.vcpus")
        try Check.range(self.resources.memoryMiB, 64...1_048_576, "manifest.resources.memoryMiB")
        try Check.range(self.concurrency, 0...1000, "manifest.concurrency")
        try Check.range(self.timeoutSeconds, 1...600, "manifest.timeoutSeconds")
        guard self.imagePolicy.objectValue != nil else {
            throw WireError(field: "manifest.imagePolicy", reason: "must be an object")
        }
        try self.validateContainers()
        try self.validateNetwork()
        if self.isConfidential { try self.validateConfidential() } else { try self.validateOrdinary() }
    }

    private func validateContainers() throws(WireError) {
        // A pod of several containers needs a rule for which of them serves; until there is one, none is accepted.
        guard self.containers.count == 1 else {
            throw WireError(field: "manifest.containers", reason: "must have exactly one entry")
        }
        for (position, container) in self.containers.enumerated() {
            try container.validate("manifest.containers[\(position)]")
        }
    }

    private func validateNetwork() throws(WireError) {
        try WebOrigin.check(
            self.registry.endpoint, schemes: ["http", "https"], path: false, "manifest.registry.endpoint")
        try Check.pin(self.registry.certificate, of: self.registry.endpoint, "manifest.registry.certificate")
        if !self.lookaside.isEmpty {
            try WebOrigin.check(self.lookaside, schemes: ["http", "https"], path: true, "manifest.lookaside")
        }
        let names = self.network.hostnames
        guard (1...16).contains(names.count), Set(names).count == names.count else {
            throw WireError(field: "manifest.network.hostnames", reason: "must be 1 to 16 different names")
        }
        for (position, name) in names.enumerated() {
            try Check.hostname(name, "manifest.network.hostnames[\(position)]")
        }
        guard self.network.egress.isEmpty else {
            throw WireError(field: "manifest.network.egress", reason: "is not supported yet: pods reach nothing")
        }
        guard self.debug || !self.hostOperations.contains("debug-console") else {
            throw WireError(field: "manifest.hostOperations", reason: "a debug console needs a debug pod")
        }
    }

    private func validateConfidential() throws(WireError) {
        guard self.protections.contains("attested") else {
            throw WireError(field: "manifest.protections", reason: "a confidential pod must be attested")
        }
        try WebOrigin.check(self.keyBroker.url, schemes: ["https"], path: false, "manifest.keyBroker.url")
        try Check.pin(self.keyBroker.certificate, of: self.keyBroker.url, "manifest.keyBroker.certificate")
        let point = try Base64.decodeURL(self.logRecipient, field: "manifest.logs.recipient")
        guard point.count == 65, point[0] == 4,
            (try? JSONWebKey(parsing: [
                "kty": "EC", "crv": "P-256", "x": .string(Base64.encodeURL(point[1..<33])),
                "y": .string(Base64.encodeURL(point[33...])),
            ])) != nil
        else { throw WireError(field: "manifest.logs.recipient", reason: "is not a P-256 public key in X9.63 form") }
    }

    /// A pod that the host can look into has no broker, no keys and no secrets, so that nobody believes otherwise.
    private func validateOrdinary() throws(WireError) {
        let reason = "must be empty: only testudo-cvm is confidential"
        guard self.protections.isEmpty else { throw WireError(field: "manifest.protections", reason: reason) }
        guard self.keyBroker.url.isEmpty, self.keyBroker.certificate.isEmpty else {
            throw WireError(field: "manifest.keyBroker", reason: reason)
        }
        guard self.logRecipient.isEmpty else { throw WireError(field: "manifest.logs.recipient", reason: reason) }
        guard self.network.plaintext else {
            throw WireError(field: "manifest.network.plaintext", reason: "must be true for \(self.runtimeClass)")
        }
        for container in self.containers {
            guard container.imageKey == nil,
                !container.environment.contains(where: { $0.secret != nil || $0.sealed != nil })
            else {
                throw WireError(
                    field: "manifest.containers", reason: "image keys and secrets are released to testudo-cvm only")
            }
        }
    }
}

extension PodContainer {
    func validate(_ path: String) throws(WireError) {
        try Check.label(self.name, "\(path).name")
        guard self.name != "queue-proxy" else { throw WireError(field: "\(path).name", reason: "is reserved") }
        try PinnedImage.check(self.image, "\(path).image")
        if let imageKey = self.imageKey { try ResourceAddress.check(imageKey, "\(path).imageKey") }
        try Check.arguments(self.command, "\(path).command")
        try Check.arguments(self.arguments, "\(path).args")
        guard self.environment.count <= 512, Set(self.environment.map(\.name)).count == self.environment.count else {
            throw WireError(field: "\(path).env", reason: "must be at most 512 variables with different names")
        }
        for (position, variable) in self.environment.enumerated() { try variable.validate("\(path).env[\(position)]") }
        if !self.workingDirectory.isEmpty { try Check.folder(self.workingDirectory, "\(path).workingDir") }
        try Check.range(self.port, 1...65535, "\(path).port")
        try Check.user(self.user, "\(path).user")
    }
}

extension PodContainer.Variable {
    func validate(_ path: String) throws(WireError) {
        try Check.variableName(self.name, "\(path).name")
        guard !NodeChoices.reservedNames.contains(self.name) else {
            throw WireError(field: "\(path).name", reason: "\(self.name) is set by the platform")
        }
        switch self.source {
        case .secret(let address): try ResourceAddress.check(address, "\(path).secret")
        case .value(let text):
            try Check.text(text, "\(path).value")
            if SealedSecret.isSealed(text) {
                do throws(WireError) {
                    _ = try SealedText(text).needs()
                    return
                } catch {
                    throw WireError(
                        field: "\(path).value",
                        reason:
                            "is no sealed secret that a guest opens (\(self.name)): \(error.field) \(error.reason); "
                            + "`testudo secret seal` makes one")
                }
            }
            if SealedSecret.isAlmostSealed(text) {
                throw WireError(
                    field: "\(path).value",
                    reason:
                        "begins like a sealed secret (\(self.name)), with a blank or capitals that make it plain text")
            }
            if let what = SecretScan.finding(name: self.name, value: text) {
                throw WireError(
                    field: "\(path).value",
                    reason: "looks like \(what), which the host would see: use a secret reference")
            }
        }
    }
}
