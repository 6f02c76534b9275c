import CAllocations
import Crypto
import CryptoExtras
import Evidence
import Verifier
import WireFormat

/// Verifications of genuine evidence beside the bare signature checks that they cannot do without.
struct Verifications {
    /// Files by their place in the vectors.
    let file: (String) throws -> [UInt8]

    /// Measures for so many seconds of processor time each; gives one JSON object.
    func measure(seconds: Double) throws -> String {
        let results = try snp(seconds) + tdx(seconds) + parsing(seconds)
        return "{\(results.map { "\"\($0.name)\": \($0.json)" }.joined(separator: ", "))}"
    }

    // MARK: SNP

    private func snp(_ seconds: Double) throws -> [Pair] {
        let report = try SNPReport(parsing: file("snp/real/milan-v3-dstack-golden/report.bin"))
        let certificates: [CertificateTable.Kind: [UInt8]] = [
            .vcek: try file("snp/real/milan-v3-dstack-golden/vcek.der"), .ask: try file("anchors/amd/milan/ask.der"),
            .ark: try file("anchors/amd/milan/ark.der"),
        ]
        let raw = RawEvidence(
            technology: .snp, evidence: SNPEvidence(report: report, certificates: certificates))
        let verifier = SNPVerifier(
            anchors: .hardwareOnly, collateral: .revocationListOptional(because: "none is measured"),
            clock: { Self.snpTime })
        let chain = try verifier.endorse(raw)
        let bytes = report.bytes
        let key = try P384.Signing.PublicKey(x963Representation: Self.point(certificates[.vcek] ?? [], 97))
        guard let rawSignature = report.bigEndianSignature else { throw Failure("the report is not signed") }
        let signature = try P384.Signing.ECDSASignature(rawRepresentation: rawSignature)
        let signed = report.signedBytes
        func bare() -> Bool { key.isValidSignature(signature, for: SHA384.hash(data: signed)) }
        let authorities = try [(CertificateTable.Kind.ark, CertificateTable.Kind.ark), (.ask, .ark), (.vcek, .ask)].map
        {
            try BareIssuance(certificates[$0] ?? [], by: certificates[$1] ?? [])
        }
        guard bare(), authorities.allSatisfy({ $0.holds }) else { throw Failure("the bare checks do not hold") }
        return [
            try Pair("snp", seconds, bare) {
                try verifier.verify(SNPReport(parsing: bytes), endorsedBy: chain).productLine == .milan
            },
            try Pair("snpChain", seconds, { bare() && authorities.allSatisfy { $0.holds } }) {
                let report = try SNPReport(parsing: bytes)
                let raw = RawEvidence(
                    technology: .snp, evidence: SNPEvidence(report: report, certificates: certificates))
                return try verifier.verify(raw).productLine == .milan
            },
        ]
    }

    /// Within the validity of the certificates, in seconds since 1970.
    private static let snpTime: Int64 = 1_788_220_800

    /// The uncompressed point of `length` bytes in a certificate.
    private static func point(_ certificate: [UInt8], _ length: Int) throws -> [UInt8] {
        let opening: [UInt8] = [0x03, UInt8(length + 1), 0x00, 0x04]
        guard let start = certificate.indices.first(where: { certificate[$0...].starts(with: opening) }) else {
            throw Failure("the certificate has no point")
        }
        return Array(certificate[(start + 3)...].prefix(length))
    }

    // MARK: TDX

    private func tdx(_ seconds: Double) throws -> [Pair] {
        let bytes = try file("tdx/real/tdx-v4-phala/quote.dat")
        let collateral = try IntelCollateral(json: JSONValue.parse(file("tdx/collateral/phala-tdx.json")))
        let checked = try CheckedCollateral(collateral, for: .tdx, anchors: .hardwareOnly)
        let verifier = IntelVerifier(anchors: .hardwareOnly, clock: { Self.tdxTime })
        let quote = try Quote(parsing: bytes)
        // The three checks of a quote are of one kind: the last one is done three times.
        let key = try P256.Signing.PublicKey(rawRepresentation: quote.signature.attestationKey)
        let signature = try P256.Signing.ECDSASignature(rawRepresentation: quote.signature.signature)
        let message = quote.signedBytes
        func bare() -> Bool {
            (0..<3).allSatisfy { _ in key.isValidSignature(signature, for: SHA256.hash(data: message)) }
        }
        guard bare() else { throw Failure("the bare check does not hold") }
        return [
            try Pair("tdx", seconds, bare) {
                try verifier.verify(tdx: Quote(parsing: bytes), as: .tdx, .collateral(checked)).simulated == false
            }
        ]
    }

    /// Within the validity of the collateral, in seconds since 1970.
    private static let tdxTime: Int64 = 1_751_624_191

    // MARK: Parsing

    private func parsing(_ seconds: Double) throws -> [Pair] {
        let report = try file("snp/real/milan-v3-dstack-golden/report.bin")
        let quote = try file("tdx/real/tdx-v4-phala/quote.dat")
        let hclReport = try file("azure/snp-milan-trustee-v1/hcl_report.bin")
        let statement = try file("tpm/real/azure-kinvolk/quote.msg")
        return [
            try Pair("parseSNP", seconds) { try SNPReport(parsing: report).version > 0 },
            try Pair("parseTDX", seconds) { try Quote(parsing: quote).trailing.count >= 0 },
            try Pair("parseHCL", seconds) { try HCLReport(parsing: hclReport).trailing.count >= 0 },
            try Pair("parseTPM", seconds) { try TPMAttestation(parsing: statement).trailing.count >= 0 },
        ]
    }
}

