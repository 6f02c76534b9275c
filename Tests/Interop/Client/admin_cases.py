"""Administrators' calls, policies, reference values and metrics: sections 1.1, 1.9, 1.11 and 5.1."""

import base64
import json
import time
import uuid

import jose
import kbs
from cases import Absent, case, expect, refused
from kbs import PREFIX, Connection, Refused

# 1.1, 1.9: administrators


@case("no call of an administrator works without a token, or with one that is forged, expired, or for another role")
def administrators(world):
    calls = [
        ("POST", "resource/a/b/c"),
        ("DELETE", "resource/a/b/c"),
        ("GET", "resource"),
        ("GET", "reference-value/x"),
        ("POST", "reference-value"),
        ("GET", "testudo/audit"),
        ("PUT", f"testudo/manifests/{'0' * 64}"),
    ]
    for call in (("POST", "resource-policy"), ("GET", "resource-policy"), ("POST", "attestation-policy")):
        reply = world.admin.connection.send(*[call[0], f"{PREFIX}/{call[1]}"], headers=world.admin.headers)
        if reply.status not in (404, 405):
            calls.append(call)
    admin_names = {"AdminAuthAccess", "AdminAuthInitialization"}
    token = world.broker.token()
    head, body, signature = token.split(".")
    now = int(time.time())
    key = jose.load_private(world.broker.file("admin.key"))
    guest = world.guest()
    guest.handshake()
    bad = [
        None,
        "",
        "x",
        f"{head}.{body}.",
        # Its first byte: the last one is 0 in one of sixteen signatures anyway.
        f"{head}.{body}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}",
        guest.token,
        jose.sign_eddsa({"role": "admin", "exp": now + 60}, jose.new_ed25519()),
        jose.sign_eddsa({"role": "admin", "exp": now - 120}, key),
        jose.sign_eddsa({"role": "admin"}, key),
        jose.sign_eddsa({"exp": now + 60}, key),
        jose.sign_eddsa({"role": "tester", "exp": now + 60}, key),
        jose.sign_eddsa({"role": "admin", "exp": now + 60, "aud": "somebody else"}, key),
        jose.b64url(b'{"alg":"none"}') + "." + body + ".",
    ]
    connection = Connection(world.broker)
    for method, path in calls:
        for token in bad:
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            refusal = Refused(connection.send(method, f"{PREFIX}/{path}", b"x" if method != "GET" else None, headers))
            expect(refusal.status in (401, 403), f"{method} {path}: {refusal}")
            expect(refusal.name in admin_names, f"{method} {path}: {refusal}")


@case("administrators' clients find the words that they look for in refusals")
def administrators_words(world):
    now = int(time.time())
    stranger = kbs.Administrator(world.broker, jose.sign_eddsa({"role": "admin", "exp": now + 60}, jose.new_ed25519()))
    refusal = refused(lambda: stranger.set_resource("a/b/c", b"x"), 401)
    expect("Cannot verify token with any of the issuers" in refusal.detail, str(refusal))
    key = jose.load_private(world.broker.file("admin.key"))
    tester = kbs.Administrator(world.broker, jose.sign_eddsa({"role": "tester", "exp": now + 60}, key))
    # The credentials are good, and the call is not his.
    refusal = refused(lambda: tester.set_resource("a/b/c", b"x"), 403)
    expect("Role tester not allowed" in refusal.detail, str(refusal))


ALLOW = "package policy\ndefault allow = true\n"
DENY = "package policy\ndefault allow = false\n"


def set_policy(world, kind, text, **members):
    body = {"policy": jose.b64url(text.encode() if isinstance(text, str) else text), **members}
    return world.admin.call("POST", kind, body)


def need(world, path):
    reply = world.admin.connection.send("GET", f"{PREFIX}/{path}", headers=world.admin.headers)
    if reply.status == 404 and reply.problem()[0] == "InvalidRequestPath":
        raise Absent(f"the broker has no {path}")


