import PodManifest
import Testing
import WireFormat

@Suite("Knative Services")
struct KnativeServiceTests {
    static let container = "spec/template/spec/containers/0"

    @Test("defaults are those of Knative")
    func defaults() throws {
        let service = try KnativeService(parsing: [
            "apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": ["name": "hello"],
            "spec": ["template": ["spec": ["containers": [["image": "localhost/hello"]]]]],
        ])
        #expect(service.namespace == "default" && service.runtimeClass == "testudo-cvm")
        #expect(service.concurrency == 0 && service.timeoutSeconds == 300 && !service.plaintext && !service.debug)
        #expect(service.container.name == "user-container" && service.container.port == 8080)
        #expect(service.container.vcpus == 1 && service.container.memoryMiB == 512)
        #expect(service.images == ["localhost/hello"])
    }

    @Test("what clients write by habit is accepted")
    func habits() throws {
        let service = Samples.serviceJSON
            .with("spec/template/spec/enableServiceLinks", false)
            .with("spec/traffic", [["latestRevision": true, "percent": 100]])
            .with("spec/template/metadata/creationTimestamp", nil)
            .with("\(Self.container)/name", "user-container").with("\(Self.container)/imagePullPolicy", "Always")
            .with("\(Self.container)/readinessProbe", ["successThreshold": 1, "tcpSocket": ["port": 0]])
            .with("\(Self.container)/ports/0", ["containerPort": 8081, "name": "http1", "protocol": "TCP"])
            .with(
                "\(Self.container)/securityContext",
                [
                    "runAsUser": 1000, "runAsGroup": 1000, "allowPrivilegeEscalation": false,
                    "capabilities": ["drop": ["ALL"]], "seccompProfile": ["type": "RuntimeDefault"],
                ]
            )
            .with("\(Self.container)/resources/requests", ["cpu": "100m", "memory": "64Mi"])
        #expect(try KnativeService(parsing: service).container.user == "1000:1000")
    }

    @Test(
        "what cannot be honoured is refused with its path",
        arguments: [
            ("apiVersion", "v1", "kind"), ("kind", "Pod", "kind"), ("metadata/name", "Hello", "metadata.name"),
            ("metadata/odd", 1, "metadata.odd"), ("metadata/labels", ["a": 1], "metadata.labels.a"), ("odd", 1, "odd"),
            ("metadata/annotations/testudo.dev", 1, "metadata.annotations.testudo.dev"),
            ("spec/traffic", [["revisionName": "a"]], "spec.traffic[0]"), ("spec/odd", 1, "spec.odd"),
            ("spec/template/spec/volumes", [["name": "v"]], "spec.template.spec.volumes"),
            ("spec/template/spec/restartPolicy", "Always", "spec.template.spec.restartPolicy"),
            ("spec/template/spec/hostNetwork", true, "spec.template.spec.hostNetwork"),
            ("spec/template/spec/serviceAccountName", "x", "spec.template.spec.serviceAccountName"),
            ("spec/template/spec/runtimeClassName", "kata", "spec.template.spec.runtimeClassName"),
            ("spec/template/spec/containerConcurrency", 1001, "spec.template.spec.containerConcurrency"),
            ("spec/template/spec/timeoutSeconds", 0, "spec.template.spec.timeoutSeconds"),
            ("spec/template/spec/containers", [], "spec.template.spec.containers"),
            ("\(container)/tty", true, "spec.template.spec.containers[0].tty"),
            ("\(container)/name", "queue-proxy", "spec.template.spec.containers[0].name"),
            ("\(container)/lifecycle", [:], "spec.template.spec.containers[0].lifecycle"),
            ("\(container)/envFrom", [[:]], "spec.template.spec.containers[0].envFrom"),
            ("\(container)/livenessProbe", ["tcpSocket": [:]], "spec.template.spec.containers[0].livenessProbe"),
            ("\(container)/ports/0/hostPort", 80, "spec.template.spec.containers[0].ports[0].hostPort"),
            ("\(container)/ports/0/name", "h2c", "spec.template.spec.containers[0].ports[0].name"),
            ("\(container)/ports/0/containerPort", 8012, "spec.template.spec.containers[0].ports[0].containerPort"),
            ("\(container)/ports", [[:], [:]], "spec.template.spec.containers[0].ports"),
            ("\(container)/env/0/name", "K_SERVICE", "spec.template.spec.containers[0].env[0].name"),
            (
                "\(container)/env/0/valueFrom", ["configMapKeyRef": [:]],
                "spec.template.spec.containers[0].env[0].valueFrom"
            ),
            (
                "\(container)/resources/limits/memory", "lots",
                "spec.template.spec.containers[0].resources.limits.memory"
            ),
            ("\(container)/resources/limits/memory", "1Mi", "spec.template.spec.containers[0].resources.limits.memory"),
            ("\(container)/resources/limits/cpu", "99", "spec.template.spec.containers[0].resources.limits.cpu"),
            ("\(container)/resources/limits/gpu", 1, "spec.template.spec.containers[0].resources.limits.gpu"),
            (
                "\(container)/securityContext/privileged", true,
                "spec.template.spec.containers[0].securityContext.privileged"
            ),
            (
                "\(container)/securityContext/runAsUser", -1,
                "spec.template.spec.containers[0].securityContext.runAsUser"
            ),
        ] as [(String, JSONValue, String)])
    func refused(path: String, value: JSONValue, field: String) throws {
        do throws(WireError) {
            _ = try KnativeService(parsing: Samples.serviceJSON.with(path, value))
            Issue.record("accepted")
        } catch {
            // A value of an unfit kind may be told at the field or at what holds it.
            #expect(field.hasPrefix(error.field) || error.field.hasPrefix(field), "\(error)")
        }
    }

