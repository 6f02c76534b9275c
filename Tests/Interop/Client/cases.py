"""What a client in another language expects of the broker: one function for each case, in the order of the specification.

A case raises when the broker deviates. `Absent` says that the broker has no such function yet: the case is shown as skipped and
runs as soon as the function is there.
"""

import base64
import json
import os
import time
import uuid

from cryptography.hazmat.primitives.asymmetric import ec

import jose
import kbs
from kbs import PREFIX, Connection, Guest, Refused

CASES = {}


class Absent(Exception):
    """The broker does not have what the case is about."""


def case(description):
    def register(function):
        CASES[function.__name__] = (function, description)
        return function

    return register


def expect(holds, complaint):
    if not holds:
        raise AssertionError(complaint)


def refused(action, *statuses, names=None):
    """Runs what must be refused, with an error that clients understand; gives the refusal."""
    try:
        result = action()
    except Refused as refusal:
        expect(refusal.status in statuses, f"{refusal}, but one of {statuses} was expected")
        expect(not names or refusal.name in names, f"{refusal}, but one of {sorted(names or [])} was expected")
        return refusal
    raise AssertionError(f"was not refused: {getattr(result, 'body', result)!r}")


class World:
    """The broker, its administrator and one registered manifest; each case has a place of its own for resources."""

    def __init__(self, broker, processor):
        self.broker = broker
        self.processor = processor
        self.admin = kbs.Administrator(broker)
        value = {"technology": "soft-snp", "measurement": kbs.softsnp.MEASUREMENT.hex(), "vcpus": 1, "debug": False}
        release = broker.signed({"version": "0.1.0", "values": [value]})
        self.admin.call("PUT", "testudo/reference-values", release.encode())

    def place(self):
        return f"interop/{uuid.uuid4().hex}"

    def register(self, guest, *resources):
        registration = {
            "name": "interop", "namespace": "default", "hostnames": ["interop.default.localhost"],
            "resources": list(resources), "measurements": "any-reference", "guestVersion": "0.1.0", "simulated": True,
        }
        self.admin.call("PUT", f"testudo/manifests/{guest.digest.hex()}", registration)

    def guest(self, *resources, key=None, data=""):
        """A guest with a manifest of its own, registered for the resources."""
        text = f'version = "0.1.0"\nalgorithm = "sha256"\n# {uuid.uuid4().hex}\n{data}'
        guest = Guest(self.broker, self.processor, key, text)
        self.register(guest, *resources)
        return guest


# The client itself


@case("the client gives the known answers of RFC 7518, RFC 8785 and kbs-types")
def known_answers(_):
    bob = {
        "kty": "EC", "crv": "P-256", "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
        "y": "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
    }
    alice = int.from_bytes(jose.from_b64url("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo"), "big")
    private = ec.derive_private_key(alice, ec.SECP256R1())
    secret = private.exchange(ec.ECDH(), jose.ec_public(bob))
    derived = jose.concat_kdf(secret, b"A128GCM", b"Alice", b"Bob", 128)
    expect(jose.b64url(derived) == "VqqN6vgjbSBcIijNcacQGg", "RFC 7518, appendix C")
    digest = jose.runtime_data_digest({"b": 1, "a": "test", "c": {"d": "e"}})
    expect(digest.hex().startswith("e71ce8e70d814ba6639c3612ebee0ff1f76f650f8dbb5e47157e0f3f525cd22c"), "digest")
    expect(digest[48:] == bytes(16), "the digest is padded with zeros")
    header = jose.b64url(jose.reserialised({"enc": "fakeenc", "alg": "fakealg"}))
    expect(header == "eyJhbGciOiJmYWtlYWxnIiwiZW5jIjoiZmFrZWVuYyJ9", header)


# 1.2: request and challenge


