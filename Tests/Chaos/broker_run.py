"""Whole handshakes at three brokers on three members of etcd, while one of the six after another is killed or stopped."""

import collections
import os
import pathlib
import threading
import time

import audit_trail
import clustered
import guests
import replicas
from etcd_cluster import Cluster

MANIFESTS = 16


class BrokerRun:
    def __init__(self, options, program, folder):
        self.options = options
        self.cluster = Cluster(folder)
        for place in range(3):
            self.cluster.wait(place)
        self.processor = guests.kbs.softsnp.SoftProcessor()
        self.keys = replicas.Keys(program, f"{folder}/brokers", [self.processor.fingerprint])
        self.replicas = replicas.on_cluster(self.keys, self.cluster)
        self.manifests = [f'version = "0.1.0"\nalgorithm = "sha256"\n# {place}\n' for place in range(MANIFESTS)]
        self.guard = threading.Lock()
        self.figures, self.retries, self.writes = collections.Counter(), collections.Counter(), collections.Counter()
        self.waits, self.faults, self.failures = [], [], []
        self.instances, self.resources, self.registrations = {}, {}, {}
        self.marks = collections.Counter()
        self.kept = collections.deque(maxlen=200)
        self.handshakes = 0
        # Each process is killed once and stopped once, and again for as long as the handshakes go on.
        self.rounds, self.disturbances = 0, []
        self.choose = guests.seeded(options.seed)
        self.done = threading.Event()

    def fault(self, text):
        with self.guard:
            self.faults.append(text)

    def prepare(self):
        administrator = guests.Administrator(self.keys, guests.Lines(self.replicas, 30), guests.seeded("prepare"))
        guests.release(administrator, self.keys)
        for place, text in enumerate(self.manifests):
            guests.register(administrator, text, f"service{place}", resources=["plain/key/one"])
        administrator.call("POST", "resource/plain/key/one", b"one")
        administrator.call("POST", "resource/claimed/key/one", b"one")
        guests.allow(administrator, "claimed", "claimed")
        guests.allow(administrator, "written", "written")
        # What each replica knows of policies is a few seconds old.
        time.sleep(6)

    # What clients do

    def is_over(self):
        with self.guard:
            return self.handshakes >= self.options.handshakes and self.rounds > 0

    def client(self, name):
        choose = guests.seeded(self.options.seed, "client", name)
        lines = guests.Lines(self.replicas)
        while not self.is_over():
            try:
                self.handshake(lines, choose)
            except Exception as error:  # Whatever a client meets is a finding.
                self.fault(f"a handshake failed: {type(error).__name__} {error}")

    def handshake(self, lines, choose):
        visit = guests.Visit(lines, self.processor, choose.choice(self.manifests), choose)
        begin = time.monotonic()
        attempt = visit.attest()
        # Any replica answers a session, also one where the guest did not attest.
        visit.elsewhere()
        content = visit.read(choose.choice(["plain/key/one", "claimed/key/one"]))
        took = time.monotonic() - begin
        if content != b"one":
            self.fault(f"the resource is {content!r}")
        if visit.retries > 1:
            self.fault(f"a client needed {visit.retries} retries: {visit.failures}")
        with self.guard:
            self.handshakes += 1
            self.waits.append(took)
            self.retries[visit.retries] += 1
            self.failures += visit.failures
            self.instances[attempt.instance] = (attempt.manifest, attempt.log_key)
            self.marks[attempt.mark] += 1
            self.kept.append(attempt)
        if choose.random() < 0.15 or len(visit.sent) > 1:
            self.replay(visit, lines, choose)

    def replay(self, visit, lines, choose):
        """All messages of a visit are sent again, and a fresh one to all replicas at once."""
        for attempt in visit.sent:
            for line in lines.lines:
                self.judge(attempt, [attempt.replay(line)])
        if choose.random() < 0.5:
            try:
                visit.at(choose.randrange(len(self.replicas)))
                visit.guest.auth()
            except guests.Failed:
                return
            attempt = guests.Attempt(visit.guest, choose)
            self.judge(attempt, attempt.race(lines.lines)[1])
            with self.guard:
                self.figures["races"] += 1

    def judge(self, attempt, answers):
        for answer in answers:
            known = answer in (None, "accepted") or "nonce was used" in answer or "unknown or has expired" in answer
            if not known:
                self.fault(f"a replay got {answer}")
        with self.guard:
            self.figures["replays"] += len(answers)
            self.figures["replays refused"] += sum(answer is not None and answer != "accepted" for answer in answers)
        if attempt.accepted > 1:
            self.fault(f"nonce {attempt.nonce} was accepted {attempt.accepted} times")

    def writer(self, name):
        """Writes names that nobody else writes, each once: an answer that got lost cannot undo what came after it."""
        choose = guests.seeded(self.options.seed, "writer", name)
        administrator = guests.Administrator(self.keys, guests.Lines(self.replicas), choose)
        number = 0
        while not self.is_over():
            number += 1
            begin = time.monotonic()
            try:
                if number % 4:
                    path, content = f"written/w{name}/n{number}", os.urandom(choose.choice([32, 500, 9000]))
                    administrator.call("POST", f"resource/{path}", content)
                    with self.guard:
                        self.resources[path] = content
                else:
                    text = f"{self.manifests[0]}# {name} {number}"
                    digest = guests.register(administrator, text, f"w{name}-{number}")
                    with self.guard:
                        self.registrations[digest] = f"w{name}-{number}"
            except Exception as error:
                self.fault(f"a write failed: {type(error).__name__} {error}")
            if administrator.retries > 1:
                self.fault(f"a writer needed {administrator.retries} retries")
            with self.guard:
                self.writes[administrator.retries] += 1
                self.figures["slowest write ms"] = max(
                    self.figures["slowest write ms"], round(1000 * (time.monotonic() - begin)))
            time.sleep(0.05)

    # What happens to them

    def disturb(self):
        while not self.done.wait(self.options.pause):
            with self.guard:
                if not self.disturbances:
                    self.disturbances = [(what, place) for what in ("kill", "stop") for place in range(6)]
                    self.choose.shuffle(self.disturbances)
                what, place = self.disturbances.pop()
                self.figures[f"{what} of {'a broker' if place < 3 else 'a member of etcd'}"] += 1
            try:
                self.disturb_once(what, place)
            except Exception as error:
                self.fault(f"{what} of {place}: {error}")
            with self.guard:
                self.rounds += not self.disturbances

    def disturb_once(self, what, place):
        broker = self.replicas[place] if place < 3 else None
        if what == "stop":
            if broker:
                broker.freeze(self.options.stopped)
            else:
                member = self.cluster.members[place - 3]
                member.send_signal(replicas.signal.SIGSTOP)
                time.sleep(self.options.stopped)
                member.send_signal(replicas.signal.SIGCONT)
        elif broker:
            broker.kill()
            time.sleep(1)
            broker.start()
        else:
            member = self.cluster.members[place - 3]
            member.kill()
            member.wait()
            time.sleep(1)
            self.cluster.start(place - 3)
        if not broker:
            self.cluster.wait(place - 3)

    # What is looked at afterwards

    def check(self):
        lines = guests.Lines(self.replicas, 60)
        administrator = guests.Administrator(self.keys, lines, guests.seeded("check"))
        self.check_replays(lines)
        self.check_instances(administrator)
        found = {entry["digest"]: entry["name"] for entry in administrator.call("GET", "testudo/manifests").json()}
        for digest, name in self.registrations.items():
            if found.get(digest) != name:
                self.fault(f"lost: the registration of {name}")
        visit = guests.Visit(lines, self.processor, self.manifests[0], guests.seeded("check"))
        visit.attest()
        for path, content in self.resources.items():
            if visit.read(path, bearer=visit.guest.token) != content:
                self.fault(f"lost: resource {path}")
        heads = administrator.call("GET", "testudo/audit/head").json()
        for replica in self.replicas:
            replica.end()
        self.check_audit(heads)
        for replica in self.replicas[:1]:
            done = replicas.subprocess.run(
                [self.keys.program, "store", "verify", "--config", replica.configuration], capture_output=True, text=True)
            if done.returncode:
                self.fault(f"the store is not whole: {done.stderr}")

    def check_replays(self, lines):
        """Messages that were accepted a while ago, at replicas that were killed since."""
        for attempt in self.kept:
            for line in lines.lines:
                self.judge(attempt, [attempt.replay(line)])

    def check_instances(self, administrator):
        known = {}
        for place in range(MANIFESTS):
            for entry in administrator.call("GET", f"testudo/log-keys?service=default/service{place}").json():
                known[entry["instance"]] = (entry["manifest"], entry["logKey"])
        lost = [name for name, found in self.instances.items() if known.get(name) != found]
        if lost:
            self.fault(f"lost: {len(lost)} instances of {len(self.instances)}")

    def check_audit(self, heads):
        accepted = collections.Counter()
        for replica in self.replicas:
            lines, faults = audit_trail.lines(replica.audit)
            self.faults += faults
            self.figures["lines of audit"] += len(lines)
            by_number = {line["seq"]: line for line in lines}
            if int(heads[replica.name].split(":")[0]) not in by_number:
                self.fault(f"the audit log of {replica.name} ends before the line that the store knows")
            for line in lines:
                if line["kind"] == "attest" and line["decision"] == "allow":
                    accepted[line["nonce"]] += 1
        twice = [mark for mark, count in accepted.items() if count > 1]
        if twice:
            self.fault(f"{len(twice)} nonces were accepted twice, say the audit logs")
        missing = [mark for mark in self.marks if accepted[mark] != 1]
        if missing:
            self.fault(f"{len(missing)} accepted handshakes are in no audit log")
        self.figures["nonces accepted in audit logs"] = len(accepted)

    def play(self):
        self.prepare()
        begin = time.monotonic()
        threads = [threading.Thread(target=self.client, args=(name,)) for name in range(self.options.guests)]
        threads += [threading.Thread(target=self.writer, args=(name,)) for name in range(2)]
        disturber = threading.Thread(target=self.disturb)
        for thread in [disturber, *threads]:
            thread.start()
        for thread in threads:
            thread.join()
        elapsed = time.monotonic() - begin
        self.done.set()
        disturber.join()
        self.check()
        self.waits.sort()
        return {
            "handshakes": self.handshakes, "clients": self.options.guests, "seconds": round(elapsed, 1),
            "per_second": round(self.handshakes / elapsed, 1), **quantiles(self.waits),
            "retries": {str(count): times for count, times in sorted(self.retries.items())},
            "writes": {str(count): times for count, times in sorted(self.writes.items())},
            "resources": len(self.resources), "registrations": len(self.registrations), "instances": len(self.instances),
            **self.figures, "faults": len(self.faults)}


def quantiles(waits):
    return {"p50_ms": round(1000 * waits[len(waits) // 2], 1), "p99_ms": round(1000 * waits[int(len(waits) * 0.99)], 1),
            "max_s": round(waits[-1], 2)}


def run(options, program):
    return clustered.play("broker", BrokerRun, options, program)
