"""What evidence and sessions are bound to: sections 1.2 and 1.3."""

import base64
import json
import os

import jose
import kbs
from cases import case, expect, refused
from kbs import PREFIX, Guest

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

    broken = [
        b"",
        b"{}",
        b"[]",
        b"\x00",
        json.dumps(good).encode()[:-1],
        without("runtime-data"),
        without("tee-evidence"),
    ]
    broken += [without("runtime-data", "nonce"), without("runtime-data", "tee-pubkey")]
    broken += [
        without("tee-evidence", "primary_evidence"),
        without("tee-evidence", "primary_evidence", "attestation_report"),
    ]
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
            expect(
                again["iat"] == first["iat"] and again["submods"] == first["submods"], "a new token for an old nonce"
            )
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
    for header in (
        f"a=b; {kbs.COOKIE}={guest.cookie}",
        f"{kbs.COOKIE}={guest.cookie}; c=d",
        f"a=;{kbs.COOKIE}={guest.cookie}",
    ):
        reply = guest.connection.send("GET", f"{PREFIX}/resource/{path}", headers={"Cookie": header})
        expect(guest.open(reply) == b"secret", header)
    # A cookie that is none falls through to the token.
    headers = {"Cookie": f"{kbs.COOKIE}={'0' * 32}", "Authorization": f"Bearer {guest.token}"}
    expect(guest.open(guest.connection.send("GET", f"{PREFIX}/resource/{path}", headers=headers)) == b"secret", "token")