@case("auth gives a nonce of 32 bytes and a session cookie of five minutes, whatever extra-params hold")
def challenge(world):
    nonces = set()
    guest = Guest(world.broker, world.processor)
    for extra in ("", {}, [], 7, True, {"supported-hash-algorithms": ["sha384"]}, {"a": {"b": [1, "ü"]}}):
        reply = guest.auth(extra=extra)
        expect(reply.json()["extra-params"] == "", f"extra-params are {reply.json()['extra-params']!r}")
        expect(reply.headers["Content-Type"] == "application/json", reply.headers["Content-Type"])
        expect(guest.expires and 200 < guest.expires - time.time() <= 301, f"expires {guest.expires}")
        expect(guest.cookie_header(f"{PREFIX}/attest") and guest.cookie_header(f"{PREFIX}/resource/a/b/c"), "path")
        nonces.add(guest.nonce)
    expect(len(nonces) == 7, "a nonce came twice")


@case("another version of the protocol is refused, and the refusal says which one is meant")
def versions(world):
    guest = Guest(world.broker, world.processor)
    for version in ("0.3.0", "0.5.0", "1.4.0", "0.4", "newest", ""):
        refusal = refused(lambda: guest.auth(version=version), 400, 401)
        expect("0.4.0" in refusal.detail, f"{version!r}: {refusal}")
    refusal = refused(lambda: guest.auth(version="0.3.0"), 401, names={"AttestationError"})
    expect("version" in refusal.detail.lower(), str(refusal))


@case("requests that cannot be read are refused as the client's mistake")
def malformed_requests(world):
    connection = Connection(world.broker)
    good = {"version": "0.4.0", "tee": "soft-snp", "extra-params": ""}
    broken = [b"", b"{", b"[]", b"null", b"\xff\xfe", json.dumps(good).encode() + b"x", b"[" * 100_000]
    broken += [dict(good, version=4), dict(good, tee=["snp"]), {"tee": "snp"}, {"version": "0.4.0"}]
    broken += [dict(good, tee="no-such-tee"), dict(good, tee="")]
    for body in broken:
        reply = connection.send("POST", f"{PREFIX}/auth", body)
        expect(reply.status in (400, 401), f"{reply.status} for {str(body)[:60]}")
        reply.problem()


# 1.2, 1.5, 1.6: the handshake with each form of key


def whole_way(world, key):
    """Handshake, then the resource by cookie, and by the token on another connection."""
    path = world.place() + "/one"
    secret = os.urandom(321)
    world.admin.set_resource(path, secret)
    guest = world.guest(path, key=key)
    guest.handshake()
    expect(guest.resource(path) == secret, "by cookie")
    expect(guest.resource(path, bearer=guest.token, connection=Connection(world.broker)) == secret, "by token")
    return guest


@case("RCAR with an EC key on P-256")
def rcar_p256(world):
    whole_way(world, jose.TEEKey.ec("P-256"))


@case("RCAR with an EC key on P-521")
def rcar_p521(world):
    whole_way(world, jose.TEEKey.ec("P-521"))


@case("RCAR with an RSA key of 2048 bits")
def rcar_rsa2048(world):
    whole_way(world, jose.TEEKey.rsa(2048))


@case("RCAR with an RSA key of 4096 bits")
def rcar_rsa4096(world):
    whole_way(world, jose.TEEKey.rsa(4096))


@case("the protected header has alg and enc first, in the order in which guests write it again")
def header_order(world):
    path = world.place() + "/one"
    world.admin.set_resource(path, b"secret")
    for key in (jose.TEEKey.ec(), jose.TEEKey.rsa()):
        guest = world.guest(path, key=key)
        guest.handshake()
        jwe = guest.fetch(path).json()
        raw = jose.from_b64url(jwe["protected"])
        header = json.loads(raw)
        expect(raw == jose.reserialised(header), f"{raw!r} is written again as {jose.reserialised(header)!r}")
        expect(header["alg"] == key.jwk["alg"] and header["enc"] == "A256GCM", f"{header}")
        if "epk" in header:
            expect(list(header["epk"]) == ["crv", "kty", "x", "y"], f"{header['epk']}")
        again = guest.fetch(path).json()
        for member in ("encrypted_key", "iv", "ciphertext"):
            expect(jwe[member] != again[member], f"{member} is the same twice")


