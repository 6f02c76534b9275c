"""Resources, errors and what clients make of them: sections 1.1, 1.7 and 1.8."""

import json
import os
import uuid

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

import jose
from cases import case, expect, refused
from kbs import PREFIX, Connection, Guest, Refused

# 1.1, 1.7: resources


@case("a resource is put, got, replaced, listed and deleted; its bytes come back as they were")
def resource_life(world):
    path = world.place() + "/one"
    guest = world.guest(path)
    guest.handshake()
    for content in (b"\0", bytes(range(256)) * 40, "ü€".encode(), os.urandom(1_000_000)):
        expect(world.admin.set_resource(path, content).body == b"", "the reply to a put is empty")
        expect(guest.resource(path) == content, f"{len(content)} bytes came back otherwise")
    listed = world.admin.call("GET", "resource").json()
    expect(path in json.dumps(listed), "the list does not have it")
    numbers = [entry["version"] for entry in world.admin.call("GET", f"testudo/resources/{path}").json()["versions"]]
    expect(numbers == sorted(set(numbers)) and len(numbers) > 0, f"versions {numbers}")
    expect(world.admin.call("DELETE", f"resource/{path}").body == b"", "the reply to a delete is empty")
    refused(lambda: guest.resource(path), 401, 404)
    refused(lambda: world.admin.call("DELETE", f"resource/{path}"), 401, 404)


@case("paths of resources are three names of letters, digits, hyphens, underscores and dots that lead none of them")
def resource_paths(world):
    for path in ("default/1/2", "repo/type/tag", "123--_default/1Abff-_/___-afds44BC", "1.ok/2ok./3..."):
        world.admin.set_resource(path, b"x")
        world.admin.call("DELETE", f"resource/{path}")
    for path in (
        "/1/2",
        "/repo/type/tag",
        "1/2",
        ".a/b/c",
        "a/.b/c",
        "a/b/.c",
        "a/b/",
        "a/b/c/d",
        "a/b/c%2Fd",
        "a/b/%00",
        "a/b/%C3%BC",
        "a//c",
        "../b/c",
        "a/b/c ",
    ):
        reply = world.admin.connection.send(
            "POST", f"{PREFIX}/resource/{path}".replace(" ", "%20"), b"x", world.admin.headers
        )
        expect(reply.status in (400, 401, 404), f"{reply.status} for {path}")
        reply.problem()


@case("a body beyond the limit is refused with an error, and the connection's other requests go on")
def too_large(world):
    path = world.place() + "/one"
    try:
        limit = 16 << 20
        world.admin.set_resource(path, bytes((2 << 20) - 1))
        world.admin.set_resource(path, bytes(limit + 1))
        raise AssertionError("no limit")
    except Refused as refusal:
        expect(refusal.status in (400, 401, 413), str(refusal))
    except (BrokenPipeError, ConnectionResetError):
        pass  # The broker may close before it has read everything.
    reply = Connection(world.broker).send("GET", "/healthz")
    expect(reply.status == 200, f"{reply.status}")


@case("a token of 120 KiB reaches the check of tokens, as machines with eight GPUs need it")
def long_token(world):
    guest = world.guest()
    guest.handshake()
    head, body, signature = guest.token.split(".")
    claims = dict(json.loads(jose.from_b64url(body)), padding="x" * 85_000)
    long = f"{head}.{jose.b64url(json.dumps(claims).encode())}.{signature}"
    expect(len(long) > 110_000, f"{len(long)}")
    refused(lambda: guest.resource("a/b/c", bearer=long), 401, names={"TokenVerifierError"})


# 1.8: errors and what clients make of them


