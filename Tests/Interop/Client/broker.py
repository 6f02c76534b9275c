"""Starts the real key broker in a folder of its own, as an operator does, and makes its administrators' tokens."""

import json
import os
import select
import shutil
import ssl
import subprocess
import tempfile
import time

import jose


class Broker:
    """The program `testudo-keybroker` on a free port of this machine; `with` ends it and removes its folder."""

    def __init__(self, program, soft_roots=(), settings=None):
        self.program = program
        self.parent = tempfile.mkdtemp(prefix="testudo-interop-")
        self.folder = os.path.join(self.parent, "broker")
        self.process = None
        options = [part for root in soft_roots for part in ("--soft-root", root)]
        subprocess.run([program, "init", "--dir", self.folder, "--listen", "127.0.0.1:0", *options], check=True)
        self.configuration = os.path.join(self.folder, "config.json")
        if settings:
            with open(self.configuration) as file:
                members = json.load(file)
            members.update(settings)
            with open(self.configuration, "w") as file:
                json.dump(members, file)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        self.log = open(os.path.join(self.parent, "broker.log"), "ab")
        self.process = subprocess.Popen(
            [self.program, "serve", "--config", self.configuration, "--json"], stdout=subprocess.PIPE, stderr=self.log
        )
        # Without a line within this time something is wrong, and silence would hang the tests.
        if not select.select([self.process.stdout], [], [], 60)[0]:
            raise RuntimeError(f"the broker did not come up: {self.tail()}")
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the broker ended: {self.tail()}")
        self.url = json.loads(line)["url"]
        self.port = int(self.url.rsplit(":", 1)[1])
        # The broker's certificate is its own: it is pinned, as clients pin it.
        self.tls = ssl.create_default_context(cafile=self.file("tls.pem"))

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.parent, ignore_errors=True)

    def stop(self):
        """Ends it; gives its exit code."""
        if not self.process:
            return None
        self.process.terminate()
        try:
            code = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.process.stdout.close()
        self.log.close()
        self.process = None
        return code

    @property
    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def file(self, name):
        return os.path.join(self.folder, name)

    def tail(self):
        with open(os.path.join(self.parent, "broker.log"), errors="replace") as file:
            return file.read()[-2000:]

    def token(self, seconds=600, key="admin.key", **claims):
        """An administrator's token (section 1.9: Ed25519, `role` and `exp`)."""
        claims = {"role": "admin", "exp": int(time.time()) + seconds, **claims}
        return jose.sign_eddsa(claims, jose.load_private(self.file(key)))

    def signed(self, document):
        """A document signed by the release key, as `PUT /kbs/v0/testudo/reference-values` takes it."""
        return jose.sign_eddsa(document, jose.load_private(self.file("release.key")))
