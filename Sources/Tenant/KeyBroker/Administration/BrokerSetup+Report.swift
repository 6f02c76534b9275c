import WireFormat

extension BrokerSetup {
    /// What ``run(folder:listen:softRoots:rootKey:counter:pcrs:recovery:)`` made, and what its owner does next.
    public static func report(
        folder: String, listen: String, rootKey: JSONValue, counter: JSONValue?, recovery: String? = nil
    ) -> String {
        var made = [
            (File.configuration.rawValue, "the configuration (docs/BROKER-CONFIG.md)"),
            (File.tlsCertificate.rawValue, "the certificate that clients pin, for localhost and 127.0.0.1"),
            (File.tlsKey.rawValue, "its key"),
            (File.adminKey.rawValue, "the private key of the first administrator"),
            (File.adminPublicKey.rawValue, "its public half, which the configuration names"),
            (File.releaseKey.rawValue, "the private key that signs releases of the guest"),
            (File.releasePublicKey.rawValue, "its public half, which the configuration names"),
        ]
        switch rootKey["kind"]?.stringValue {
        case nil:
            made.append((File.rootKey.rawValue, "the root key, which opens the store: keep it, and keep it secret"))
        case "tpm":
            made.append(
                (rootKey["file"]?.stringValue ?? "", "the root key, sealed by the TPM to what this machine booted"))
        default: made.append(("key \(rootKey["key"]?.stringValue ?? "")", "the root key, on the token"))
        }
        if let recovery { made.append((recovery, "the root key in plain: take it off this machine")) }
        let width = made.map(\.0.count).max() ?? 0
        var lines = ["made in \(folder):"]
        lines += made.map { "  \($0.0)\(String(repeating: " ", count: width - $0.0.count))  \($0.1)" }
        if counter != nil { lines.append("  The roll-back counter is made with the store, at the first start.") }
        lines += [
            "next:",
            "  1. start it:            testudo-keybroker serve --config \(folder)/\(File.configuration.rawValue)",
            "  2. call it:             testudo broker resources list --broker https://\(callable(listen)) \\",
            "                            --ca \(folder)/\(File.tlsCertificate.rawValue) --admin-key \(folder)/\(File.adminKey.rawValue)",
            "  3. for more than a trial: move \(File.adminKey.rawValue) and \(File.releaseKey.rawValue) to the machines of those who use",
            "     them, and put a certificate with the broker's name in place of \(File.tlsCertificate.rawValue).",
        ]
        if callable(listen) != listen {
            lines += [
                "  \(listen) is all addresses of this machine: whoever reaches one of them reaches the broker. \(File.tlsCertificate.rawValue) names",
                "  localhost and 127.0.0.1 only: `--ca \(File.tlsCertificate.rawValue)` pins it under any address, other clients need one with its name.",
            ]
        }
        if counter == nil {
            lines.append("  Nothing notices that the whole store is put back: --counter tpm or --counter file does.")
        }
        return lines.joined(separator: "\n")
    }

    /// The address under which a broker on this machine is called: all addresses of a machine are none to call.
    private static func callable(_ listen: String) -> String {
        for (all, loopback) in [("0.0.0.0:", "127.0.0.1:"), ("[::]:", "[::1]:")] where listen.hasPrefix(all) {
            return loopback + listen.dropFirst(all.count)
        }
        return listen
    }
}
