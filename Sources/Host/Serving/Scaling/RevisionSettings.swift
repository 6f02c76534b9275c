import WireFormat

/// What a Service's annotations say about the number of its instances.
public struct RevisionSettings: Equatable, Sendable {
    /// How long an instance without connections stays.
    public var idleSeconds: Int
    /// Instances that stay whatever happens.
    public var minimum: Int
    /// The most instances at once.
    public var maximum: Int
    /// Connections one instance takes at once; 0 is no limit.
    public var concurrency: Int
    /// How long one request may take.
    public var timeoutSeconds: Int

    /// Settings with these values.
    public init(
        idleSeconds: Int = 60, minimum: Int = 0, maximum: Int = 1, concurrency: Int = 0, timeoutSeconds: Int = 300
    ) {
        self.idleSeconds = idleSeconds
        self.minimum = minimum
        self.maximum = maximum
        self.concurrency = concurrency
        self.timeoutSeconds = timeoutSeconds
    }

    /// Reads the annotations of a Service.
    ///
    /// - Parameters:
    ///   - service: The Service.
    ///   - defaultIdleSeconds: For Services that say nothing.
    /// - Throws: ``APIFault`` (422) for values that cannot be honoured.
    public init(_ service: JSONValue, defaultIdleSeconds: Int) throws(APIFault) {
        let name = service.at("metadata", "name")?.stringValue ?? ""
        func value(_ names: [String]) -> (key: String, text: String)? {
            for key in names {
                if let text = ServiceObject.annotation("autoscaling.knative.dev/\(key)", of: service) {
                    return (key, text)
                }
            }
            return nil
        }
        func number(_ names: [String], in range: ClosedRange<Int>, default standard: Int) throws(APIFault) -> Int {
            guard let (key, text) = value(names) else { return standard }
            guard let number = Int(text), range.contains(number) else {
                throw .invalid(
                    name, field: "autoscaling.knative.dev/\(key)",
                    "\"\(text)\" must be \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
        let pod = service.at("spec", "template", "spec")
        self.concurrency = Int(pod?["containerConcurrency"]?.integerValue ?? 0)
        self.timeoutSeconds = Int(pod?["timeoutSeconds"]?.integerValue ?? 300)
        self.minimum = try number(["min-scale", "minScale"], in: 0...1, default: 0)
        let maximum = try number(["max-scale", "maxScale"], in: 0...1000, default: 0)
        // Unlimited in Knative; here the node's own limit holds, and without a limit per instance one is enough.
        self.maximum = maximum > 0 ? maximum : self.concurrency > 0 ? 1000 : 1
        self.idleSeconds = defaultIdleSeconds
        let retention = value(["scale-to-zero-pod-retention-period", "scaleToZeroPodRetentionPeriod"])
        if let (key, text) = retention {
            guard let seconds = Self.seconds(text), seconds <= 3600 else {
                throw .invalid(name, field: "autoscaling.knative.dev/\(key)", "\"\(text)\" must be 0s to 1h")
            }
            self.idleSeconds = seconds
        }
    }

    /// A Go duration of hours, minutes and seconds, in whole seconds.
    static func seconds(_ text: String) -> Int? {
        var total = 0
        var number = ""
        for character in text {
            if character.isASCII, character.isNumber {
                number.append(character)
                continue
            }
            guard let value = Int(number), value <= 1_000_000, let unit = ["h": 3600, "m": 60, "s": 1][character] else {
                return nil
            }
            total += value * unit
            number = ""
        }
        return text.isEmpty || !number.isEmpty && text != "0" ? nil : total
    }
}