@case("keys of other kinds, on other curves, too short or off their curve get nothing")
def other_keys(world):
    path = world.place() + "/one"
    world.admin.set_resource(path, b"secret")
    good = jose.TEEKey.ec()
    small = jose.TEEKey.rsa(1024)
    numbers = dict(good.jwk)
    numbers["y"] = numbers["x"]
    p384 = jose.TEEKey.ec("P-384")
    odd = [
        p384.jwk, small.jwk, numbers, dict(good.jwk, alg="ECDH-ES"), dict(good.jwk, alg="none"),
        dict(good.jwk, crv="P-521"), dict(good.jwk, kty="RSA"), dict(good.jwk, x=""), dict(good.jwk, x="AAAA", y="AAAA"),
        dict(good.jwk, x="A" * 43, y="A" * 43), {"kty": "oct", "k": "AAAA", "alg": "A256KW"}, {"kty": "EC"}, {}, [], "",
        None, dict(small.jwk, n="", e="AQAB"), dict(jose.TEEKey.rsa().jwk, e="AA"), dict(jose.TEEKey.rsa().jwk, e="AQ"),
        {"kty": "OKP", "crv": "X25519", "x": "A" * 43, "alg": "ECDH-ES+A256KW"},
    ]
    for jwk in odd:
        guest = world.guest(path, key=jose.TEEKey(good.private, jwk))
        guest.auth()
        try:
            guest.attest()
            reply = guest.fetch(path)
            expect(reply.status != 200, f"a resource was encrypted to {jwk}")
            refusal = Refused(reply)
        except Refused as caught:
            refusal = caught
        expect(400 <= refusal.status < 500, f"{refusal} for the key {str(jwk)[:200]}")


@case("report data is SHA-384 over the canonical form, which orders by UTF-16 and keeps what additional evidence says")
def canonical_form(world):
    path = world.place() + "/one"
    world.admin.set_resource(path, b"secret")
    guest = world.guest(path)
    guest.auth()
    guest.attest()
    expect(guest.resource(path) == b"secret", "without additional evidence")
    # RFC 7517, 4: members of a key that nobody understands are ignored, but they are part of what is hashed. Names and texts
    # that canonicalisers get wrong: order by UTF-16, escapes, nothing but what must be escaped.
    for extra in ({"kid": "one", "use": "enc"}, {"kid": "\u00fc\u20ac\U0001f600\"\\\u0001\n/\u007f", "\ufb33": "1", "\U0001f600": "2"}):
        key = jose.TEEKey.ec()
        guest = world.guest(path, key=jose.TEEKey(key.private, {**key.jwk, **extra}))
        guest.handshake()
        expect(guest.resource(path) == b"secret", f"a key with {extra}")


# 2.2: the token


