import Crypto
import CryptoExtras
import Envelope
import Foundation
import RootKeys
import Synchronization
import WireFormat

@testable import KeyBroker

/// Keys and a time that are the same in each process: those who seal the first corpus are not those who open.
enum Fixed {
    /// The present, in seconds since 1970.
    static let now: Int64 = 1_800_000_000
    static let clock = BrokerClock { Date(timeIntervalSince1970: 1_800_000_000) }
    /// The plaintext of each honest message.
    static let secret = Array("what was sealed honestly".utf8)

    static let agreement = made { try P256.KeyAgreement.PrivateKey(rawRepresentation: bytes(1)) }
    static let agreement521 = made { try P521.KeyAgreement.PrivateKey(rawRepresentation: [0] + bytes(2, 65)) }
    static let signing = made { try P256.Signing.PrivateKey(rawRepresentation: bytes(3)) }
    static let signing384 = made { try P384.Signing.PrivateKey(rawRepresentation: bytes(4, 48)) }
    static let authority = made { try P256.Signing.PrivateKey(rawRepresentation: bytes(8)) }
    static let edwards = made { try Curve25519.Signing.PrivateKey(rawRepresentation: bytes(5)) }
    static let tenant = made { try Curve25519.Signing.PrivateKey(rawRepresentation: bytes(6)) }
    nonisolated(unsafe) static let rsa = made { try _RSA.Encryption.PrivateKey(pemRepresentation: rsaPEM) }
    static let rsaSigning = made { try _RSA.Signing.PrivateKey(pemRepresentation: rsaPEM) }

    static func bytes(_ first: UInt8, _ count: Int = 32) -> [UInt8] {
        (0..<count).map { first &* 7 &+ UInt8(truncatingIfNeeded: $0) }
    }

    /// The public half of the RSA key.
    static func rsaJWK(_ algorithm: String?) -> JSONValue {
        let numbers = made { try rsaSigning.publicKey.getKeyPrimitives() }
        var members: [String: JSONValue] = [
            "kty": "RSA", "n": .string(Base64.encodeURL(Array(numbers.modulus))),
            "e": .string(Base64.encodeURL(Array(numbers.publicExponent))),
        ]
        members["alg"] = algorithm.map { .string($0) }
        return .object(members)
    }

    static func edwardsJWK(_ key: Curve25519.Signing.PrivateKey = edwards) -> JSONValue {
        ["kty": "OKP", "crv": "Ed25519", "x": .string(Base64.encodeURL(Array(key.publicKey.rawRepresentation)))]
    }

    static func jwk(_ curve: String, _ point: Data, _ more: [String: JSONValue] = [:]) -> JSONValue {
        let half = point.count / 2
        let members: [String: JSONValue] = [
            "kty": "EC", "crv": .string(curve), "x": .string(Base64.encodeURL(Array(point.prefix(half)))),
            "y": .string(Base64.encodeURL(Array(point.suffix(half)))),
        ]
        return .object(members.merging(more) { $1 })
    }

    /// A guest's key on each curve, and one of RSA under each of its names.
    static var recipients: [JSONValue] {
        [
            JSONWebKey(agreement.publicKey).json,
            jwk("P-521", agreement521.publicKey.rawRepresentation, ["alg": "ECDH-ES+A256KW"]),
            rsaJWK("RSA-OAEP-256"), rsaJWK("RSA1_5"), rsaJWK("RSA-OAEP"),
        ]
    }

    /// What must work.
    static func made<Result>(_ body: () throws -> Result) -> Result {
        do { return try body() } catch { fatalError("the fuzzer itself: \(error)") }
    }

