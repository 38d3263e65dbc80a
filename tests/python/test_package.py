"""The package as such: signatures, documentation, types, version, and what importing it costs."""

import doctest
import importlib
import inspect
import pathlib
import re
import subprocess
import sys

import pytest

import hubel

SIGNATURES = {
    "conv_forward": "(A_prev, W, b, activation, padding='same', stride=(1, 1))",
    "pool_forward": "(A_prev, kernel_shape, stride=(1, 1), mode='max')",
    "conv_backward": "(dZ, A_prev, W, b, padding='same', stride=(1, 1))",
    "pool_backward": "(dA, A_prev, kernel_shape, stride=(1, 1), mode='max')",
}
_NAMES = ("augmentation", "data", "functions", "layers", "metrics", "model", "ops", "optimizers", "zoo")
MODULES = ["hubel"] + ["hubel." + name for name in _NAMES]


def run_python(code, *options):
    command = [sys.executable, *options, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_are_the_course_page_s(name):
    assert str(inspect.signature(getattr(hubel, name))) == SIGNATURES[name]


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_the_documentation(module):
    failures, _ = doctest.testmod(importlib.import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failures == 0


def test_each_of_the_four_functions_has_an_example():
    for name in SIGNATURES:
        assert ">>>" in getattr(hubel, name).__doc__


@pytest.mark.parametrize("name", hubel.__all__)
def test_public_names_exist_and_are_documented(name):
    assert getattr(hubel, name).__doc__
    assert name in dir(hubel)


def test_unknown_names():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        hubel.nonsense


def test_version(repository):
    header = (repository / "include/hubel/version.hpp").read_text()
    assert hubel.__version__ == re.search('HUBEL_VERSION "(.*)"', header).group(1)


def test_types_are_installed():
    package = pathlib.Path(hubel.__file__).parent
    assert (package / "py.typed").exists() and (package / "_core.pyi").exists() and (package / "functions.pyi").exists()


def test_the_stub_of_the_extension_is_complete():
    stub = (pathlib.Path(hubel.__file__).parent / "_core.pyi").read_text()
    for owner in (hubel._core, hubel._core.Network):
        for name in vars(owner):
            if not name.startswith("_"):
                assert re.search(rf"\b(def|class) {name}\b|\b{name}: ", stub), name


def test_annotations(repository):
    pytest.importorskip("mypy")
    code = (
        "import numpy as np, hubel\n"
        "x = np.zeros((1, 4, 4, 1))\n"
        "y: int = hubel.conv_forward(x, x, x, lambda z: z.size)\n"
        "a, b, c = hubel.conv_backward(x, x, x, x, ((1, 0), (0, 1)), 2)\n"
        "m = hubel.Sequential([hubel.Conv2D(1, 3), hubel.Flatten(), hubel.Dense(2, 'softmax')], (4, 4, 1))\n"
        "h: list[float] = m.fit(x, [0]).history['loss']\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout


def test_importing_is_cheap():
    """What `import hubel` adds to `import numpy` is a fraction of NumPy's own time, which is 0.1 s or so."""
    ratios = []
    for _ in range(3):
        times = {}
        for line in run_python("import numpy, hubel", "-X", "importtime").stderr.splitlines():
            *_, cumulative, name = line.split("|") if line.count("|") == 2 else ("", "")
            if name.strip() in ("numpy", "hubel"):
                times[name.strip()] = int(cumulative)
        ratios.append(times["hubel"] / times["numpy"])
    assert min(ratios) < 0.5


def test_importing_loads_no_more_than_the_functions():
    code = "import sys, numpy; before = set(sys.modules); import hubel; print(*sorted(set(sys.modules) - before))"
    loaded = run_python(code).stdout.split()
    assert {"hubel", "hubel._core", "hubel.functions"} <= set(loaded)
    assert not {"hubel.model", "hubel.layers", "dataclasses", "subprocess", "numpy.typing"} & set(loaded)