@case("the token is an EAR signed with ES256 under the key in its header, which the key set has too")
def token(world):
    guest = world.guest()
    reply = guest.handshake()
    expect(reply.headers["Content-Type"] == "application/json", reply.headers["Content-Type"])
    header, claims = jose.read_jwt(guest.token)
    expect((header["typ"], header["alg"]) == ("JWT", "ES256"), f"{header}")
    jwk = header["jwk"]
    expect((jwk["kty"], jwk["crv"], jwk["alg"]) == ("EC", "P-256", "ES256"), f"{jwk}")
    jose.verify_es256(guest.token, jwk)
    from cryptography import x509

    leaf = x509.load_der_x509_certificate(base64.b64decode(jwk["x5c"][0], validate=True))
    expect(jose.ec_jwk(leaf.public_key())["x"] == jwk["x"], "the first certificate is for another key")
    keys = Connection(world.broker).send("GET", "/.well-known/jwks.json").json()["keys"]
    published = [key for key in keys if (key["x"], key["y"]) == (jwk["x"], jwk["y"])]
    expect(len(published) == 1, "the key set does not have the key once")
    jose.verify_es256(guest.token, published[0])
    if "kid" in header:
        expect(published[0]["kid"] == header["kid"], "kid")
    expect(isinstance(claims["iat"], int) and isinstance(claims["exp"], int), "times are whole seconds")
    expect(0 < claims["exp"] - claims["iat"] <= 300 and abs(claims["iat"] - time.time()) < 30, "times")
    expect(claims["eat_profile"].startswith("tag:"), claims["eat_profile"])
    expect(isinstance(claims["iss"], str) and claims["iss"], "iss")
    expect(set(claims["ear.verifier-id"]) == {"developer", "build"}, "ear.verifier-id")
    appraisal = claims["submods"]["cpu0"]
    statuses = ("none", "affirming", "warning", "contraindicated")
    expect(appraisal["ear.status"] in statuses, appraisal["ear.status"])
    expect(appraisal["ear.appraisal-policy-id"], "ear.appraisal-policy-id")
    evidence = appraisal["ear.veraison.annotated-evidence"]
    # Section 2.4: where brokers find the key that the token is bound to.
    runtime = evidence["runtime_data_claims"]
    expect(runtime == guest.runtime_data(additional=""), f"{runtime}")
    expect("soft-snp" in evidence and evidence["init_data"] and evidence["report_data"], "annotated evidence")
    digest = jose.runtime_data_digest(runtime)
    expect(evidence["report_data"] == digest.hex(), "report_data is not what the hardware said")


@case("claims of the init-data are in the token: tables parsed, texts as they are")
def init_data_claims(world):
    data = '[data]\n"aa.toml" = """\n[token_configs]\nkind = "kbs"\n"""\n"note.txt" = "hello"\n'
    guest = world.guest(data=data)
    guest.handshake()
    evidence = jose.read_jwt(guest.token)[1]["submods"]["cpu0"]["ear.veraison.annotated-evidence"]
    claims = evidence["init_data_claims"]
    expect(claims and claims["aa.toml"] == {"token_configs": {"kind": "kbs"}}, f"{claims}")
    expect(claims["note.txt"] == "hello", f"{claims}")
    expect(evidence["init_data"] == guest.digest.hex(), evidence["init_data"])


# 1.3: what the evidence is bound to


@case("evidence for another nonce, key, additional evidence or init-data, and changed evidence, opens nothing")
def binding(world):
    guest = world.guest()
    other = jose.TEEKey.ec()

    def attest(change, **options):
        guest.auth()
        message = guest.attestation(**options)
        change(message)
        return refused(lambda: guest.attest(message), 400, 401, names={"AttestationError", "SerdeError"})

    def at(*path, value):
        def change(message):
            for name in path[:-1]:
                message = message[name]
            message[path[-1]] = value

        return change

    def keep(_):
        pass

    def flip(report):
        report["measurement"][0] ^= 1

    attest(at("runtime-data", "tee-pubkey", value=other.jwk))
    attest(at("runtime-data", "nonce", value=base64.b64encode(os.urandom(32)).decode()))
    attest(at("tee-evidence", "additional_evidence", value="{}"))
    attest(at("init-data", "body", value=guest.init_data + "\n"))
    attest(keep, tamper=flip)
    attest(keep, report_data=bytes(64))
    attest(keep, report_data=jose.runtime_data_digest(guest.runtime_data()))
    attest(keep, host_data=bytes(32))
    earlier = guest.nonce
    guest.auth()
    expect(guest.nonce != earlier, "nonce")
    guest.handshake()
    guest.policy = kbs.softsnp.DEBUG_POLICY
    attest(keep)
    guest.policy = kbs.softsnp.POLICY
    # What was refused does not stay: the same guest attests at once.
    guest.handshake()


