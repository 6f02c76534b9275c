import WireFormat

extension SNPReport {
    /// The report as trustee's clients send it: a decoded object whose byte strings are lists of numbers.
    ///
    /// Reserved parts of TCB versions and bit sets beyond 63 bits have no place in it; a report that has them set comes
    /// out changed and its signature fails, which is the safe direction.
    public var trusteeJSON: JSONValue {
        let layout = productLine?.layout ?? .genoa
        var members: [String: JSONValue] = [
            "version": .integer(Int64(version)), "guest_svn": .integer(Int64(guestSVN)),
            "policy": Self.number(policy.rawValue),
            "family_id": Self.list(familyID), "image_id": Self.list(imageID), "vmpl": .integer(Int64(vmpl)),
            "sig_algo": .integer(Int64(signatureAlgorithm)), "current_tcb": Self.json(currentTCB, layout),
            "plat_info": Self.number(platformInfo.rawValue), "key_info": .integer(Int64(keyInfo)),
            "report_data": Self.list(reportData), "measurement": Self.list(measurement.bytes),
            "host_data": Self.list(hostData), "id_key_digest": Self.list(idKeyDigest),
            "author_key_digest": Self.list(authorKeyDigest), "report_id": Self.list(reportID),
            "report_id_ma": Self.list(reportIDMA), "reported_tcb": Self.json(reportedTCB, layout),
            "chip_id": Self.list(chipID), "committed_tcb": Self.json(committedTCB, layout),
            "current": Self.json(current), "committed": Self.json(committed),
            "launch_tcb": Self.json(launchTCB, layout),
            "signature": ["r": Self.list(signatureR), "s": Self.list(signatureS)],
        ]
        let named = version >= 3
        members["cpuid_fam_id"] = named ? .integer(Int64(processor.family)) : .null
        members["cpuid_mod_id"] = named ? .integer(Int64(processor.model)) : .null
        members["cpuid_step"] = named ? .integer(Int64(processor.stepping)) : .null
        if version >= 5 {
            members["launch_mit_vector"] = Self.number(launchMitigations)
            members["current_mit_vector"] = Self.number(currentMitigations)
        }
        return .object(members)
    }

    /// Reads trustee's decoded form and applies every check of ``init(parsing:)``.
    public init(trusteeJSON json: JSONValue) throws(WireError) {
        var fields = try JSONFields(json, path: "attestation_report")
        var writer = ByteWriter()
        var layouts: Set<TCBVersion.Layout> = []
        writer.u32LE(try Self.word(&fields, "version"))
        writer.u32LE(try Self.word(&fields, "guest_svn"))
        writer.u64LE(try Self.longWord(&fields, "policy"))
        writer.append(try Self.bytes(&fields, "family_id", 16))
        writer.append(try Self.bytes(&fields, "image_id", 16))
        writer.u32LE(try Self.word(&fields, "vmpl"))
        writer.u32LE(try Self.word(&fields, "sig_algo"))
        writer.append(try Self.tcb(&fields, "current_tcb", &layouts))
        writer.u64LE(try Self.longWord(&fields, "plat_info"))
        writer.u32LE(try Self.word(&fields, "key_info"))
        writer.u32LE(0)
        writer.append(try Self.bytes(&fields, "report_data", 64))
        writer.append(try Self.bytes(&fields, "measurement", 48))
        writer.append(try Self.bytes(&fields, "host_data", 32))
        writer.append(try Self.bytes(&fields, "id_key_digest", 48))
        writer.append(try Self.bytes(&fields, "author_key_digest", 48))
        writer.append(try Self.bytes(&fields, "report_id", 32))
        writer.append(try Self.bytes(&fields, "report_id_ma", 32))
        writer.append(try Self.tcb(&fields, "reported_tcb", &layouts))
        for key in ["cpuid_fam_id", "cpuid_mod_id", "cpuid_step"] {
            let value = try fields.optionalInteger(key) ?? 0
            guard let byte = UInt8(exactly: value) else { throw fields.refusal(key, "must be a byte") }
            writer.u8(byte)
        }
        writer.pad(to: 0x1A0)
        writer.append(try Self.bytes(&fields, "chip_id", 64))
        writer.append(try Self.tcb(&fields, "committed_tcb", &layouts))
        writer.append(try Self.firmware(&fields, "current"))
        writer.append(try Self.firmware(&fields, "committed"))
        writer.append(try Self.tcb(&fields, "launch_tcb", &layouts))
        for key in ["launch_mit_vector", "current_mit_vector"] {
            let value = try fields.optionalInteger(key) ?? 0
            guard value >= 0 else { throw fields.refusal(key, "must not be negative") }
            writer.u64LE(UInt64(value))
        }
        writer.pad(to: Self.signedLength)
        var signature = try fields.fields("signature")
        writer.append(try Self.bytes(&signature, "r", 72))
        writer.append(try Self.bytes(&signature, "s", 72))
        try signature.finish()
        try fields.finish()
        writer.pad(to: Self.length)
        try self.init(parsing: writer.bytes)
        // The places of firmware levels follow from the product: another one's levels are not this report's.
        guard layouts == [productLine?.layout ?? .genoa] else {
            throw fields.refusal("cpuid_fam_id", "names a product whose firmware has other levels (fmc) than these")
        }
    }

