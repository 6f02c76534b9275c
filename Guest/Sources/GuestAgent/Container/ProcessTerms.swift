import ImageFormat

/// Joins what the image says with what the manifest says about the container's first process.
enum ProcessTerms {
    static let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// Kubernetes' rule: a command replaces the image's entry point and its arguments; arguments replace the image's.
    static func arguments(command: [String], args: [String], image: ImageConfig) -> [String] {
        if !command.isEmpty { return command + args }
        return image.entrypoint + (args.isEmpty ? image.command : args)
    }

    /// Later entries of the same name win: defaults, image, manifest, then what the platform promises.
    static func environment(
        image: ImageConfig, manifest: [(name: String, value: String)], platform: [(name: String, value: String)],
        home: String
    ) -> [String] {
        var order: [String] = []
        var values: [String: String] = [:]
        func set(_ name: String, _ value: String) {
            if values.updateValue(value, forKey: name) == nil { order.append(name) }
        }
        let defaults = [path, "HOME=" + home] + image.environment
        for entry in defaults {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            set(String(parts[0]), parts.count == 2 ? String(parts[1]) : "")
        }
        for (name, value) in manifest + platform { set(name, value) }
        return order.map { $0 + "=" + (values[$0] ?? "") }
    }
}
