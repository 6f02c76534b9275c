"""A client of the key broker protocol (RCAR, version 0.4.0), written from its description and from RFCs alone.

Nothing here was taken from the broker: the sections are those of its description of trustee's protocol; RFC 6265
(cookies), RFC 7515 to 7518, RFC 8785. Where clients in the field are strict (they refuse members they do not know, or
demand some), this one is too.
"""

import base64
import email.utils
import hashlib
import http.client
import json
import time

import jose
import softsnp

PREFIX = "/kbs/v0"
ERRORS = "https://github.com/confidential-containers/kbs/errors/"
COOKIE = "kbs-session-id"


class ProtocolViolation(Exception):
    """The broker said something that clients in the field do not understand."""


class Refused(Exception):
    """A problem document, with the status that it came with."""

    def __init__(self, reply):
        self.status = reply.status
        self.name, self.detail = reply.problem()
        super().__init__(f"{self.status} {self.name}: {self.detail}")


# What every exchange of this process is given to; for tests of the API's description.
recorders = []


class Reply:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    def problem(self):
        """Name and detail of an error: clients parse `type` and `detail`, both strings, in each error."""
        try:
            document = self.json()
        except ValueError:
            raise ProtocolViolation(f"status {self.status} without an error in JSON: {self.body[:200]!r}") from None
        texts = [document.get(name) for name in ("type", "detail")] if isinstance(document, dict) else [None]
        if not all(isinstance(text, str) for text in texts):
            raise ProtocolViolation(f"status {self.status} with an error without type and detail: {document}")
        if not document["type"].startswith(ERRORS):
            raise ProtocolViolation(f"an error of type {document['type']}")
        return document["type"][len(ERRORS) :], document["detail"]


class Connection:
    """One connection to a broker, which may be closed and opened again."""

    def __init__(self, broker):
        self.http = http.client.HTTPSConnection("127.0.0.1", broker.port, timeout=30, context=broker.tls)
        self.calls = []

    def send(self, method, path, body=None, headers=None):
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        self.calls.append((method, path))
        try:
            self.http.request(method, path, body=body, headers=headers)
            response = self.http.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            # The server may close a connection that was idle.
            self.http.close()
            self.http.request(method, path, body=body, headers=headers)
            response = self.http.getresponse()
        reply = Reply(response.status, response.headers, response.read())
        for record in recorders:
            record(method, path, body, reply)
        return reply


class Administrator:
    """Calls of section 1.1 that an administrator makes."""

    def __init__(self, broker, token=None):
        self.connection = Connection(broker)
        self.headers = {"Authorization": f"Bearer {token or broker.token()}"}

    def call(self, method, path, body=None):
        reply = self.connection.send(method, f"{PREFIX}/{path}", body, self.headers)
        if reply.status != 200:
            raise Refused(reply)
        return reply

    def set_resource(self, path, content):
        return self.call("POST", f"resource/{path}", content)


