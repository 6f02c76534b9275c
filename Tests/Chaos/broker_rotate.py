"""Every kind of key is changed at three brokers on etcd while guests and administrators go on: no call fails."""

import base64
import collections
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import threading
import time

import clustered
import guests
import kbs
import replicas
from broker_run import quantiles
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID
from etcd_cluster import Cluster, openssl

SERVICE = "rotation"


class BrokerRotation:
    def __init__(self, options, program, folder):
        self.options, self.program, self.folder = options, program, folder
        self.cluster = Cluster(folder)
        for place in range(3):
            self.cluster.wait(place)
        self.processor = kbs.softsnp.SoftProcessor()
        self.keys = replicas.Keys(program, f"{folder}/brokers", [self.processor.fingerprint])
        # Listeners' certificates come from an authority that clients trust, so that they can change.
        self.issue_listener()
        self.keys.tls = ssl.create_default_context(cafile=f"{folder}/ca.pem")
        # Two administrators' keys, so that one can change while the other is good.
        self.new_admin("second")
        self.keys.base["adminKeys"] = ["admin.pub", "second.pub"]
        self.admin_key = "admin.key"
        self.replicas = replicas.on_cluster(self.keys, self.cluster)
        self.manifest = 'version = "0.1.0"\nalgorithm = "sha256"\n# rotation\n'
        self.guard = threading.Lock()
        self.calls, self.rotations = collections.Counter(), collections.Counter()
        self.waits, self.faults, self.failures = [], [], []
        self.is_over = threading.Event()
        self.choose = guests.seeded(options.seed, "rotate")
        self.administrator = guests.Administrator(self.keys, guests.Lines(self.replicas, 30), self.choose)

    def issue_listener(self):
        folder = self.folder
        pathlib.Path(folder, "tls.ext").write_text("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
        openssl(folder, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "new.key",
                "-out", "new.csr", "-subj", "/CN=broker")
        openssl(folder, "x509", "-req", "-in", "new.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                "-extfile", "tls.ext", "-out", "new.pem")
        os.chmod(f"{folder}/new.key", 0o600)
        # The key first: in between the two do not belong together, and what was in force stays.
        os.replace(f"{folder}/new.key", self.keys.file("tls.key"))
        os.replace(f"{folder}/new.pem", self.keys.file("tls.pem"))

    def new_admin(self, name):
        key = ed25519.Ed25519PrivateKey.generate()
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        for kind, text in (("key", private), ("pub", public)):
            path = pathlib.Path(self.keys.file(f"{name}.{kind}.new"))
            path.write_bytes(text)
            os.replace(path, self.keys.file(f"{name}.{kind}"))

    def prepare(self):
        administrator = self.administrator
        guests.release(administrator, self.keys)
        guests.register(
            administrator, self.manifest, SERVICE, hostnames=[f"{SERVICE}.default.localhost"],
            resources=["plain/key/one"], keys=["kms:turning:encrypt", "kms:turning:decrypt"])
        for path in ("plain/key/one", "claimed/key/one"):
            administrator.call("POST", f"resource/{path}", b"one")
        guests.allow(administrator, "claimed", "claimed")
        administrator.call("PUT", "testudo/kms/default/turning", {"kind": "aes-256-gcm", "overlap": 3600})
        self.certify()
        # What each replica knows of policies and reference values is a few seconds old.
        time.sleep(6)

    def certify(self):
        made = self.administrator.call(
            "POST", "testudo/authority/default/simulated/certify", {"suffixes": ["default.localhost"], "days": 2}).json()
        return made["certificate"]

    # What goes on meanwhile

    def load(self, name, body):
        """Calls `body` again and again, each time with what it makes of the last."""
        choose = guests.seeded(self.options.seed, name)
        lines = guests.Lines(self.replicas, 30)
        kept = None
        while not self.is_over.is_set():
            begin = time.monotonic()
            try:
                kept = body(lines, choose, kept)
            except Exception as error:  # Whatever fails is the finding.
                with self.guard:
                    if not self.faults:
                        print(f"chaos: {name}: {error}", file=sys.stderr)
                    self.faults.append(f"{name}: {type(error).__name__} {error}")
                    self.calls[f"{name} failed"] += 1
                kept = None
                continue
            with self.guard:
                self.calls[name] += 1
                self.waits.append(time.monotonic() - begin)
            if choose.random() < 0.05:
                # New connections meet a listener's new certificate.
                for line in lines.lines:
                    line.http.close()

    def visit(self, lines, choose):
        visit = guests.Visit(lines, self.processor, self.manifest, choose)
        visit.attest()
        return visit

    def anywhere(self, visit, choose):
        visit.elsewhere()
        return visit

    def read_fresh(self, lines, choose, _):
        """A handshake and a read by its cookie, at any replica."""
        visit = self.visit(lines, choose)
        assert self.anywhere(visit, choose).read(choose.choice(["plain", "claimed"]) + "/key/one") == b"one"
        assert visit.retries == 0, f"{visit.failures}"

    def read_old(self, lines, choose, kept):
        """Sessions and tokens of up to four minutes ago."""
        kept = kept or collections.deque()
        if not kept or choose.random() < 0.05:
            kept.append((time.monotonic(), self.visit(lines, choose)))
        while time.monotonic() - kept[0][0] > 240:
            kept.popleft()
        visit = self.anywhere(choose.choice(kept)[1], choose)
        path = choose.choice(["plain", "claimed"]) + "/key/one"
        assert visit.read(path, bearer=visit.guest.token if choose.random() < 0.5 else None) == b"one"
        assert visit.retries == 0, f"{visit.failures}"
        return kept

    def use_key(self, lines, choose, kept):
        """Decrypts what was encrypted before, and encrypts anew."""
        began, visit, sealed = kept or (0, None, None)
        if time.monotonic() - began > 200:
            began, visit = time.monotonic(), self.visit(lines, choose)

        def use(operation, body):
            guest = self.anywhere(visit, choose).guest
            path = f"{kbs.PREFIX}/kms/default/turning/{operation}"
            reply = guest.connection.send("POST", path, body, {"Authorization": f"Bearer {guest.token}"})
            if reply.status != 200:
                raise kbs.Refused(reply)
            return json.loads(guest.key.decrypt(reply.json()))

        if sealed:
            found = base64.b64decode(use("decrypt", sealed)["plaintext"])
            assert found == b"secret", f"{found!r}"
        if not sealed or choose.random() < 0.3:
            sealed = use("encrypt", {"plaintext": base64.b64encode(b"secret").decode()})
        return began, visit, sealed

    def certificate(self, lines, choose, _):
        """A leaf for a guest, under the authority that anybody can fetch then or could before."""
        visit = guests.Visit(lines, self.processor, self.manifest, choose)
        key = ec.generate_private_key(ec.SECP256R1())
        info = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.anywhere(visit, choose).guest.auth()
        attempt = guests.Attempt(visit.guest, choose, tls_key=guests.hashlib.sha256(info).hexdigest())
        visit.guest.attest(attempt.message)
        builder = x509.CertificateSigningRequestBuilder().subject_name(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "guest")]))
        signed = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
        path = f"{kbs.PREFIX}/testudo/certificate"
        guest = self.anywhere(visit, choose).guest
        reply = guest.connection.send(
            "POST", path, {"csr": base64.b64encode(signed).decode()}, guest.cookie_header(path))
        if reply.status != 200:
            raise kbs.Refused(reply)
        leaf, issuing = x509.load_pem_x509_certificates(reply.json()["certificate"].encode())[:2]
        issuing.public_key().verify(leaf.signature, leaf.tbs_certificate_bytes, ec.ECDSA(leaf.signature_hash_algorithm))

    def administer(self, lines, choose, _):
        """An administrator's read, with the key that is his at this moment."""
        line = lines.lines[choose.randrange(len(self.replicas))]
        token = self.keys.token(300, self.admin_key)
        reply = line.send("GET", f"{kbs.PREFIX}/resource", headers={"Authorization": f"Bearer {token}"})
        if reply.status != 200:
            raise kbs.Refused(reply)
        time.sleep(0.02)

    # What is changed

    def change(self, kind):
        {"token key": self.turn_tokens, "cookie key": self.turn_cookies, "data key": self.turn_data, "root key": self.turn_root,
         "KMS key": self.turn_kms, "authority": self.certify, "administrator": self.turn_admin,
         "listener": self.issue_listener}[kind]()
        with self.guard:
            self.rotations[kind] += 1

    def turn_tokens(self):
        self.administrator.call("POST", "testudo/token-key")

    def turn_cookies(self):
        self.administrator.call("POST", "testudo/cookie-key")

    def turn_kms(self):
        self.administrator.call("POST", "testudo/kms/default/turning/rotate", {})

    def upkeep(self, *arguments):
        done = subprocess.run(
            [self.program, "store", *arguments, "--config", self.replicas[0].configuration], capture_output=True, text=True)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"

    def turn_data(self):
        self.upkeep("rotate-data")

    def turn_root(self):
        """A new root key; brokers get it with their next start, which comes for one after another."""
        number = self.rotations["root key"] + 1
        path = pathlib.Path(self.keys.file(f"root-{number}.key"))
        path.write_text(os.urandom(32).hex() + "\n")
        path.chmod(0o600)
        first = self.replicas[0]
        former = json.loads(pathlib.Path(first.configuration).read_text())["rootKey"]
        for replica in self.replicas:
            replica.write(rootKey=path.name, formerRootKeys=[former])
        newer = pathlib.Path(self.keys.file("newer.json"))
        shutil.copy(first.configuration, newer)
        # The one that opens the store now, in a configuration that knows no other.
        older = pathlib.Path(self.keys.file("older.json"))
        older.write_text(json.dumps({
            **json.loads(newer.read_text()), "rootKey": former, "formerRootKeys": []}))
        done = subprocess.run([self.program, "store", "rotate-root", "--config", older, "--to", newer],
                              capture_output=True, text=True)
        assert done.returncode == 0, f"rotate-root: {done.stderr}"

    def turn_admin(self):
        """The key that is not used now is changed, then used."""
        next_name = "second" if self.admin_key == "admin.key" else "admin"
        self.new_admin(next_name)
        # Files are looked at every second.
        time.sleep(3)
        self.admin_key = f"{next_name}.key"
        self.administrator.token = ""
        self.administrator.key = self.admin_key

    def play(self):
        self.prepare()
        bodies = {"handshake": self.read_fresh, "old session or token": self.read_old, "KMS": self.use_key,
                  "certificate": self.certificate, "administrator's read": self.administer}
        threads = [threading.Thread(target=self.load, args=(name, body)) for name, body in bodies.items() for _ in range(2)]
        begin = time.monotonic()
        for thread in threads:
            thread.start()
        kinds = ["token key", "cookie key", "data key", "KMS key", "authority", "administrator", "listener"]
        for number in range(self.options.rotations + 1):
            self.choose.shuffle(kinds)
            # After the root key's come starts of the brokers, and no data key before that.
            for kind in kinds if number < self.options.rotations else ["root key"] * number:
                # Sessions live on under two keys: the third one has to wait until they have ended.
                if kind == "cookie key" and number:
                    continue
                time.sleep(self.options.rotation_pause)
                print(f"chaos: {kind} after {time.monotonic() - begin:.1f} s", file=sys.stderr)
                try:
                    self.change(kind)
                    self.upkeep("verify")
                except Exception as error:
                    with self.guard:
                        self.faults.append(f"{kind}: {type(error).__name__} {error}")
        time.sleep(6)
        elapsed = time.monotonic() - begin
        self.is_over.set()
        for thread in threads:
            thread.join()
        self.finish()
        self.waits.sort()
        return {"seconds": round(elapsed, 1), "calls": sum(self.calls.values()), **self.calls,
                "rotations": dict(self.rotations), **quantiles(self.waits), "faults": len(self.faults)}

    def finish(self):
        """With the newest root key alone the brokers start again, and what was there is there."""
        try:
            self.upkeep("verify")
            for replica in self.replicas:
                replica.end()
                replica.write(formerRootKeys=[])
                replica.start()
            visit = self.visit(guests.Lines(self.replicas, 30), self.choose)
            assert visit.read("claimed/key/one") == b"one"
            self.upkeep("verify")
        except Exception as error:
            self.faults.append(f"afterwards: {type(error).__name__} {error}")


def run(options, program):
    return clustered.play("broker-rotate", BrokerRotation, options, program)
