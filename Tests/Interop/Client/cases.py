"""What cases are made of. A case is a function that raises when the broker deviates from what it expects.

`Absent` says that the broker has no such function yet: the case is shown as skipped and runs as soon as the function
is there.
"""

import uuid

import kbs
from kbs import Guest, Refused

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
            "name": "interop",
            "namespace": "default",
            "hostnames": ["interop.default.localhost"],
            "resources": list(resources),
            "measurements": "any-reference",
            "guestVersion": "0.1.0",
            "simulated": True,
        }
        self.admin.call("PUT", f"testudo/manifests/{guest.digest.hex()}", registration)

    def guest(self, *resources, key=None, data=""):
        """A guest with a manifest of its own, registered for the resources."""
        text = f'version = "0.1.0"\nalgorithm = "sha256"\n# {uuid.uuid4().hex}\n{data}'
        guest = Guest(self.broker, self.processor, key, text)
        self.register(guest, *resources)
        return guest