@case("attestations that cannot be read are refused as the client's mistake")
def malformed_attestations(world):
    guest = world.guest()
    guest.auth()
    good = guest.attestation()

    def without(*path):
        copy = json.loads(json.dumps(good))
        target = copy
        for name in path[:-1]:
            target = target[name]
        del target[path[-1]]
        return copy

    broken = [b"", b"{}", b"[]", b"\x00", json.dumps(good).encode()[:-1], without("runtime-data"), without("tee-evidence")]
    broken += [without("runtime-data", "nonce"), without("runtime-data", "tee-pubkey")]
    broken += [without("tee-evidence", "primary_evidence"), without("tee-evidence", "primary_evidence", "attestation_report")]
    broken += [dict(good, **{"init-data": {"format": "yaml", "body": ""}}), dict(good, **{"init-data": "toml"})]
    for body in broken:
        reply = guest.connection.send("POST", f"{PREFIX}/attest", body, guest.cookie_header(f"{PREFIX}/attest"))
        expect(reply.status in (400, 401), f"{reply.status} for {str(body)[:100]}")
        reply.problem()
    guest.handshake()


@case("a nonce is good once: the same message again, and another guest's key over the session, get nothing new")
def replay(world):
    guest = world.guest()
    guest.auth()
    message = guest.attestation()
    guest.attest(message)
    first = jose.read_jwt(guest.token)[1]
    thief = Guest(world.broker, world.processor, jose.TEEKey.ec(), guest.init_data)
    thief.cookie, thief.cookie_path, thief.nonce = guest.cookie, guest.cookie_path, guest.nonce
    for attempt in (message, thief.attestation()):
        reply = guest.connection.send("POST", f"{PREFIX}/attest", attempt, guest.cookie_header(f"{PREFIX}/attest"))
        if reply.status == 200:
            # Trustee answers with the token that it gave before.
            again = jose.read_jwt(reply.json()["token"])[1]
            expect(again["iat"] == first["iat"] and again["submods"] == first["submods"], "a new token for an old nonce")
        else:
            expect(reply.status in (400, 401), f"{reply.status}")
            reply.problem()
    # Without the cookie there is no session, and a cookie that nobody gave is none.
    for cookie in (None, "0" * 32, "x", guest.cookie[:-1], guest.cookie + "0", "ü"):
        fresh = Guest(world.broker, world.processor, guest.key, guest.init_data)
        fresh.auth()
        message = fresh.attestation()
        headers = {"Cookie": f"{kbs.COOKIE}={cookie}".encode()} if cookie else {}
        reply = fresh.connection.send("POST", f"{PREFIX}/attest", message, headers)
        expect(reply.status == 401, f"{reply.status} with the cookie {cookie!r}")
        reply.problem()


@case("the session cookie is found among others, in a header of any order")
def cookies(world):
    path = world.place() + "/one"
    world.admin.set_resource(path, b"secret")
    guest = world.guest(path)
    guest.handshake()
    for header in (f"a=b; {kbs.COOKIE}={guest.cookie}", f"{kbs.COOKIE}={guest.cookie}; c=d", f"a=;{kbs.COOKIE}={guest.cookie}"):
        reply = guest.connection.send("GET", f"{PREFIX}/resource/{path}", headers={"Cookie": header})
        expect(guest.open(reply) == b"secret", header)
    # A cookie that is none falls through to the token.
    headers = {"Cookie": f"{kbs.COOKIE}={'0' * 32}", "Authorization": f"Bearer {guest.token}"}
    expect(guest.open(guest.connection.send("GET", f"{PREFIX}/resource/{path}", headers=headers)) == b"secret", "token")


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
    expect(world.admin.call("DELETE", f"resource/{path}").body == b"", "the reply to a delete is empty")
    refused(lambda: guest.resource(path), 401, 404)
    refused(lambda: world.admin.call("DELETE", f"resource/{path}"), 401, 404)


