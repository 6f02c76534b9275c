#!/usr/bin/env python3
"""Calls the attestation service over gRPC with Google's client, and prints what came back as one JSON object.

Messages are written and read by field numbers here, from the published description of trustee's protocol and not from the
project's own .proto files: a wrong number in these would show.

client.py PORT CLIENT-TOKEN ADMIN-TOKEN EVIDENCE [ROOT-CERTIFICATE [CLIENT-CERTIFICATE CLIENT-KEY]]
"""
import base64
import json
import socket
import sys
import time

import grpc


def varint(number):
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def fields(message):
    found = []
    while message:
        key, message = read(message)
        if key & 7 == 0:
            value, message = read(message)
        else:
            length, message = read(message)
            value, message = message[:length].decode(), message[length:]
        found.append([key >> 3, value])
    return found


def read(message):
    number = shift = 0
    for index, byte in enumerate(message):
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, message[index + 1:]
    raise ValueError("cut short")


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


port, client, admin, evidence_path = sys.argv[1:5]
credentials = sys.argv[5:]
if credentials:
    files = [open(path, "rb").read() for path in credentials]
    channel = grpc.secure_channel(
        f"localhost:{port}",
        grpc.ssl_channel_credentials(files[0], *(reversed(files[1:]) if len(files) == 3 else (None, None))))
else:
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")


def call(method, message, token=None):
    """The status' name, and the fields of the reply or the server's reason."""
    invoke = channel.unary_unary(method, request_serializer=lambda m: m, response_deserializer=lambda m: m)
    metadata = [("authorization", f"Bearer {token}")] if token else []
    try:
        return ["OK", fields(invoke(message, metadata=metadata, timeout=60))]
    except grpc.RpcError as error:
        return [error.code().name, error.details()]


def watch(message, token=None):
    """The status' name when the call ends at once; OK and the first reply's fields when it goes on."""
    invoke = channel.unary_stream(
        "/grpc.health.v1.Health/Watch", request_serializer=lambda m: m, response_deserializer=lambda m: m)
    replies = invoke(message, metadata=[("authorization", f"Bearer {token}")] if token else [], timeout=60)
    try:
        return ["OK", fields(next(replies))]
    except grpc.RpcError as error:
        return [error.code().name, error.details()]
    finally:
        replies.cancel()


def is_open(connection):
    """Whether the other side has not closed it, as far as is known by now."""
    try:
        while connection.recv(4096):
            pass
        return False
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False


def crowd(count, most):
    """How many of so many connections the service keeps, once they are no more than it should."""
    connections = [socket.create_connection(("127.0.0.1", int(port))) for _ in range(count)]
    for connection in connections:
        connection.setblocking(False)
    kept = connections
    for _ in range(200):
        kept = [connection for connection in kept if is_open(connection)]
        if len(kept) <= most:
            break
        time.sleep(0.05)
    for connection in connections:
        connection.close()
    return ["OK", len(kept)]


EVALUATE = "/attestation.AttestationService/AttestationEvaluate"
SET_POLICY = "/attestation.AttestationService/SetAttestationPolicy"
CHALLENGE = "/attestation.AttestationService/GetAttestationChallenge"
QUERY = "/reference.ReferenceValueProviderService/QueryReferenceValue"
REGISTER = "/reference.ReferenceValueProviderService/RegisterReferenceValue"
HEALTH = "/grpc.health.v1.Health/Check"

evidence = open(evidence_path, "rb").read()
document = json.loads(evidence)
request = field(1, "snp") + field(3, base64url(evidence))
report_data = bytes(document["attestation_report"]["report_data"])
document["attestation_report"]["measurement"][0] ^= 1
tampered = field(1, "snp") + field(3, base64url(json.dumps(document).encode()))
policy = """package policy
trust_claims := {"executables": 3} if query_reference_value("client_test") == ["known"]
"""
message = json.dumps({
    "version": "0.1.0", "type": "sample",
    "payload": base64.b64encode(json.dumps({"client_test": ["known"]}).encode()).decode()})
challenge = field(1, field(1, "tee") + field(2, "snp"))

replies = {
    "health": call(HEALTH, b""),
    "health-of-service": call(HEALTH, field(1, "attestation.AttestationService")),
    "health-of-unknown": call(HEALTH, field(1, "unknown")),
    "health-long": call(HEALTH, field(1, "x" * 60000)),
    "health-too-long": call(HEALTH, field(1, "x" * 70000)),
    "health-too-long-by-client": call(HEALTH, field(1, "x" * 70000), client),
    "evaluate-anonymous": call(EVALUATE, field(1, request)),
    "evaluate-stranger": call(EVALUATE, field(1, request), "not-a-known-token"),
    "evaluate": call(EVALUATE, field(1, request), client),
    "evaluate-bound": call(EVALUATE, field(1, request + field(4, base64url(report_data))), client),
    "evaluate-bound-elsewhere": call(EVALUATE, field(1, request + field(5, '{"nonce":"x"}') + field(8, "sha384")), client),
    "evaluate-init-data": call(EVALUATE, field(1, request + field(6, base64url(bytes(range(32))))), client),
    "evaluate-toml": call(
        EVALUATE, field(1, request + field(7, 'version = "0.1.0"\nalgorithm = "sha256"\n[data]\n')), client),
    "evaluate-two": call(EVALUATE, field(1, request) + field(1, request), client),
    "evaluate-none": call(EVALUATE, b"", client),
    "evaluate-tampered": call(EVALUATE, field(1, tampered), client),
    "evaluate-mislabelled": call(EVALUATE, field(1, field(1, "tdx") + field(3, base64url(evidence))), client),
    "evaluate-no-json": call(EVALUATE, field(1, field(1, "snp") + field(3, "AAAA")), client),
    "evaluate-cut": call(EVALUATE, field(1, request)[:-7], client),
    "policy-by-client": call(SET_POLICY, field(1, "mine") + field(2, base64url(policy.encode())), client),
    "policy": call(SET_POLICY, field(1, "mine") + field(2, base64url(policy.encode())), admin),
    "policy-broken": call(SET_POLICY, field(1, "broken") + field(2, base64url(b"package {")), admin),
    "evaluate-mine-before": call(EVALUATE, field(1, request) + field(2, "mine"), client),
    "register-by-client": call(REGISTER, field(1, message), client),
    "query-before": call(QUERY, field(1, "client_test"), client),
    "register": call(REGISTER, field(1, message), admin),
    "register-broken": call(REGISTER, field(1, "{"), admin),
    "query": call(QUERY, field(1, "client_test"), client),
    "query-anonymous": call(QUERY, field(1, "client_test")),
    "evaluate-mine": call(EVALUATE, field(1, request) + field(2, "mine"), client),
    "evaluate-missing-policy": call(EVALUATE, field(1, request) + field(2, "missing"), client),
    "challenge": call(CHALLENGE, challenge, client),
    "challenge-se": call(CHALLENGE, field(1, field(1, "tee") + field(2, "se")), client),
    "unknown-method": call("/attestation.AttestationService/Nothing", b"", admin),
    "evaluate-two-policies": call(EVALUATE, field(1, request) + field(2, "default") + field(2, "mine"), client),
    "watch-anonymous": watch(b""),
    "watch": watch(b"", client),
    "crowd": ["OK", None] if credentials else crowd(140, 127),
    "health-after": call(HEALTH, b""),
}
print(json.dumps(replies))
