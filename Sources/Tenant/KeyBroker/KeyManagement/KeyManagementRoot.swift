import Foundation
import KeyManagement

/// A root that signs issuing authorities, in a folder of a machine that needs no network: requests come in and certificates
/// go out as files.
public struct OfflineRoot: Sendable {
    private let root: RootAuthority

    /// Makes a root: `root.pem`, and `root.key` for the owner alone. What is there is never replaced.
    public static func create(folder: String, name: String, years: Int64) throws(BrokerError) {
        guard (1...20).contains(years) else {
            throw BrokerError(.malformed, check: "years", "a root is good for 1 to 20 years")
        }
        try PrivateFile.makeFolder(folder)
        for file in ["root.key", "root.pem"] where FileManager.default.fileExists(atPath: "\(folder)/\(file)") {
            throw BrokerError(.conflict, check: "root", "\(folder)/\(file) exists already")
        }
        let made: (root: RootAuthority, keyPEM: String)
        do throws(KeyFailure) {
            made = try RootAuthority.create(name: name, now: now, life: years * 365 * 86_400)
        } catch {
            throw BrokerError(error)
        }
        try PrivateFile.write(Array(made.keyPEM.utf8), to: "\(folder)/root.key")
        try PrivateFile.write(Array(made.root.pem.utf8), to: "\(folder)/root.pem", mode: 0o644)
    }

    /// Opens the root in a folder.
    public init(folder: String) throws(BrokerError) {
        let key = try PrivateFile.read("\(folder)/root.key", what: "root's key")
        let certificate = try PrivateFile.readPublic("\(folder)/root.pem", what: "root")
        do throws(KeyFailure) {
            root = try RootAuthority(
                certificatePEM: String(decoding: certificate, as: UTF8.self),
                keyPEM: String(decoding: key, as: UTF8.self))
        } catch {
            throw BrokerError(error)
        }
    }

    /// Signs the request in a file for these DNS names, whatever it says of itself; answers the certificate in PEM.
    public func sign(requestFile: String, suffixes: [String], days: Int64) throws(BrokerError) -> String {
        let request = try PrivateFile.readPublic(requestFile, what: "request")
        guard (1...730).contains(days) else {
            throw BrokerError(.malformed, check: "days", "an issuing certificate is good for 1 to 730 days")
        }
        do throws(KeyFailure) {
            return try root.sign(
                String(decoding: request, as: UTF8.self), suffixes: suffixes, life: days * 86_400, now: Self.now)
        } catch {
            throw BrokerError(error)
        }
    }

    private static var now: Int64 { Int64(Date().timeIntervalSince1970) }
}
