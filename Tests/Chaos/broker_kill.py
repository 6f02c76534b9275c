"""kill -9 of a broker on SQLite during each kind of write: the store opens, is whole, and what was answered is there."""

import collections
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

import guests
import replicas
from broker_writes import ANY, KINDS


class BrokerKill:
    """Kills one broker after another on the same store and keeps what must be there: for each name the values it may have."""

    def __init__(self, options, program, folder, kind, processor):
        self.choose = guests.seeded(options.seed, kind)
        self.processor = processor
        self.keys = replicas.Keys(program, f"{folder}/broker", [self.processor.fingerprint])
        self.replica = replicas.Replica(self.keys, "single")
        self.manifest = 'version = "0.1.0"\nalgorithm = "sha256"\n# chaos\n'
        # Handshakes that were answered, for the broker that comes next.
        self.kept = []
        self.kind = KINDS[kind](self)
        self.expected = {}
        self.usual = None
        self.figures = collections.Counter(kills=0, acknowledged=0, cut=0)

    def administrator(self):
        return guests.Administrator(self.keys, guests.Lines([self.replica], 30), self.choose)

    def read_all(self, administrator, prefix):
        """The contents of all resources below a prefix, as a guest gets them."""
        visit = guests.Visit(administrator.lines, self.processor, self.manifest, self.choose)
        visit.attest()
        paths = [entry["path"] for entry in administrator.call("GET", "resource").json()]
        return {path.rsplit("/", 1)[1]: visit.read(path, bearer=visit.guest.token).decode()
                for path in paths if path.startswith(prefix)}

    def prepare(self):
        self.replica.start()
        administrator = self.administrator()
        guests.release(administrator, self.keys)
        guests.register(administrator, self.manifest, "chaos")
        guests.allow(administrator, "chaos", "chaos")
        administrator.call("POST", "resource/chaos/set/base", b"base")
        self.kind.prepare(administrator)
        self.expected = {name: {value} for name, value in self.facts(administrator).items()}
        self.replica.kill()

    def facts(self, administrator):
        found = self.kind.facts(administrator)
        found.pop("base", None)
        return found

    def check(self, administrator):
        """Holds all that is stored against what was answered."""
        found = self.facts(administrator)
        for name, allowed in self.expected.items():
            value = found.pop(name, None)
            assert value in allowed or ANY in allowed, f"{name} is {value!r}, and may be {allowed}"
            # From now on it is known.
            self.expected[name] = {value}
        assert not found, f"nobody wrote {list(found)[:3]}"

    def verify(self):
        done = subprocess.run(
            [self.keys.program, "store", "verify", "--config", self.replica.configuration], capture_output=True, text=True)
        assert done.returncode == 0, f"the store is not whole: {done.stderr}"

    def once(self, number):
        self.verify()
        self.replica.start()
        administrator = self.administrator()
        self.check(administrator)
        self.kind.once(administrator)
        self.expected.update({name: {value} for name, value in self.facts(administrator).items()})
        writes = [Write(self.administrator(), change) for change in self.kind.changes(number, self.expected)]
        for write in writes:
            # What is not answered has happened or not.
            self.expected[write.change.name] = self.expected.get(write.change.name, {None}) | {write.change.value}
        begin = time.monotonic()
        for write in writes:
            write.start()
        if self.usual is None:
            # The first ones are let go to their end: that is how long they take.
            for write in writes:
                write.join()
            self.usual = time.monotonic() - begin
        else:
            time.sleep(self.choose.uniform(0, 1.1) * self.usual)
        self.replica.kill()
        answered = 0
        for write in writes:
            write.join()
            answered += write.is_answered
            assert not write.refusal, f"{write.change.method} {write.change.path}: {write.refusal}"
            self.figures["acknowledged" if write.is_answered else "cut"] += 1
            if write.is_answered:
                self.expected[write.change.name] = {write.answer}
        self.figures["kills"] += 1
        # Some of the writes should be answered and some cut, also when the machine gets busier.
        self.usual *= 1.2 if answered * 3 < len(writes) else 0.9 if answered * 3 > len(writes) * 2 else 1


class Write(threading.Thread):
    """A change on a connection of its own, which is open already."""

    def __init__(self, administrator, change):
        super().__init__()
        self.administrator, self.change = administrator, change
        self.is_answered, self.answer, self.refusal = False, None, None
        administrator.headers()
        administrator.lines.lines[0].send("GET", "/healthz")

    def run(self):
        try:
            self.answer = self.change.send(self.administrator)
            self.is_answered = True
        except guests.Failed:
            pass
        except Exception as error:  # A refusal is a finding.
            self.refusal = f"{type(error).__name__} {error}"


def run(options, program):
    processor = guests.kbs.softsnp.SoftProcessor()
    faults = []
    for kind in options.writes or KINDS:
        begin = time.monotonic()
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) and options.fast else None
        with tempfile.TemporaryDirectory(prefix="testudo-chaos-", dir=base) as folder:
            found = BrokerKill(options, program, folder, kind, processor)
            try:
                found.prepare()
                for number in range(options.broker_times):
                    found.once(number)
                # What the last kill left.
                found.verify()
                found.replica.start()
                found.check(found.administrator())
            except (AssertionError, guests.Failed, guests.kbs.Refused) as error:
                faults.append(f"{kind}, kill {found.figures['kills']}: {error}")
            finally:
                if found.replica.process and found.replica.process.poll() is None:
                    found.replica.kill()
        seconds = round(time.monotonic() - begin, 1)
        print(json.dumps({f"chaos.broker-kill.{kind}": {**found.figures, "seconds": seconds}}), flush=True)
    for fault in faults:
        print(f"chaos: {fault}", file=sys.stderr)
    return 1 if faults else 0
