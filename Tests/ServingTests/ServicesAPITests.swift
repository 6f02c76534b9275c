import FakeGuest
import Foundation
import Sandbox
import TestSupport
import Testing
import WireFormat

@testable import Serving

@Suite struct ServicesAPITests {
    @Test func `every path but the health check needs the token`() async throws {
        let node = try await TestNode()
        for wrong in [
            "", "Bearer", "Bearer wrong-token-of-20-bytes", "Basic !!", "Basic \(Base64.encode(Array("a:b".utf8)))",
        ] {
            let answer = try await node.call("GET", "/apis", authorization: wrong)
            #expect(answer.status == 401 && answer.body["kind"] == "Status" && answer.body["reason"] == "Unauthorized")
        }
        let basic = "Basic " + Base64.encode(Array("testudo:\(TestNode.token)".utf8))
        #expect(try await node.call("GET", "/apis", authorization: basic).status == 200)
        #expect(throws: WireError.self) { try BearerToken("short") }
        await node.stop()
    }

    @Test func `objects are created, changed and deleted with versions and conflicts`() async throws {
        let node = try await TestNode()
        let created = try await node.call("POST", TestNode.services, body: SamplePods.service())
        #expect(created.status == 201 && created.body.at("metadata", "generation") == 1)
        let again = try await node.call("POST", TestNode.services, body: SamplePods.service())
        #expect(again.status == 409 && again.body["reason"] == "AlreadyExists")
        let path = "\(TestNode.services)/hello"
        var stored = try await node.status("hello") { TestNode.ready($0) == "True" }
        stored.set("spec", "template", "spec", "timeoutSeconds", to: 30)
        let replaced = try await node.call("PUT", path, body: stored)
        #expect(replaced.status == 200 && replaced.body.at("metadata", "generation") == 2)
        let stale = try await node.call("PUT", path, body: stored)
        #expect(stale.status == 409 && stale.body["reason"] == "Conflict")
        let patch: JSONValue = [
            "metadata": ["labels": ["a": "b"]], "spec": ["template": ["spec": ["timeoutSeconds": .null]]],
        ]
        for type in ["application/merge-patch+json", "application/strategic-merge-patch+json"] {
            let patched = try await node.call("PATCH", path, body: patch, type: type)
            #expect(patched.status == 200 && patched.body.at("metadata", "labels", "a") == "b")
            #expect(patched.body.at("metadata", "generation") == 3)
        }
        #expect(try await node.call("PATCH", path, body: [], type: "application/json-patch+json").status == 415)
        let list = try await node.call(
            "GET", "\(TestNode.services)?labelSelector=a%3Db&fieldSelector=metadata.name%3Dhello")
        #expect(list.body["items"]?.arrayValue?.count == 1)
        #expect(try await node.call("GET", "\(TestNode.services)?labelSelector=a%21%3Db").body["items"] == [])
        let latest = try await node.status("hello") { $0.at("status", "latestReadyRevisionName") == "hello-00003" }
        #expect(latest.at("status", "latestReadyRevisionName") == "hello-00003")
        #expect(try await node.call("DELETE", path, body: ["preconditions": ["uid": "other"]]).status == 409)
        let deleted = try await node.call("DELETE", path)
        #expect(deleted.status == 200 && deleted.body["status"] == "Success")
        let gone = try await node.call("GET", path)
        #expect(gone.status == 404 && gone.body["reason"] == "NotFound")
        await node.stop()
    }

    @Test(
        arguments: [
            (["spec"], JSONValue.null), (["spec", "template", "spec", "containers"], [[:], [:]]),
            (["spec", "template", "spec", "runtimeClassName"], "gvisor"),
            (["spec", "template", "spec", "hostNetwork"], true),
            (["spec", "template", "spec", "timeoutSeconds"], 601), (["metadata", "name"], "Hello"), (["kind"], "Pod"),
            (["metadata", "annotations"], ["a": 1]), (["unknown"], 1), (["metadata", "namespace"], "other"),
        ] as [([String], JSONValue)])
    func `what cannot be honoured is refused by name`(path: [String], value: JSONValue) async throws {
        let wrong = SamplePods.service().setting(path, to: value)
        let fault = #expect(throws: APIFault.self) { try ServiceObject(wrong, namespace: "default") }
        #expect([400, 422].contains(fault?.code ?? 0), "\(fault?.message ?? "accepted")")
    }