/// A certificate's signature with all that can be prepared.
struct BareIssuance {
    private let key: _RSA.Signing.PublicKey
    private let signature: _RSA.Signing.RSASignature
    private let signed: [UInt8]

    var holds: Bool { key.isValidSignature(signature, for: SHA384.hash(data: signed), padding: .PSS) }

    init(_ certificate: [UInt8], by authority: [UInt8]) throws {
        // Certificates of this family have two lengths of two bytes in front; the signature is the last 512 bytes.
        guard certificate.count > 1024, certificate[4] == 0x30, certificate[5] == 0x82 else {
            throw Failure("a certificate is not of the expected shape")
        }
        signed = Array(certificate[4..<8 + Int(certificate[6]) << 8 + Int(certificate[7])])
        signature = _RSA.Signing.RSASignature(rawRepresentation: certificate.suffix(512))
        key = try _RSA.Signing.PublicKey(derRepresentation: Self.keyInfo(authority))
    }

    private static func keyInfo(_ certificate: [UInt8]) throws -> [UInt8] {
        let opening: [UInt8] = [0x30, 0x82, 0x02, 0x22, 0x30, 0x0D, 0x06, 0x09]
        guard let start = certificate.indices.first(where: { certificate[$0...].starts(with: opening) }) else {
            throw Failure("the authority has no RSA key of 4096 bits")
        }
        return Array(certificate[start...].prefix(0x226))
    }
}

/// A verification and the bare checks beside it, in turns of one run.
struct Pair {
    let name: String
    let json: String

    private static let turns = 20

    /// Measures `ours`, and `bare` when there is one, in turns.
    init(_ name: String, _ seconds: Double, _ bare: (() -> Bool)? = nil, ours: () throws -> Bool) throws {
        self.name = name
        let count = try Self.rate(seconds / Double(Self.turns), ours).count
        var (ourTimes, bareTimes): ([Double], [Double]) = ([], [])
        let begin = (allocations_count(), allocations_bytes())
        for _ in 0..<count { guard try ours() else { throw Failure("\(name) does not hold") } }
        let allocations = Double(allocations_count() - begin.0) / Double(count)
        for _ in 0..<Self.turns {
            ourTimes.append(try Self.rate(seconds / Double(Self.turns), ours).seconds)
            if let bare { bareTimes.append(try Self.rate(seconds / Double(Self.turns), bare).seconds) }
        }
        func list(_ times: [Double]) -> String { "[\(times.map { "\(1 / $0)" }.joined(separator: ", "))]" }
        json = #"{"ours": \#(list(ourTimes)), "bare": \#(list(bareTimes)), "allocations": \#(allocations)}"#
    }

    /// Repeats until so much processor time has gone; gives how often and what one took, in seconds.
    private static func rate(_ seconds: Double, _ body: () throws -> Bool) throws -> (count: Int, seconds: Double) {
        let begin = Clock.used
        var count = 0
        var used: Int64 = 0
        repeat {
            for _ in 0..<8 { guard try body() else { throw Failure("a check does not hold") } }
            count += 8
            used = Clock.used - begin
        } while Double(used) < seconds * 1e9
        return (count, Double(used) / 1e9 / Double(count))
    }
}
