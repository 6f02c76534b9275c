"""JSON Web Keys, Signatures, Encryption and the canonical form of JSON, from their specifications alone.

RFC 7515 (JWS), 7516 (JWE), 7517 (JWK), 7518 (JWA), 8037 (EdDSA), 8785 (JCS), 3394 (AES key wrap).
"""

import base64
import hashlib
import json
import struct

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_b64url(text):
    """Decodes base64url without padding (RFC 7515, 2); other spellings of the same bytes are refused too."""
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if b64url(data) != text:
        raise ValueError(f"not base64url without padding: {text[:40]}")
    return data


def canonical(value):
    """RFC 8785: members ordered by UTF-16 code units, no white space. Numbers are integers here."""
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
        return "{" + ",".join(canonical(name) + ":" + canonical(content) for name, content in members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, float) or (isinstance(value, int) and abs(value) > 1 << 53):
        raise ValueError("only integers that a double holds are needed here")
    # json escapes exactly what RFC 8785 (3.2.2.2) does: the quote, the backslash and control characters, in lower case.
    return json.dumps(value, ensure_ascii=False)


def runtime_data_digest(members):
    """What goes into the hardware's report data: SHA-384 over the canonical form, padded with zeros to 64 bytes."""
    return hashlib.sha384(canonical(members).encode()).digest().ljust(64, b"\0")


class TEEKey:
    """A key pair of a guest, to which resources are encrypted."""

    def __init__(self, private, jwk):
        self.private = private
        self.jwk = jwk

    @staticmethod
    def ec(curve="P-256"):
        private = ec.generate_private_key(CURVES[curve])
        return TEEKey(private, dict(ec_jwk(private.public_key()), alg="ECDH-ES+A256KW"))

    @staticmethod
    def rsa(bits=2048, alg="RSA-OAEP-256"):
        private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        numbers = private.public_key().public_numbers()
        n = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
        return TEEKey(private, {"kty": "RSA", "alg": alg, "n": b64url(n), "e": b64url(b"\x01\x00\x01")})

    def unwrap(self, header, encrypted_key):
        """The content encryption key (RFC 7518, 4.3 and 4.6)."""
        if header["alg"] != self.jwk["alg"]:
            raise ValueError(f"encrypted for {header['alg']}, the key says {self.jwk['alg']}")
        if header["alg"] == "RSA-OAEP-256":
            oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
            return self.private.decrypt(encrypted_key, oaep)
        if header["alg"] != "ECDH-ES+A256KW":
            raise ValueError(f"no algorithm of ours: {header['alg']}")
        if header["epk"]["crv"] != self.jwk["crv"]:
            raise ValueError(f"the ephemeral key is on {header['epk']['crv']}")
        secret = self.private.exchange(ec.ECDH(), ec_public(header["epk"]))
        party_u = from_b64url(header.get("apu", ""))
        party_v = from_b64url(header.get("apv", ""))
        return aes_key_unwrap(concat_kdf(secret, b"ECDH-ES+A256KW", party_u, party_v, 256), encrypted_key)

    def decrypt(self, jwe, reserialise=False):
        """Opens a JWE in flattened JSON.

        `reserialise` is how Confidential Containers' guests do it: they read the protected header and write it again,
        `alg` and `enc` first and the rest by name, and take that for the additional authenticated data.
        """
        if not set(jwe) <= {"protected", "encrypted_key", "aad", "iv", "ciphertext", "tag"}:
            raise ValueError(f"members that the clients do not know: {sorted(jwe)}")
        protected = jwe["protected"]
        header = json.loads(from_b64url(protected))
        if header["enc"] != "A256GCM":
            raise ValueError(f"the content is encrypted with {header['enc']}")
        if reserialise:
            protected = b64url(reserialised(header))
        key = self.unwrap(header, from_b64url(jwe["encrypted_key"]))
        iv, tag = from_b64url(jwe["iv"]), from_b64url(jwe["tag"])
        if (len(key), len(iv), len(tag)) != (32, 12, 16):
            raise ValueError(f"key, IV and tag have {len(key)}, {len(iv)} and {len(tag)} bytes")
        aad = protected + ("." + jwe["aad"] if jwe.get("aad") else "")
        return AESGCM(key).decrypt(iv, from_b64url(jwe["ciphertext"]) + tag, aad.encode())


def reserialised(header):
    def by_name(value):
        if isinstance(value, dict):
            return {name: by_name(value[name]) for name in sorted(value)}
        return value

    rest = {name: by_name(header[name]) for name in sorted(header) if name not in ("alg", "enc")}
    ordered = {"alg": header["alg"], "enc": header["enc"], **rest}
    return json.dumps(ordered, separators=(",", ":"), ensure_ascii=False).encode()


def concat_kdf(secret, algorithm, party_u, party_v, bits):
    """NIST SP 800-56A's concatenation KDF as RFC 7518 (4.6.2) has it; one round of SHA-256 gives 256 bits."""

    def framed(data):
        return struct.pack(">I", len(data)) + data

    info = framed(algorithm) + framed(party_u) + framed(party_v) + struct.pack(">I", bits)
    return hashlib.sha256(struct.pack(">I", 1) + secret + info).digest()[: bits // 8]


def ec_jwk(public):
    numbers = public.public_numbers()
    size = (public.curve.key_size + 7) // 8
    name = next(name for name, curve in CURVES.items() if curve.name == public.curve.name)
    x, y = (b64url(number.to_bytes(size, "big")) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": name, "x": x, "y": y}


def ec_public(jwk):
    """The key of a JWK; coordinates have the full length of the field (RFC 7518, 6.2.1.2)."""
    curve = CURVES[jwk["crv"]]
    x, y = from_b64url(jwk["x"]), from_b64url(jwk["y"])
    size = (curve.key_size + 7) // 8
    if (len(x), len(y)) != (size, size):
        raise ValueError(f"coordinates of {len(x)} and {len(y)} bytes on {jwk['crv']}")
    return ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), curve).public_key()


def sign_eddsa(claims, key):
    """A JWT by Ed25519, as administrators send it."""
    header = {"alg": "EdDSA", "typ": "JWT"}
    head, body = (b64url(json.dumps(part).encode()) for part in (header, claims))
    return f"{head}.{body}.{b64url(key.sign(f'{head}.{body}'.encode()))}"


def read_jwt(compact):
    """Header and claims, believed or not."""
    head, body, _ = compact.split(".")
    return json.loads(from_b64url(head)), json.loads(from_b64url(body))


def verify_es256(compact, jwk):
    """Raises unless the key signed the JWT."""
    head, body, signature = compact.split(".")
    raw = from_b64url(signature)
    if len(raw) != 64:
        raise ValueError(f"a signature of {len(raw)} bytes")
    der = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    ec_public(jwk).verify(der, f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256()))


def load_private(path):
    with open(path, "rb") as file:
        return serialization.load_pem_private_key(file.read(), None)


def new_ed25519():
    return ed25519.Ed25519PrivateKey.generate()
