import Crypto
import Rego

extension Builtin {
    /// `providers.aws.sign_req`.
    static let cloudProviders: [Builtin] = [
        Builtin("providers.aws.sign_req", 3, signRequest)
    ]

    @Sendable
    private static func signRequest(_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value? {
        let request = try arguments.object(1)
        let account = try arguments.object(2)
        let required = ["aws_access_key", "aws_region", "aws_secret_access_key", "aws_service"]
        try check(account, required, "missing required AWS config parameters(s)")
        let wrong = required.filter { name in
            if case .string = account[name] { false } else { true }
        }
        if !wrong.isEmpty {
            throw .type("operand 2 invalid values for required AWS config parameters(s): \(list(wrong))")
        }
        guard let nanoseconds = try arguments.number(3).int else {
            throw .type("operand 3 could not convert time_ns value into a unix timestamp")
        }
        try check(request, ["method", "url"], "missing required request parameters(s)", operand: 1)
        guard case .string(let address) = request["url"], case .string(let method) = request["method"] else {
            throw .type("operand 1 invalid values for required request parameters(s)")
        }
        var isUnsigned = false
        switch account["disable_payload_signing"] {
        case nil: break
        case .bool(let flag): isUnsigned = flag
        default: throw .type("operand 2 invalid value for 'disable_payload_signing' in AWS config")
        }
        var headers: [String: String] = [:]
        switch request["headers"] {
        case nil: break
        case .object(let object):
            for (key, value) in zip(object.keys, object.values) { headers[text(key)] = text(value) }
        case .some(let value): throw .type("operand 1 must be object but got \(value.typeName)")
        }
        let body: [UInt8]
        if let raw = request["raw_body"] { body = Array(text(raw).utf8) } else { body = request["body"]?.json() ?? [] }
        try context.charge(body.count / 16)
        let signer = SignatureV4(
            accessKey: text(account["aws_access_key"]), secretKey: text(account["aws_secret_access_key"]),
            sessionToken: text(account["aws_session_token"]), region: text(account["aws_region"]),
            service: text(account["aws_service"]), isUnsigned: isUnsigned)
        let added = signer.headers(
            method: method.string, url: URLText(address.string), headers: headers, body: body, nanoseconds: nanoseconds)
        var all = headers
        for (name, value) in added { all[name] = value }
        var pairs = zip(request.keys, request.values).map { (key: $0, value: $1) }
        let signed = ObjectValue(all.map { (key: .string($0.key), value: .string($0.value)) })
        pairs.append((.string("headers"), .object(signed)))
        return .object(ObjectValue(pairs))
    }

    private static func text(_ value: Value?) -> String {
        if case .string(let text) = value { text.string } else { "" }
    }

    private static func list(_ names: [String]) -> String { "{\(names.map { "\"\($0)\"" }.joined(separator: ", "))}" }

    private static func check(
        _ object: ObjectValue, _ names: [String], _ message: String, operand: Int = 2
    ) throws(Failure) {
        let missing = names.filter { object[$0] == nil }
        if !missing.isEmpty { throw .type("operand \(operand) \(message): \(list(missing))") }
    }
}

/// Signs requests as Amazon's services ask for it, version 4.
struct SignatureV4 {
    let accessKey: String
    let secretKey: String
    let sessionToken: String
    let region: String
    let service: String
    /// Whether the body is not part of what is signed.
    let isUnsigned: Bool

    /// The headers to add.
    func headers(
        method: String, url: URLText, headers: [String: String], body: [UInt8], nanoseconds: Int
    ) -> [String: String] {
        let bodyHash = isUnsigned ? "UNSIGNED-PAYLOAD" : Bytes.hex(SHA256.hash(data: body))
        let (date, time) = Self.date(nanoseconds)
        var added = ["host": url.host, "x-amz-date": time]
        if service == "s3" || service == "glacier" || isUnsigned { added["x-amz-content-sha256"] = bodyHash }
        if !sessionToken.isEmpty { added["x-amz-security-token"] = sessionToken }
        var signed: [Text: String] = [:]
        for (name, value) in added { signed[Text(name)] = value }
        for (name, value) in headers {
            let lower = name.lowercased()
            if !["authorization", "user-agent", "x-amzn-trace-id"].contains(lower) { signed[Text(lower)] = value }
        }
        let names = signed.keys.sorted()
        let nameList = names.map(\.string).joined(separator: ";")
        let lines = names.map { "\($0):\(signed[$0] ?? "")\n" }.joined()
        let canonical = "\(method)\n\(url.path)\n\(url.query)\n\(lines)\n\(nameList)\n\(bodyHash)"
        let scope = "\(date)/\(region)/\(service)/aws4_request"
        let hash = Bytes.hex(SHA256.hash(data: Array(canonical.utf8)))
        var key = Array("AWS4\(secretKey)".utf8)
        for part in [date, region, service, "aws4_request", "AWS4-HMAC-SHA256\n\(time)\n\(scope)\n\(hash)"] {
            key = Array(
                HMAC<SHA256>.authenticationCode(for: Array(part.utf8), using: SymmetricKey(data: key)))
        }
        added["Authorization"] =
            "AWS4-HMAC-SHA256 Credential=\(accessKey)/\(scope),SignedHeaders=\(nameList),Signature=\(Bytes.hex(key))"
        return added
    }

    /// A day and a second as `20151228` and `20151228T140825Z`.
    private static func date(_ nanoseconds: Int) -> (String, String) {
        func floor(_ value: Int, _ by: Int) -> Int { value >= 0 ? value / by : -((by - 1 - value) / by) }
        let seconds = floor(nanoseconds, 1_000_000_000)
        let days = floor(seconds, 86_400)
        let second = seconds - days * 86_400
        let shifted = days + 719_468
        let era = floor(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let part = (5 * dayOfYear + 2) / 153
        let month = part < 10 ? part + 3 : part - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        func digits(_ value: Int, _ width: Int = 2) -> String {
            let text = "\(value)"
            return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
        }
        let date = digits(year, 4) + digits(month) + digits(dayOfYear - (153 * part + 2) / 5 + 1)
        return (date, "\(date)T\(digits(second / 3_600))\(digits(second / 60 % 60))\(digits(second % 60))Z")
    }
}