    /// A key that guards nothing.
    private static let rsaPEM = """
        -----BEGIN PRIVATE KEY-----
        MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCtl2/8idvhoyrB
        Fak4vprwJFBquzzZN34xLtDeMzfOSgQvKHvCLm/dxbLkpggCBqr2mzwd76a1U+Ob
        XNcUiVOaA+Nv0I1rSNKuDfSywqayW7KGEAq073tg+pxS9k0/Ft8HLXhbtm1p6ymT
        3gxUge0B0YxFIafq1URIUCq4PTAOzLL8AAb3qIly7RK7FM3q//H4t0hIYCTcXIxK
        CofN9J4MSWOEIvxgAudTgNDQ0MzsMVJ83EaWWmqSDrg/jhIU3jaPJdSgZwmM9oiS
        fj15xkVnwiIHnLJF/63wkiSmXn1JUl5KOInYrvKwYXGRBkBA8FISFjkbGCsD4Zfa
        HIu4UwAdAgMBAAECggEAAlqp9cvM0iMZkQAdpX8/WuMIhX2VOcgEGcNRjLc3GjKI
        xYxI5AuZZXGM0E6PrJLqWmklMspKAXyi+wK9MxXD5+0ir0Ety5NzlVFdIkm01UBj
        i/aOnp1T7VnDYhJr7KaNh/m4qj+E/XP1iWO3Z1A1+9mNUqh290lTIWd7I/GcCudQ
        7ugUkrS2W3NkOzDzUhSi5GC145wxpwxY4ClzrbW0PIHvpY1fDKVZ/ERpCOTG35Vm
        5g5uNL4w0l91gvdmFowN8iFq8YMhkCPOwiFT4+Nx/p50Rzssi90jyJFTPzQeuyMP
        bceoUyGBClnctvi0CLvD3V8qpYTLXfCOqMAt+8PAYQKBgQDdCRARBieZdwTOfHod
        QUaDzOMWUR5p8f9frOxupMrJbnDT/CE+9i5gjgygj9oV/+JNnqKjBka7HXx2+yw5
        UBM29StGgE+2aDkPkFShzbYDClkTToww5P/banbsUusj831QsdgmnERl7WKDzfxi
        gt9N8+RcXxT0oHPAfRJQnNbOyQKBgQDJDRzaKVUbFBQjwK4hDVVMNf4biOIO+/dc
        BmmT4a8sugYXBgiLIVJYJ8CPH0D3iAZb6jpU2NXyb/pVTp4H1Iel56z8+bJk/No1
        qG44A28OiCqdhPWvpVJ+iJp1E8jyTexhjkU31eSIIX/q/lFMKJHR5XFSJtfIsPbv
        FfEGOIZstQKBgQCRhWTxgFbT35rnguY2moIdRegACln2sF9MEyH52j60DST1O5p7
        xEJWSU8g6nRPZY8NQTKcGAa7LDeEcer0tLZhyVm7acCRO97NU12UxUVejRKF9oGv
        sySLxXUUM6chnS3U0bGYAeu6G2Zvlk7iYH056idfdS3rvDNY+D71mbyGmQKBgEwC
        ehr8r2FKaQbPTMXQLaRfcU9lo9l4Zx9SiU3QcBLfzXec31QCaAhOFx3E+iHbOlQ7
        rIvxYomCzki8LUDWl+YgPaVynYBSnAjXQbxJiA4dasccwmoCfbq62HJU5Y696RVE
        3WRrqDfTOnJUbdX2LJMHRJ2Dc+c7CFCBohrw+dlVAoGAPKxTKA8gaSVcROxuPmer
        SkvsgJ46cQgl1D/cDAkEo1jbjnhHZnX++IlBcypvDahM3wLCyPBIPU8kT4Ls5RVg
        5o95uXIzeySn3LBcjlSsNFytRyF8ngjTteyuvselFwdnplE10PVDCt5WmMCFTvKy
        w1ISyX3y1jGiWYMX7fG4syY=
        -----END PRIVATE KEY-----
        """
}

/// The messages that were sealed by the broker's own code.
enum Honest {
    /// The first corpus; nil when nobody says where it is.
    private static let corpus: Set<[UInt8]>? = {
        guard let folder = ProcessInfo.processInfo.environment["BROKER_FUZZ_SEEDS"],
            let names = try? FileManager.default.contentsOfDirectory(atPath: folder)
        else { return nil }
        return Set(names.compactMap { FileManager.default.contents(atPath: "\(folder)/\($0)").map(Array.init) })
    }()

    /// Whether an input was made by the broker's own code, or nobody can tell.
    static func contains(_ input: [UInt8]) -> Bool { corpus?.contains(input) ?? true }

    /// What `part` is in each of the honest messages; nil when nobody can tell.
    static func parts<Part: Hashable>(_ part: ([UInt8]) -> Part?) -> Set<Part>? {
        corpus.map { Set($0.compactMap(part)) }
    }
}

/// A folder for what has to lie in files.
enum Scratch {
    static let folder: String = {
        let base = ProcessInfo.processInfo.environment["FUZZ_SCRATCH"] ?? NSTemporaryDirectory()
        let path = "\(base)/broker-fuzzer-\(getpid())"
        Fixed.made { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
        return path
    }()

    /// Writes a file that only its owner reads; gives its path.
    @discardableResult
    static func write(_ name: String, _ bytes: [UInt8]) -> String {
        let path = "\(folder)/\(name)"
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        require(file >= 0, "a file of the fuzzer cannot be written")
        let written = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
        close(file)
        require(written == bytes.count, "a file of the fuzzer cannot be written")
        return path
    }
}

/// Waits for asynchronous work; each input is one.
func wait<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) throws -> Result {
    let done = DispatchSemaphore(value: 0)
    let made = Mutex<Swift.Result<Result, any Error>?>(nil)
    Task.detached {
        let result: Swift.Result<Result, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        made.withLock { $0 = result }
        done.signal()
    }
    done.wait()
    guard let result = made.withLock({ $0 }) else { fatalError("nothing was made") }
    return try result.get()
}

extension ByteWriter {
    /// Bytes behind their number.
    mutating func counted(_ bytes: [UInt8]) {
        u16BE(UInt16(bytes.count))
        append(bytes)
    }
}
