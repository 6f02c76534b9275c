import ArgumentParser
import Verifier
import WireFormat

/// `testudo reference-values import`: takes the values that documents state.
struct ReferenceValuesImport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Take the reference values of documents.",
        discussion: """
            Takes signed documents of the project (also reference-values.jws of a guest image), CoRIM, trustee's messages \
            and SWID manifests, told by their content. A newer issue takes the place of an older one of the same document; an \
            older one is refused.

            The key broker believes the keys that its configuration pins (releaseKeys, referenceKeys), a file those that --key \
            names.
            """)

    @OptionGroup var place: ReferenceValuePlace
    @OptionGroup var life: ReferenceValueLife
    @Option(help: ArgumentHelp("With --file: a public key (PEM) whose signature counts.", valueName: "file"))
    var key: [String] = []
    @Flag(help: "Take documents that nobody signed.") var allowUnsigned = false
    @Flag(help: "Take an older issue in place of a newer one.") var allowRollback = false
    @Argument(help: "The documents.") var documents: [String]

    func validate() throws {
        if place.file == nil, !key.isEmpty {
            throw ValidationError(
                "--key goes with --file; the key broker pins its keys in its configuration (referenceKeys).")
        }
    }

    func run() async throws {
        if let file = place.file {
            try run(ReferenceValueFile(path: file))
        } else {
            try await run(try place.admin())
        }
    }

    /// All documents are taken, or none.
    private func run(_ file: ReferenceValueFile) throws {
        let keys = try key.map { path in
            do {
                return try ReferenceSigningKey(pem: try PolicyFiles.text(at: path))
            } catch let error as WireError {
                throw CommandFailure("\(path) \(error.reason)", status: 2)
            }
        }
        var store = try file.load()
        var results: [(JSONValue, String)] = []
        for path in documents {
            let bytes = try PolicyFiles.bytes(at: path)
            do {
                let reader = ReferenceReader(
                    keys: keys, allowsUnsigned: allowUnsigned, origin: path, expiry: try life.expiry(),
                    note: life.provenance, now: ReferenceValueFile.now)
                let document: ReferenceDocument
                do throws(WireError) { document = try reader.read(bytes) } catch {
                    throw CommandFailure(
                        "\(path): \(error)", hint: Self.hint(error), status: error.field == "signature" ? 1 : 2)
                }
                let change = try store.take(document, allowsRollback: allowRollback)
                results.append(
                    (
                        ReferenceValueText.json(change, unread: document.unread),
                        ReferenceValueText.change(
                            change.written.sorted(), change.removed.sorted(), unread: document.unread)
                    ))
            } catch let error as WireError {
                throw CommandFailure("\(path): \(error)", hint: Self.hint(error))
            }
        }
        try file.save(store)
        show(results)
    }

    private func run(_ admin: BrokerAdmin) async throws {
        var results: [(JSONValue, String)] = []
        for path in documents {
            let bytes = try PolicyFiles.bytes(at: path)
            if Self.isRelease(bytes) {
                guard life.expires == nil, life.provenance == nil else {
                    throw CommandFailure(
                        "\(path): a release of the guest says itself when it expires and where it comes from")
                }
                let query = allowRollback ? "?allow-rollback=true" : ""
                let answer = try await admin.call(
                    "PUT", "/kbs/v0/testudo/reference-values\(query)", body: bytes, type: "application/jose",
                    hint: Self.hint)
                let values = try JSONValue.parse(answer)
                results.append((values, "published \(values["values"]?.canonicalText ?? "") measurements of a guest"))
                continue
            }
            var message = ReferenceReader.message(wrapping: bytes).objectValue ?? [:]
            // The broker takes a sample for what the administrator states; whose file it is only the user knows.
            guard allowUnsigned || message["type"] != "sample" else {
                throw CommandFailure(
                    "\(path): nobody signed the document", hint: "say --allow-unsigned when the values are yours")
            }
            message.merge(try life.members()) { $1 }
            if allowUnsigned { message["allowUnsigned"] = true }
            if allowRollback { message["allowRollback"] = true }
            let answer = try await admin.json("POST", "/kbs/v0/reference-value", .object(message), hint: Self.hint)
            func names(_ key: String) -> [String] { answer[key]?.arrayValue?.compactMap(\.stringValue) ?? [] }
            results.append(
                (
                    answer,
                    ReferenceValueText.change(
                        names("written"), names("removed"), unread: Int(answer["unread"]?.integerValue ?? 0))
                ))
        }
        show(results)
    }

    /// Whether bytes look like the signed measurements of a guest, which have their own way into the broker. The broker
    /// checks the signature; here it only chooses the way.
    private static func isRelease(_ bytes: [UInt8]) -> Bool {
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: ".")
        guard bytes.count <= ReferenceReader.sizeLimit, parts.count == 3,
            let payload = try? Base64.decodeURL(String(parts[1]), field: "payload"),
            let json = try? JSONValue.parse(payload)
        else { return false }
        return json["kind"] == nil && json["version"] != nil && json["values"] != nil
    }

    private static func hint(_ error: WireError) -> String? {
        guard error.field == "signature" else { return hint(error.description) }
        return error.reason.hasPrefix("nobody")
            ? "say --allow-unsigned when you trust the way that it came" : "name the key that signed it with --key"
    }

    /// What to do about a document that was understood and not taken.
    static func hint(_ refusal: String) -> String? {
        if refusal.contains("roll-back: ") { return "say --allow-rollback to take the older document all the same" }
        if refusal.contains("is taken: ") {
            return "`testudo reference-values remove NAME` makes room; `list` shows who states it"
        }
        return nil
    }

    private func show(_ results: [(JSONValue, String)]) {
        let values = zip(documents, results).map { path, result in
            JSONValue.object((result.0.objectValue ?? [:]).merging(["document": .string(path)]) { $1 })
        }
        place.common.show(.array(values), text: results.map(\.1).joined(separator: "\n"))
    }
}
