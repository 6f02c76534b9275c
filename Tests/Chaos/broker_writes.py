"""Every kind of write that a broker answers, each with what must be there afterwards.

A kind makes changes to facts: names with values. `changes` gives some that may be under way together, `facts` reads what is stored.
A change answered is a fact; one whose answer was lost has happened or not, whole.
"""

import base64
import uuid

import guests
import jose
import kbs

KINDS = {}
# What nobody knows before it is answered.
ANY = object()
AT_ONCE = 10


def kind(name):
    def register(kind):
        KINDS[name] = kind
        return kind

    return register


class Kind:
    def __init__(self, world):
        self.world = world

    def prepare(self, administrator):
        """Once, before the first kill."""

    def once(self, administrator):
        """After each start, before changes are asked for."""

    def get(self, administrator, path):
        try:
            return administrator.call("GET", path)
        except kbs.Refused as refusal:
            if refusal.status != 404:
                raise
            return None


class Change:
    """One call, the name that it changes, and what it makes of it."""

    def __init__(self, name, value, method, path, body=None):
        self.name, self.value = name, value
        self.method, self.path, self.body = method, path, body

    def send(self, administrator):
        """The value that is certain now."""
        administrator.once(self.method, self.path, self.body)
        return self.value


class Named(Kind):
    """Things of a name: put with a number, taken away in turns."""

    takes_away = True

    def changes(self, number, facts):
        for place in range(AT_ONCE):
            name = f"n{place}"
            known = facts.get(name, {None})
            if self.takes_away and None not in known and (number + place) % 2:
                yield Change(name, None, "DELETE", self.path(name))
            else:
                value = f"v{number}.{place}"
                yield Change(name, value, "PUT", self.path(name), self.body(name, value))


@kind("resource-set")
class ResourceSet(Kind):
    def changes(self, number, facts):
        for place in range(AT_ONCE):
            content = f"v{number}.{place}".ljust(200_000 if place == 0 else 40)
            yield Change(f"n{place}", content, "POST", f"resource/chaos/set/n{place}", content.encode())

    def facts(self, administrator):
        return self.world.read_all(administrator, "chaos/set/")


@kind("resource-delete")
class ResourceDelete(ResourceSet):
    def once(self, administrator):
        for place in range(AT_ONCE):
            administrator.call("POST", f"resource/chaos/gone/n{place}", b"there")

    def changes(self, number, facts):
        for place in range(AT_ONCE):
            yield Change(f"n{place}", None, "DELETE", f"resource/chaos/gone/n{place}")

    def facts(self, administrator):
        return self.world.read_all(administrator, "chaos/gone/")


@kind("registration")
class Registrations(Kind):
    """Put, and retired in turns: a retired one stays, in that state."""

    def digest(self, name):
        return guests.hashlib.sha256(name.encode()).hexdigest()

    def changes(self, number, facts):
        for place in range(AT_ONCE):
            name = f"n{place}"
            path = f"testudo/manifests/{self.digest(name)}"
            known = facts.get(name, {None})
            if len(known) == 1 and None not in known and (number + place) % 2:
                (last,) = known
                yield Change(name, last.replace("active", "retired"), "DELETE", path)
            else:
                body = {"name": f"v{number}-{place}", "namespace": "default", "measurements": "any-reference",
                        "guestVersion": "0.1.0", "simulated": True}
                yield Change(name, f"v{number}-{place} active", "PUT", path, body)

    def facts(self, administrator):
        names = {self.digest(f"n{place}"): f"n{place}" for place in range(AT_ONCE)}
        return {names[entry["digest"]]: f"{entry['name']} {entry['state']}"
                for entry in administrator.call("GET", "testudo/manifests").json() if entry["digest"] in names}


@kind("policy")
class Policies(Named):
    def path(self, name):
        return f"testudo/resource-policies/{name}"

    def body(self, name, value):
        text = f"package policy\ndefault allow := false\n# {value}\n"
        return {"policy": jose.b64url(text.encode()), "prefix": f"policies/{name}"}

    def facts(self, administrator):
        found = {}
        for entry in administrator.call("GET", "testudo/resource-policies").json():
            if entry["prefix"].startswith("policies/"):
                text = administrator.call("GET", self.path(entry["id"])).body.decode()
                found[entry["id"]] = text.split("# ")[1].strip()
        return found


@kind("reference-value")
class ReferenceValues(Kind):
    def changes(self, number, facts):
        for place in range(AT_ONCE):
            name = f"n{place}"
            known = facts.get(name, {None})
            if None not in known and (number + place) % 2:
                yield Change(name, None, "DELETE", f"reference-value/chaos-{name}")
            else:
                value = f"v{number}.{place}"
                payload = base64.b64encode(kbs.json.dumps({f"chaos-{name}": [value]}).encode()).decode()
                yield Change(name, value, "POST", "reference-value", {"type": "sample", "payload": payload})

    def facts(self, administrator):
        found = {}
        for place in range(AT_ONCE):
            reply = self.get(administrator, f"reference-value/chaos-n{place}")
            if reply:
                found[f"n{place}"] = reply.json()[0]
        return found


@kind("release")
class Releases(Kind):
    """Published again with another measurement, and withdrawn in turns."""

    def changes(self, number, facts):
        for place in range(AT_ONCE):
            name = f"9.0.{place}"
            if None not in facts.get(name, {None}) and (number + place) % 2:
                yield Change(name, None, "DELETE", f"testudo/reference-values/{name}")
            else:
                measurement = "%096x" % (number * 100 + place + 1)
                value = {"technology": "soft-snp", "measurement": measurement, "vcpus": 1, "debug": False}
                document = self.world.keys.signed({"version": name, "values": [value]})
                yield Change(
                    name, measurement, "PUT", "testudo/reference-values?allow-rollback=true", document.encode())

    def facts(self, administrator):
        listed = administrator.call("GET", "testudo/reference-values").json()
        return {entry["version"]: entry["values"][0]["measurement"] for entry in listed if entry["version"].startswith("9.")}


