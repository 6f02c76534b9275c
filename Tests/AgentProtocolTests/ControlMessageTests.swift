import AgentProtocol
import Testing
import WireFormat

@Suite struct ControlMessageTests {
    @Test func `requests survive the wire`() throws {
        let operations: [ControlOperation] = [
            .latch(initData: Array("version = \"0.1.0\"\n".utf8)), .start, .status, .stop(grace: 3), .debugConsole,
            .unknown("exec"),
        ]
        for (number, operation) in operations.enumerated() {
            let request = ControlRequest(id: Int64(number), operation: operation)
            #expect(request.line.last == 0x0a)
            #expect(try ControlRequest(parsing: request.line.dropLast()) == request)
        }
    }

    @Test func `guest lines survive the wire`() throws {
        let refusal = ControlRefusal(kind: .failure(.imageRefused), reason: "layer 2: digest")
        var messages: [GuestMessage] = [
            .reply(ControlReply(id: 1, outcome: .success(.object(["state": "running"])))),
            .reply(ControlReply(id: 2, outcome: .failure(refusal))), .event(.failed(.exited, reason: nil)),
            .event(.failed(.unreachable, reason: "registry 127.0.0.1:5000")), .event(.sealedLog([0, 1, 255])),
            .event(.log("hello\n")),
        ]
        messages += Phase.allCases.map { .event(.phase($0, milliseconds: 12)) }
        messages += [RefusalKind.badRequest, .notLatched, .alreadyLatched, .notAllowed].map {
            .reply(ControlReply(id: 3, outcome: .failure(ControlRefusal(kind: $0, reason: "r"))))
        }
        for message in messages { #expect(try GuestMessage(parsing: message.line.dropLast()) == message) }
    }

    @Test(arguments: [
        #"{"op":"start"}"#, #"{"id":1}"#, #"{"id":"1","op":"start"}"#, #"{"id":1,"op":"start","x":1}"#,
        #"{"id":1,"op":"latch"}"#, #"{"id":1,"op":"latch","initData":"@@"}"#, #"{"id":1,"op":"stop","grace":-1}"#,
        #"{"id":1,"op":"stop","grace":601}"#, #"[]"#, #"{"id":1,"op":"start""#, "",
    ])
    func `malformed requests are refused`(text: String) {
        #expect(throws: WireError.self) { try ControlRequest(parsing: Array(text.utf8)) }
    }

    @Test(arguments: [
        #"{"event":"phase","name":"firmware","ms":1}"#, #"{"event":"phase","name":"agent","ms":-1}"#,
        #"{"event":"failed","kind":"Oops"}"#, #"{"event":"exit","code":3}"#, #"{"event":"log"}"#,
        #"{"event":"log","record":"AA==","text":"x"}"#, #"{"id":1}"#, #"{"id":1,"ok":{},"error":{}}"#,
        #"{"id":1,"error":{"kind":"Other","reason":""}}"#, #"{"id":1,"ok":{},"more":1}"#,
    ])
    func `a guest cannot say more than the closed list`(text: String) {
        #expect(throws: WireError.self) { try GuestMessage(parsing: Array(text.utf8)) }
    }

    @Test func `lines are cut at any chunking and bounded`() throws {
        let bytes = Array("one\n\ntwo\nthree".utf8)
        for size in 1...bytes.count {
            var splitter = LineSplitter(limit: 5)
            var lines: [[UInt8]] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                lines += try splitter.append(Array(bytes[start..<min(start + size, bytes.count)]))
            }
            #expect(lines == [Array("one".utf8), Array("two".utf8)])
        }
        var splitter = LineSplitter(limit: 5)
        #expect(throws: WireError.self) { try splitter.append(Array("123456".utf8)) }
    }
}

@Suite struct ReportDeviceMessageTests {
    let report = [UInt8](repeating: 5, count: ReportDeviceMessage.reportLength)

    @Test func `messages survive the wire byte by byte`() throws {
        let request = ReportDeviceMessage.request(reportData: [UInt8](repeating: 9, count: 64))
        let answer = ReportDeviceMessage.answer(report: report, certificates: [[1, 2], [], [3]])
        var splitter = ReportDeviceSplitter()
        var bodies: [[UInt8]] = []
        for byte in request.encoded + answer.encoded { bodies += try splitter.append([byte]) }
        #expect(bodies.count == 2)
        #expect(try ReportDeviceMessage.parseRequest(bodies[0]) == request)
        #expect(try ReportDeviceMessage.parseAnswer(bodies[1]) == answer)
        #expect(try ReportDeviceMessage.parseAnswer([2]) == .refusal(status: 2))
    }

    @Test func `every prefix and every extension is refused`() throws {
        let request = Array(ReportDeviceMessage.request(reportData: [UInt8](repeating: 9, count: 64)).encoded[4...])
        let answer = Array(ReportDeviceMessage.answer(report: report, certificates: [[1, 2], [3]]).encoded[4...])
        for count in 0..<request.count {
            #expect(throws: WireError.self) { try ReportDeviceMessage.parseRequest(Array(request[..<count])) }
        }
        for count in 0..<answer.count {
            #expect(throws: WireError.self) { try ReportDeviceMessage.parseAnswer(Array(answer[..<count])) }
        }
        #expect(throws: WireError.self) { try ReportDeviceMessage.parseRequest(request + [0]) }
        #expect(throws: WireError.self) { try ReportDeviceMessage.parseRequest([2] + request[1...]) }
        #expect(throws: WireError.self) { try ReportDeviceMessage.parseAnswer(answer + [0]) }
        #expect(throws: WireError.self) { try ReportDeviceMessage.parseAnswer([1, 0]) }
        var splitter = ReportDeviceSplitter()
        #expect(throws: WireError.self) { try splitter.append([0, 1, 0, 1]) }
        var empty = ReportDeviceSplitter()
        #expect(throws: WireError.self) { try empty.append([0, 0, 0, 0]) }
    }
}
