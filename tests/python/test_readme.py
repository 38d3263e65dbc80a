"""The README's programs run as they stand."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language, number):
    found = re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert len(found) == number, f"{len(found)} blocks of {language} in the README"
    return found


def test_python_example_runs(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", blocks("python", 3)[0]], cwd=tmp_path, capture_output=True, text=True, timeout=600
    )
    assert run.returncode == 0, run.stderr
    loss, accuracy = map(float, re.findall(r"[0-9.]+(?:e-?\d+)?", run.stdout.splitlines()[-1]))
    assert 0 < loss < 0.1
    assert accuracy >= 0.975


def test_the_example_of_a_branching_network_runs():
    code = "import hubel\n" + blocks("python", 3)[1] + "print(resnet)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr
    assert "conv2d_1, batch_norm_1" in run.stdout
    assert "11,183,562 parameters" in run.stdout


def test_the_example_of_a_training_runs(tmp_path):
    small = "import hubel, numpy as np\nimages, labels = np.zeros((40, 28, 28, 1), np.uint8), np.arange(40) % 10\n"
    code = small + blocks("python", 3)[2].replace("epochs=15", "epochs=1")
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr
    assert 0 < float(run.stdout.splitlines()[-1]) < 0.1
    assert (tmp_path / "resnet20.checkpoint").exists() and any((tmp_path / "runs").iterdir())


def test_cpp_example_is_the_one_that_is_built():
    assert blocks("cpp", 1)[0] == (ROOT / "examples" / "readme.cpp").read_text(encoding="utf-8")


def test_scripts_named_exist_and_can_be_run():
    for script in re.findall(r"^\./(scripts/\w+)", README, re.MULTILINE):
        assert os.access(ROOT / script, os.X_OK), script
