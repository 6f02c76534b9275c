"""What the broker has beside trustee's protocol, as docs/BROKER.md and the API's description say it."""

import base64
import hashlib
import json
import os
import re
import time
import urllib.parse
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import jose
import kbs
from cases import case, expect, refused
from kbs import PREFIX, Connection, Refused

DESCRIPTION = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../docs/api/keybroker.openapi.json")


def bound(guest, key, **changes):
    """What a Testudo guest binds into its evidence beside nonce and key."""
    info = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    members = {
        "binding": "launch",
        "epoch": 0,
        "instance": uuid.uuid4().hex,
        "manifest": guest.digest.hex(),
        "tlsKey": hashlib.sha256(info).hexdigest(),
        "logKey": hashlib.sha256(b"a log").hexdigest(),
        **changes,
    }
    return jose.canonical({"testudo": members})


def request(key, *names):
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    )
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
    signed = builder.sign(key, hashes.SHA256())
    return {"csr": base64.b64encode(signed.public_bytes(serialization.Encoding.DER)).decode()}


@case(
    "an attested guest gets a certificate of an hour for its key and its names, under the root that anybody can fetch"
)
def certificate(world):
    guest = world.guest()
    key = ec.generate_private_key(ec.SECP256R1())
    guest.auth()
    guest.attest(additional=bound(guest, key))
    path = f"{PREFIX}/testudo/certificate"

    def issue(body, headers=None):
        reply = guest.connection.send("POST", path, body, guest.cookie_header(path) if headers is None else headers)
        if reply.status != 200:
            raise Refused(reply)
        return reply.json()

    issued = issue(request(key, "interop.default.localhost"))
    leaf = x509.load_pem_x509_certificate(issued["certificate"].encode())
    expect(leaf.public_key().public_numbers() == key.public_key().public_numbers(), "another key")
    expect((leaf.not_valid_after - leaf.not_valid_before).total_seconds() <= 3660, "longer than an hour")
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    expect(names == ["interop.default.localhost"], f"{names}")
    anybody = Connection(world.broker)
    root = x509.load_pem_x509_certificate(anybody.send("GET", f"{PREFIX}/testudo/ca/simulated").body)
    root.public_key().verify(leaf.signature, leaf.tbs_certificate_bytes, ec.ECDSA(leaf.signature_hash_algorithm))
    x509.load_pem_x509_certificate(anybody.send("GET", f"{PREFIX}/testudo/ca/tenant").body)
    expect(Refused(anybody.send("GET", f"{PREFIX}/testudo/ca/other")).status == 404, "a third root")
    refused(lambda: issue(request(key, "other.default.localhost")), 403, names={"PolicyDeny"})
    refused(lambda: issue(request(ec.generate_private_key(ec.SECP256R1()), "interop.default.localhost")), 403)
    for body in (b"", b"{}", {"csr": "AAAA"}, {"csr": 7}, {"csr": "!"}):
        refused(lambda: issue(body), 400, names={"SerdeError"})
    refused(lambda: issue(request(key, "interop.default.localhost"), {}), 401, names={"TokenNotFound"})
    listed = world.admin.call("GET", "testudo/log-keys?service=default/interop").json()
    expect(any(entry["manifest"] == guest.digest.hex() for entry in listed), f"{listed}")


@case("a manifest is registered, shown, asked about by anybody, and retired")
def manifests(world):
    guest = world.guest("a/b/c")
    digest = guest.digest.hex()
    shown = world.admin.call("GET", f"testudo/manifests/{digest}").json()
    expect(shown["digest"] == digest and shown["resources"] == ["a/b/c"] and shown["state"] == "active", f"{shown}")
    expect(digest in [entry["digest"] for entry in world.admin.call("GET", "testudo/manifests").json()], "list")
    anybody = Connection(world.broker)
    standing = f"{PREFIX}/testudo/registration/{digest}"
    expect(anybody.send("GET", standing).json() == {"registered": True}, "standing")
    world.admin.call("DELETE", f"testudo/manifests/{digest}")
    expect(anybody.send("GET", standing).json() == {"registered": False}, "standing of a retired manifest")
    refused(lambda: world.admin.call("GET", f"testudo/manifests/{'0' * 64}"), 404)
    refused(lambda: world.admin.call("DELETE", f"testudo/manifests/{'0' * 64}"), 404)
    refused(lambda: world.admin.call("PUT", f"testudo/manifests/{digest}", {"name": "x"}), 400, names={"SerdeError"})
    guest.auth()
    try:
        guest.attest()
        refused(lambda: guest.resource("a/b/c"), 403, names={"PolicyDeny"})
    except Refused as refusal:
        expect(refusal.status in (401, 403), str(refusal))


