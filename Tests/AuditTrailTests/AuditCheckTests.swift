import Testing
import WireFormat

@testable import AuditTrail

@Suite("Audit chain")
struct AuditCheckTests {
    private func chain(_ count: Int) -> [[UInt8]] {
        var link = AuditLink.first
        return (1...count).map { number in
            let line = JSONValue.object(link.members.merging(["n": .integer(Int64(number))]) { $1 }).canonicalBytes
            link = link.next(after: line)
            return line
        }
    }

    private func breaks(_ lines: [[UInt8]], heads: [AuditHead] = []) -> [AuditCheck.Break] {
        var check = AuditCheck(heads: heads)
        for line in lines { check.read(line) }
        check.finish()
        return check.breaks
    }

    @Test func `a whole chain holds, from its start and from the middle`() {
        let lines = chain(20)
        #expect(breaks(lines).isEmpty)
        #expect(breaks(Array(lines[7...])).isEmpty)
        var check = AuditCheck()
        check.read(text: Array(lines.joined(separator: [10])))
        #expect(check.lines == 20 && check.last?.sequence == 20 && check.first?.sequence == 1)
    }

    @Test func `a removed, changed, added or moved line is found`() {
        let lines = chain(20)
        var removed = lines
        removed.remove(at: 9)
        #expect(breaks(removed).first?.reason.contains("lines 10 to 10 are missing") == true)
        var changed = lines
        changed[4] = Array(String(decoding: lines[4], as: UTF8.self).replacing("\"n\":5", with: "\"n\":6").utf8)
        #expect(changed[4] != lines[4] && breaks(changed).count == 1)
        var added = lines
        added.insert(JSONValue.object(["n": 1]).canonicalBytes, at: 3)
        #expect(breaks(added).first?.place == 4)
        var moved = lines
        moved.swapAt(5, 6)
        #expect(!breaks(moved).isEmpty)
        var twice = lines
        twice.insert(lines[5], at: 6)
        #expect(!breaks(twice).isEmpty)
    }

    @Test func `an end that was cut off or rewritten is found by what was noted`() {
        let lines = chain(20)
        let head = AuditHead(sequence: 20, hash: AuditLink.hash(lines[19]))
        #expect(breaks(lines, heads: [head]).isEmpty)
        #expect(breaks(Array(lines.prefix(15)), heads: [head]).count == 1)
        var link = AuditLink(line: lines[15])
        var rewritten = Array(lines.prefix(15))
        for number in 16...20 {
            guard let present = link else { return }
            let line = JSONValue.object(present.members.merging(["n": .integer(Int64(-number))]) { $1 }).canonicalBytes
            rewritten.append(line)
            link = present.next(after: line)
        }
        #expect(breaks(rewritten).isEmpty)
        #expect(breaks(rewritten, heads: [head]).first?.reason.contains("not the one that was noted") == true)
        #expect(AuditHead(head.text) == head && AuditHead("1:2") == nil && AuditHead("x") == nil)
    }

    @Test func `a line with the last number there can be is no line of a chain`() {
        let lines = chain(3)
        func line(_ sequence: Int64) -> [UInt8] {
            Array("{\"prev\":\"\(AuditLink.hash(lines[2]))\",\"seq\":\(sequence)}".utf8)
        }
        let last = line(.max)
        #expect(AuditLink(line: last) == nil && AuditLink(line: line(.max - 1))?.sequence == .max - 1)
        #expect(breaks([last] + lines).map(\.place) == [1])
        #expect(breaks(lines + [last]).map(\.place) == [4])
    }

    @Test func `a fragment of a crash is counted and no break`() {
        var lines = chain(6)
        lines.insert(Array(lines[3].prefix(20)), at: 3)
        var check = AuditCheck()
        for line in lines { check.read(line) }
        check.finish()
        #expect(check.breaks.isEmpty && check.fragments == 1)
    }
}