@case("a resource policy in Rego decides, and the list of policies names it")
def resource_policy(world):
    need(world, "resource-policy")
    path = world.place() + "/one"
    world.admin.set_resource(path, b"secret")
    guest = world.guest(path)
    guest.handshake()
    before = world.admin.call("GET", "resource-policy").json()
    expect(isinstance(before, list) and all(isinstance(name, str) for name in before), f"{before}")
    try:
        expect(set_policy(world, "resource-policy", DENY).body == b"", "the reply to a policy is empty")
        refused(lambda: guest.resource(path), 401, 403, names={"PolicyDeny"})
        set_policy(world, "resource-policy", ALLOW)
        expect(guest.resource(path) == b"secret", "an open policy")
        # Section 3.2: the token's claims are the input; the path and the plugin are data.
        looks = (
            "package policy\nimport rego.v1\ndefault allow = false\nallow if {\n"
            '  data.plugin == "resource"\n  data["resource-path"][2] == "one"\n'
            '  input.submods.cpu0["ear.veraison.annotated-evidence"]["soft-snp"]\n}\n'
        )
        set_policy(world, "resource-policy", looks)
        expect(guest.resource(path) == b"secret", "a policy that looks at claims and path")
        for broken in ("package policy\nallow {", "no rego", b"\xff"):
            refused(lambda: set_policy(world, "resource-policy", broken), 400, 401)
        refused(lambda: world.admin.call("POST", "resource-policy", {"policy": "not base64url!"}), 400, 401)
        expect(guest.resource(path) == b"secret", "what was refused replaced the policy")
    finally:
        # Without a policy the registration decides again, which other cases count on.
        world.admin.call("DELETE", "testudo/resource-policies/resource-policy")


@case("an attestation policy is set as kbs-client does it, and decides once it has the name that kbs-client gives")
def attestation_policy(world):
    reply = world.admin.connection.send("POST", f"{PREFIX}/attestation-policy", b"{}", world.admin.headers)
    if reply.status in (404, 405):
        raise Absent("the broker has no attestation-policy")
    expect(reply.status in (400, 401), f"{reply.status}")
    text = 'package policy\nimport rego.v1\ndefault executables := 33\ntrust_claims := {"executables": executables}\n'
    set_policy(world, "attestation-policy", text, policy_id="interop", type="rego")
    refused(lambda: set_policy(world, "attestation-policy", "broken", policy_id="interop"), 400, 401)
    # Another name judges nothing.
    world.guest().handshake()
    own = "testudo/attestation-policies"
    try:
        contraindicated = text.replace("33", "96")
        set_policy(world, "attestation-policy", contraindicated, policy_id="default_cpu", type="rego")
        refused(lambda: world.guest().handshake(), 401, 403)
        listed = {entry["id"]: entry["inForce"] for entry in world.admin.call("GET", own).json()}
        expect(listed == {"interop": False, "default_cpu": True}, f"{listed}")
        expect(world.admin.call("GET", f"{own}/default_cpu").body == contraindicated.encode(), "the text")
        refused(lambda: set_policy(world, "attestation-policy", "broken", policy_id="default_cpu"), 400)
        refused(lambda: world.guest().handshake(), 401, 403)
    finally:
        for name in ("interop", "default_cpu"):
            world.admin.call("DELETE", f"{own}/{name}")
    refused(lambda: world.admin.call("DELETE", f"{own}/default_cpu"), 404)
    world.guest().handshake()


@case("a reference value is set by RVPS's message and read by its name")
def reference_value(world):
    name = f"interop-{uuid.uuid4().hex}"
    values = {name: ["a", 1, True]}
    payload = base64.b64encode(json.dumps(values).encode()).decode()
    message = {"version": "0.1.0", "type": "sample", "payload": payload}
    world.admin.call("POST", "reference-value", message)
    expect(world.admin.call("GET", f"reference-value/{name}").json() == values[name], "read otherwise")
    refused(lambda: world.admin.call("GET", "reference-value/never-set"), 401, 404, names={"RvpsError"})
    for broken in (b"", b"{}", dict(message, payload="!"), dict(message, type="no-such-type")):
        refused(lambda: world.admin.call("POST", "reference-value", broken), 400, 401)


# 1.11 and the rest


@case("health and metrics answer anybody, metrics under trustee's names and to GET only")
def health(world):
    connection = Connection(world.broker)
    reply = connection.send("GET", "/healthz")
    expect((reply.status, reply.body) == (200, b""), f"{reply.status} {reply.body!r}")
    reply = connection.send("GET", "/metrics")
    expect(reply.headers["Content-Type"].startswith("text/plain"), reply.headers["Content-Type"])
    page = reply.body.decode()
    for name in (
        "kbs_build_info",
        "kbs_http_requests_total",
        "kbs_http_request_duration_seconds_bucket",
        "kbs_auth_requests_total",
        "kbs_auth_successes_total",
        "kbs_auth_errors_total",
        "kbs_attestation_requests_total",
        "kbs_attestation_successes_total",
        "kbs_attestation_failures_total",
        "kbs_attestation_errors_total",
        "kbs_policy_evaluations_total",
        "kbs_policy_approvals_total",
        "kbs_policy_violations_total",
        "kbs_policy_errors_total",
        "kbs_resource_reads_total",
        "kbs_resource_writes_total",
        "kbs_resource_deletes_total",
    ):
        expect(f"\n{name}" in "\n" + page, f"no {name}")
    expect(connection.send("POST", "/metrics").status == 405, "POST /metrics")