@case("a release is published, listed and withdrawn; one that a stranger signed is refused")
def releases(world):
    value = {"technology": "soft-snp", "measurement": "cd" * 48, "vcpus": 1, "debug": False}
    document = {"version": "9.9.9-interop", "values": [value]}
    expect(
        world.admin.call("PUT", "testudo/reference-values", world.broker.signed(document).encode()).json() == {
            "values": 1
        },
        "",
    )
    listed = world.admin.call("GET", "testudo/reference-values").json()
    expect("9.9.9-interop" in [entry["version"] for entry in listed], f"{listed}")
    names = world.admin.call("GET", "reference-value").json()
    expect(any(entry["name"] == "snp_launch_measurement" for entry in names), f"{names}")
    for body in (jose.sign_eddsa(document, jose.new_ed25519()).encode(), b"", b"x.y.z"):
        refused(lambda: world.admin.call("PUT", "testudo/reference-values", body), 400, names={"SerdeError"})
    world.admin.call("DELETE", "testudo/reference-values/9.9.9-interop")
    refused(lambda: world.admin.call("DELETE", "testudo/reference-values/9.9.9-interop"), 404)


@case("keys are made under free names, reference values removed, the key of tokens changed while old tokens hold")
def keys(world):
    place = world.place()
    for kind in ("p256", "rsa3072", "symmetric"):
        made = world.admin.call("POST", f"testudo/keys/{place}/{kind}", {"kind": kind}).json()
        expect(made["kind"] == kind and made["publicKey"].startswith("-----BEGIN") == (kind != "symmetric"), f"{made}")
    refused(lambda: world.admin.call("POST", f"testudo/keys/{place}/p256", {"kind": "p256"}), 409)
    for body in (b"", {"kind": "dsa"}, {"kind": "p256", "size": 1}):
        refused(lambda: world.admin.call("POST", f"testudo/keys/{place}/x", body), 400)
    name = f"interop/with a slash {uuid.uuid4().hex}"
    payload = base64.b64encode(json.dumps({name: 1}).encode()).decode()
    world.admin.call("POST", "reference-value", {"type": "sample", "payload": payload})
    quoted = urllib.parse.quote(name)
    expect(world.admin.call("GET", f"reference-value/{quoted}").json() == 1, "by its quoted name")
    world.admin.call("DELETE", f"reference-value/{quoted}")
    refused(lambda: world.admin.call("DELETE", f"reference-value/{quoted}"), 404, names={"RvpsError"})

    world.admin.set_resource(f"{place}/one", b"secret")
    guest = world.guest(f"{place}/one")
    guest.handshake()
    old = jose.read_jwt(guest.token)[0]["kid"]
    new = world.admin.call("POST", "testudo/token-key").json()["kid"]
    published = [key["kid"] for key in Connection(world.broker).send("GET", "/.well-known/jwks.json").json()["keys"]]
    expect(old != new and {old, new} <= set(published), f"{old}, {new}, {published}")
    expect(guest.resource(f"{place}/one", bearer=guest.token) == b"secret", "a token of before")
    guest.handshake()
    expect(jose.read_jwt(guest.token)[0]["kid"] == new, "new tokens have the new key")


@case("the key of cookies is changed while sessions of before go on, and not again before they have ended")
def cookie_key(world):
    path = world.place() + "/one"
    world.admin.set_resource(path, b"secret")
    guest = world.guest(path)
    guest.handshake()
    expect(world.admin.call("POST", "testudo/cookie-key").body == b"", "the reply is empty")
    expect(guest.resource(path) == b"secret", "a session of before")
    guest.handshake()
    expect(guest.resource(path) == b"secret", "a session of after")
    refused(lambda: world.admin.call("POST", "testudo/cookie-key"), 409)