@kind("tenant")
class Tenants(Named):
    def path(self, name):
        return f"testudo/tenants/{name}"

    def body(self, name, value):
        number, place = value[1:].split(".")
        return {"admins": [], "repositories": [f"tenant-{name}"], "namespaces": [f"tenant-{name}"],
                "quota": {"bytes": int(number) * 100 + int(place)}}

    def facts(self, administrator):
        return {entry["name"]: f"v{entry['quota']['bytes'] // 100}.{entry['quota']['bytes'] % 100}"
                for entry in administrator.call("GET", "testudo/tenants").json()}


@kind("revocation")
class Revocations(Named):
    def path(self, name):
        return f"testudo/revocations/instance/{guests.hashlib.sha256(name.encode()).hexdigest()[:32]}"

    def body(self, name, value):
        return {"reason": value}

    def facts(self, administrator):
        names = {self.path(f"n{place}").rsplit("/", 1)[1]: f"n{place}" for place in range(AT_ONCE)}
        return {names[entry["value"]]: entry["reason"] for entry in administrator.call("GET", "testudo/revocations").json()}


class Keys(Kind):
    """The states of a key's versions, as one text."""

    prefix = ""

    def path(self, name):
        return f"testudo/kms/chaos/{self.prefix}{name}"

    def listed(self, administrator):
        return {entry["key"].split("/")[1]: entry for entry in administrator.call("GET", "testudo/kms/chaos").json()}

    def facts(self, administrator):
        found = {}
        for name, entry in self.listed(administrator).items():
            if name.startswith(self.prefix):
                found[name[len(self.prefix):]] = " ".join(
                    "destroyed" if version["state"] == "destroyed" else "there" for version in entry["versions"])
        return found


@kind("kms-create")
class KeyCreation(Keys):
    prefix = "made-"

    def changes(self, number, facts):
        for place, form in enumerate(["aes-256-gcm", "ed25519", "ecdsa-p256", "hmac-sha-256", "hkdf-sha-256"]):
            yield Change(f"{number}-{place}", "there", "PUT", self.path(f"{number}-{place}"), {"kind": form})


@kind("kms-rotate")
class KeyRotation(Keys):
    prefix = "turned-"

    def prepare(self, administrator):
        for place in range(AT_ONCE):
            administrator.call("PUT", self.path(f"n{place}"), {"kind": "aes-256-gcm"})

    def changes(self, number, facts):
        for place in range(AT_ONCE):
            (known,) = facts[f"n{place}"]
            yield Change(f"n{place}", f"{known} there", "POST", self.path(f"n{place}") + "/rotate", {})


@kind("kms-destroy")
class KeyDestruction(Keys):
    prefix = "ended-"

    def prepare(self, administrator):
        for place in range(AT_ONCE):
            administrator.call("PUT", self.path(f"n{place}"), {"kind": "aes-256-gcm"})

    def once(self, administrator):
        for place in range(AT_ONCE):
            administrator.call("POST", self.path(f"n{place}") + "/rotate", {})

    def changes(self, number, facts):
        for place in range(AT_ONCE):
            (known,) = facts[f"n{place}"]
            states = known.split(" ")
            # The one before the newest.
            version = len(states) - 1
            if states[version - 1] == "there":
                states[version - 1] = "destroyed"
                yield Change(f"n{place}", " ".join(states), "DELETE", f"{self.path(f'n{place}')}/{version}")


@kind("authority")
class Authorities(Kind):
    """Certified again and again: the chain that was answered is the one that anybody gets."""

    def path(self, name):
        return f"testudo/authority/{name}/simulated"

    class Certified(Change):
        def send(self, administrator):
            return administrator.once(self.method, self.path, self.body).json()["certificate"]

    def changes(self, number, facts):
        for place in range(3):
            name = f"chaos{place}"
            yield Authorities.Certified(
                name, ANY, "POST", self.path(name) + "/certify", {"suffixes": [f"{name}.localhost"], "days": 2})

    def facts(self, administrator):
        found = {}
        for place in range(3):
            reply = self.get(administrator, self.path(f"chaos{place}"))
            if reply:
                found[f"chaos{place}"] = reply.json()["certificate"]
        return found


@kind("handshake")
class Handshakes(Kind):
    """An attested instance is known, its token is good, and its nonce is not."""

    class Attested(Change):
        def __init__(self, world):
            super().__init__(uuid.uuid4().hex, guests.hashlib.sha256(world.manifest.encode()).hexdigest(), "", "")
            self.world = world

        def send(self, administrator):
            guest = kbs.Guest(administrator.lines.replicas[0], self.world.processor, guests.KEYS[0], self.world.manifest)
            guest.connection = administrator.lines.lines[0]
            guest.auth()
            attempt = guests.Attempt(guest, administrator.choose, self.name)
            guest.attest(attempt.message)
            self.world.kept.append((guest, attempt))
            return self.value

    def changes(self, number, facts):
        for _ in range(AT_ONCE):
            yield Handshakes.Attested(self.world)

    def facts(self, administrator):
        line = administrator.lines.lines[0]
        for guest, attempt in self.world.kept:
            guest.connection = line
            assert guest.resource("chaos/set/base", bearer=guest.token) == b"base", "a token of before"
            assert attempt.replay(line) != "accepted", "a nonce was accepted twice"
        self.world.kept.clear()
        listed = administrator.call("GET", "testudo/log-keys?service=default/chaos").json()
        return {entry["instance"]: entry["manifest"] for entry in listed}
