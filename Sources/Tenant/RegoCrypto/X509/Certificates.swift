import Rego

extension Builtin {
    /// `crypto.x509.*` and `crypto.parse_private_keys`.
    static let certificates: [Builtin] = [
        charged("crypto.x509.parse_certificates", 1) { (arguments: [Value], _) throws(Failure) -> Value? in
            let certificates = try parse(arguments.string(1))
            return .array(certificates.map { $0.value(withURIs: true) })
        },
        charged("crypto.x509.parse_and_verify_certificates", 1, isPure: false) {
            (arguments: [Value], context: inout Context) throws(Failure) -> Value? in
            try verify(arguments.string(1), ChainVerifier.Options(), &context, withURIs: true)
        },
        charged("crypto.x509.parse_and_verify_certificates_with_options", 2, isPure: false) {
            (arguments: [Value], context: inout Context) throws(Failure) -> Value? in
            let text = try arguments.string(1)
            let options = try arguments.object(2)
            if (try? parse(text)) == nil { return .array([.bool(false), .array([])]) }
            return try verify(text, verifyOptions(options), &context, withURIs: false)
        },
        charged("crypto.x509.parse_certificate_request", 1) { (arguments: [Value], _) throws(Failure) -> Value? in
            try request(arguments.string(1))
        },
        charged("crypto.x509.parse_keypair", 2) { (arguments: [Value], _) throws(Failure) -> Value? in
            try keyPair(arguments.string(1), arguments.string(2))
        },
        charged("crypto.x509.parse_rsa_private_key", 1) { (arguments: [Value], _) throws(Failure) -> Value? in
            let text = try arguments.string(1)
            if text.isEmpty { throw .builtin("input PEM data was empty") }
            let bytes = Array(text.utf8)
            let keys = try PrivateKey.list(PEM.starts(bytes) ? bytes : Bytes.base64(decoding: text))
            return keys.first?.webKey ?? .null
        },
        charged("crypto.parse_private_keys", 1) { (arguments: [Value], _) throws(Failure) -> Value? in
            let text = try arguments.string(1)
            if text.isEmpty { return .null }
            let bytes = (try? Bytes.base64(decoding: text)) ?? Array(text.utf8)
            return .array(try PrivateKey.list(bytes).map(\.value))
        },
    ]