@case("a tenant is made, shown, listed and taken away, and nothing is two tenants' own")
def tenants(world):
    name, place = "t" + uuid.uuid4().hex, "r" + uuid.uuid4().hex
    path = f"testudo/tenants/{name}"
    body = {"admins": [], "repositories": [place], "namespaces": [name], "quota": {"resources": 1}}
    made = world.admin.call("PUT", path, body).json()
    expect(made["use"] == {"resources": 0, "bytes": 0, "manifests": 0}, f"{made}")
    expect(made["domains"] == [f"{name}.localhost", f"{name}.svc.cluster.local"], "the usual domains")
    expect(world.admin.call("GET", path).json() == made, "the same when shown")
    expect(made in world.admin.call("GET", "testudo/tenants").json(), "and when listed")
    refused(lambda: world.admin.call("PUT", f"{path}2", dict(body, namespaces=[])), 409)
    for changes in ({"admins": [{"name": "a", "key": "x"}]}, {"quota": {"bytes": -1}}, {"repositories": ["a/b"]}, {"more": 1}):
        refused(lambda: world.admin.call("PUT", path, dict(body, **changes)), 400)
    world.admin.set_resource(f"{place}/key/one", b"secret")
    refused(lambda: world.admin.call("DELETE", path), 409)
    world.admin.call("DELETE", f"resource/{place}/key/one")
    world.admin.call("DELETE", path)
    for method in ("GET", "DELETE"):
        refused(lambda: world.admin.call(method, path), 404)


@case("a tenant's administrator does what is the tenant's; for all else 403 tells a good credential from a bad one")
def tenants_administrator(world):
    name, place = "t" + uuid.uuid4().hex, "r" + uuid.uuid4().hex
    path = f"testudo/tenants/{name}"
    key = jose.new_ed25519()
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()
    body = {"admins": [{"name": "ann", "key": pem}], "repositories": [place], "namespaces": [name]}
    world.admin.call("PUT", path, body)
    claims = {"role": "tenant-admin", "tenant": name, "exp": int(time.time()) + 60}
    ann = kbs.Administrator(world.broker, jose.sign_eddsa(claims, key))
    ann.set_resource(f"{place}/key/one", b"secret")
    expect([entry["path"] for entry in ann.call("GET", "resource").json()] == [f"{place}/key/one"], "her own")
    for call in (
        lambda: ann.set_resource("default/key/one", b"x"),
        lambda: ann.call("GET", "testudo/tenants"),
        lambda: ann.call("POST", "testudo/token-key"),
    ):
        refused(call, 403, names={"AdminAuthAccess"})
    stranger = kbs.Administrator(world.broker, jose.sign_eddsa(claims, jose.new_ed25519()))
    refused(lambda: stranger.set_resource(f"{place}/key/one", b"x"), 401, names={"AdminAuthAccess"})
    ann.call("DELETE", f"resource/{place}/key/one")
    world.admin.call("DELETE", path)


@case("policies for prefixes are set, listed, shown and taken away, and decide below their prefix alone")
def path_policies(world):
    guest, place = world.guest(), world.place()
    name, prefix = uuid.uuid4().hex, place
    world.admin.set_resource(f"{place}/one", b"secret")
    guest.handshake()
    policies = "testudo/resource-policies"
    text = 'package policy\nimport rego.v1\ndefault allow := false\nallow if data["resource-path"][2] == "one"\n'
    body = {"policy": jose.b64url(text.encode()), "prefix": prefix}
    refused(lambda: guest.resource(f"{place}/one"), 403, names={"PolicyDeny"})
    try:
        expect(world.admin.call("PUT", f"{policies}/{name}", body).body == b"", "the reply to a policy is empty")
        expect(guest.resource(f"{place}/one") == b"secret", "the policy allows what no registration names")
        refused(lambda: guest.resource(f"{place}/two"), 403, names={"PolicyDeny"})
        refused(lambda: guest.resource(f"{world.place()}/one"), 403, names={"PolicyDeny"})
        listed = {entry["id"]: entry for entry in world.admin.call("GET", policies).json()}
        expect(listed[name]["prefix"] == prefix and listed[name]["registration"] == "needed", f"{listed}")
        expect(listed[name]["sha384"] == hashlib.sha384(text.encode()).hexdigest(), "digest")
        expect(name in world.admin.call("GET", "resource-policy").json(), "the names of all policies")
        expect(world.admin.call("GET", f"{policies}/{name}").body == text.encode(), "the text")
        refused(lambda: world.admin.call("PUT", f"{policies}/other", body), 409)
        for changes in ({"prefix": ""}, {"prefix": "a//b"}, {"registration": "maybe"}, {"policy": "!"}, {"more": 1}):
            refused(lambda: world.admin.call("PUT", f"{policies}/{name}", dict(body, **changes)), 400)
        world.admin.call("DELETE", f"testudo/manifests/{guest.digest.hex()}")
        refused(lambda: guest.resource(f"{place}/one"), 403, names={"PolicyDeny"})
    finally:
        world.admin.call("DELETE", f"{policies}/{name}")
    for method in ("GET", "DELETE"):
        refused(lambda: world.admin.call(method, f"{policies}/{name}"), 404)


