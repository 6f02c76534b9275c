"""The first byte from zero: a confidential machine with the encrypted image over a plain machine with the plain one."""

import statistics

import report

SAMPLES = {"hello-swift": 10, "hello-python": 3}
CLASSES = ("testudo-cvm", "testudo-vm")
MEMORY = {"hello-swift": 256, "hello-python": 512}


def measure(deployment):
    """Both classes in turn; each sample deploys the Service, calls it once and removes it with its machine."""
    taken = {image: series(deployment, image) for image in SAMPLES}
    times = {
        image: {name: report.spread(values) for name, values in of.items()} for image, of in taken.items()
    }
    swift = taken["hello-swift"]
    result = report.ratio("start.cvm_over_vm", "lower", 1.25, *(swift[name] for name in CLASSES), {
        "what": "new connection to first byte of the answer from zero, through the gateways, hello-swift",
        "firstByteMs": times,
    })
    for image, of in taken.items():
        medians = ", ".join(f"{name} {statistics.median(values):.0f} ms" for name, values in of.items())
        result.notes.append(f"{image}: {medians} ({SAMPLES[image]} samples each)")
    return [result]


def series(deployment, image):
    """The times of one image by class; a first call of each class warms caches and does not count."""
    services = {name: deployment.service(image, name, memory=MEMORY[image]) for name in CLASSES}
    times = {name: [] for name in CLASSES}
    for count in range(SAMPLES[image] + 1):
        for name, service in services.items():
            service.apply()
            taken = service.first_byte()
            service.remove()
            if count > 0:
                times[name].append(taken)
    return times
