"""A security processor in software, as `testudo-softtee` is one: AMD's chain of certificates and reports, with own
keys.

The layouts are AMD's (publication 56860, ATTESTATION_REPORT; VCEK specification 57230); the JSON is what clients of
the key broker protocol send for `snp`. The technology is named `soft-snp`: a broker accepts its root where the
fingerprint is pinned.
"""

import datetime
import hashlib
import os
import struct

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

TECHNOLOGY = "soft-snp"
LEVELS = {"bootloader": 4, "tee": 0, "snp": 22, "microcode": 213}
CHIP = bytes([0x11]) * 64
MEASUREMENT = bytes([0xAB]) * 48
# No migration agent, no debugging; threads may be shared; bit 17 is always one.
POLICY = 1 << 17 | 1 << 16 | 1 << 20
DEBUG_POLICY = POLICY | 1 << 19


def der(tag, content):
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + content


def sequence(*parts):
    return der(0x30, b"".join(parts))


def integer(number):
    return der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def identifier(text):
    numbers = list(map(int, text.split(".")))
    out = bytes([numbers[0] * 40 + numbers[1]])
    for number in numbers[2:]:
        part = [number & 0x7F]
        while number := number >> 7:
            part.append(number & 0x7F | 0x80)
        out += bytes(reversed(part))
    return der(0x06, out)


def pss_algorithm():
    sha384 = sequence(identifier("2.16.840.1.101.3.4.2.2"), der(0x05, b""))
    mgf = sequence(identifier("1.2.840.113549.1.1.8"), sha384)
    parameters = sequence(der(0xA0, sha384), der(0xA1, mgf), der(0xA2, integer(48)))
    return sequence(identifier("1.2.840.113549.1.1.10"), parameters)


def certificate(subject, issuer, serial, public, issuer_key, extensions):
    def name(common):
        parts = (("2.5.4.10", "Software stand-in of the interoperability tests"), ("2.5.4.3", common))
        return sequence(*(der(0x31, sequence(identifier(kind), der(0x0C, text.encode()))) for kind, text in parts))

    def time(moment):
        return der(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())

    now = datetime.datetime.now(datetime.timezone.utc)
    validity = sequence(time(now - datetime.timedelta(hours=1)), time(now + datetime.timedelta(days=30)))
    info = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    body = sequence(
        der(0xA0, integer(2)),
        integer(serial),
        pss_algorithm(),
        name(issuer),
        validity,
        name(subject),
        info,
        der(0xA3, sequence(*extensions)),
    )
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA384()), salt_length=48)
    return sequence(body, pss_algorithm(), der(0x03, b"\0" + issuer_key.sign(body, pss, hashes.SHA384())))


class SoftProcessor:
    """Keys and certificates of one processor of the product line Milan."""

    def __init__(self):
        def rsa_key():
            return rsa.generate_private_key(public_exponent=65537, key_size=4096)

        ark, ask, self.key = rsa_key(), rsa_key(), ec.generate_private_key(ec.SECP384R1())
        critical = der(0x01, b"\xff")
        authority = [
            sequence(identifier("2.5.29.19"), critical, der(0x04, sequence(der(0x01, b"\xff")))),
            sequence(identifier("2.5.29.15"), critical, der(0x04, der(0x03, b"\x01\x06"))),
        ]
        amd = "1.3.6.1.4.1.3704.1."
        levels = (LEVELS["bootloader"], LEVELS["tee"], LEVELS["snp"], 0, 0, 0, 0, LEVELS["microcode"])
        extensions = [(amd + "1", integer(0)), (amd + "2", der(0x16, b"Milan"))]
        extensions += [(f"{amd}3.{number}", integer(level)) for number, level in enumerate(levels, 1)]
        extensions.append((amd + "4", CHIP))
        vcek = [sequence(identifier(oid), der(0x04, value)) for oid, value in extensions]
        root = certificate("ARK-Milan", "ARK-Milan", 1, ark.public_key(), ark, authority)
        self.chain = [
            ("VCEK", certificate("SEV-VCEK", "SEV-Milan", 0, self.key.public_key(), ask, vcek)),
            ("ASK", certificate("SEV-Milan", "ARK-Milan", 2, ask.public_key(), ark, authority)),
            ("ARK", root),
        ]
        self.fingerprint = hashlib.sha256(root).hexdigest()

    def evidence(self, report_data, host_data, measurement=MEASUREMENT, policy=POLICY, tamper=None):
        """`primary_evidence` with a report of version 3; `tamper` changes the JSON after it was signed."""
        tcb = bytes([LEVELS["bootloader"], LEVELS["tee"], 0, 0, 0, 0, LEVELS["snp"], LEVELS["microcode"]])
        firmware = bytes([21, 55, 1, 0])
        identity = os.urandom(32)
        body = struct.pack("<IIQ", 3, 0, policy) + bytes(32)
        body += struct.pack("<II", 0, 1) + tcb + struct.pack("<QII", 0, 0, 0)
        body += report_data + measurement + host_data + bytes(96) + identity + bytes([0xFF]) * 32
        body += tcb + bytes([0x19, 0x01, 0x01]) + bytes(21) + CHIP + tcb + firmware + firmware + tcb
        body = body.ljust(0x2A0, b"\0")
        r, s = utils.decode_dss_signature(self.key.sign(body, ec.ECDSA(hashes.SHA384())))
        levels = dict(LEVELS, fmc=None)
        version = {"major": 1, "minor": 55, "build": 21}
        report = {
            "version": 3,
            "guest_svn": 0,
            "policy": policy,
            "family_id": [0] * 16,
            "image_id": [0] * 16,
            "vmpl": 0,
            "sig_algo": 1,
            "current_tcb": levels,
            "plat_info": 0,
            "key_info": 0,
            "report_data": list(report_data),
            "measurement": list(measurement),
            "host_data": list(host_data),
            "id_key_digest": [0] * 48,
            "author_key_digest": [0] * 48,
            "report_id": list(identity),
            "report_id_ma": [0xFF] * 32,
            "reported_tcb": levels,
            "cpuid_fam_id": 0x19,
            "cpuid_mod_id": 0x01,
            "cpuid_step": 0x01,
            "chip_id": list(CHIP),
            "committed_tcb": levels,
            "current": version,
            "committed": version,
            "launch_tcb": levels,
            "signature": {"r": list(r.to_bytes(72, "little")), "s": list(s.to_bytes(72, "little"))},
        }
        if tamper:
            tamper(report)
        chain = [{"cert_type": kind, "data": list(content)} for kind, content in self.chain]
        return {"attestation_report": report, "cert_chain": chain}
