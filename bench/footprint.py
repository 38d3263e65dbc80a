"""What Hubel takes: the peak of resident memory while the command trains LeNet-5 on MNIST, above the data set itself, and
the sizes of the shared libraries, of the command and of the Python extension, stripped.

    python bench/footprint.py [--threads N]

Wants what a build wants (cmake, a C++ compiler) and, for the extension's size, the package hubel. It builds the shared
library and the command into build/footprint.
"""

import argparse
import importlib.util
import os
import pathlib
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "footprint"
MNIST_BYTES = 70_000 * (28 * 28 + 1)  # pixels and labels, a byte each
MEMORY_TARGET, LIBRARY_TARGET = 20e6, 3e6


def build():
    options = ["-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=ON", "-DHUBEL_BUILD_TESTS=OFF"]
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    configure = ["cmake", "-S", ROOT, "-B", BUILD, *generator, *options, "-DHUBEL_BUILD_EXAMPLES=OFF"]
    jobs = str(len(os.sched_getaffinity(0)))
    for command in (configure, ["cmake", "--build", BUILD, "-j", jobs]):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def peak_bytes(*command):
    """The largest resident set of a run. Linux counts this process's own, some 10 MB, if it is larger."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{command[0]} ended with {child.returncode}")
    return 1024 * usage.ru_maxrss


def stripped_bytes(path):
    with tempfile.NamedTemporaryFile() as copy:
        subprocess.run(["strip", "-o", copy.name, path], check=True)
        return os.path.getsize(copy.name)


def row(what, value, target=None):
    wanted = f"   (target: at most {target / 1e6:.0f} MB)" if target else ""
    print(f"{what:<52}{value / 1e6:>9.2f} MB{wanted}")


def memory(command, threads):
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "model.safetensors")
        peak = peak_bytes(command, "train", "--epochs", "1", "--threads", str(threads), "--out", out)
    print(f"one epoch of LeNet-5 on MNIST, {threads} thread{'s' * (threads != 1)}")
    row("  peak of resident memory", peak)
    row("  of that the data set", MNIST_BYTES)
    row("  the rest", peak - MNIST_BYTES, MEMORY_TARGET)
    row("  of that the program before it begins", peak_bytes(command, "--version"))


def sizes(command):
    core, whole = (stripped_bytes(BUILD / "src" / name) for name in ("libhubel_core.so", "libhubel.so"))
    print("stripped")
    row("  libhubel_core.so: operations, networks, training", core)
    row("  libhubel.so: data sets, images, model files", whole)
    row("  the shared library, both together", core + whole, LIBRARY_TARGET)
    row("  the command, beside them", stripped_bytes(command))
    extension = importlib.util.find_spec("hubel._core") if importlib.util.find_spec("hubel") else None
    if extension and extension.origin:
        row("  the Python extension, all in it", stripped_bytes(extension.origin))
    else:
        print("  the Python extension: not measured, since the package hubel is not installed")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    build()
    command = BUILD / "src" / "cli" / "hubel"
    memory(command, options.threads)
    sizes(command)


if __name__ == "__main__":
    main()
