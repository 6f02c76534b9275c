import Testing
import WireFormat

@testable import Commands
@testable import KeyBroker

@Suite("What apply tells the key broker", .serialized, .timeLimit(.minutes(2)))
struct RegistrationTests {
    @Test func `a Service cannot go back to an earlier manifest once a newer one was applied`() async throws {
        try await BrokerStage.run { stage in
            let old = try BrokerStage.service(target: "old")
            let new = try BrokerStage.service(target: "new")
            let others = [
                try BrokerStage.service("other", target: "old"),
                try BrokerStage.service(namespace: "elsewhere", target: "old"),
            ]
            for prepared in [old, new] + others {
                try await prepared.register(state: stage.state, settings: stage.settings)
            }
            let retired = try await new.retireEarlier(state: stage.state, settings: stage.settings)
            #expect(retired == [old.initData.digest.hex])
            #expect(try stage.registration(old)?.refusal(now: 0)?.check == "manifest-retired")
            for prepared in [new] + others { #expect(try stage.registration(prepared)?.refusal(now: 0) == nil) }
            // The tenant goes back by applying the old Service again; then the newer one is what was.
            try await old.register(state: stage.state, settings: stage.settings)
            _ = try await old.retireEarlier(state: stage.state, settings: stage.settings)
            #expect(try stage.registration(old)?.refusal(now: 0) == nil)
            #expect(try stage.registration(new)?.refusal(now: 0)?.check == "manifest-retired")
        }
    }

    @Test func `nothing is retired before the node took the newer manifest`() async throws {
        try await BrokerStage.run { stage in
            let old = try BrokerStage.service(target: "old")
            try await old.register(state: stage.state, settings: stage.settings)
            let new = try BrokerStage.service(target: "new")
            await #expect(throws: CommandFailure.self) {
                try await new.deploy(state: stage.state, settings: stage.settings)
            }
            #expect(try stage.registration(old)?.refusal(now: 0) == nil)
            #expect(try stage.registration(new)?.refusal(now: 0) == nil)
        }
    }

    @Test func `a registration names the manifest's guest, and simulated guests only where the deployment does`()
        async throws
    {
        try await BrokerStage.run { stage in
            let prepared = try BrokerStage.service(target: "one", guest: "0.7.0")
            try await prepared.register(state: stage.state, settings: stage.settings)
            #expect(try stage.registration(prepared)?.guestVersion == "0.7.0")
            #expect(try stage.registration(prepared)?.allowsSimulated == true)
            try await prepared.register(state: stage.state, settings: stage.settings, hardwareOnly: true)
            #expect(try stage.registration(prepared)?.allowsSimulated == false)
            var hardware = stage.settings
            hardware.allowsSimulated = false
            let other = try BrokerStage.service("other", target: "one")
            try await other.register(state: stage.state, settings: hardware)
            #expect(try stage.registration(other)?.allowsSimulated == false)
        }
    }

    @Test func `a key that exists says what to do`() async throws {
        try await BrokerStage.run { stage in
            try StateFolder.write(stage.settings.json.prettyText, to: stage.state.settingsFile)
            let command = ["default/image-key/hello", "--state", stage.state.root, "--json"]
            try await KeyCreate.parse(command).run()
            let failure = await #expect(throws: CommandFailure.self) { try await KeyCreate.parse(command).run() }
            #expect(failure?.hint?.contains("testudo key delete default/image-key/hello") == true)
        }
    }
}

@Suite("Deployment settings and tables")
struct SettingsTests {
    @Test func `the choice of processors is kept, and up refuses an unknown one`() throws {
        var settings = Settings()
        #expect(settings.json["allowsSimulated"] == true)
        settings.allowsSimulated = false
        #expect(settings.json["allowsSimulated"] == false)
        #expect(try UpCommand.parse(["--hardware-only"]).processors == .hardwareOnly)
        #expect(try UpCommand.parse([]).processors == nil)
        #expect(throws: (any Error).self) { try UpCommand.parse(["--hardware-only", "--simulated"]) }
    }

    @Test func `a table keeps within its width and whole values stay whole on demand`() {
        let digest = String(repeating: "ab", count: 48)
        let reason = String(repeating: "a reason of several words ", count: 8)
        let rows = [["FIELD", "VALUE", "WHY"], ["measurement", TextTable.short(digest), reason]]
        let lines = TextTable.render(rows, width: 100).split(separator: "\n")
        #expect(lines.count > 2 && lines.allSatisfy { $0.count <= 100 })
        #expect(lines.dropFirst(2).allSatisfy { $0.hasPrefix("          ") })
        #expect(TextTable.render(rows).split(separator: "\n").count == 2)
        #expect(TextTable.short(digest).hasPrefix("abab") && TextTable.short("short") == "short")
    }
}
