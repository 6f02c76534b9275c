"""A cluster of etcd on this machine, with TLS towards its clients."""

import os
import pathlib
import socket
import subprocess
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_certificates(folder):
    openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key",
            "-out", "ca.pem", "-subj", "/CN=chaos", "-days", "2")
    for name in ("server", "client"):
        extensions = pathlib.Path(folder, f"{name}.ext")
        extensions.write_text("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n")
        openssl(folder, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem")


class Cluster:
    """Members of etcd with TLS towards clients."""

    def __init__(self, folder, count=3):
        self.folder = folder
        make_certificates(folder)
        ports = [free_port() for _ in range(2 * count)]
        self.urls = [f"https://127.0.0.1:{port}" for port in ports[:count]]
        peers = [f"http://127.0.0.1:{port}" for port in ports[count:]]
        everyone = ",".join(f"m{place}={peer}" for place, peer in enumerate(peers))
        self.commands = [
            ["etcd", "--name", f"m{place}", "--data-dir", f"{folder}/m{place}", "--listen-client-urls", self.urls[place],
             "--advertise-client-urls", self.urls[place], "--listen-peer-urls", peers[place],
             "--initial-advertise-peer-urls", peers[place], "--initial-cluster", everyone, "--cert-file",
             f"{folder}/server.pem", "--key-file", f"{folder}/server.key", "--client-cert-auth", "--trusted-ca-file",
             f"{folder}/ca.pem", "--log-level", "error"]
            for place in range(count)]
        self.members = [None] * count
        for place in range(count):
            self.start(place)

    def start(self, place):
        self.members[place] = subprocess.Popen(
            self.commands[place], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def is_healthy(self, place):
        outcome = subprocess.run(
            ["etcdctl", "--endpoints", self.urls[place], "--cacert", "ca.pem", "--cert", "client.pem", "--key", "client.key",
             "endpoint", "health"], cwd=self.folder, env={**os.environ, "ETCDCTL_API": "3"},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return outcome.returncode == 0

    def wait(self, place):
        end = time.monotonic() + 60
        while not self.is_healthy(place):
            if time.monotonic() > end:
                raise SystemExit("chaos: a member of etcd does not get healthy")
            time.sleep(0.2)

    def stop(self):
        for member in self.members:
            member.kill()
            member.wait()
