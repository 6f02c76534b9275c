"""Warm requests per second through gateway and guest proxy: TLS over plain HTTP, to one and the same instance."""

import re
import statistics

import report
from deployment import run

SAMPLES = 10
SECONDS = 2
CONNECTIONS = 4
ANSWER = 100
TARGET = "t" * (ANSWER - len("Hello !\n"))


def measure(deployment):
    """Both ways in turn, keep-alive, answers of 100 bytes."""
    service = deployment.service("hello-swift", "testudo-cvm", target=TARGET, plaintext=True)
    service.apply()
    service.first_byte()
    ways = {"https": deployment.tls_port, "http": deployment.http_port}
    for scheme, port in ways.items():
        rate(scheme, service.host, port)
    rates = {scheme: [] for scheme in ways}
    for _ in range(SAMPLES):
        for scheme, port in ways.items():
            rates[scheme].append(rate(scheme, service.host, port))
    service.remove()
    result = report.ratio("proxy.tls_over_plain", "higher", 0.5, rates["https"], rates["http"], {
        "what": f"requests per second, h2load --h1, {CONNECTIONS} connections, keep-alive, {ANSWER}-byte answers",
        "tls": report.spread(rates["https"]), "plain": report.spread(rates["http"]),
    })
    tls, plain = statistics.median(rates["https"]), statistics.median(rates["http"])
    result.notes.append(f"TLS {tls:.0f}, plain {plain:.0f} requests per second")
    return [result]


def rate(scheme, host, port):
    """Requests per second; every answer has to be a success."""
    output = run([
        "h2load", "--h1", "-t", "1", "-c", str(CONNECTIONS), "-D", str(SECONDS), f"--connect-to=127.0.0.1:{port}",
        f"{scheme}://{host}:{port}/",
    ])
    speed = re.search(r"finished in [^,]*, ([0-9.]+) req/s", output)
    good = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", output)
    failed = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", output)
    numbers = [int(number) for match in (good, failed) if match for number in match.groups()]
    if not speed or len(numbers) != 7 or numbers[0] == 0 or any(numbers[1:]):
        raise RuntimeError(f"h2load over {scheme} did not go well:\n{output}")
    return float(speed.group(1))