    @Test func `server-side apply removes what its manager drops and guards what others own`() throws {
        let object: JSONValue = ["metadata": ["name": "a", "labels": ["x": "1", "y": "2"]], "spec": ["n": 1]]
        let first: JSONValue = ["metadata": ["name": "a", "labels": ["x": "1"]]]
        let other: JSONValue = ["spec": ["n": 1]]
        let applied = ["me": first, "other": other]
        let dropped = try Patch.apply(
            ["metadata": ["name": "a"]], to: object, manager: "me", applied: applied, force: false)
        #expect(dropped.at("metadata", "labels") == ["y": "2"] && dropped.at("spec", "n") == 1)
        #expect(throws: APIFault.self) {
            try Patch.apply(["spec": ["n": 2]], to: object, manager: "me", applied: applied, force: false)
        }
        let forced = try Patch.apply(["spec": ["n": 2]], to: object, manager: "me", applied: applied, force: true)
        #expect(forced.at("spec", "n") == 2)
    }

    @Test func `merge patches follow RFC 7396`() {
        let cases: [(JSONValue, JSONValue, JSONValue)] = [
            (["a": "b"], ["a": "c"], ["a": "c"]), (["a": "b"], ["a": .null], [:]),
            (["a": ["b"]], ["a": "c"], ["a": "c"]),
            (["a": ["b": "c"]], ["a": ["b": "d", "c": .null]], ["a": ["b": "d"]]), (["a": [1]], ["a": [2]], ["a": [2]]),
            ([:], ["a": ["b": ["c": .null]]], ["a": ["b": [:]]]), (["a": "b"], ["c"], ["c"]),
        ]
        for (target, patch, result) in cases { #expect(Patch.merge(patch, into: target) == result) }
    }

    @Test func `YAML is read as the JSON it stands for, with limits`() throws {
        let text = "a: 1\nb: [true, null, 1.5, \"2\", yes]\nc: {d: &x e, f: *x}\n"
        #expect(try YAMLBody.parse(text) == ["a": 1, "b": [true, .null, 1.5, "2", "yes"], "c": ["d": "e", "f": "e"]])
        let bomb =
            "a: &a [x,x,x,x,x,x,x,x,x]\n"
            + "bcdefg".reduce((text: "", last: "a")) { result, name in
                (
                    result.text + "\(name): &\(name) ["
                        + Array(repeating: "*\(result.last)", count: 9).joined(separator: ",") + "]\n", "\(name)"
                )
            }.text
        for wrong in ["", "a: 1\na: 2", "a: 1\n---\nb: 2", "[a", "? [a]\n: b", bomb] {
            #expect(throws: WireError.self, "\(wrong.prefix(30))") { try YAMLBody.parse(wrong) }
        }
    }

    @Test func `Services survive a restart and half-written files do not appear`() async throws {
        let scratch = try ScratchFolder()
        let store = try ObjectStore(folder: scratch.path)
        let key = ObjectStore.Key(namespace: "default", name: "hello")
        let object = try ServiceObject(SamplePods.service(), namespace: "default")
        let stored = try await store.create(object.json, key: key)
        _ = try scratch.write("default/other.json.new", Array("{".utf8))
        let second = try ObjectStore(folder: scratch.path)
        #expect(try await second.object(key) == stored)
        #expect(await second.keys == [key])
        _ = try scratch.write("default/torn.json", Array("{".utf8))
        #expect(throws: (any Error).self) { try ObjectStore(folder: scratch.path) }
    }

    @Test func `a watch begins where the list ended and too old versions are refused`() async throws {
        let scratch = try ScratchFolder()
        let store = try ObjectStore(folder: scratch.path)
        let version = await store.currentVersion
        let key = ObjectStore.Key(namespace: "default", name: "hello")
        let object = try ServiceObject(SamplePods.service(), namespace: "default")
        _ = try await store.create(object.json, key: key)
        let stream = try await store.watch(since: version)
        _ = try await store.delete(key)
        var iterator = stream.makeAsyncIterator()
        #expect(await iterator.next()?.type == "ADDED")
        #expect(await iterator.next()?.type == "DELETED")
        await #expect(throws: APIFault.self) { try await store.watch(since: "1") }
    }

    @Test func `a tag is resolved once, and a registry that is away is a condition, not an error`() async throws {
        let node = try await TestNode()
        node.answers.isRegistryUp = false
        let service = SamplePods.service(image: "127.0.0.1:5999/hello:latest")
        let waiting = try await node.apply(service) { TestNode.ready($0) == "False" }
        #expect(Conditions.find("Ready", in: waiting)?["reason"] == "ResolvingDigests")
        node.answers.isRegistryUp = true
        let ready = try await node.status("hello") { TestNode.ready($0) == "True" }
        #expect(TestNode.ready(ready) == "True")
        let pinned = ready.at("status", "containerStatuses")?[0]?["imageDigest"]?.stringValue
        #expect(pinned == SamplePods.image)
        let questions = node.answers.digestQuestions
        await node.stop()
        // The next run takes the digest from the status.
        let second = try await TestNode(scratch: node.scratch)
        #expect(await eventually { await second.activator.route("hello.default.localhost") != nil })
        #expect(second.answers.digestQuestions == 0 && questions > 0)
        await second.stop()
    }

    @Test func `a class that cannot run here is a condition with its reason`() async throws {
        let node = try await TestNode()
        let service = try await node.apply(SamplePods.service(runtimeClass: "testudo-runc")) {
            TestNode.ready($0) == "False"
        }
        #expect(Conditions.find("Ready", in: service)?["reason"] == "ClassUnavailable")
        #expect(Conditions.find("Ready", in: service)?["message"] == "testudo-runc cannot run here: it needs root")
        await node.stop()
    }

    @Test func `node endpoints tell machine, manifest and sealed records`() async throws {
        var behaviour = FakeGuest.Behaviour()
        behaviour.records = [[1, 2, 3]]
        let node = try await TestNode(behaviour)
        try await node.apply(SamplePods.service())
        #expect(try await node.call("GET", "/apis/testudo.dev/v1/nodes/self").body["simulated"] == true)
        let request = Array("GET / HTTP/1.1\r\nHost: hello.default.localhost\r\n\r\n".utf8)
        _ = try await node.exchange(node.http.port, request, until: 43)
        #expect(
            try await eventually {
                let items = try await node.call("GET", "/apis/testudo.dev/v1/logs/default/hello").body["items"]
                return items?[0]?["record"] == "AQID" && items?[0]?["revision"] == "hello-00001"
            })
        let key = ObjectStore.Key(namespace: "default", name: "hello")
        #expect(await node.activator.initData(key)?.manifest.name == "hello")
        #expect(try await node.call("GET", "/apis/testudo.dev/v1/manifests/default/other").status == 404)
        await node.stop()
    }
}