    /// A builtin that is charged by the length of its texts.
    private static func charged(
        _ name: String, _ arity: Int, isPure: Bool = true,
        _ body: @escaping @Sendable (_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value?
    ) -> Builtin {
        Builtin(name, arity, isPure: isPure) {
            (arguments: [Value], context: inout Context) throws(Failure) -> Value? in
            for argument in arguments {
                if case .string(let text) = argument { try context.charge(text.string.utf8.count / 8) }
            }
            return try body(arguments, &context)
        }
    }

    private static func parse(_ text: String) throws(Failure) -> [Certificate] {
        var bytes = Array(text.utf8)
        if !PEM.starts(bytes) { bytes = try Bytes.base64(decoding: text) }
        if PEM.starts(bytes) {
            var decoded: [UInt8] = []
            var rest = bytes[...]
            while let (block, after) = PEM.first(in: rest) {
                guard block.type == "CERTIFICATE" else {
                    throw .builtin("PEM block type is '\(block.type)', expected CERTIFICATE")
                }
                decoded += block.bytes
                rest = after
            }
            bytes = decoded
        }
        do throws(Malformed) {
            return try Certificate.list(bytes)
        } catch {
            throw .builtin("x509: malformed certificate")
        }
    }

    private static func verify(
        _ text: String, _ options: ChainVerifier.Options, _ context: inout Context, withURIs: Bool
    ) throws(Failure) -> Value {
        guard let certificates = try? parse(text),
            let chain = ChainVerifier.chain(certificates, options, now: context.now)
        else { return .array([.bool(false), .array([])]) }
        return .array([.bool(true), .array(chain.map { $0.value(withURIs: withURIs) })])
    }

    private static func verifyOptions(_ object: ObjectValue) throws(Failure) -> ChainVerifier.Options {
        var options = ChainVerifier.Options()
        for (key, value) in zip(object.keys, object.values) {
            guard case .string(let name) = key else { continue }
            switch (name.string, value) {
            case ("DNSName", .string(let text)): options.dnsName = trimmed(text.string)
            case ("DNSName", _): throw .builtin("'DNSName' should be a string")
            case ("CurrentTime", .number(let number)):
                guard let time = number.int else { throw .builtin("'CurrentTime' should be a valid int64 number") }
                options.time = Int64(time) / 1_000_000_000
            case ("MaxConstraintComparisons", .number(let number)):
                if number.int == nil { throw .builtin("'MaxConstraintComparisons' should be a valid number") }
            case ("CurrentTime", _), ("MaxConstraintComparisons", _): throw .builtin("'\(name)' should be a number")
            case ("KeyUsages", .array(let members)): options.usages = try usages(members)
            case ("KeyUsages", .set(let set)): options.usages = try usages(set.members)
            case ("KeyUsages", _): throw .builtin("'KeyUsages' should be an Array or Set")
            default: throw .builtin("invalid key option")
            }
        }
        return options
    }

    private static func usages(_ members: [Value]) throws(Failure) -> [Int] {
        var usages: [Int] = []
        var unknown: [String] = []
        for member in members {
            guard case .string(let text) = member else { continue }
            let name = trimmed(text.string)
            if let usage = ExtendedKeyUsage.names[name] { usages.append(usage) } else { unknown.append(name) }
        }
        if !unknown.isEmpty {
            throw .builtin("invalid entries for 'KeyUsages' found: [\(unknown.joined(separator: " "))]")
        }
        return usages
    }

    private static func trimmed(_ text: String) -> String {
        var text = text[...]
        while text.hasPrefix("\"") { text.removeFirst() }
        while text.hasSuffix("\"") { text.removeLast() }
        return String(text)
    }

    private static func request(_ text: String) throws(Failure) -> Value {
        var bytes = Array(text.utf8)
        if !text.hasPrefix("-----BEGIN CERTIFICATE REQUEST-----") { bytes = try Bytes.base64(decoding: text) }
        if let (block, _) = PEM.first(in: bytes[...]) {
            guard block.type == "CERTIFICATE REQUEST" else {
                throw .builtin("invalid PEM-encoded certificate signing request")
            }
            bytes = block.bytes
        }
        do throws(Malformed) {
            return try CertificateRequest(bytes).value
        } catch {
            throw .builtin("asn1: structure error: malformed certificate request")
        }
    }

    private static func keyPair(_ certificate: String, _ key: String) throws(Failure) -> Value {
        let certificates = try parse(certificate)
        var bytes = Array(key.utf8)
        if !PEM.starts(bytes) { bytes = try Bytes.base64(decoding: key) }
        var keys = try PrivateKey.list(bytes)
        if !PEM.starts(bytes), let bare = try? PrivateKey(PEM(type: "PRIVATE KEY", bytes: bytes)) { keys = [bare] }
        guard let leaf = certificates.first else {
            throw .builtin("tls: failed to find any PEM data in certificate input")
        }
        guard let found = keys.first else { throw .builtin("tls: failed to find any PEM data in key input") }
        guard found.publicValue == leaf.publicKey.value else {
            throw .builtin("tls: private key does not match public key")
        }
        var fields = Fields()
        fields.add("Certificate", .array(certificates.map { Bytes.base64($0.raw) }))
        fields.add("PrivateKey", found.value)
        fields.addNull("SupportedSignatureAlgorithms", "OCSPStaple", "SignedCertificateTimestamps")
        fields.add("Leaf", leaf.value(withURIs: false))
        return fields.value
    }
}
