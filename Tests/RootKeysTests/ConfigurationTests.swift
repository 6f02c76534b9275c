import Envelope
import Foundation
import TestSupport
import Testing
import WireFormat

@testable import RootKeys

@Suite struct RootKeyConfigurationTests {
    private func read(_ text: String) throws -> RootKeyConfiguration {
        try RootKeyConfiguration(try JSONValue.parse(text: text)) { $0.hasPrefix("/") ? $0 : "/folder/\($0)" }
    }

    private func readCounter(_ text: String) throws -> CounterConfiguration {
        try CounterConfiguration(try JSONValue.parse(text: text)) { $0.hasPrefix("/") ? $0 : "/folder/\($0)" }
    }

    @Test func `a path and the three kinds are read, with their defaults`() throws {
        #expect(try read(#""root.key""#) == .file("/folder/root.key"))
        #expect(try read(#"{"kind": "file", "file": "/k"}"#) == .file("/k"))
        #expect(
            try read(#"{"kind": "tpm", "file": "root.tpm"}"#)
                == .tpm(file: "/folder/root.tpm", TPMSettings(tcti: "device:/dev/tpmrm0")))
        let swtpm = try read(
            #"{"kind": "tpm", "file": "t", "tcti": "swtpm:host=::1,port=1", "programs": "/opt/bin", "timeoutSeconds": 5, "ownerAuth": "a"}"#
        )
        #expect(
            swtpm
                == .tpm(
                    file: "/folder/t",
                    TPMSettings(
                        tcti: "swtpm:host=::1,port=1", programs: "/opt/bin", timeoutSeconds: 5, ownerAuth: "/folder/a"))
        )
        let token = try read(
            #"{"kind": "pkcs11", "module": "/m.so", "token": "t", "pinFile": "pin", "key": "k"}"#)
        #expect(
            token
                == .pkcs11(
                    PKCS11Settings(module: "/m.so", token: "t", pinFile: "/folder/pin", key: "k", timeoutSeconds: 10)))
        for configuration in [swtpm, token, .file("/k")] {
            #expect(try RootKeyConfiguration(configuration.json) { $0 } == configuration)
        }
        #expect(
            try readCounter(#"{"kind": "file", "file": "/share/counter"}"#)
                == .file("/share/counter", timeoutSeconds: 10))
        #expect(
            try readCounter(#"{"kind": "tpm", "file": "c", "tcti": "device:/dev/tpm0"}"#)
                == .tpm(file: "/folder/c", TPMSettings(tcti: "device:/dev/tpm0")))
    }

    @Test(arguments: [
        (#""""#, "rootKey: must name"), ("7", "rootKey: must be"), ("null", "rootKey: must be"),
        ("[]", "rootKey: must be"), ("{}", "rootKey.kind: is missing"), (#"{"kind": "tang"}"#, "rootKey.kind: must be"),
        (#"{"kind": "file"}"#, "rootKey.file: is missing"), (#"{"kind": "file", "file": ""}"#, "rootKey.file: must"),
        (#"{"kind": "file", "file": "k", "fiel": 1}"#, "rootKey.fiel: is an unknown"),
        (#"{"kind": "file", "file": "k", "tcti": "device:x"}"#, "rootKey.tcti: is an unknown"),
        (#"{"kind": "tpm", "file": "k", "tcti": "cmd:sh"}"#, "rootKey.tcti: must begin"),
        (#"{"kind": "tpm", "file": "k", "tcti": ""}"#, "rootKey.tcti: must begin"),
        (#"{"kind": "tpm", "file": "k", "tcti": "device:a b"}"#, "rootKey.tcti: must begin"),
        (#"{"kind": "tpm", "file": "k", "timeoutSeconds": 0}"#, "rootKey.timeoutSeconds: must be"),
        (#"{"kind": "tpm", "file": "k", "timeoutSeconds": 301}"#, "rootKey.timeoutSeconds: must be"),
        (#"{"kind": "tpm", "file": "k", "timeoutSeconds": "5"}"#, "rootKey.timeoutSeconds: must be"),
        (#"{"kind": "pkcs11", "module": "m.so", "token": "t", "pinFile": "p", "key": "k"}"#, "rootKey.module: must be"),
        (#"{"kind": "pkcs11", "module": "/m", "token": "", "pinFile": "p", "key": "k"}"#, "rootKey.token: must"),
        (
            #"{"kind": "pkcs11", "module": "/m", "token": "t", "pin": "1234", "key": "k"}"#,
            "rootKey.pinFile: is missing"
        ),
        (
            #"{"kind": "pkcs11", "module": "/m", "token": "t", "pinFile": "p", "pin": "1234", "key": "k"}"#,
            "rootKey.pin: is an unknown"
        ),
        (#"{"kind": "pkcs11", "module": "/m", "token": "t", "pinFile": "p", "key": ""}"#, "rootKey.key: must"),
    ])
    func `what is wrong is named, and no value is told`(text: String, complaint: String) throws {
        let error = try #require(throws: WireError.self) { try read(text) }
        #expect(error.description.hasPrefix(complaint), "\(error)")
        #expect(!error.description.contains("1234"))
    }

    @Test(arguments: [
        (#""path""#, "rollbackCounter: must be an object"), (#"{"kind": "pkcs11"}"#, "rollbackCounter.kind: must be"),
        (#"{"kind": "file", "file": "c", "key": "x"}"#, "rollbackCounter.key: is an unknown"),
    ])
    func `a counter's faults are named too`(text: String, complaint: String) throws {
        let error = try #require(throws: WireError.self) { try readCounter(text) }
        #expect(error.description.hasPrefix(complaint), "\(error)")
    }

    @Test(.enabled(if: SoftTPM.isInstalled && SoftTokens.isInstalled, "swtpm, tpm2-tools or softhsm2 is missing"))
    func `the store's keys move from one kind of root key to another`() async throws {
        let folder = try ScratchFolder()
        let tpm = try SoftTPM(state: "\(folder.path)/tpm")
        let kinds: [RootKeyConfiguration] = [
            .file("\(folder.path)/root.key"), .tpm(file: "\(folder.path)/root.tpm", tpm.settings),
            .pkcs11(try SoftTokens.shared.get().token(folder)), .file("\(folder.path)/second.key"),
        ]
        let key = SecretBytes(random: 32)
        var wrapped: [UInt8] = []
        var holder: (any RootKey)?
        for configuration in kinds {
            try await configuration.create()
            #expect(await code { try await configuration.create() } == .exists)
            let root = try await configuration.open()
            #expect(root.kind == configuration.kind)
            if let holder {
                let moved = try await holder.unwrap(wrapped, context: [1])
                // The new root key does not open what the old one wrapped.
                let old = wrapped
                #expect(await code { try await root.unwrap(old, context: [1]) } == .otherKey)
                wrapped = try await root.wrap(moved, context: [1])
            } else {
                wrapped = try await root.wrap(key, context: [1])
            }
            holder = root
        }
        #expect(try await holder?.unwrap(wrapped, context: [1]) == key)
    }

    @Test(.enabled(if: SoftTPM.isInstalled, "swtpm and tpm2-tools are not installed"))
    func `both counters are made and opened from their configuration`() async throws {
        let folder = try ScratchFolder()
        let tpm = try SoftTPM(state: "\(folder.path)/tpm")
        let key = SecretBytes(random: 32)
        for configuration in [
            CounterConfiguration.file("\(folder.path)/counter", timeoutSeconds: 10),
            .tpm(file: "\(folder.path)/counter.tpm", tpm.settings),
        ] {
            try await configuration.create(key: key)
            let counter = try await configuration.open(key: key)
            let value = try await counter.value()
            #expect(try await counter.advance() == value + 1)
            #expect(await code { try await configuration.create(key: key) } == .exists)
        }
    }
}