@case("paths of resources are three names of letters, digits, hyphens, underscores and dots that lead none of them")
def resource_paths(world):
    for path in ("default/1/2", "repo/type/tag", "123--_default/1Abff-_/___-afds44BC", "1.ok/2ok./3..."):
        world.admin.set_resource(path, b"x")
        world.admin.call("DELETE", f"resource/{path}")
    for path in ("/1/2", "/repo/type/tag", "1/2", ".a/b/c", "a/.b/c", "a/b/.c", "a/b/", "a/b/c/d", "a/b/c%2Fd", "a/b/%00",
                 "a/b/%C3%BC", "a//c", "../b/c", "a/b/c "):
        reply = world.admin.connection.send(
            "POST", f"{PREFIX}/resource/{path}".replace(" ", "%20"), b"x", world.admin.headers)
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
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import utils

    def signed(new_header, new_claims):
        text = f"{spelled(new_header)}.{spelled(new_claims)}"
        r, s = utils.decode_dss_signature(own.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{jose.b64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    mine = dict(header, jwk=dict(jose.ec_jwk(own.public_key()), alg="ES256"))
    forged = [
        f"{spelled(dict(header, alg='none'))}.{body}.", f"{head}.{body}.", f"{head}.{spelled(dict(claims, exp=1 << 40))}.{signature}",
        f"{head}.{body}.{signature[:-4]}", f"{head}.{body}.{jose.b64url(bytes(64))}", signed(mine, claims), signed(header, claims),
        signed({"alg": "ES256"}, claims), f"{head}.{body}", f"{head}.{body}.{signature}.x", world.broker.token(),
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


# 1.1, 1.9: administrators


@case("no call of an administrator works without a token, or with one that is forged, expired, or for another role")
def administrators(world):
    calls = [
        ("POST", "resource/a/b/c"), ("DELETE", "resource/a/b/c"), ("GET", "resource"), ("GET", "reference-value/x"),
        ("POST", "reference-value"), ("GET", "testudo/audit"), ("PUT", f"testudo/manifests/{'0' * 64}"),
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
        None, "", "x", f"{head}.{body}.", f"{head}.{body}.{signature[:-2]}AA", guest.token,
        jose.sign_eddsa({"role": "admin", "exp": now + 60}, jose.new_ed25519()),
        jose.sign_eddsa({"role": "admin", "exp": now - 120}, key), jose.sign_eddsa({"role": "admin"}, key),
        jose.sign_eddsa({"exp": now + 60}, key), jose.sign_eddsa({"role": "tester", "exp": now + 60}, key),
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
    refusal = refused(lambda: stranger.set_resource("a/b/c", b"x"), 401, 403)
    expect("Cannot verify token with any of the issuers" in refusal.detail, str(refusal))
    key = jose.load_private(world.broker.file("admin.key"))
    tester = kbs.Administrator(world.broker, jose.sign_eddsa({"role": "tester", "exp": now + 60}, key))
    refusal = refused(lambda: tester.set_resource("a/b/c", b"x"), 401, 403)
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
            'package policy\nimport rego.v1\ndefault allow = false\nallow if {\n'
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
        set_policy(world, "resource-policy", ALLOW)


@case("an attestation policy is set as kbs-client does it")
def attestation_policy(world):
    reply = world.admin.connection.send("POST", f"{PREFIX}/attestation-policy", b"{}", world.admin.headers)
    if reply.status in (404, 405):
        raise Absent("the broker has no attestation-policy")
    expect(reply.status in (400, 401), f"{reply.status}")
    text = "package policy\nimport rego.v1\ndefault executables := 33\ntrust_claims := {\"executables\": executables}\n"
    set_policy(world, "attestation-policy", text, policy_id="interop", type="rego")
    refused(lambda: set_policy(world, "attestation-policy", "broken", policy_id="interop"), 400, 401)


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
        "kbs_build_info", "kbs_http_requests_total", "kbs_http_request_duration_seconds_bucket", "kbs_auth_requests_total",
        "kbs_auth_successes_total", "kbs_auth_errors_total", "kbs_attestation_requests_total", "kbs_attestation_successes_total",
        "kbs_attestation_failures_total", "kbs_attestation_errors_total", "kbs_policy_evaluations_total",
        "kbs_policy_approvals_total", "kbs_policy_violations_total", "kbs_policy_errors_total", "kbs_resource_reads_total",
        "kbs_resource_writes_total", "kbs_resource_deletes_total",
    ):
        expect(f"\n{name}" in "\n" + page, f"no {name}")
    expect(connection.send("POST", "/metrics").status == 405, "POST /metrics")
