"""The command hubel, from outside: what it prints, its exit codes, its files. Needs Python's own library only.

Called as: command_test.py PATH_TO_HUBEL [unittest options]
"""

import json
import os
import pty
import random
import re
import resource
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree
import zlib
from pathlib import Path

HUBEL = os.path.abspath(sys.argv.pop(1))
ENVIRONMENT = {**os.environ, "LC_ALL": "C.UTF-8"}


def hubel(*arguments, cwd=None, largest_file=None):
    """Runs it; largest_file limits the bytes of the files that it writes, and writing more fails."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # which Python ignores
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    return subprocess.run([HUBEL, *map(str, arguments)], cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True,
                          timeout=600, preexec_fn=limit if largest_file else None)


def write_idx(folder, name, images, labels):
    """images: rows of 28 x 28 bytes each."""
    (folder / f"{name}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 0x803, len(images), 28, 28)
                                                        + b"".join(images))
    (folder / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, len(labels)) + bytes(labels))


def stroke(label, rng):
    """An upright bar for label 1, a level one for label 0, somewhere in the image."""
    image = bytearray(28 * 28)
    across = rng.randrange(8, 20)
    for along in range(6, 22):
        for thick in range(3):
            y, x = (along, across + thick) if label else (across + thick, along)
            image[28 * y + x] = 255
    return bytes(image)


def write_data(folder, count=240):
    folder.mkdir()
    rng = random.Random(1)
    for name, n in (("train", count), ("t10k", 60)):
        labels = [i % 2 for i in range(n)]
        write_idx(folder, name, [stroke(label, rng) for label in labels], labels)
    return folder


def write_png(path, image, width=28, height=28, invert=False, scale=1):
    rows = b""
    for y in range(height * scale):
        row = bytes(image[width * (y // scale) + x // scale] for x in range(width * scale))
        rows += b"\0" + (bytes(255 - v for v in row) if invert else row)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width * scale, height * scale, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows))
                     + chunk(b"IEND", b""))


def read_tensors(path):
    """The tensors of a safetensors file: {name: (shape, bytes)}."""
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    header, data = json.loads(whole[8:8 + length]), whole[8 + length:]
    return {name: (tuple(t["shape"]), data[slice(*t["data_offsets"])])
            for name, t in header.items() if name != "__metadata__"}


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class Command(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls._folder = tempfile.TemporaryDirectory()
        cls.folder = Path(cls._folder.name)
        cls.data = write_data(cls.folder / "strokes")
        cls.model = cls.folder / "strokes.safetensors"
        cls.trained = hubel("train", "--data", cls.data, "--epochs", 8, "--batch", 16, "--out", cls.model)

    @classmethod
    def tearDownClass(cls):
        cls._folder.cleanup()

    def refuses(self, run, code, *words):
        """One sentence on stderr that has the words, and the exit code."""
        self.assertEqual(run.returncode, code, run.stderr)
        self.assertTrue(run.stderr.startswith("hubel: "), run.stderr)
        self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
        for word in words:
            self.assertIn(str(word), run.stderr)

    def test_help_and_version(self):
        for arguments in ([], ["--help"]):
            run = hubel(*arguments)
            self.assertEqual(run.returncode, 0)
            for command in ("train", "evaluate", "predict", "summary", "plot", "zoo", "bench", "Examples:"):
                self.assertIn(command, run.stdout)
        for command in ("train", "evaluate", "predict", "summary", "plot", "zoo", "bench"):
            run = hubel(command, "--help")
            self.assertEqual(run.returncode, 0)
            self.assertIn("Usage", run.stdout)
        self.assertRegex(hubel("--version").stdout, r"^hubel \d+\.\d+\.\d+\n$")

    def test_wrong_usage(self):
        for arguments in (["fly"], ["train", "--fast"], ["train", "--epochs", "0"], ["train", "--epochs", "many"],
                          ["train", "--lr", "-1"], ["train", "--batch", "0"], ["train", "--optimizer", "magic"],
                          ["train", "--threads", "-1"], ["train", "--seed", "x"], ["predict"],
                          ["train", "--model", "nonet"], ["train", "--momentum", "1"], ["train", "--momentum", "0.9"],
                          ["train", "--weight-decay", "-1"], ["train", "--warmup", "1"], ["train", "--clip-norm", "nan"],
                          ["train", "--label-smoothing", "1.5"], ["train", "--ema", "-0.1"], ["train", "--augment", "spin=3"],
                          ["train", "--augment", "shift"], ["train", "--augment", "cutout=1.5"],
                          ["train", "--optimizer", "sgd", "--amsgrad"], ["train", "--augment", "flip=0.5,flip=0.2"],
                          ["train", "--schedule", "triangular:cycles=2,cycles=3"],
                          ["train", "--early-stopping", "0"], ["train", "--log-every", "0"],
                          ["train", "--checkpoint-every", "2epochs"], ["train", "--schedule", "magic"],
                          ["train", "--checkpoint", "c", "--checkpoint-every", "often"],
                          ["train", "--schedule", "step:every=0"], ["train", "--schedule", "linear:every=2"],
                          ["train", "--schedule", "milestones:at=3/1"],
                          ["evaluate", "--split", "all"], ["summary", "a", "b"]):
            with self.subTest(arguments):
                self.refuses(hubel(*arguments, cwd=self.folder), 2)

    def test_wrong_usage_says_what_is_wrong(self):
        self.refuses(hubel("fly"), 2, "fly")
        self.refuses(hubel("train", "--lr", "0"), 2, "above 0", "hubel train --help")
        self.refuses(hubel("train", "--seed", "-1"), 2, "whole number", "-1")
        self.refuses(hubel("train", "--augment", "shear"), 2, "shear wants a number, as in shear=10")
        self.refuses(hubel("train", "--augment", "cutout=1.5"), 2, "cutout = 1.5, it must be a whole number")
        self.refuses(hubel("train", "--augment", "flip=0.5,flip=0.2"), 2, "flip is given twice")
        self.refuses(hubel("train", "--schedule", "triangular:cycles=2,cycles=3"), 2, "cycles is given twice")
        self.refuses(hubel("train", "--schedule", "triangular:cycles=1.5"), 2, "cycles must be a whole number", "1.5")
        self.refuses(hubel("train", "--optimizer", "lion", "--amsgrad"), 2, "adam and adamw", "lion")

    def test_what_cannot_be_printed_is_an_error(self):
        for arguments in (["summary"], ["--help"], ["evaluate", self.model, "--data", self.data]):
            with self.subTest(arguments), open("/dev/full", "w") as full:
                run = subprocess.run([HUBEL, *map(str, arguments)], stdout=full, stderr=subprocess.PIPE, text=True,
                                     env=ENVIRONMENT)
                self.assertEqual(run.returncode, 1)
                self.assertIn("standard output could not be written", run.stderr)

    def test_no_file_commands_the_terminal(self):
        """Names in a model file, of the file itself and of an image are printed without their control characters."""
        evil = self.folder / "evil\x1b[2J.safetensors"
        text = self.model.read_bytes()
        length = int.from_bytes(text[:8], "little")
        header = text[8:8 + length].replace(rb'\"0\"', rb'\"\\u001b[31m\\u0007\"', 1)
        self.assertNotEqual(header, text[8:8 + length])
        header += b" " * (-len(header) % 8)
        evil.write_bytes(len(header).to_bytes(8, "little") + header + text[8 + length:])
        for run in (hubel("summary", evil), hubel("evaluate", evil, "--data", self.data),
                    hubel("summary", str(evil) + "\x1b[1m")):
            self.assertNotIn("\x1b", run.stdout + run.stderr)
            self.assertNotIn("\x07", run.stdout + run.stderr)
        self.assertIn("Classes: ?[31m?, 1", hubel("summary", evil).stdout)

    def test_bench(self):
        run = hubel("bench", "--batch", 2, "--seconds", 0.001)
        self.assertEqual(run.returncode, 0, run.stderr)
        for part in ("GFLOP/s", "conv2d_1", "dense_3", "backward", "samples/s"):
            self.assertIn(part, run.stdout)
        run = hubel("bench", "resnet20", "--input", "8,8,3", "--batch", 1, "--seconds", 0.001)
        self.assertIn("batch_norm_1", run.stdout, run.stderr)
        shapes = self.folder / "shapes.txt"
        shapes.write_text("# name m c h w c_new kh kw stride padding groups\nsmall 2 3 8 8 5 3 3 1 1 1  # one\n")
        figures = json.loads(hubel("bench", "--shapes", shapes, "--seconds", 0.001, "--json").stdout)
        self.assertEqual([t["pass"] for t in figures["timings"]], ["forward", "backward-data", "backward-weights"])
        for timing in figures["timings"]:
            self.assertEqual(timing["flops"], 2 * 2 * 8 * 8 * 5 * 3 * 3 * 3)
            self.assertGreater(timing["seconds"], 0)
        self.assertGreater(figures["machine"]["flops"], 0)
        for line in ("small 2 3", "small 2 3 8 8 5 3 3 1 1 1 1", "big 1 1 2 2 1 9 9 1 0 1", "x 0 3 8 8 4 3 3 1 1 1", "x 1 1 -2 2 1 1 1 1 1 1"):
            shapes.write_text(f"# nothing\n{line}\n")
            self.refuses(hubel("bench", "--shapes", shapes), 1, shapes, "line 2")
        shapes.write_text("# nothing\n")
        self.refuses(hubel("bench", "--shapes", shapes), 1, shapes)
        self.refuses(hubel("bench", "--shapes", self.folder / "none.txt"), 1, "none.txt")
        self.refuses(hubel("bench", "--shapes", self.folder), 1, "not a regular file")
        self.refuses(hubel("bench", "--shapes", "/dev/zero"), 1, "not a regular file")
        shapes.write_bytes(b"# nothing\n\033[31mevil\xff 1 3 8 8 4 3 3 1 1 1\n")
        self.refuses(hubel("bench", "--shapes", shapes), 1, shapes, "line 2", "printable")
        shapes.write_text("x" * 2_000_000)
        self.refuses(hubel("bench", "--shapes", shapes), 1, shapes, "larger than")
        shapes.write_text("small\t2 3 8 8 5 3 3 1 1 1\r\n")
        self.assertEqual(hubel("bench", "--shapes", shapes, "--seconds", 0.001).returncode, 0)
        self.refuses(hubel("bench", "--shapes", shapes, "--batch", 7), 2, "--batch")
        self.refuses(hubel("bench", "--seconds", "nan"), 2, "--seconds")

    def test_summary(self):
        run = hubel("summary")
        self.assertEqual(run.returncode, 0)
        for part in ("conv2d_1", "(28, 28, 6)", "dense_3", "61,706"):
            self.assertIn(part, run.stdout)
        self.assertIn("Classes: 0, 1", hubel("summary", self.model).stdout)

    def test_summary_of_networks_by_name_and_of_architectures(self):
        run = hubel("summary", "resnet18", "--classes", 10, "--input", "32,32,3", "--small")
        self.assertEqual(run.returncode, 0, run.stderr)
        for part in ("11,173,962 trainable", "Connected to", "batch_norm_1 (relu)", "KiB in inference"):
            self.assertIn(part, run.stdout)
        architecture = self.folder / "net.json"
        architecture.write_text('{"input_shape": [8, 8, 1], "layers": [{"kind": "conv2d", "filters": 2}]}')
        self.assertIn("(6, 6, 2)", hubel("summary", architecture).stdout)
        architecture.write_text('{"input_shape": [8, 8, 1], "layers": [{"kind": "magic"}]}')
        self.refuses(hubel("summary", architecture), 1, architecture, "magic")
        self.refuses(hubel("summary", self.folder / "no.json"), 1, "no.json")
        self.refuses(hubel("summary", "resnet19"), 1, "resnet19", "hubel zoo")
        self.refuses(hubel("summary", self.model, "--classes", 3), 1, self.model, "--classes")
        self.refuses(hubel("summary", "vgg16", "--input", "8,8,3"), 1, "max_pool2d_4")
        self.refuses(hubel("summary", "alexnet", "--small"), 1, "alexnet")
        for wrong in ("8,8", "8,8,0", "8,x,3"):
            self.refuses(hubel("summary", "vgg16", "--input", wrong), 2)

    def test_zoo(self):
        run = hubel("zoo")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertRegex(run.stdout, r"(?m)^resnet18 +\(224, 224, 3\) +1000 +11,689,512 +1,814,073,344$")
        self.assertRegex(run.stdout, r"(?m)^unet +\(572, 572, 1\) +2 +31,030,658 ")

    def test_plot(self):
        out = self.folder / "drawn.svg"
        for network in ("googlenet", self.model):
            run = hubel("plot", network, "--out", out)
            self.assertEqual((run.returncode, run.stdout, run.stderr), (0, "", ""))
            names = [element.tag for element in xml.etree.ElementTree.parse(out).getroot()]
            self.assertIn("{http://www.w3.org/2000/svg}g", names)
        merged = out.read_text()
        hubel("plot", self.model, "--out", out, "--every-layer")
        self.assertGreater(out.read_text().count("<rect"), merged.count("<rect"))
        self.refuses(hubel("plot", "lenet5", "--out", self.folder / "no" / "x.svg"), 1, "x.svg")
        self.refuses(hubel("plot", "lenet6", "--out", self.folder / "six.svg"), 1, "lenet6")
        self.assertFalse((self.folder / "six.svg").exists())

    def test_train_prints_plain_lines_into_a_pipe(self):
        self.assertEqual(self.trained.returncode, 0, self.trained.stderr)
        out = self.trained.stdout
        for epoch in range(1, 9):
            self.assertRegex(out, rf"(?m)^epoch {epoch}/8  loss [0-9.]+  accuracy [0-9.]+ %  validation .* test .* s$")
        self.assertIn("Test accuracy 100.00 % (60 of 60 right)", out)
        self.assertIn("<- predicted", out)
        self.assertNotIn("\r", out)
        self.assertNotIn("\x1b", out)

    def test_the_same_seed_gives_the_same_file_for_any_number_of_threads(self):
        files = []
        for threads in (1, 2, 3):
            out = self.folder / f"threads{threads}.safetensors"
            run = hubel("train", "--data", self.data, "--epochs", 1, "--seed", 5, "--threads", threads, "--out", out)
            self.assertEqual(run.returncode, 0, run.stderr)
            files.append(out.read_bytes())
        self.assertEqual(files[0], files[1])
        self.assertEqual(files[0], files[2])
        other = self.folder / "seed6.safetensors"
        hubel("train", "--data", self.data, "--epochs", 1, "--seed", 6, "--out", other)
        self.assertNotEqual(files[0], other.read_bytes())

    def test_everything_random_at_once_on_any_number_of_threads(self):
        """Batch norm, dropout and augmentation, with work enough in each operation that threads share it."""
        architecture = self.folder / "wide.json"
        layers = [{"kind": "conv2d", "filters": 24, "kernel_size": [3, 3]}, {"kind": "batch_norm"},
                  {"kind": "activation", "activation": "relu"}, {"kind": "spatial_dropout2d", "rate": 0.2},
                  {"kind": "depthwise_conv2d", "kernel_size": [3, 3], "strides": [2, 2]}, {"kind": "batch_norm"},
                  {"kind": "flatten"}, {"kind": "dropout", "rate": 0.4},
                  {"kind": "dense", "units": 2, "activation": "softmax"}]
        architecture.write_text(json.dumps({"input_shape": [28, 28, 1], "layers": layers}))
        weights = []
        for threads in (1, 2, 4):
            out = self.folder / f"wide{threads}.safetensors"
            run = hubel("train", "--data", self.data, "--model", architecture, "--epochs", 2, "--batch", 64, "--seed", 9,
                        "--augment", "shift=0.1,rotation=20,zoom-max=1.2,crop=2,flip=0.5,brightness=0.2,contrast=0.2,"
                        "cutout=5,erase=0.3,mixup=0.4,cutmix=0.4,crop-area-min=0.5,shear=5,noise=0.1", "--threads", threads, "--out", out)
            self.assertEqual(run.returncode, 0, run.stderr)
            weights.append(read_tensors(out))
        self.assertGreater(len(weights[0]), 8)
        self.assertEqual(weights[0], weights[1])
        self.assertEqual(weights[0], weights[2])

    def test_recipe(self):
        """MNIST to 99 %, in round figures: seeds differ by a few tenths of a percent."""
        out = self.folder / "fast99.safetensors"
        run = hubel("train", "--recipe", "fast99", "--seed", 3, "--out", out)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertRegex(run.stdout, r"(?m)^Model: .* recipe fast99, seed 3, \d+ threads?$")
        self.assertRegex(run.stdout, r"(?m)^Trained in [0-9.]+ s on \d+ threads? \(")
        accuracy = float(re.search(r"(?m)^Test accuracy ([0-9.]+) %", run.stdout)[1])
        self.assertGreater(accuracy, 98.5)
        again = hubel("evaluate", out, "--brief")
        self.assertIn(f"accuracy {accuracy:.2f} %", again.stdout)

    def test_recipe_settles_the_rest(self):
        for option, value in (("--epochs", 3), ("--batch", 16), ("--lr", 0.1), ("--optimizer", "sgd"),
                              ("--schedule", "cosine"), ("--validation", 10), ("--model", "lenet5"), ("--ema", 0.9),
                              ("--checkpoint", "c"), ("--log", "l")):
            self.refuses(hubel("train", "--recipe", "fast99", option, value), 2, "--recipe fast99", option)
        self.refuses(hubel("train", "--recipe", "slow"), 2, "slow", "fast99")
        self.refuses(hubel("train", "--recipe", "fast99", "--out", self.folder / "no" / "model"), 1,
                     self.folder / "no")

    def test_train_options(self):
        """Every optimiser and schedule, and all that there is besides, learn the strokes."""
        out = self.folder / "options.safetensors"
        for options in (["--optimizer", "sgd", "--lr", 0.02, "--momentum", 0.9, "--schedule", "cosine:restarts=1"],
                        ["--optimizer", "adamw", "--weight-decay", 0.05, "--schedule", "step:every=3,gamma=0.5"],
                        ["--optimizer", "rmsprop", "--schedule", "milestones:at=4/6", "--momentum", 0.5],
                        ["--optimizer", "adagrad", "--lr", 0.01, "--schedule", "exponential:gamma=0.9"],
                        ["--optimizer", "lamb", "--lr", 0.01, "--schedule", "polynomial:power=2", "--warmup", 0.2],
                        ["--optimizer", "nadam", "--weight-decay", 0.01], ["--optimizer", "adamax", "--lr", 0.003],
                        ["--optimizer", "adadelta", "--lr", 1], ["--optimizer", "lion", "--lr", 2e-4],
                        ["--optimizer", "radam", "--lr", 0.003], ["--optimizer", "adamw", "--amsgrad"],
                        ["--schedule", "triangular:cycles=2,gamma=0.5", "--clip-parameter-norm", 0.5],
                        ["--clip-norm", 1, "--label-smoothing", 0.1, "--ema", 0.9, "--schedule", "one_cycle"],
                        ["--augment", "shift=0.05,zoom-max=1.1,brightness=0.1"],
                        ["--augment", "mixup=0.1,cutmix=0.1"]):
            with self.subTest(options):
                run = hubel("train", "--data", self.data, "--epochs", 8, "--batch", 16, "--out", out, *options)
                self.assertEqual(run.returncode, 0, run.stderr)
                accuracy = float(re.search(r"(?m)^Test accuracy ([0-9.]+) %", run.stdout)[1])
                self.assertGreater(accuracy, 95)

    def test_early_stopping(self):
        """A smoothed label's loss has a least value, which is soon reached."""
        run = hubel("train", "--data", self.data, "--epochs", 1000, "--early-stopping", 2, "--lr", 0.01,
                    "--label-smoothing", 0.2, "--out", self.folder / "early.safetensors")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("Stopped early", run.stdout[-2000:])

    def test_an_architecture_of_ones_own(self):
        architecture, out = self.folder / "net.json", self.folder / "net.safetensors"
        layers = [{"kind": "flatten"}, {"kind": "dropout", "rate": 0.1},
                  {"kind": "dense", "units": 2, "activation": "softmax"}]
        architecture.write_text(json.dumps({"input_shape": [28, 28, 1], "layers": layers}))
        run = hubel("train", "--data", self.data, "--model", architecture, "--epochs", 3, "--out", out)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("dense_1", hubel("summary", out).stdout)
        architecture.write_text(json.dumps({"input_shape": [28, 27, 1], "layers": layers}))
        self.refuses(hubel("train", "--data", self.data, "--model", architecture), 1, architecture, "(28, 27, 1)")
        layers[2]["units"] = 1
        architecture.write_text(json.dumps({"input_shape": [28, 28, 1], "layers": layers}))
        self.refuses(hubel("train", "--data", self.data, "--model", architecture), 1, architecture, "1 classes", "2")
        architecture.write_text("{}")
        self.refuses(hubel("train", "--data", self.data, "--model", architecture), 1, architecture)
        self.refuses(hubel("train", "--data", self.data, "--model", self.folder / "no.json"), 1, "no.json")
        self.refuses(hubel("train", "--data", self.data, "--model", "nonet"), 2, "nonet", "lenet5")

    def test_networks_of_the_zoo(self):
        out = self.folder / "zoo.safetensors"
        run = hubel("train", "--data", self.data, "--model", "resnet20", "--epochs", 1, "--out", out)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("batch_norm_1", hubel("summary", out).stdout)
        self.refuses(hubel("train", "--data", self.data, "--model", "resnet20", "--small"), 2, "resnet20", "small")

    def test_logs(self):
        log, events, out = self.folder / "log.jsonl", self.folder / "events", self.folder / "logged.safetensors"
        run = hubel("train", "--data", self.data, "--epochs", 3, "--batch", 20, "--log", log, "--log-every", 5,
                    "--tensorboard", events, "--out", out)  # 11 steps an epoch
        self.assertEqual(run.returncode, 0, run.stderr)
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        self.assertEqual([(line["event"], line["step"]) for line in lines],
                         [("step", 5), ("step", 10), ("epoch", 11), ("step", 15), ("step", 20), ("epoch", 22),
                          ("step", 25), ("step", 30), ("epoch", 33)])
        for line in lines:
            self.assertGreater(line["loss"], 0)
            self.assertIn("learning_rate", line)
        self.assertIn("val_loss", lines[2])
        (file,) = events.iterdir()
        data, records = file.read_bytes(), 0
        while data:
            length = int.from_bytes(data[:8], "little")
            for part, at in ((data[:8], 8), (data[12:12 + length], 12 + length)):
                crc = crc32c(part)
                masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
                self.assertEqual(int.from_bytes(data[at:at + 4], "little"), masked)
            data, records = data[16 + length:], records + 1
        self.assertEqual(records, 1 + len(lines))
        self.refuses(hubel("train", "--data", self.data, "--log", self.folder / "no" / "log", "--out", out), 1, "log")
        self.refuses(hubel("train", "--data", self.data, "--tensorboard", log, "--out", out), 1, log)

    # What keeps a state or draws numbers: moments, an average, a schedule, clipping, dropout, batch norm, augmentation.
    def checkpointed(self, epochs=40):
        architecture = self.folder / "busy.json"
        layers = [{"kind": "conv2d", "filters": 4, "strides": [2, 2]}, {"kind": "batch_norm"},
                  {"kind": "activation", "activation": "relu"}, {"kind": "flatten"}, {"kind": "dropout", "rate": 0.3},
                  {"kind": "dense", "units": 2, "activation": "softmax"}]
        architecture.write_text(json.dumps({"input_shape": [28, 28, 1], "layers": layers}))
        return ["train", "--data", self.data, "--model", architecture, "--epochs", epochs, "--batch", 8, "--ema", 0.95,
                "--schedule", "one_cycle", "--clip-norm", 1, "--label-smoothing", 0.1, "--seed", 3,
                "--augment", "shift=0.05,flip=0.5,cutout=4,mixup=0.2"]

    def test_killed_at_any_instant(self):
        """Ten times kill -9, each time gone on with, and the model is that of a training in one go."""
        arguments = self.checkpointed(epochs=60)
        whole, parts = self.folder / "whole.safetensors", self.folder / "parts.safetensors"
        checkpoint = self.folder / "killed.checkpoint"
        start = time.monotonic()
        self.assertEqual(hubel(*arguments, "--out", whole).returncode, 0)
        duration = time.monotonic() - start
        rng, killed = random.Random(4), 0
        arguments += ["--out", parts, "--checkpoint", checkpoint, "--checkpoint-every", "3steps"]
        for _ in range(10):
            resume = ["--resume", checkpoint] if checkpoint.exists() else []
            process = subprocess.Popen([HUBEL, *map(str, arguments + resume)], stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, env=ENVIRONMENT)
            try:
                printed, _ = process.communicate(timeout=rng.uniform(0.02, 0.4) * duration)
                self.assertEqual(process.returncode, 0, printed)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                killed += 1
        self.assertGreater(killed, 3)
        self.assertEqual(hubel(*arguments, "--resume", checkpoint).returncode, 0)
        self.assertEqual(read_tensors(parts), read_tensors(whole))
        self.assertGreater(len(read_tensors(whole)), 5)

    def test_stopped_and_gone_on_with(self):
        arguments = self.checkpointed()
        whole, parts = self.folder / "w.safetensors", self.folder / "p.safetensors"
        checkpoint, log = self.folder / "stopped.checkpoint", self.folder / "stopped.jsonl"
        self.assertEqual(hubel(*arguments, "--out", whole).returncode, 0)
        code, printed = self.interrupt("^epoch 3/", *arguments[1:], "--out", parts, "--checkpoint", checkpoint, "--log",
                                       log, "--log-every", 10)
        self.assertEqual(code, 130, printed)
        self.assertIn(f"--resume {checkpoint}", printed)
        before = log.read_text()
        log.write_text(before + '{"event":"step","ep')  # as a full disk leaves it
        run = hubel(*arguments, "--out", parts, "--resume", checkpoint, "--log", log, "--log-every", 10)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(read_tensors(parts), read_tensors(whole))
        self.assertTrue(log.read_text().startswith(before))
        steps = [json.loads(line)["step"] for line in log.read_text().splitlines()]
        self.assertEqual(steps, sorted(steps))
        for option, value, words in (("--epochs", 50, ("epochs = 40", "50")), ("--lr", 0.5, ("optimizer", "0.5")),
                                     ("--ema", 0.9, ("average",)), ("--validation", 7, ("samples",)),
                                     ("--augment", "mixup=0.3", ("augmentation", "mixup=0.2", "mixup=0.3")),
                                     ("--model", "lenet5", ("another network",))):
            other = [*arguments, "--lr", 0.001, "--validation", 20]
            other[other.index(option) + 1] = value
            self.refuses(hubel(*other, "--out", parts, "--resume", checkpoint), 1, *words)
        self.refuses(hubel(*arguments, "--out", parts, "--resume", whole), 1, whole, "not a checkpoint")
        saved = whole.read_bytes()
        self.refuses(hubel(*arguments, "--out", parts, "--checkpoint", whole), 1, whole, "written over")
        self.assertEqual(whole.read_bytes(), saved)
        for one, other in (("--out", "--checkpoint"), ("--out", "--log"), ("--checkpoint", "--log"), ("--out", "--resume")):
            self.refuses(hubel(*arguments, one, checkpoint, other, checkpoint), 1, one, other, "the same file")
        self.refuses(hubel(*arguments, "--out", parts, "--resume", self.folder / "none"), 1, "none")
        self.refuses(hubel(*arguments, "--out", parts, "--checkpoint", self.folder / "no" / "c"), 1, self.folder / "no")

    def test_learning_from_what_was_learnt(self):
        first, second = self.folder / "first.safetensors", self.folder / "second.safetensors"
        arguments = ["train", "--data", self.data, "--epochs", 2, "--validation", 20]
        self.assertEqual(hubel(*arguments, "--out", first).returncode, 0)
        run = hubel(*arguments, "--seed", 5, "--weights", first, "--freeze", "conv2d_*,dense_1.bias", "--out", second)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn(f"Weights: 10 of 10 from {first}\n", run.stdout)
        self.assertRegex(run.stdout, r"Frozen: [\d,]+ of [\d,]+ parameters learn\n")
        before, after = read_tensors(first), read_tensors(second)
        held = {name for name in before if before[name] == after[name]}
        self.assertEqual(held, {"conv2d_1.kernel", "conv2d_1.bias", "conv2d_2.kernel", "conv2d_2.bias", "dense_1.bias"})
        layers = [{"kind": "conv2d", "filters": 6, "kernel_size": 5}, {"kind": "flatten"}, {"kind": "dense", "units": 3}]
        other = self.folder / "other.json"
        other.write_text(json.dumps({"input_shape": [28, 28, 1], "layers": layers}))
        run = hubel(*arguments, "--model", other, "--weights", first, "--out", second)
        self.assertIn(f"Weights: 2 of 4 from {first}; fresh: dense_1.kernel, dense_1.bias\n", run.stdout, run.stderr)
        unlike = self.folder / "unlike.json"
        unlike.write_text(json.dumps({"input_shape": [28, 28, 1], "layers": layers[1:]}))
        for options, words in ((("--freeze", "conv2d_3"), ("--freeze conv2d_3", "no layer has that name")),
                               (("--freeze", "*"), ("leaves no layer",)),
                               (("--weights", self.folder / "none"), ("none",)),
                               (("--weights", self.data / "train-labels-idx1-ubyte"), ("train-labels-idx1-ubyte",)),
                               (("--model", unlike, "--weights", first), ("none of its weights",))):
            self.refuses(hubel(*arguments, "--out", second, *options), 1, *words)

    def test_full_disk(self):
        """A limit on a file's size stands for it: the training is told of, and the last good checkpoint stays."""
        arguments, checkpoint = self.checkpointed(epochs=4), self.folder / "full.checkpoint"
        whole, out = self.folder / "roomy.safetensors", self.folder / "full.safetensors"
        self.assertEqual(hubel(*arguments, "--out", whole, "--checkpoint", checkpoint, "--checkpoint-every", 2)
                         .returncode, 0)
        good = checkpoint.read_bytes()
        run = hubel(*arguments, "--out", out, "--checkpoint", checkpoint, largest_file=len(good) // 2)
        self.refuses(run, 1, checkpoint, "File too large")
        self.assertEqual(checkpoint.read_bytes(), good)
        self.assertEqual(sorted(path.name for path in self.folder.glob("full.*")),
                         ["full.checkpoint", "full.safetensors"])
        self.assertIn(f"Saved {out}, with the best weights so far", run.stdout)
        self.assertEqual(hubel("evaluate", out, "--data", self.data).returncode, 0)
        self.assertEqual(hubel(*arguments, "--out", out, "--resume", checkpoint).returncode, 0)
        self.assertEqual(read_tensors(out), read_tensors(whole))

    def test_full_disk_under_the_log(self):
        """What was learnt by then is saved."""
        log, out, architecture = (self.folder / f"narrow.{ending}" for ending in ("jsonl", "safetensors", "json"))
        architecture.write_text(json.dumps({"input_shape": [28, 28, 1], "layers": [
            {"kind": "max_pool2d", "pool_size": [4, 4]}, {"kind": "flatten"},
            {"kind": "dense", "units": 2, "activation": "softmax"}]}))
        arguments = ["train", "--data", self.data, "--model", architecture, "--epochs", 40, "--out", out, "--log", log,
                     "--log-every", 1]
        run = hubel(*arguments, largest_file=4096)
        self.refuses(run, 1, log, "File too large")
        self.assertIn(f"Saved {out}, with the best weights so far", run.stdout)
        done = sum('"event":"epoch"' in line for line in log.read_text().splitlines())
        self.assertRegex(hubel("summary", out).stdout, rf"training: ({done}|{done + 1}) epochs, adam")
        self.assertEqual(hubel("evaluate", out, "--data", self.data).returncode, 0)
        saved = out.read_bytes()
        self.refuses(hubel(*arguments, largest_file=len(saved) - 1), 1, log, out, "what was learnt so far is lost")
        run = hubel(*arguments, largest_file=512)
        self.refuses(run, 1, log, "File too large")
        self.assertIn(f"Ended in the first epoch. {out} stays as it was.", run.stdout)
        self.assertEqual(out.read_bytes(), saved)

    def test_a_training_that_was_complete(self):
        arguments, checkpoint = self.checkpointed(epochs=2), self.folder / "complete.checkpoint"
        once, again = self.folder / "once.safetensors", self.folder / "again.safetensors"
        self.assertEqual(hubel(*arguments, "--out", once, "--checkpoint", checkpoint).returncode, 0)
        run = hubel(*arguments, "--out", again, "--resume", checkpoint)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn(f"The training was already complete in {checkpoint}: 2 epochs.", run.stdout)
        self.assertIn("Test accuracy", run.stdout)
        self.assertEqual(read_tensors(again), read_tensors(once))
        self.assertIn("2 epochs, adam", hubel("summary", again).stdout)

    def test_two_trainings_into_one_file(self):
        """The second is refused, whoever has begun; a training that was killed is in nobody's way."""
        arguments = self.checkpointed(epochs=100000)
        checkpoint, log, out = (self.folder / f"shared.{ending}" for ending in ("checkpoint", "jsonl", "safetensors"))
        first = [*arguments, "--out", out, "--checkpoint", checkpoint, "--log", log]
        process = subprocess.Popen([HUBEL, *map(str, first)], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
        try:
            for line in process.stdout:
                if line.startswith("epoch 2/"):
                    break
            other = self.folder / "other"
            self.refuses(hubel(*arguments, "--out", other, "--checkpoint", checkpoint), 1, checkpoint, "another training")
            self.refuses(hubel(*arguments, "--out", other, "--resume", checkpoint), 1, checkpoint, "another training")
            self.refuses(hubel(*arguments, "--out", other, "--log", log), 1, log, "another training")
            self.assertGreater(len(log.read_text()), 0)
        finally:
            process.kill()
            process.stdout.close()
            process.wait()
        again = [*self.checkpointed(epochs=1), "--out", out, "--checkpoint", checkpoint, "--log", log]
        self.assertEqual(hubel(*again).returncode, 0)
        self.assertEqual(list(self.folder.glob(".hubel-*.lock")), [])

    def test_a_log_that_is_none(self):
        other, out = self.folder / "thesis.txt", self.folder / "unwritten.safetensors"
        for text in ("three years of work", '{"event": "login"}\n', "{}\n", '{"event":"other"}\n'):
            other.write_text(text)
            for options in ([], ["--resume", self.folder / "c"]):
                run = hubel("train", "--data", self.data, "--log", other, "--out", out, *options)
                self.refuses(run, 1, other, "no log of a training")
            self.assertEqual(other.read_text(), text)
        for text in ("", '{"event":"st', '{"event":"epoch","epoch":1}\n'):
            other.write_text(text)
            run = hubel("train", "--data", self.data, "--epochs", 1, "--log", other, "--out", out)
            self.assertEqual(run.returncode, 0, run.stderr)

    def test_outputs_that_are_not_finite(self):
        model, image = self.folder / "nan.safetensors", self.folder / "stroke.png"
        whole = self.model.read_bytes()
        begin = 8 + int.from_bytes(whole[:8], "little")
        write_png(image, stroke(1, random.Random(3)))
        for number in (b"\x00\x00\xc0\x7f", b"\x00\x00\x80\x7f"):  # NaN, infinity
            model.write_bytes(whole[:begin] + number * ((len(whole) - begin) // 4))
            for options in ([], ["--json"]):
                run = hubel("predict", image, image, "--model", model, "--whole", *options)
                self.assertEqual((run.returncode, run.stdout), (1, ""))
                self.assertEqual(run.stderr.count("\n"), 2)
                self.assertRegex(run.stderr, rf"hubel: {image}: the output of {model} for it is not finite: it has -?nan")
            run = hubel("evaluate", model, "--data", self.data)
            self.refuses(run, 1, model, "not finite", "no accuracy")
            self.assertEqual(run.stdout, "")

    def test_a_training_whose_last_step_went_too_far(self):
        run = hubel("train", "--data", self.data, "--epochs", 1, "--batch", 1000, "--lr", 1e38, "--optimizer", "sgd",
                    "--schedule", "constant", "--out", self.folder / "far.safetensors")
        self.assertRegex(run.stdout, r"(?m)^epoch 1/1 .* validation none \(the output is not finite\)  test none \(")
        self.assertRegex(run.stdout, r"(?m)^Test accuracy none \(the output is not finite\)$")

    def write_folder(self, name, classes):
        folder, rng = self.folder / name, random.Random(8)
        for label in classes:
            (folder / str(label)).mkdir(parents=True)
            for i in range(24):
                write_png(folder / str(label) / f"{i:02}.png", stroke(label, rng), scale=1 if i < 12 else 2)
        return folder

    def test_folders_of_images(self):
        folder, out = self.write_folder("pictures", (0, 1)), self.folder / "pictures.safetensors"
        run = hubel("train", "--data", folder, "--epochs", 1, "--out", out)
        self.assertEqual(run.returncode, 0, run.stderr)
        note = f"Images are taken as 28x28, grey, as the first of {folder} are; others are resized.\n"
        self.assertTrue(run.stdout.startswith(note), run.stdout)
        run = hubel("evaluate", out, "--data", folder, "--split", "train")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertTrue(run.stdout.startswith(note), run.stdout)
        self.refuses(hubel("evaluate", out, "--data", folder), 1, folder, "no test images; there are: train (48)")
        single = self.write_folder("single", (1,))
        self.refuses(hubel("train", "--data", single, "--out", out), 1, single, "images of one class only, 1")
        self.assertEqual(hubel("evaluate", out, "--data", single, "--split", "train").returncode, 0)

    def test_ranges_are_told_by_the_names_given(self):
        for option, said in (("crop=-1", "crop = -1, it must be in [0, 65536]"), ("zoom-min=0", "zoom-min = 0"),
                             ("crop-area-min=2", "crop-area-min = 2"), ("hue=1", "hue = 1, it must be in [0, 0.5]"),
                             ("flip=2", "flip = 2, it must be in [0, 1]"), ("shift=0.1,cutmix=-1", "cutmix = -1")):
            run = hubel("train", "--data", self.data, "--augment", option)
            self.refuses(run, 2, "--augment: " + said)
        self.refuses(hubel("train", "--data", self.data, "--augment", "hue=0.1"), 1, "red, green and blue", "1 channel")

    def test_evaluate(self):
        run = hubel("evaluate", self.model, "--data", self.data, "--show", 2)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("Test accuracy 100.00 % (60 of 60 right)", run.stdout)
        self.assertIn("image 1: 1 (right)", run.stdout)
        self.assertIn("█", run.stdout)
        self.assertNotIn("<- predicted", hubel("evaluate", self.model, "--data", self.data, "--brief").stdout)
        self.assertIn("240 of 240", hubel("evaluate", self.model, "--data", self.data, "--split", "train").stdout)

    def test_predict(self):
        rng = random.Random(7)
        paths = []
        for label in (0, 1):
            for invert, scale in ((False, 1), (True, 1), (True, 5)):
                path = self.folder / f"{label}-{invert}-{scale}.png"
                write_png(path, stroke(label, rng), invert=invert, scale=scale)
                paths.append(path)
        light_on_dark = [p for p in paths if "False" in p.name]
        run = hubel("predict", *light_on_dark, "--model", self.model, "--whole")
        self.assertEqual(run.returncode, 0, run.stderr)
        for path, line in zip(light_on_dark, run.stdout.splitlines()):
            self.assertRegex(line, rf"^{re.escape(str(path))}: {path.name[0]}  \(.*[0-9.]+ %")
        lines = hubel("predict", *light_on_dark, "--model", self.model, "--whole", "--json").stdout.splitlines()
        self.assertEqual(len(lines), len(light_on_dark))
        for path, line in zip(light_on_dark, map(json.loads, lines)):
            self.assertEqual(line["class"], path.name[0])
            self.assertAlmostEqual(sum(line["probabilities"].values()), 1, places=5)

    def test_predict_goes_on_after_a_bad_image(self):
        good, bad = self.folder / "good.png", self.folder / "bad.png"
        write_png(good, stroke(1, random.Random(3)))
        bad.write_bytes(good.read_bytes()[:60])
        run = hubel("predict", bad, good, self.folder / "none.png", "--model", self.model, "--whole")
        self.assertEqual(run.returncode, 1)
        self.assertIn(f"{good}: 1", run.stdout)
        self.assertEqual(run.stderr.count("\n"), 2, run.stderr)
        self.assertIn("bad.png", run.stderr)
        self.assertIn("none.png", run.stderr)

    def test_bad_files(self):
        broken = self.folder / "broken.safetensors"
        broken.write_bytes(self.model.read_bytes()[:1000])
        self.refuses(hubel("evaluate", broken, "--data", self.data), 1, broken)
        self.refuses(hubel("evaluate", self.folder / "nothing", "--data", self.data), 1, self.folder / "nothing")
        self.refuses(hubel("evaluate", self.model, "--data", self.folder / "nowhere"), 1, "nowhere")
        self.refuses(hubel("train", "--data", broken, "--out", self.folder / "x"), 1, broken)
        self.refuses(hubel("train", "--data", "http://127.0.0.1:9/a.npz", "--out", self.folder / "x"), 1, "127.0.0.1")
        self.assertFalse((self.folder / "x").exists())

    def test_a_model_and_data_that_do_not_fit(self):
        self.refuses(hubel("evaluate", self.model, "--data", "mnist"), 1, "2 classes", "10")

    def test_where_nothing_can_be_written(self):
        """Told before the training, not after it."""
        start = time.monotonic()
        self.refuses(hubel("train", "--out", self.folder / "no" / "model"), 1, self.folder / "no")
        self.refuses(hubel("train", "--out", self.folder), 1, self.folder)
        self.refuses(hubel("train", "--out", "/dev/null"), 1, "/dev/null")
        self.refuses(hubel("train", "--out", self.folder / ("n" * 300)), 1, "nnn")
        self.assertLess(time.monotonic() - start, 60)
        readonly = self.folder / "readonly.safetensors"
        readonly.write_bytes(self.model.read_bytes())
        readonly.chmod(0o444)
        self.refuses(hubel("train", "--data", self.data, "--out", readonly), 1, readonly)

    def test_a_file_keeps_its_permissions(self):
        out = self.folder / "private.safetensors"
        out.write_bytes(b"")
        out.chmod(0o600)
        self.assertEqual(hubel("train", "--data", self.data, "--epochs", 1, "--out", out).returncode, 0)
        self.assertEqual(out.stat().st_mode & 0o777, 0o600)
        self.assertGreater(out.stat().st_size, 0)

    def interrupt(self, when, *arguments, by=signal.SIGINT):
        """Starts a training, sends a signal once its output matches `when`; its exit code and all it printed."""
        process = subprocess.Popen([HUBEL, "train", *map(str, arguments)], stdout=subprocess.PIPE, text=True,
                                   env=ENVIRONMENT)
        printed = ""
        for line in process.stdout:
            printed += line
            if re.search(when, line):
                process.send_signal(by)
                break
        printed += process.stdout.read()
        process.stdout.close()
        return process.wait(timeout=300), printed

    def test_interrupt_keeps_the_best_weights(self):
        out = self.folder / "stopped.safetensors"
        code, printed = self.interrupt("^epoch 1/", "--data", self.data, "--epochs", 100000, "--out", out)
        self.assertEqual(code, 130, printed)
        self.assertRegex(printed, r"Stopped. Keeping the weights of epoch \d+, the best so far")
        terminated = self.interrupt("^epoch 1/", "--data", self.data, "--epochs", 100000, "--out", out, by=signal.SIGTERM)
        self.assertEqual(terminated[0], 128 + signal.SIGTERM, terminated[1])
        self.assertEqual(hubel("evaluate", out, "--data", self.data).returncode, 0)

    def test_interrupt_in_the_first_epoch(self):
        out = self.folder / "early.safetensors"
        code, printed = self.interrupt("^Model:", "--epochs", 3, "--out", out)
        self.assertEqual(code, 130, printed)
        self.assertEqual(hubel("summary", out).returncode, 0)
        before = out.read_bytes()
        code, printed = self.interrupt("^Model:", "--epochs", 3, "--out", out)
        self.assertEqual(code, 130, printed)
        self.assertIn("stays as it was", printed)
        self.assertEqual(out.read_bytes(), before)

    def test_progress_bar_on_a_terminal(self):
        try:
            process, terminal = pty.fork()
        except OSError as error:  # a container without /dev/pts
            self.skipTest(f"no terminal is to be had: {error}")
        if process == 0:
            os.execve(HUBEL, [HUBEL, "train", "--epochs", "1", "--out", str(self.folder / "bar.safetensors")],
                      ENVIRONMENT)
        printed = b""
        while b"left" not in printed and select.select([terminal], [], [], 300)[0]:
            try:
                printed += os.read(terminal, 4096)
            except OSError:  # the program has ended
                break
        os.kill(process, signal.SIGINT)
        while True:
            try:
                if not os.read(terminal, 4096):
                    break
            except OSError:
                break
        os.waitpid(process, 0)
        os.close(terminal)
        text = printed.decode()
        for part in ("\r", "─", "loss", "acc", "images/s", "left"):
            self.assertIn(part, text)


if __name__ == "__main__":
    unittest.main()
