/// Bytes that are pulled, piece by piece, through the stages of a layer: file, cipher, inflater, archive.
public protocol ByteSource: AnyObject {
    /// The next piece, never more than a mebibyte; empty at the end, and empty ever after.
    func next() throws(LayerError) -> [UInt8]
}

/// Bytes of an open file, from its current position.
final class FileSource: ByteSource {
    private let file: OpenFile

    init(_ file: OpenFile) { self.file = file }

    func next() throws(LayerError) -> [UInt8] {
        do throws(SystemFailure) { return try file.readSome(limit: 256 * 1024) } catch {
            throw LayerError(error.description)
        }
    }
}

/// Bytes in memory, in pieces of a chosen size.
final class MemorySource: ByteSource {
    private var rest: ArraySlice<UInt8>
    private let piece: Int

    init(_ bytes: [UInt8], piece: Int = 64 * 1024) {
        rest = bytes[...]
        self.piece = piece
    }

    func next() throws(LayerError) -> [UInt8] {
        let some = rest.prefix(piece)
        rest = rest.dropFirst(piece)
        return Array(some)
    }
}
