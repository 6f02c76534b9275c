"""Brokers that share a store on a cluster of etcd, each a process of its own that is killed, stopped and started again."""

import json
import os
import pathlib
import select
import signal
import ssl
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "Interop" / "Client"))

import jose  # noqa: E402
from etcd_cluster import free_port  # noqa: E402

OPEN = {"perSecond": 1_000_000, "burst": 1_000_000}


class Keys:
    """What an operator of the brokers has: the folder that `init` made, with the keys of administrator and releases."""

    def __init__(self, program, folder, soft_roots):
        self.program, self.folder = program, folder
        options = [part for root in soft_roots for part in ("--soft-root", root)]
        subprocess.run([program, "init", "--dir", folder, *options], check=True)
        self.base = json.loads(pathlib.Path(folder, "config.json").read_text())
        self.base["rateLimits"] = {"auth": OPEN, "attest": OPEN, "addresses": 1024}
        self.tls = ssl.create_default_context(cafile=self.file("tls.pem"))

    def file(self, name):
        return os.path.join(self.folder, name)

    def token(self, seconds=3000, key="admin.key"):
        return jose.sign_eddsa(
            {"role": "admin", "exp": int(time.time()) + seconds, "sub": "chaos"}, jose.load_private(self.file(key)))

    def signed(self, document):
        return jose.sign_eddsa(document, jose.load_private(self.file("release.key")))


class Replica:
    """One broker on a port that stays the same."""

    def __init__(self, keys, name, **members):
        self.keys, self.name = keys, name
        self.tls = keys.tls
        self.port = free_port()
        self.configuration = keys.file(f"{name}.json")
        self.log = keys.file(f"{name}.log")
        self.audit = keys.file(f"audit-{name}.jsonl")
        self.write(listen=f"127.0.0.1:{self.port}", replica=name, auditLog=self.audit, **members)
        self.process = None

    def write(self, **members):
        """Changes the configuration; a member that is None goes away."""
        found = json.loads(pathlib.Path(self.configuration).read_text()) if os.path.exists(self.configuration) else self.keys.base
        found = {name: value for name, value in {**found, **members}.items() if value is not None}
        pathlib.Path(self.configuration).write_text(json.dumps(found))

    def start(self, wait=60):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.keys.program, "serve", "--config", self.configuration, "--json"], stdout=subprocess.PIPE, stderr=log)
        if not select.select([self.process.stdout], [], [], wait)[0] or not self.process.stdout.readline():
            self.kill()
            raise AssertionError(f"broker {self.name} does not start: {self.tail()}")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def end(self):
        """Ends it as an operator does; gives its status."""
        self.process.terminate()
        try:
            code = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.process.stdout.close()
        return code

    def freeze(self, seconds):
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.process.send_signal(signal.SIGCONT)

    def tail(self):
        return pathlib.Path(self.log).read_text(errors="replace")[-800:]


def on_cluster(keys, cluster, count=3):
    """Replicas on the cluster, started."""
    etcd = {"endpoints": cluster.urls, "ca": f"{cluster.folder}/ca.pem", "certificate": f"{cluster.folder}/client.pem",
            "key": f"{cluster.folder}/client.key", "prefix": "chaos"}
    os.chmod(etcd["key"], 0o600)
    replicas = [
        Replica(keys, name, etcd=etcd, database=None, ca={"dir": f"ca-{name}"}) for name in "abcdefg"[:count]]
    for replica in replicas:
        replica.start()
    return replicas