    @Test(
        "annotations are closed",
        arguments: [
            ("testudo.dev/imagekey", "kbs:///a/b/c"), ("testudo.dev/image-key", "kbs:///a"),
            ("testudo.dev/plaintext", "yes"),
        ])
    func annotations(name: String, value: String) throws {
        var annotations = try #require(Samples.serviceJSON["metadata"]?["annotations"]?.objectValue)
        annotations[name] = .string(value)
        let service = Samples.serviceJSON.with("metadata/annotations", .object(annotations))
        #expect(throws: WireError.self) { try KnativeService(parsing: service) }
    }

    @Test(
        "quantities are rounded up",
        arguments: [
            ("500m", "512Mi", 1, 512), ("1", "1Gi", 1, 1024), ("1001m", "100M", 2, 96), (2, 268_435_457, 2, 257),
            (0.5, "0.5Gi", 1, 512), ("1.5", "262144Ki", 2, 256),
        ] as [(JSONValue, JSONValue, Int, Int)])
    func quantities(cpu: JSONValue, memory: JSONValue, vcpus: Int, mebibytes: Int) throws {
        let service = Samples.serviceJSON.with("\(Self.container)/resources/limits", ["cpu": cpu, "memory": memory])
        let container = try KnativeService(parsing: service).container
        #expect(container.vcpus == vcpus && container.memoryMiB == mebibytes)
    }

    @Test("rendering depends on nothing but its arguments, and a pinned name renders the same")
    func pure() throws {
        let pinned = "127.0.0.1:5000/hello@\(Samples.digest)"
        let service = Samples.serviceJSON.with("\(Self.container)/image", .string(pinned))
            .with("metadata/resourceVersion", "99").with("status", nil)
        let other = try ManifestRenderer.render(
            service: try KnativeService(parsing: service), digests: [pinned: Samples.digest],
            profile: try TenantProfile(parsing: Samples.profileJSON))
        #expect(try InitData(manifest: other).bytes == InitData(manifest: Samples.manifest()).bytes)
        #expect(try TenantProfile(parsing: try TenantProfile(parsing: Samples.profileJSON).json).domain == "localhost")
    }

    @Test("rendering refuses unknown images, strange registries, and keys for classes without attestation")
    func renderRefusals() throws {
        let profile = try TenantProfile(parsing: Samples.profileJSON)
        func render(_ service: JSONValue) throws -> PodManifest {
            let parsed = try KnativeService(parsing: service)
            return try ManifestRenderer.render(
                service: parsed, digests: [Samples.image: Samples.digest, "evil.example/a": Samples.digest],
                profile: profile)
        }
        _ = try render(Samples.serviceJSON)
        for (path, value) in [
            ("\(Self.container)/image", "127.0.0.1:5000/other"), ("\(Self.container)/image", "evil.example/a"),
            ("spec/template/spec/runtimeClassName", "testudo-vm"),
        ] as [(String, JSONValue)] {
            #expect(throws: WireError.self, "\(value)") { try render(Samples.serviceJSON.with(path, value)) }
        }
        let plain = Samples.serviceJSON.with("spec/template/spec/runtimeClassName", "testudo-runc")
            .with("metadata/annotations", [:])
        #expect(throws: WireError.self) { try render(plain) }
        let manifest = try render(plain.with("\(Self.container)/env", []))
        #expect(manifest.network.plaintext && manifest.keyBroker.url.isEmpty && manifest.protections.isEmpty)
        for domain in [nil, "*.localhost", 1] as [JSONValue?] {
            #expect(throws: WireError.self) { try TenantProfile(parsing: Samples.profileJSON.with("domain", domain)) }
        }
        #expect(throws: WireError.self) { try TenantProfile(parsing: Samples.profileJSON.with("extra", 1)) }
    }
}
