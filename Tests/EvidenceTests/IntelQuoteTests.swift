import Evidence
import TestSupport
import Testing
import WireFormat

@Suite("Intel quotes", .enabled(if: Vectors.available))
struct IntelQuoteTests {
    /// One quote of each layout: version and body.
    private static let layouts = [
        "evidence/sgx/real/sgx-v3-phala/quote.dat", "evidence/tdx/real/tdx-v4-phala/quote.dat",
        "evidence/dcap-synthetic/sgx4/_valid.quote.dat", "evidence/tdx/real/tdx-v5-google/quote.dat",
        "evidence/dcap-synthetic/tdx5td10/_valid.quote.dat",
    ]

    /// The quotes of all cases, each file once.
    private static let files: [String] = {
        guard Vectors.available,
            let manifest = try? JSONValue.parse(
                Vectors.bytes("evidence/manifest.json"), limits: JSONLimits(depth: 64, size: 64 << 20))
        else { return [] }
        let cases = manifest["cases"]?.arrayValue ?? []
        let paths = cases.compactMap { element -> String? in
            guard ["tdx", "sgx"].contains(element["tee"]?.stringValue) else { return nil }
            return element["files"]?["evidence"]?.stringValue
        }
        return Set(paths).sorted().map { "evidence/\($0)" }
    }()

    @Test func `all quotes that can be read are written back unchanged`() throws {
        var read = 0
        for file in Self.files {
            let bytes = try Vectors.bytes(file)
            guard let quote = try? Quote(parsing: bytes) else { continue }
            read += 1
            #expect(quote.bytes == bytes, "\(file)")
        }
        #expect(read > 150)
    }

    @Test func `the members lie where the specification has them`() throws {
        let bytes = try Vectors.bytes("evidence/tdx/real/tdx-v5-google/quote.dat")
        let quote = try Quote(parsing: bytes)
        guard case .domain(let report) = quote.body else {
            Issue.record("not a trust domain")
            return
        }
        let body = Array(bytes[54..<54 + 648])
        #expect(quote.header.version == 5 && quote.header.tee == .tdx && quote.bodyType == 3)
        #expect(quote.header.vendorID == QuoteHeader.intelVendor)
        #expect(report.bytes == body && report.isTD15)
        #expect(report.mrTD == Array(body[136..<184]) && report.rtmr[3] == Array(body[472..<520]))
        #expect(report.attributes.bytes == Array(body[120..<128]) && report.attributes.septVEDisable)
        #expect(report.tcbSVN2 == Array(body[584..<600]) && report.mrServiceTD == Array(body[600..<648]))
        #expect(quote.signedBytes == Array(bytes[..<702]))
        #expect(quote.signature.signature == Array(bytes[706..<770]))
    }

    @Test(arguments: layouts)
    func `a quote that ends too early is refused at every byte`(path: String) throws {
        let bytes = try Vectors.bytes(path)
        let end = bytes.count - (try Quote(parsing: bytes)).trailing.count
        for length in 0..<end {
            #expect(throws: WireError.self) { try Quote(parsing: Array(bytes.prefix(length))) }
        }
    }

    @Test(arguments: layouts)
    func `what follows a quote is kept and not looked at`(path: String) throws {
        let bytes = try Vectors.bytes(path)
        let quote = try Quote(parsing: bytes)
        let longer = try Quote(parsing: bytes + [1, 2, 3])
        #expect(longer.trailing == quote.trailing + [1, 2, 3])
        #expect(longer.signature == quote.signature && longer.signedBytes == quote.signedBytes)
    }

    @Test(arguments: layouts)
    func `a length that lies is refused`(path: String) throws {
        let bytes = try Vectors.bytes(path)
        let quote = try Quote(parsing: bytes)
        let section = quote.signedBytes.count
        let isWrapped = quote.header.version > 3
        let authentication = section + 4 + 128 + (isWrapped ? 6 : 0) + 448
        let certification = authentication + 2 + quote.signature.authenticationData.count + 2
        var places = [(section, 4), (authentication, 2), (certification, 4)]
        if isWrapped { places.append((section + 4 + 128 + 2, 4)) }
        if quote.header.version == 5 { places.append((50, 4)) }
        for (offset, width) in places {
            let value = (0..<width).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64(bytes[offset + $1]) }
            let greatest: UInt64 = width == 2 ? 0xFFFF : 0xFFFF_FFFF
            for lie in [value - 1, value + 1, 0, 1, greatest, greatest >> 1] where lie != value {
                var changed = bytes
                for index in 0..<width {
                    changed[offset + index] = UInt8(truncatingIfNeeded: lie >> UInt64(8 * index))
                }
                // A longer section may end inside of what follows; then something within it is too short.
                #expect(throws: WireError.self, "\(offset) \(lie)") { try Quote(parsing: changed) }
            }
        }
    }

    @Test(arguments: layouts)
    func `header fields that are not known are refused`(path: String) throws {
        let bytes = try Vectors.bytes(path)
        func refused(_ offset: Int, _ value: UInt8) {
            var changed = bytes
            changed[offset] = value
            #expect(throws: WireError.self, "\(offset)=\(value)") { try Quote(parsing: changed) }
        }
        for version: UInt8 in [0, 1, 2, 6, 255] { refused(0, version) }
        refused(1, 1)
        for type: UInt8 in [0, 1, 3, 255] { refused(2, type) }
        for tee: UInt8 in [1, 0x80, 0x82] { refused(4, tee) }
        if bytes[0] == 5 { for type: UInt8 in [0, 1, 2, 3, 4] where type != bytes[48] { refused(48, type) } }
        if bytes[0] == 3 { refused(4, 0x81) }
    }

    @Test func `a quote beyond the limit is refused`() throws {
        let bytes = try Vectors.bytes(Self.layouts[0])
        let padded = bytes + [UInt8](repeating: 0, count: Quote.sizeLimit - bytes.count)
        #expect(try Quote(parsing: padded).bytes == padded)
        #expect(throws: WireError.self) { try Quote(parsing: padded + [0]) }
    }

    @Test(arguments: layouts)
    func `any changed byte gives a quote or an error, and shows`(path: String) throws {
        let bytes = try Vectors.bytes(path)
        let quote = try Quote(parsing: bytes)
        for offset in 0..<bytes.count {
            var changed = bytes
            changed[offset] ^= 0xFF
            guard let read = try? Quote(parsing: changed) else { continue }
            #expect(read != quote && read.bytes == changed, "\(offset)")
        }
    }
}