class Guest:
    """A guest: a key, a document of init-data, and a processor that vouches for both."""

    def __init__(self, broker, processor, key=None, init_data='version = "0.1.0"\nalgorithm = "sha256"\n'):
        self.broker = broker
        self.processor = processor
        self.key = key or jose.TEEKey.ec()
        self.init_data = init_data
        self.connection = Connection(broker)
        self.cookie = None
        self.cookie_path = PREFIX
        self.token = None
        self.policy = softsnp.POLICY
        self.measurement = softsnp.MEASUREMENT

    @property
    def digest(self):
        return hashlib.sha256(self.init_data.encode()).digest()

    # Request, challenge

    def auth(self, version="0.4.0", tee=softsnp.TECHNOLOGY, extra=None):
        """POST /auth; keeps the cookie and the nonce."""
        if extra is None:
            extra = {"supported-hash-algorithms": ["sha256", "sha384", "sha512", "sm3"]}
        message = {"version": version, "tee": tee, "extra-params": extra}
        reply = self.connection.send("POST", f"{PREFIX}/auth", message)
        if reply.status != 200:
            raise Refused(reply)
        challenge = reply.json()
        if not {"nonce", "extra-params"} <= set(challenge):
            raise ProtocolViolation(f"a challenge with the members {sorted(challenge)}")
        if len(base64.b64decode(challenge["nonce"], validate=True)) != 32 or len(challenge["nonce"]) != 44:
            raise ProtocolViolation(f"the nonce is not 32 bytes in base64: {challenge['nonce']}")
        self.nonce = challenge["nonce"]
        self.take_cookie(reply, f"{PREFIX}/auth")
        return reply

    def take_cookie(self, reply, path):
        """RFC 6265, 5.2 to 5.4, for one cookie of one host."""
        lines = reply.headers.get_all("Set-Cookie") or []
        if len(lines) != 1:
            raise ProtocolViolation(f"{len(lines)} cookies")
        pair, *attributes = [part.strip() for part in lines[0].split(";")]
        name, value = pair.split("=", 1)
        if name != COOKIE or not value:
            raise ProtocolViolation(f"a cookie {name}")
        known = {part.split("=", 1)[0].lower(): part.partition("=")[2] for part in attributes}
        expires = known.get("expires")
        self.expires = email.utils.parsedate_to_datetime(expires).timestamp() if expires else None
        if "max-age" in known:
            self.expires = time.time() + int(known["max-age"])
        # Without an attribute the path is the request's up to its last slash.
        self.cookie_path = known.get("path") or path.rsplit("/", 1)[0]
        self.cookie = value

    def cookie_header(self, path):
        applies = path == self.cookie_path or path.startswith(self.cookie_path.rstrip("/") + "/")
        return {"Cookie": f"{COOKIE}={self.cookie}"} if self.cookie and applies else {}

    # Attestation, response

    def runtime_data(self, additional=None):
        members = {"tee-pubkey": self.key.jwk, "nonce": self.nonce}
        if additional is not None:
            members["additional-evidence"] = additional
        return members

    def attestation(self, additional="", **options):
        """The message of POST /attest; `options` change what the processor signs or what is sent."""
        report_data = jose.runtime_data_digest(self.runtime_data(additional))
        evidence = self.processor.evidence(
            options.get("report_data", report_data),
            options.get("host_data", self.digest),
            measurement=self.measurement,
            policy=self.policy,
            tamper=options.get("tamper"),
        )
        return {
            "init-data": {"format": "toml", "body": self.init_data},
            "runtime-data": self.runtime_data(),
            "tee-evidence": {"primary_evidence": evidence, "additional_evidence": additional},
        }

    def attest(self, message=None, **options):
        """POST /attest; keeps the token."""
        path = f"{PREFIX}/attest"
        message = self.attestation(**options) if message is None else message
        reply = self.connection.send("POST", path, message, self.cookie_header(path))
        if reply.status != 200:
            raise Refused(reply)
        self.token = reply.json()["token"]
        if reply.headers.get_all("Set-Cookie"):
            self.take_cookie(reply, path)
        return reply

    def handshake(self, **options):
        self.auth()
        return self.attest(**options)

    # Resources

    def fetch(self, path, bearer=None, connection=None):
        """GET of a resource, by cookie or by token, as it comes."""
        path = f"{PREFIX}/resource/{path}"
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else self.cookie_header(path)
        return (connection or self.connection).send("GET", path, headers=headers)

    def open(self, reply):
        """The resource in a reply, opened as RFC 7516 says and as guests in the field do it."""
        if reply.status != 200:
            raise Refused(reply)
        if (kind := reply.headers.get("Content-Type")) != "application/json":
            raise ProtocolViolation(f"the resource has the type {kind}")
        plain = self.key.decrypt(reply.json())
        if self.key.decrypt(reply.json(), reserialise=True) != plain:
            raise ProtocolViolation("the two ways to open a JWE differ")
        return plain

    def resource(self, path, **options):
        return self.open(self.fetch(path, **options))

    def resource_as_guests_do(self, path):
        """What guest components do (section 1.8): at most three GETs, a new handshake on 401, an end on all else."""
        for _ in range(3):
            reply = self.fetch(path)
            if reply.status == 200:
                return self.open(reply)
            name, detail = reply.problem()
            if reply.status == 404:
                raise LookupError("ResourceNotFound")
            if reply.status != 401:
                raise RuntimeError(f"KbsInternalError {name}: {detail}")
            self.handshake()
        raise PermissionError("request unauthorized")
