"""MNIST to 99 %: runs `hubel train --recipe fast99` with ten seeds, and prints each one's seconds of training and test
accuracy, and a summary. From the root of the repository, after a build with the preset release:

    python3 bench/fast99.py [--threads N] [--seeds N] [--first N] [--hubel PATH]
"""

import argparse
import os
import re
import statistics
import subprocess
import tempfile

GOAL = 99.0  # %


def cpu():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            return next(line.split(":")[1].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        return "unknown CPU"


def train(hubel, seed, threads):
    """(seconds, accuracy in %) of one training."""
    with tempfile.TemporaryDirectory() as folder:
        command = [hubel, "train", "--recipe", "fast99", "--seed", str(seed), "--threads", str(threads),
                   "--out", os.path.join(folder, "fast99.safetensors")]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds = re.search(r"^Trained in ([0-9.]+) s", printed, re.MULTILINE)
    accuracy = re.search(r"^Test accuracy ([0-9.]+) %", printed, re.MULTILINE)
    return float(seconds[1]), float(accuracy[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--hubel", default="build/release/src/cli/hubel")
    options = parser.parse_args()
    print(f"{cpu()}, {options.threads} threads\n\n seed  seconds  test accuracy")
    runs = []
    for seed in range(options.first, options.first + options.seeds):
        runs.append(train(options.hubel, seed, options.threads))
        print(f"{seed:5}  {runs[-1][0]:7.3f}  {runs[-1][1]:11.2f} %", flush=True)
    seconds, accuracies = zip(*runs)
    reached = sum(accuracy >= GOAL for accuracy in accuracies)
    print(f"\nseconds: median {statistics.median(seconds):.3f}, {min(seconds):.3f} to {max(seconds):.3f}")
    print(f"test accuracy: mean {statistics.mean(accuracies):.3f} %, {min(accuracies):.2f} to {max(accuracies):.2f} %; "
          f"{reached} of {len(runs)} seeds at {GOAL} % or more")


if __name__ == "__main__":
    main()
