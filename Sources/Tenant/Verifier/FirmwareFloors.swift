import Evidence
import WireFormat

/// The member `minimumTCB` of a reference value: the oldest firmware for each product line.
enum FirmwareFloors {
    static func read(_ entry: inout JSONFields) throws(WireError) -> [ProductLine: TCBVersion.Components] {
        guard let value = entry.optionalValue("minimumTCB") else { return [:] }
        guard let members = value.objectValue, !members.isEmpty else {
            throw entry.refusal("minimumTCB", "must name a product line")
        }
        var floors: [ProductLine: TCBVersion.Components] = [:]
        for (name, floor) in members {
            guard let line = ProductLine(rawValue: name) else {
                throw entry.refusal("minimumTCB", "must have Milan, Genoa or Turin as names")
            }
            var fields = try JSONFields(floor, path: entry.path("minimumTCB.\(name)"))
            func part(_ key: String) throws(WireError) -> UInt8 {
                UInt8(clamping: try fields.integer(key, in: 0...255))
            }
            let fmc = line == .turin ? try part("fmc") : nil
            floors[line] = TCBVersion.Components(
                fmc: fmc, bootLoader: try part("bootloader"), tee: try part("tee"), snp: try part("snp"),
                microcode: try part("microcode"))
            try fields.finish()
        }
        return floors
    }

    static func json(_ floors: [ProductLine: TCBVersion.Components]) -> JSONValue {
        var members: [String: JSONValue] = [:]
        for (line, floor) in floors {
            var parts: [String: JSONValue] = [
                "bootloader": .integer(Int64(floor.bootLoader)), "tee": .integer(Int64(floor.tee)),
                "snp": .integer(Int64(floor.snp)), "microcode": .integer(Int64(floor.microcode)),
            ]
            if let fmc = floor.fmc { parts["fmc"] = .integer(Int64(fmc)) }
            members[line.rawValue] = .object(parts)
        }
        return .object(members)
    }
}
