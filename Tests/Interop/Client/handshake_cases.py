"""The handshake with each form of key, and the token: sections 1.2, 1.4 to 1.6 and 2.2."""

import base64
import json
import os
import time

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

import jose
from cases import case, expect, refused
from kbs import PREFIX, Connection, Guest, Refused

# The client itself


@case("the client gives the known answers of RFC 7518, RFC 8785 and kbs-types")
def known_answers(_):
    bob = {
        "kty": "EC",
        "crv": "P-256",
        "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
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
    broken = [b"", b"{", b"[]", b"null", b"\xff\xfe", json.dumps(good).encode() + b"x", b"[" * 60_000]
    broken += [dict(good, version=4), dict(good, tee=["snp"]), {"tee": "snp"}, {"version": "0.4.0"}]
    broken += [dict(good, tee="no-such-tee"), dict(good, tee="")]
    for body in broken:
        reply = connection.send("POST", f"{PREFIX}/auth", body)
        expect(reply.status in (400, 401), f"{reply.status} for {str(body)[:60]}")
        reply.problem()


@case("what a later client says beside what is known is left alone, but not within what evidence binds")
def later_clients(world):
    connection = Connection(world.broker)
    later = {"version": "0.4.0", "tee": "soft-snp", "extra-params": {"id": "x"}, "hint": {"a": [1]}, "device": None}
    reply = connection.send("POST", f"{PREFIX}/auth", later)
    expect(reply.status == 200, f"/auth with further members: {reply.status} {reply.body[:200]!r}")
    guest = world.guest()
    guest.auth()
    message = guest.attestation()
    for place in ("runtime-data", "init-data"):
        more = dict(message, **{place: dict(message[place], later=1)})
        refusal = refused(lambda: guest.attest(more), 400, names={"SerdeError"})
        expect("later" in refusal.detail, str(refusal))
    evidence = dict(message["tee-evidence"], later=1)
    guest.attest(dict(message, **{"tee-evidence": evidence, "later": {"x": 1}}))
    expect(guest.token, "no token")


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
        p384.jwk,
        small.jwk,
        numbers,
        dict(good.jwk, alg="ECDH-ES"),
        dict(good.jwk, alg="none"),
        dict(good.jwk, crv="P-521"),
        dict(good.jwk, kty="RSA"),
        dict(good.jwk, x=""),
        dict(good.jwk, x="AAAA", y="AAAA"),
        dict(good.jwk, x="A" * 43, y="A" * 43),
        {"kty": "oct", "k": "AAAA", "alg": "A256KW"},
        {"kty": "EC"},
        {},
        [],
        "",
        None,
        dict(small.jwk, n="", e="AQAB"),
        dict(jose.TEEKey.rsa().jwk, e="AA"),
        dict(jose.TEEKey.rsa().jwk, e="AQ"),
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
    # RFC 7517, 4: members of a key that nobody understands are ignored, but they are part of what is hashed. Here are
    # names and texts that canonicalisers get wrong: order by UTF-16, escapes, nothing but what must be escaped.
    for extra in (
        {"kid": "one", "use": "enc"},
        {"kid": '\u00fc\u20ac\U0001f600"\\\u0001\n/\u007f', "\ufb33": "1", "\U0001f600": "2"},
    ):
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