@case("explaining tells which check keeps a token from a resource")
def explain(world):
    path = world.place() + "/one"
    world.admin.set_resource(path, b"secret")
    guest = world.guest(path)
    guest.handshake()
    answer = world.admin.call("POST", "testudo/explain", {"token": guest.token, "resource": path}).json()
    expect(answer["allowed"] and all(entry["allowed"] for entry in answer["decisions"]), f"{answer}")
    for question in (
        {"token": guest.token + "x", "resource": path},
        {"token": guest.token, "resource": path + "x"},
        {"claims": {}, "resource": path},
    ):
        answer = world.admin.call("POST", "testudo/explain", question).json()
        expect(not answer["allowed"] and not answer["decisions"][-1]["allowed"], f"{answer}")
    for question in (
        b"",
        {"resource": path},
        {"token": "", "claims": {}, "resource": path},
        {"token": "", "resource": "x"},
    ):
        refused(lambda: world.admin.call("POST", "testudo/explain", question), 400, names={"SerdeError"})


@case("the log of decisions is read by time and number, one JSON object a line, and has what was decided here")
def audit(world):
    path = world.place() + "/one"
    guest = world.guest()
    guest.handshake()
    refused(lambda: guest.resource(path), 403)
    reply = world.admin.call("GET", "testudo/audit?last=5")
    expect(reply.headers["Content-Type"] == "application/jsonl", reply.headers["Content-Type"])
    lines = [json.loads(line) for line in reply.body.splitlines()]
    expect(len(lines) == 5, f"{len(lines)} lines")
    denial = [line for line in lines if line["resource"] == path]
    expect(denial and denial[0]["decision"] == "deny" and denial[0]["manifest"] == guest.digest.hex(), f"{lines}")
    expect(world.admin.call("GET", "testudo/audit?since=2999-01-01T00:00:00Z").body == b"", "lines of the future")
    for query in ("last=0", "last=x", "since=yesterday"):
        refused(lambda: world.admin.call("GET", f"testudo/audit?{query}"), 400, names={"SerdeError"})


@case("keys are made, used by an attested guest, rotated, rewrapped and destroyed")
def key_management(world):
    text = lambda data: base64.b64encode(data).decode()
    name = uuid.uuid4().hex
    own = f"testudo/kms/default/{name}"
    made = world.admin.call("PUT", own, {"kind": "aes-256-gcm", "overlap": 3600}).json()
    expect(made["primary"] == 1 and made["versions"][0]["state"] == "active", f"{made}")
    guest = world.guest()
    registration = {
        "name": "interop",
        "namespace": "default",
        "measurements": "any-reference",
        "guestVersion": "0.1.0",
        "simulated": True,
        "keys": [f"kms:{name}:encrypt", f"kms:{name}:decrypt"],
    }
    world.admin.call("PUT", f"testudo/manifests/{guest.digest.hex()}", registration)
    guest.handshake()

    def use(operation, body, headers=None):
        path = f"{PREFIX}/kms/default/{name}/{operation}"
        reply = guest.connection.send(
            "POST", path, body, {"Authorization": f"Bearer {guest.token}"} if headers is None else headers
        )
        if reply.status != 200:
            raise Refused(reply)
        return json.loads(guest.key.decrypt(reply.json()))

    sealed = use("encrypt", {"plaintext": text(b"secret"), "associated": text(b"disk")})
    message = {**sealed, "associated": text(b"disk")}
    expect(use("decrypt", message) == {"plaintext": text(b"secret")}, "what was encrypted")
    expect(world.admin.call("POST", f"{own}/rotate", {"overlap": 60}).json()["primary"] == 2, "rotation")
    expect(use("decrypt", message) == {"plaintext": text(b"secret")}, "during the overlap")
    moved = world.admin.call("POST", f"{own}/rewrap", message).json()
    world.admin.call("DELETE", f"{own}/1")
    refused(lambda: use("decrypt", message), 409)
    expect(use("decrypt", {**moved, "associated": text(b"disk")}) == {"plaintext": text(b"secret")}, "what was moved")
    refused(lambda: world.admin.call("DELETE", f"{own}/2"), 409)
    refused(lambda: world.admin.call("POST", f"{own}/decrypt", message), 403, names={"PolicyDeny"})
    refused(lambda: use("rewrap", message), 403, names={"PolicyDeny"})
    refused(lambda: use("decrypt", {"ciphertext": "!"}), 400, names={"SerdeError"})
    refused(lambda: use("decrypt", message, {}), 401, names={"TokenNotFound"})
    refused(lambda: world.admin.call("PUT", own, {"kind": "aes-256-gcm"}), 409)
    expect(world.admin.call("GET", own).json()["versions"][0]["state"] == "destroyed", "the tombstone")
    expect(f"default/{name}" in [key["key"] for key in world.admin.call("GET", "testudo/kms/default").json()], "list")


