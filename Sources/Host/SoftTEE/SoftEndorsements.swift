import Crypto
import CryptoExtras
import Evidence
import Glibc
import WireFormat

/// The keys and certificates of one simulated security processor, in the shape of AMD's: ARK, ASK and VCEK.
///
/// Root and intermediate sign once, when the processor is made; their keys are then forgotten, so nothing can issue a
/// second processor under the same root. A verifier accepts the root only by its pinned ``rootFingerprint``.
public struct SoftEndorsements: Sendable {
    /// The root certificate.
    public let arkDER: [UInt8]
    /// The intermediate certificate.
    public let askDER: [UInt8]
    /// The certificate of the report key.
    public let vcekDER: [UInt8]
    /// The report key.
    public let vcekKey: P384.Signing.PrivateKey

    /// The processor that reports must name, since the chain is one of this product line.
    public static let processor = SNPReport.Processor(family: 0x19, model: 0x01, stepping: 0x01)
    /// The product line of the chain.
    public static let productLine = ProductLine.milan

    /// SHA-256 of the root certificate: what a verifier pins.
    public var rootFingerprint: [UInt8] { Array(SHA256.hash(data: arkDER)) }
    /// The certificates in the order of the report device: VCEK, ASK, ARK.
    public var certificates: [[UInt8]] { [vcekDER, askDER, arkDER] }

    private init(arkDER: [UInt8], askDER: [UInt8], vcekDER: [UInt8], vcekKey: P384.Signing.PrivateKey) {
        self.arkDER = arkDER
        self.askDER = askDER
        self.vcekDER = vcekDER
        self.vcekKey = vcekKey
    }

    /// Makes a new root and a processor under it. Takes seconds: two RSA keys of 4096 bits are made.
    ///
    /// - Parameters:
    ///   - chipID: The chip's identity, 64 bytes.
    ///   - tcb: The firmware versions, in the layout of ``productLine``.
    ///   - now: The present, in seconds since 1970.
    public static func generate(
        chipID: [UInt8], tcb: TCBVersion, now: Int64 = Int64(time(nil))
    ) throws -> SoftEndorsements {
        guard chipID.count == 64 else {
            throw SoftTEEError("the chip's identity must be 64 bytes, not \(chipID.count)")
        }
        guard tcb.reservedIsZero(productLine.layout) else {
            throw SoftTEEError("the firmware versions are not in the layout of \(productLine.rawValue)")
        }
        let line = productLine.rawValue
        let arkKey = try _RSA.Signing.PrivateKey(keySize: .bits4096)
        let askKey = try _RSA.Signing.PrivateKey(keySize: .bits4096)
        let vcekKey = P384.Signing.PrivateKey()
        let ark = try SoftCertificate(
            commonName: "ARK-\(line)", issuerName: "ARK-\(line)", serial: [1],
            publicKeyInfo: Array(arkKey.publicKey.derRepresentation), role: .authority
        ).signed(by: arkKey, now: now)
        let ask = try SoftCertificate(
            commonName: "SEV-\(line)", issuerName: "ARK-\(line)", serial: [2],
            publicKeyInfo: Array(askKey.publicKey.derRepresentation), role: .authority
        ).signed(by: arkKey, now: now)
        let vcek = try SoftCertificate(
            commonName: "SEV-VCEK", issuerName: "SEV-\(line)", serial: [0],
            publicKeyInfo: Array(vcekKey.publicKey.derRepresentation),
            role: .processor(extensions: extensions(chipID, tcb.components(productLine.layout)))
        ).signed(by: askKey, now: now)
        return SoftEndorsements(arkDER: ark, askDER: ask, vcekDER: vcek, vcekKey: vcekKey)
    }

    /// Signs a report in place.
    public func sign(_ report: inout SNPReport) throws {
        let signature = try vcekKey.signature(for: SHA384.hash(data: report.signedBytes))
        try report.setSignature(bigEndian: Array(signature.rawRepresentation))
    }