@case("errors have the names of section 1.8: 404 for paths, 401 where a new handshake helps, the policy's no apart")
def errors(world):
    path = world.place() + "/one"
    world.admin.set_resource(path, b"secret")
    guest = world.guest(path)
    guest.auth()
    connection = Connection(world.broker)

    def get(path, **headers):
        return Refused(connection.send("GET", path, headers=headers))

    for unknown in ("/", "/kbs", f"{PREFIX}", f"{PREFIX}/", "/kbs/v1/auth", f"{PREFIX}/no-plugin/x"):
        refusal = get(unknown)
        expect(refusal.status == 404, f"{unknown}: {refusal}")
        expect(refusal.name in ("InvalidRequestPath", "PluginNotFound"), f"{unknown}: {refusal}")
    resource = f"{PREFIX}/resource/{path}"
    expect((get(resource).status, get(resource).name) == (401, "TokenNotFound"), f"{get(resource)}")
    open_session = Refused(guest.fetch(path))
    expect(open_session.status == 401, f"before attestation: {open_session}")
    for bearer in ("x", "a.b.c", "e30.e30.", "."):
        refusal = get(resource, Authorization=f"Bearer {bearer}")
        expect((refusal.status, refusal.name) == (401, "TokenVerifierError"), f"{bearer}: {refusal}")
    refusal = get(resource, Authorization="Basic dTpw")
    expect(refusal.status == 401, str(refusal))
    guest.attest()
    refused(lambda: guest.resource(world.place() + "/two"), 401, 403, names={"PolicyDeny"})
    stranger = Guest(world.broker, world.processor, init_data=f'version = "0.1.0"\n# {uuid.uuid4()}\n')
    stranger.auth()
    try:
        stranger.attest()
        refused(lambda: stranger.resource(path), 401, 403, names={"PolicyDeny"})
    except Refused as refusal:
        expect(refusal.status in (401, 403), str(refusal))


@case("forged, altered and foreign tokens are refused")
def foreign_tokens(world):
    path = world.place() + "/one"
    world.admin.set_resource(path, b"secret")
    guest = world.guest(path)
    guest.handshake()
    head, body, signature = guest.token.split(".")
    header, claims = jose.read_jwt(guest.token)

    def spelled(value):
        return jose.b64url(json.dumps(value).encode())

    own = ec.generate_private_key(ec.SECP256R1())

    def signed(new_header, new_claims):
        text = f"{spelled(new_header)}.{spelled(new_claims)}"
        r, s = utils.decode_dss_signature(own.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{jose.b64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    mine = dict(header, jwk=dict(jose.ec_jwk(own.public_key()), alg="ES256"))
    forged = [
        f"{spelled(dict(header, alg='none'))}.{body}.",
        f"{head}.{body}.",
        f"{head}.{spelled(dict(claims, exp=1 << 40))}.{signature}",
        f"{head}.{body}.{signature[:-4]}",
        f"{head}.{body}.{jose.b64url(bytes(64))}",
        signed(mine, claims),
        signed(header, claims),
        signed({"alg": "ES256"}, claims),
        f"{head}.{body}",
        f"{head}.{body}.{signature}.x",
        world.broker.token(),
    ]
    for token in forged:
        refused(lambda: guest.resource(path, bearer=token), 401, names={"TokenVerifierError"})


@case("guests react as they do in the field: one GET after the policy's no, a handshake after 401, an end at 404")
def reactions(world):
    path = world.place() + "/one"
    world.admin.set_resource(path, b"secret")
    guest = world.guest(path)
    expect(guest.resource_as_guests_do(path) == b"secret", "handshake after 401")
    calls = [f"{method} {place.rsplit('/', 1)[1]}" for method, place in guest.connection.calls]
    expect(calls == ["GET one", "POST auth", "POST attest", "GET one"], f"{calls}")
    guest.connection.calls.clear()
    try:
        guest.resource_as_guests_do(world.place() + "/two")
        raise AssertionError("got what the policy denies")
    except (RuntimeError, PermissionError) as error:
        denial = str(error)
    # A 403 stops a guest at once; a 401 would have it attest three times.
    expect(len(guest.connection.calls) == 1, f"{guest.connection.calls}")
    expect("PolicyDeny" in denial, denial)
    # A session that the broker does not know any more.
    guest.cookie = "0" * 32
    expect(guest.resource_as_guests_do(path) == b"secret", "handshake with a cookie that is void")
    try:
        guest.resource_as_guests_do("../../..")
        raise AssertionError("a path above the prefix")
    except (LookupError, RuntimeError, PermissionError):
        pass