    private static func list(_ bytes: [UInt8]) -> JSONValue { .array(bytes.map { .integer(Int64($0)) }) }

    private static func number(_ value: UInt64) -> JSONValue {
        Int64(exactly: value).map { .integer($0) } ?? .number(Double(value))
    }

    private static func json(_ tcb: TCBVersion, _ layout: TCBVersion.Layout) -> JSONValue {
        let parts = tcb.components(layout)
        return [
            "fmc": parts.fmc.map { .integer(Int64($0)) } ?? .null, "bootloader": .integer(Int64(parts.bootLoader)),
            "tee": .integer(Int64(parts.tee)), "snp": .integer(Int64(parts.snp)),
            "microcode": .integer(Int64(parts.microcode)),
        ]
    }

    private static func json(_ version: FirmwareVersion) -> JSONValue {
        [
            "major": .integer(Int64(version.major)), "minor": .integer(Int64(version.minor)),
            "build": .integer(Int64(version.build)),
        ]
    }

    private static func word(_ fields: inout JSONFields, _ key: String) throws(WireError) -> UInt32 {
        guard let value = UInt32(exactly: try fields.integer(key)) else { throw fields.refusal(key, "must be 32 bits") }
        return value
    }

    private static func longWord(_ fields: inout JSONFields, _ key: String) throws(WireError) -> UInt64 {
        guard let value = UInt64(exactly: try fields.integer(key)) else {
            throw fields.refusal(key, "must not be negative")
        }
        return value
    }

    private static func bytes(_ fields: inout JSONFields, _ key: String, _ count: Int) throws(WireError) -> [UInt8] {
        let bytes = try SNPEvidence.byteList(try fields.array(key), fields.path(key), limit: count)
        guard bytes.count == count else { throw fields.refusal(key, "must be \(count) bytes, not \(bytes.count)") }
        return bytes
    }

    private static func tcb(
        _ fields: inout JSONFields, _ key: String, _ layouts: inout Set<TCBVersion.Layout>
    ) throws(WireError) -> [UInt8] {
        var parts = try fields.fields(key)
        var fmc: UInt8?
        if let value = try parts.optionalInteger("fmc") {
            guard let byte = UInt8(exactly: value) else { throw parts.refusal("fmc", "must be a byte") }
            fmc = byte
        }
        let version = TCBVersion(
            .init(
                fmc: fmc, bootLoader: UInt8(try parts.integer("bootloader", in: 0...255)),
                tee: UInt8(try parts.integer("tee", in: 0...255)), snp: UInt8(try parts.integer("snp", in: 0...255)),
                microcode: UInt8(try parts.integer("microcode", in: 0...255))))
        try parts.finish()
        layouts.insert(fmc == nil ? .genoa : .turin)
        return version.bytes
    }

    private static func firmware(_ fields: inout JSONFields, _ key: String) throws(WireError) -> [UInt8] {
        var parts = try fields.fields(key)
        let bytes = [
            UInt8(try parts.integer("build", in: 0...255)), UInt8(try parts.integer("minor", in: 0...255)),
            UInt8(try parts.integer("major", in: 0...255)), 0,
        ]
        try parts.finish()
        return bytes
    }
}