@case("a tenant's authority is established, its leaves are listed and revoked, and the list says so")
def authorities(world):
    namespace = f"n{uuid.uuid4().hex}"
    own = f"testudo/authority/{namespace}/simulated"
    asked = world.admin.call("POST", f"{own}/request", {"suffixes": ["interop.localhost"]}).json()
    x509.load_pem_x509_csr(asked["request"].encode())
    anybody = Connection(world.broker)
    expect(anybody.send("GET", f"{PREFIX}/{own}").status == 404, "an authority without a certificate")
    made = world.admin.call("POST", f"{own}/certify", {"suffixes": ["interop.localhost"], "days": 2}).json()
    expect(anybody.send("GET", f"{PREFIX}/{own}").json() == made, "what anybody can fetch")
    issuing = x509.load_pem_x509_certificate(made["certificate"].encode())
    root = x509.load_pem_x509_certificate(made["root"].encode())
    root.public_key().verify(
        issuing.signature, issuing.tbs_certificate_bytes, ec.ECDSA(issuing.signature_hash_algorithm)
    )
    constraints = issuing.extensions.get_extension_for_class(x509.NameConstraints)
    expect(
        constraints.critical and [name.value for name in constraints.value.permitted_subtrees] == ["interop.localhost"],
        "names",
    )
    refused(lambda: world.admin.call("POST", f"{own}/install", made), 409)
    guest = world.guest()
    registration = {
        "name": "interop",
        "namespace": namespace,
        "hostnames": ["a.interop.localhost"],
        "measurements": "any-reference",
        "guestVersion": "0.1.0",
        "simulated": True,
    }
    world.admin.call("PUT", f"testudo/manifests/{guest.digest.hex()}", registration)
    key = ec.generate_private_key(ec.SECP256R1())
    guest.auth()
    guest.attest(additional=bound(guest, key))
    path = f"{PREFIX}/testudo/certificate"
    reply = guest.connection.send("POST", path, request(key, "a.interop.localhost"), guest.cookie_header(path))
    expect(reply.status == 200, f"{reply.status} {reply.body!r}")
    leaf = x509.load_pem_x509_certificate(reply.json()["certificate"].encode())
    issuing.public_key().verify(leaf.signature, leaf.tbs_certificate_bytes, ec.ECDSA(leaf.signature_hash_algorithm))
    serial = world.admin.call("GET", f"testudo/leaves/{namespace}").json()[0]["serial"]
    expect(int(serial, 16) == leaf.serial_number, serial)

    def published():
        reply = anybody.send("GET", f"{PREFIX}/testudo/crl/{namespace}/simulated/2")
        found = x509.load_der_x509_crl(reply.body)
        expect(found.is_signature_valid(issuing.public_key()), "the list's signature")
        expect((found.next_update - found.last_update).total_seconds() <= 3600, "the list's life")
        return found

    expect(published().get_revoked_certificate_by_serial_number(leaf.serial_number) is None, "before")
    revoked = world.admin.call(
        "POST", f"testudo/leaves/{namespace}", {"serial": serial, "reason": "key-compromise"}
    ).json()
    expect(revoked == {"revoked": 1}, f"{revoked}")
    expect(published().get_revoked_certificate_by_serial_number(leaf.serial_number) is not None, "after")
    refused(lambda: world.admin.call("POST", f"testudo/leaves/{namespace}", {"serial": serial}), 404)
    expect(anybody.send("GET", f"{PREFIX}/testudo/crl/{namespace}/simulated/9").status == 404, "another version")


