/// Ways to spoil bytes that every parser must survive.
enum Damage {
    /// `bytes` with one byte replaced by several values, at every place.
    static func edited(_ bytes: [UInt8], _ values: [UInt8] = [0x00, 0x01, 0x7F, 0x80, 0xFF]) -> some Sequence<[UInt8]> {
        bytes.indices.lazy.flatMap { index in
            values.lazy.filter { $0 != bytes[index] }.map { value in
                var copy = bytes
                copy[index] = value
                return copy
            }
        }
    }
}
