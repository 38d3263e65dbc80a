"""What the scripts of this folder share: running Hubel and its peers in turn, medians, ratios, and saying on what.

Machines are noisy and their clocks change, so only what ran in turn in the same minute is compared: in each round every
side runs once, and the medians over the rounds are what counts.
"""

import argparse
import os
import platform
import statistics
import time


def arguments(description, rounds, threads=None):
    """A parser of the options that every script has: --threads and --rounds."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    default = threads or len(os.sched_getaffinity(0))
    parser.add_argument("--threads", type=int, default=default, help="of every side (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=rounds, help="of which the median counts (default: %(default)s)")
    return parser


def cpu():
    """The processor's name and its widest vectors, as Linux tells them."""
    try:
        with open("/proc/cpuinfo") as file:
            lines = dict(line.split(":", 1) for line in file if ":" in line)
        told = {key.strip(): value.strip() for key, value in lines.items()}
    except OSError:
        return platform.processor() or platform.machine()
    flags = told.get("flags", told.get("Features", "")).split()
    widest = next((name for name in ("avx512f", "avx2", "avx", "sve", "asimd") if name in flags), "no vectors known")
    return f"{told.get('model name', platform.machine())} ({widest})"


def say_on_what(threads, *modules):
    """Prints what a table is worth nothing without: the processor, the versions, the number of threads."""
    versions = ", ".join(f"{module.__name__} {module.__version__}" for module in modules)
    print(f"{cpu()}\n{versions}, Python {platform.python_version()}, {threads} thread{'s' * (threads != 1)}\n")


def usable(label, make, *args):
    """make(*args), run once; None, and why, where this machine cannot (torch.compile wants a C++ compiler)."""
    try:
        work = make(*args)
        work()
        return work
    except Exception as error:  # whatever a peer may raise
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        print(f"left out: {label}: {reason}")
        return None


def _sample(work, repeats):
    """Seconds of a call, over `repeats`. Before it the other side's threads, which wait for work awake for a while (ONNX
    Runtime's for 50 ms), are given the time to fall asleep, and then the own ones some to wake up."""
    time.sleep(0.1)
    awake = time.perf_counter() + 0.02
    while True:
        work()
        if time.perf_counter() >= awake:
            break
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - start) / repeats


def in_turn(works, rounds, least=0.02):
    """The median seconds of a call of each of `works`, {label: function}. Short work is repeated until a sample takes
    some `least` seconds."""
    repeats = {label: max(1, min(100_000, int(least / _sample(work, 1)))) for label, work in works.items()}
    times = {label: [] for label in works}
    for _ in range(rounds):
        for label, work in works.items():
            times[label].append(_sample(work, repeats[label]))
    return {label: statistics.median(samples) for label, samples in times.items()}


def fastest(medians, besides="hubel"):
    """The label of the fastest of the peers."""
    return min((label for label in medians if label != besides), key=medians.get)


def print_medians(what, medians, target=None):
    """The medians in microseconds, and how many times as fast as the fastest of the peers hubel is."""
    for label, seconds in medians.items():
        print(f"{what:<28}{label:<40}{1e6 * seconds:>10.1f} us")
    best = fastest(medians)
    wanted = f"   (target: {target})" if target else ""
    print(f"{what:<28}{'ratio to ' + best:<40}{medians[best] / medians['hubel']:>10.2f}{wanted}\n")