@case("one boot of a guest, or a measurement, is revoked: sessions and tokens of before end at once; and taken back")
def revocations(world):
    place = world.place()
    world.admin.set_resource(f"{place}/one", b"secret")
    guest = world.guest(f"{place}/one")
    instance = uuid.uuid4().hex
    key = ec.generate_private_key(ec.SECP256R1())
    guest.auth()
    guest.attest(additional=bound(guest, key, instance=instance))
    for kind, value in (("instance", instance), ("measurement", guest.measurement.hex())):
        place_of = f"testudo/revocations/{kind}/{value}"
        expect(guest.resource(f"{place}/one") == b"secret", "before")
        made = world.admin.call("PUT", place_of, {"reason": "a test"}).json()
        try:
            expect((made["kind"], made["value"], made["reason"]) == (kind, value, "a test"), f"{made}")
            expect(made in world.admin.call("GET", "testudo/revocations").json(), "list")
            refused(lambda: guest.resource(f"{place}/one"), 401, 403)
            refused(lambda: guest.resource(f"{place}/one", bearer=guest.token), 401, 403)
        finally:
            world.admin.call("DELETE", place_of)
        refused(lambda: world.admin.call("DELETE", place_of), 404)
    for wrong in ("line/x%20y", "root/00", "chip/0", "instance/00", "measurement/ff", "guest/00"):
        refused(lambda: world.admin.call("PUT", f"testudo/revocations/{wrong}"), 400, names={"SerdeError"})
    refused(lambda: world.admin.call("PUT", f"testudo/revocations/instance/{instance}", {"why": 1}), 400)


@case("the end of the audit log is told, for comparison with the file")
def audit_head(world):
    heads = world.admin.call("GET", "testudo/audit/head").json()
    expect(heads and all(isinstance(text, str) and text for text in heads.values()), f"{heads}")
    world.admin.set_resource(world.place() + "/one", b"x")
    expect(world.admin.call("GET", "testudo/audit/head").json() != heads, "it stands still")


@case("the broker says that it is ready")
def readiness(world):
    reply = Connection(world.broker).send("GET", "/readyz")
    expect(reply.status == 200 and reply.json()["ready"] is True, f"{reply.status} {reply.body!r}")


def described():
    """Method, path with something in place of the braces, and operation, of each call in the description."""
    with open(DESCRIPTION) as file:
        document = json.load(file)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in ("get", "put", "post", "delete"):
                yield method.upper(), re.sub(r"\{[^}]*\}", "x", path), operation


@case("no call that the description gives to administrators or guests works without credentials, and each is there")
def credentials(world):
    connection = Connection(world.broker)
    count = 0
    for method, path, operation in described():
        allowed = {name for scheme in operation.get("security", []) for name in scheme}
        body = b"x" if method in ("POST", "PUT") else None
        if not allowed:
            continue
        count += 1
        for headers in (
            {},
            {"Authorization": "Bearer x"},
            {"Authorization": "Basic eDp4"},
            {"Cookie": f"{kbs.COOKIE}={'0' * 32}"},
        ):
            refusal = Refused(connection.send(method, path, body, headers))
            expect(refusal.status in (401, 403), f"{method} {path} with {headers}: {refusal}")
    expect(count > 15, f"only {count} calls need credentials")


@case("each described path answers, and methods that it does not have are refused with 405 and the ones that it has")
def methods(world):
    connection = Connection(world.broker)
    known = {}
    for method, path, _ in described():
        known.setdefault(path, set()).add(method)
    for path, there in known.items():
        for method in ("GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"):
            reply = connection.send(method, path)
            if method in there:
                expect(
                    reply.status == 200
                    or reply.problem()[1] != "there is nothing under this path"
                    or path.endswith("/x"),
                    f"{method} {path}: {reply.status}",
                )
                expect(reply.status not in (405, 501), f"{method} {path}: {reply.status}")
            else:
                expect(reply.status == 405, f"{method} {path}: {reply.status}")
                expect(set(reply.headers["Allow"].split(", ")) == there, f"{method} {path}: {reply.headers['Allow']}")
                reply.problem()
