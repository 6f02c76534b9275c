"""The deployment that is measured: `testudo up` on free ports, the example images, and Services that come and go."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

import machines

SERVICES = "/apis/serving.knative.dev/v1/namespaces/default/services"
NODE = "/apis/testudo.dev/v1"


def progress(text):
    """Tells on standard error what takes long, so that standard output holds the table alone."""
    print(text, file=sys.stderr, flush=True)


class Deployment:
    """Registry, key broker and node, in a state folder of their own; used with `with`."""

    def __init__(self, root, folder):
        self.root, self.folder = root, folder
        self.state = os.path.join(folder, "state")
        # Not ./testudo: it would build anew, within a measurement, when a source is newer.
        self.program = os.path.join(root, ".build", "release", "testudo")
        self.images = set()
        self.trust = None

    def __enter__(self):
        if not os.access(self.program, os.X_OK):
            sys.exit(f"bench: {self.program} is not built; run `make bench`")
        os.makedirs(self.folder, exist_ok=True)
        self.stop()
        shutil.rmtree(self.state, ignore_errors=True)
        registry, broker, node, self.tls_port, self.http_port = free_ports(5)
        self.registry, self.node = f"127.0.0.1:{registry}", f"http://127.0.0.1:{node}"
        progress("starting a deployment")
        try:
            self.testudo(
                "up", "--registry-port", registry, "--broker-port", broker, "--node-port", node, "--tls-port",
                self.tls_port, "--http-port", self.http_port, "--idle-seconds", 3600)
            with open(f"{self.state}/node/token") as file:
                self.token = file.read().strip()
            self.trust = ssl.create_default_context()
            self.trust.set_alpn_protocols(["http/1.1"])  # The guest closes connections that name no protocol.
            for name in ("tenant-ca.pem", "testudo-simulated-ca.pem"):
                if os.path.exists(f"{self.state}/tenant/{name}"):
                    self.trust.load_verify_locations(f"{self.state}/tenant/{name}")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Stops what `up` started, if it runs."""
        if os.path.isdir(self.state):
            self.testudo("down")

    def testudo(self, *arguments):
        """Runs the command line and returns what it prints, as JSON."""
        words = [self.program, *map(str, arguments), "--state", self.state, "--json"]
        output = run(words, env={**os.environ, "TESTUDO_ROOT": self.root})
        return json.loads(output) if output.strip() else None

    def call(self, method, path, body=None, type="application/json"):
        """Calls the node's API; None when the object is not there."""
        request = urllib.request.Request(self.node + path, method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", type)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise RuntimeError(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from error

    def machine(self):
        """What the node says of this machine."""
        return self.call("GET", f"{NODE}/nodes/self")

    def node_pid(self):
        """The node's process."""
        with open(f"{self.state}/run/node.pid") as file:
            return int(file.read().split()[0])

    def prepare(self, name):
        """Builds an example image and pushes it twice, signed: encrypted as NAME, plain as NAME-plain."""
        if name in self.images:
            return
        progress(f"building, encrypting, signing and pushing {name}")
        folder = os.path.join(self.folder, "images")
        run(["bash", os.path.join(self.root, "examples", name, "build"), folder])
        key = os.path.join(self.folder, f"{name}.pub")
        self.testudo("key", "create", f"default/image-key/{name}", "--output", key)
        for target, extra in ((name, ["--encryption-key", f"jwe:{key}"]), (f"{name}-plain", [])):
            image = f"{self.registry}/{target}:latest"
            run(["skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false", *extra,
                 f"oci:{folder}/{name}:latest", f"docker://{image}"])
            self.testudo("image", "sign", image)
        self.images.add(name)

    def service(self, image, runtime_class, memory=256, target="Testudo", plaintext=False):
        """A Service that runs an example image: the encrypted one in testudo-cvm, the plain one elsewhere."""
        self.prepare(image)
        confidential = runtime_class == "testudo-cvm"
        annotations = {}
        if confidential:
            annotations["testudo.dev/image-key"] = f"kbs:///default/image-key/{image}"
            if plaintext:
                annotations["testudo.dev/plaintext"] = "true"
        container = {
            "image": f"{self.registry}/{image}{'' if confidential else '-plain'}:latest",
            "ports": [{"containerPort": 8080}], "env": [{"name": "TARGET", "value": target}],
            "resources": {"limits": {"cpu": "1", "memory": f"{memory}Mi"}},
        }
        name = f"{image}-{runtime_class.removeprefix('testudo-')}"
        spec = {"template": {"spec": {"runtimeClassName": runtime_class, "containers": [container]}}}
        return Service(self, name, {
            "apiVersion": "serving.knative.dev/v1", "kind": "Service",
            "metadata": {"name": name, "namespace": "default", "annotations": annotations}, "spec": spec,
        }, confidential)


class Service:
    """A Service on the node. `apply` deploys it, the first `first_byte` after it starts an instance from zero."""

    def __init__(self, deployment, name, document, confidential):
        self.deployment, self.name, self.confidential = deployment, name, confidential
        self.document, self.path = document, f"{SERVICES}/{name}"
        self.host = f"{name}.default.localhost"
        self.sent = None

    def apply(self):
        """Registers and deploys the Service; later times only deploy it again, with the manifest of the first."""
        if self.sent is None:
            file = os.path.join(self.deployment.folder, f"{self.name}.json")
            with open(file, "w") as output:
                json.dump(self.document, output)
            self.deployment.testudo("apply", "-f", file)
            live = self.deployment.call("GET", self.path)
            metadata = {key: live["metadata"].get(key, {}) for key in ("name", "namespace", "annotations")}
            self.sent = {**self.document, "metadata": metadata, "spec": live["spec"]}
            return
        query = "?fieldManager=testudo&force=true"
        self.deployment.call("PATCH", self.path + query, self.sent, "application/apply-patch+yaml")
        wait(lambda: self.is_ready(), f"{self.name} to be ready")

    def is_ready(self):
        """Whether the node would start it."""
        status = (self.deployment.call("GET", self.path) or {}).get("status", {})
        return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in status.get("conditions", []))

    def first_byte(self):
        """Milliseconds from before a new connection until the first bytes of an answer with status 200."""
        deployment = self.deployment
        port = deployment.tls_port if self.confidential else deployment.http_port
        begin = time.monotonic()
        with socket.create_connection(("127.0.0.1", port), timeout=120) as stream:
            if self.confidential:
                stream = deployment.trust.wrap_socket(stream, server_hostname=self.host)
            stream.sendall(f"GET / HTTP/1.1\r\nHost: {self.host}\r\nConnection: close\r\n\r\n".encode())
            answer = stream.recv(65536)
            taken = (time.monotonic() - begin) * 1000
            stream.close()
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{self.name} answered {answer[:200]!r}")
        return taken

    def instance(self):
        """The id of the running instance."""
        items = self.deployment.call("GET", f"{NODE}/instances")["items"]
        return next(item["id"] for item in items if item["service"] == self.name)

    def remove(self):
        """Deletes the Service and waits until its machine's processes are gone; the registration stays."""
        items = self.deployment.call("GET", f"{NODE}/instances")["items"]
        mine = [item["id"] for item in items if item["service"] == self.name]
        self.deployment.call("DELETE", self.path)
        wait(lambda: all(machines.qemu(instance) is None for instance in mine), f"{self.name} to end")


def run(words, **options):
    """Runs a program that must succeed and returns its standard output."""
    ended = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if ended.returncode != 0:
        raise RuntimeError(f"{' '.join(words)} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
    return ended.stdout


def wait(condition, what, seconds=60):
    """Polls until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)


def free_ports(count):
    """Ports of the loopback that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [entry.getsockname()[1] for entry in sockets]
    for entry in sockets:
        entry.close()
    return ports
