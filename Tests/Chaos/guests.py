"""Guests and administrators that know several replicas and try another one when a call fails by connection or time."""

import hashlib
import http.client
import os
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "Interop" / "Client"))

import jose  # noqa: E402
import kbs  # noqa: E402

# How long a guest waits for an answer.
PATIENCE = 6
# The broker closes a connection that was idle for a minute.
IDLE = 30


class Failed(Exception):
    """No answer, or one that says: try again."""


class Line(kbs.Connection):
    """A connection without the client's own second try."""

    def __init__(self, replica, patience=PATIENCE):
        self.http = http.client.HTTPSConnection("127.0.0.1", replica.port, timeout=patience, context=replica.tls)
        self.calls = []
        self.used = time.monotonic()

    def send(self, method, path, body=None, headers=None):
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = kbs.json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        if time.monotonic() - self.used > IDLE:
            self.http.close()
        try:
            self.http.request(method, path, body=body, headers=headers)
            response = self.http.getresponse()
            reply = kbs.Reply(response.status, response.headers, response.read())
        except (OSError, http.client.HTTPException) as error:
            self.http.close()
            raise Failed(f"{type(error).__name__} {error}") from error
        self.used = time.monotonic()
        if reply.status == 503:
            raise Failed(f"503 {reply.body[:200]!r}")
        return reply


class Lines:
    """One thread's connections to the replicas."""

    def __init__(self, replicas, patience=PATIENCE):
        self.replicas = replicas
        self.lines = [Line(replica, patience) for replica in replicas]

    def others(self, place):
        return [other for other in range(len(self.lines)) if other != place]


class Visit:
    """One guest's whole handshake: a challenge, evidence, a resource. Counts its retries."""

    def __init__(self, lines, processor, init_data, choose):
        self.lines, self.choose = lines, choose
        self.guest = kbs.Guest(lines.replicas[0], processor, KEYS[choose.randrange(len(KEYS))], init_data)
        self.place = choose.randrange(len(lines.lines))
        self.retries = 0
        self.failures = []
        # Replicas that did not answer: nobody asks them again soon.
        self.avoided = set()
        # What was sent to /attest: nonce, cookie, message, instance, whether it was accepted.
        self.sent = []

    def at(self, place):
        self.place = place
        self.guest.connection = self.lines.lines[place]

    def elsewhere(self):
        """Goes on at any replica that did not fail."""
        places = [place for place in range(len(self.lines.lines)) if place not in self.avoided]
        self.at(self.choose.choice(places or range(len(self.lines.lines))))

    def again(self, step, failure):
        self.retries += 1
        self.avoided.add(self.place)
        self.failures.append(f"{step} at {self.lines.replicas[self.place].name}: {failure}")
        if self.retries > 5:
            raise failure
        self.elsewhere()

    def attest(self):
        """Until a token is there. A message whose answer was lost may have used up its nonce: a new session begins."""
        self.at(self.place)
        while True:
            try:
                self.guest.auth()
                attempt = Attempt(self.guest, self.choose)
                self.sent.append(attempt)
                self.guest.attest(attempt.message)
                attempt.accepted += 1
                return attempt
            except Failed as failure:
                self.again("attest" if self.sent and self.sent[-1].nonce == self.guest.nonce else "auth", failure)

    def read(self, path, bearer=None):
        while True:
            try:
                return self.guest.resource(path, bearer=bearer)
            except Failed as failure:
                self.again("resource", failure)


# A P-256 key takes longer to make than to use; guests of one run share some.
KEYS = [jose.TEEKey.ec() for _ in range(64)]


class Attempt:
    """A message to /attest, so that it can be sent again."""

    def __init__(self, guest, choose, instance=None, tls_key=None):
        self.nonce, self.cookie = guest.nonce, guest.cookie
        self.instance = instance or "%032x" % choose.getrandbits(128)
        self.manifest = guest.digest.hex()
        self.log_key = hashlib.sha256(self.instance.encode()).hexdigest()
        self.message = guest.attestation(additional=jose.canonical({"testudo": {
            "binding": "launch", "epoch": 0, "instance": self.instance, "manifest": self.manifest,
            "tlsKey": tls_key or hashlib.sha256(os.urandom(8)).hexdigest(), "logKey": self.log_key}}))
        self.accepted = 0

    @property
    def mark(self):
        """What an audit log names the nonce by."""
        return hashlib.sha256(self.nonce.encode()).hexdigest()

    def replay(self, line):
        """Sends it once more; gives the refusal, or None where no answer came."""
        try:
            reply = line.send("POST", f"{kbs.PREFIX}/attest", self.message, {"Cookie": f"{kbs.COOKIE}={self.cookie}"})
        except Failed:
            return None
        if reply.status == 200:
            self.accepted += 1
            return "accepted"
        return f"{reply.status} {reply.problem()[1]}"

    def race(self, lines):
        """Sends it to all of `lines` at once; gives how many accepted it."""
        found = []
        threads = [threading.Thread(target=lambda line=line: found.append(self.replay(line))) for line in lines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found.count("accepted"), found


class Administrator:
    """Makes one change after another; tries another replica when one fails."""

    def __init__(self, keys, lines, choose):
        self.keys, self.lines, self.choose = keys, lines, choose
        self.key, self.token, self.made = "admin.key", "", 0
        self.place = 0
        self.retries = 0

    def headers(self):
        if time.monotonic() - self.made > 1500 or not self.token:
            self.token, self.made = self.keys.token(key=self.key), time.monotonic()
        return {"Authorization": f"Bearer {self.token}"}

    def once(self, method, path, body=None):
        """A call without a second try."""
        reply = self.lines.lines[self.place].send(method, f"{kbs.PREFIX}/{path}", body, self.headers())
        if reply.status != 200:
            raise kbs.Refused(reply)
        return reply

    def call(self, method, path, body=None):
        self.place = self.choose.randrange(len(self.lines.lines))
        self.retries = 0
        while True:
            try:
                return self.once(method, path, body)
            except Failed:
                self.retries += 1
                if self.retries > 5:
                    raise
                self.place = self.choose.choice(self.lines.others(self.place) or [self.place])


def register(administrator, init_data, name, namespace="default", **members):
    """Registers a manifest; gives its digest."""
    digest = hashlib.sha256(init_data.encode()).hexdigest()
    administrator.call("PUT", f"testudo/manifests/{digest}", {
        "name": name, "namespace": namespace, "measurements": "any-reference", "guestVersion": "0.1.0", "simulated": True,
        **members})
    return digest


def release(administrator, keys):
    """Publishes the measurement that all these guests have."""
    value = {"technology": "soft-snp", "measurement": kbs.softsnp.MEASUREMENT.hex(), "vcpus": 1, "debug": False}
    document = keys.signed({"version": "0.1.0", "values": [value]})
    administrator.call("PUT", "testudo/reference-values", document.encode())


def allow(administrator, name, prefix):
    """A policy that asks for a claim which no cookie has: any registered guest may have what lies below the prefix."""
    text = 'package policy\nimport rego.v1\ndefault allow := false\nallow if input.submods.cpu0["ear.status"] != "none"\n'
    administrator.call("PUT", f"testudo/resource-policies/{name}", {"policy": jose.b64url(text.encode()), "prefix": prefix})


def seeded(*parts):
    return random.Random("/".join(map(str, parts)))