    /// AMD's extensions below 1.3.6.1.4.1.3704.1.
    private static func extensions(_ chipID: [UInt8], _ tcb: TCBVersion.Components) -> [UInt8] {
        func named(_ path: [UInt8], _ value: [UInt8]) -> [UInt8] {
            // 3704 takes two bytes in base 128.
            let name: [UInt8] = [0x2B, 0x06, 0x01, 0x04, 0x01, 0x9C, 0x78, 0x01] + path
            return DERBytes.sequence(DERBytes.value(0x06, name), DERBytes.value(0x04, value))
        }
        var extensions = named([1], DERBytes.integer(0))
        extensions += named([2], DERBytes.value(0x16, Array(productLine.rawValue.utf8)))
        let levels = [
            (1, tcb.bootLoader), (2, tcb.tee), (3, tcb.snp), (4, 0), (5, 0), (6, 0), (7, 0), (8, tcb.microcode),
        ]
        for (number, level) in levels { extensions += named([3, UInt8(number)], DERBytes.integer(level)) }
        return extensions + named([4], chipID)
    }
}

extension SoftEndorsements {
    private static let arkFile = "ark.der"
    private static let askFile = "ask.der"
    private static let vcekFile = "vcek.der"
    private static let keyFile = "vcek-key.pem"
    private static let fileLimit = 64 * 1024

    /// The names of the files in a folder of keys.
    static let files = [arkFile, askFile, vcekFile, keyFile]

    /// Writes everything into a new folder that only the owner may enter; the folder appears whole or not at all.
    ///
    /// - Parameter folder: Its path; it must not exist or be empty, and its parent must exist.
    public func save(to folder: String) throws {
        let staging = "\(folder).new-\(UInt64.random(in: .min ... .max))"
        guard mkdir(staging, 0o700) == 0 else { throw Self.failure("create the folder", staging) }
        let files = [
            (Self.arkFile, arkDER), (Self.askFile, askDER), (Self.vcekFile, vcekDER),
            (Self.keyFile, Array(vcekKey.pemRepresentation.utf8)),
        ]
        do {
            for (name, bytes) in files { try Self.write(bytes, to: "\(staging)/\(name)") }
            guard rename(staging, folder) == 0 else { throw Self.failure("put the new root in place at", folder) }
        } catch {
            for (name, _) in files { unlink("\(staging)/\(name)") }
            rmdir(staging)
            throw error
        }
    }

    /// Reads what ``save(to:)`` wrote; a folder that others may enter is refused.
    public static func load(from folder: String) throws -> SoftEndorsements {
        var status = stat()
        guard lstat(folder, &status) == 0 else { throw failure("look at", folder) }
        let isOurs = status.st_uid == geteuid() || geteuid() == 0
        guard isOurs, status.st_mode & S_IFMT == S_IFDIR, status.st_mode & 0o077 == 0 else {
            throw SoftTEEError("\(folder) must be a folder that only this user may enter (mode 0700)")
        }
        let pem = String(decoding: try read("\(folder)/\(keyFile)"), as: UTF8.self)
        guard let key = try? P384.Signing.PrivateKey(pemRepresentation: pem) else {
            throw SoftTEEError("\(folder)/\(keyFile) is not a P-384 key in PEM; remove the folder to make a new root")
        }
        return SoftEndorsements(
            arkDER: try read("\(folder)/\(arkFile)"), askDER: try read("\(folder)/\(askFile)"),
            vcekDER: try read("\(folder)/\(vcekFile)"), vcekKey: key)
    }

    private static func write(_ bytes: [UInt8], to path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure("create", path) }
        defer { close(file) }
        var written = 0
        while written < bytes.count {
            let count = Glibc.write(file, Array(bytes[written...]), bytes.count - written)
            guard count > 0 else { throw failure("write", path) }
            written += count
        }
        guard fsync(file) == 0 else { throw failure("write", path) }
    }

    private static func read(_ path: String) throws -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else { throw failure("open", path) }
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = Glibc.read(file, &buffer, buffer.count)
            guard count >= 0 else { throw failure("read", path) }
            if count == 0 { break }
            bytes += buffer[..<count]
            guard bytes.count <= fileLimit else { throw SoftTEEError("\(path) is too large") }
        }
        guard !bytes.isEmpty else { throw SoftTEEError("\(path) is empty; remove its folder to make a new root") }
        return bytes
    }

    private static func failure(_ attempt: String, _ path: String) -> SoftTEEError {
        let reason = String(cString: strerror(errno))
        return SoftTEEError("cannot \(attempt) \(path): \(reason)")
    }
}
