/// The one form in which the gateways compare host names.
public enum HostName {
    /// The name in lower case and without a final dot, or nil when it is not a DNS name of at most 253 bytes.
    ///
    /// - Parameter bytes: The name as a client sent it.
    /// - Returns: The name that routes are looked up by.
    public static func normalized(_ bytes: some Collection<UInt8>) -> String? {
        var name = bytes.map { byte in (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte }
        if name.last == UInt8(ascii: ".") { name.removeLast() }
        guard (1...253).contains(name.count) else { return nil }
        for label in name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
            guard (1...63).contains(label.count), label.first != UInt8(ascii: "-"), label.last != UInt8(ascii: "-"),
                label.allSatisfy({ self.isAllowed($0) })
            else { return nil }
        }
        return String(decoding: name, as: UTF8.self)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }
}
