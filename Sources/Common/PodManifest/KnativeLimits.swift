import WireFormat

/// The parts of a Knative Service that are refused, or accepted only where they ask for what happens anyway.
enum KnativeLimits {
    /// Fields of a pod that Knative itself never takes.
    private static let neverInPod = [
        "restartPolicy", "terminationGracePeriodSeconds", "activeDeadlineSeconds", "nodeName", "hostname", "subdomain",
        "priority", "readinessGates", "ephemeralContainers", "os", "overhead", "preemptionPolicy", "setHostnameAsFQDN",
    ]
    /// Fields of a container that Knative itself never takes.
    private static let neverInContainer = [
        "lifecycle", "stdin", "stdinOnce", "tty", "volumeDevices", "resizePolicy", "restartPolicy",
    ]

    /// Consumes what is left of a pod.
    static func checkPod(_ pod: inout JSONFields) throws(WireError) {
        for key in ["enableServiceLinks", "automountServiceAccountToken"] {
            guard try !pod.bool(key, default: false) else { throw pod.refusal(key, "must be false") }
        }
        guard ["", "default"].contains(try pod.optionalString("serviceAccountName") ?? "") else {
            throw pod.refusal("serviceAccountName", "is not supported: pods have no service account")
        }
        for key in ["volumes", "imagePullSecrets", "initContainers"] where try !pod.optionalArray(key).isEmpty {
            throw pod.refusal(key, "is not supported yet")
        }
        if let context = pod.optionalValue("securityContext"), context != [:] {
            throw pod.refusal("securityContext", "is not supported for pods: set it on the container")
        }
        try refuseRest(pod, never: neverInPod)
    }

    /// Consumes what is left of a container.
    static func checkContainer(_ container: inout JSONFields) throws(WireError) {
        for key in ["envFrom", "volumeMounts"] where try !container.optionalArray(key).isEmpty {
            throw container.refusal(key, "is not supported yet")
        }
        // There is no kubelet that would read a message; the defaults are what a client writes when it asks for nothing.
        guard ["", "/dev/termination-log"].contains(try container.optionalString("terminationMessagePath") ?? "") else {
            throw container.refusal("terminationMessagePath", "is not supported")
        }
        guard ["", "File"].contains(try container.optionalString("terminationMessagePolicy") ?? "") else {
            throw container.refusal("terminationMessagePolicy", "is not supported")
        }
        try refuseRest(container, never: neverInContainer)
    }

    private static func refuseRest(_ fields: JSONFields, never: [String]) throws(WireError) {
        guard let key = fields.remainingKeys.first else { return }
        throw fields.refusal(
            key, never.contains(key) ? "is never allowed in a Knative Service" : "is not supported yet")
    }

    /// Reads who the container runs as; everything else in the context must ask for no more than every pod gets.
    static func user(_ context: JSONFields?) throws(WireError) -> String {
        guard var context else { return "" }
        let user = try context.optionalInteger("runAsUser")
        let group = try context.optionalInteger("runAsGroup")
        for (key, number) in [("runAsUser", user), ("runAsGroup", group)] {
            guard (0..<Int64(UInt32.max)).contains(number ?? 0) else { throw context.refusal(key, "is out of range") }
        }
        guard user != nil || group == nil else { throw context.refusal("runAsGroup", "needs runAsUser") }
        if try context.bool("runAsNonRoot", default: false) {
            guard let user, user != 0 else {
                throw context.refusal("runAsNonRoot", "needs a runAsUser other than 0: images are not asked")
            }
        }
        guard try !context.bool("allowPrivilegeEscalation", default: false) else {
            throw context.refusal("allowPrivilegeEscalation", "must be false")
        }
        guard try !context.bool("readOnlyRootFilesystem", default: false) else {
            throw context.refusal("readOnlyRootFilesystem", "is not supported yet")
        }
        if var capabilities = try context.optionalFields("capabilities") {
            guard try capabilities.optionalStrings("add").isEmpty else {
                throw capabilities.refusal("add", "is not supported")
            }
            _ = try capabilities.optionalStrings("drop")
            try capabilities.finish()
        }
        if var profile = try context.optionalFields("seccompProfile") {
            guard try profile.string("type") == "RuntimeDefault" else {
                throw profile.refusal("type", "must be RuntimeDefault")
            }
            try profile.finish()
        }
        try refuseRest(context, never: ["privileged", "procMount", "seLinuxOptions", "windowsOptions"])
        guard let user else { return "" }
        return group.map { "\(user):\($0)" } ?? "\(user)"
    }

    /// A pod is ready when its port answers; a probe that asks for exactly this is accepted.
    static func checkReadiness(_ probe: JSONFields?, port: Int) throws(WireError) {
        guard var probe else { return }
        if var socket = try probe.optionalFields("tcpSocket") {
            let asked = try socket.optionalInteger("port") ?? 0
            guard asked == 0 || asked == Int64(port) else {
                throw socket.refusal("port", "must be the container's port")
            }
            try socket.finish()
        }
        for key in ["successThreshold", "periodSeconds", "timeoutSeconds", "failureThreshold", "initialDelaySeconds"] {
            _ = try probe.optionalInteger(key)
        }
        try refuseRest(probe, never: [])
    }
}
