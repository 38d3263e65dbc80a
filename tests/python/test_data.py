"""load_npz and load_dataset: files, a local HTTP server, and what is broken or hostile."""

import gzip
import http.server
import io
import os
import pathlib
import re
import struct
import subprocess
import sys
import threading
import time
import zipfile

import numpy as np
import pytest

import hubel

RNG = np.random.default_rng(2)

ARRAYS = {
    "bool": RNG.random((3, 4)) > 0.5,
    "int8": RNG.integers(-128, 128, (5,)).astype("i1"),
    "uint64": RNG.integers(0, 2**63, (2, 2)).astype("u8"),
    "half": RNG.random((4, 2)).astype("f2"),
    "float": RNG.random((2, 3, 4)).astype("f4"),
    "double": RNG.random((2, 3, 4)),
    "complex": (RNG.random(3) + 1j * RNG.random(3)).astype("c16"),
    "big-endian": RNG.random((3, 2)).astype(">f8"),
    "fortran": np.asfortranarray(RNG.random((3, 5, 2))),
    "scalar": np.array(2.5),
    "empty": np.zeros((0, 7), "f4"),
    "text": np.array(["a", "höch"]),
    "bytes": np.array([b"ab", b"c"]),
}


def npz_bytes(save=np.savez, **arrays):
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


def digits_npz():
    images = RNG.integers(0, 256, (30, 28, 28), dtype=np.uint8)
    labels = np.arange(30) % 10
    return npz_bytes(
        X_train=images[:20], Y_train=labels[:20], X_valid=images[20:25], Y_valid=np.eye(10)[labels[20:25]],
        X_test=images[25:], Y_test=labels[25:],
    )  # fmt: skip


def assert_same(loaded, expected):
    assert type(loaded) is dict and sorted(loaded) == sorted(expected)
    for name, array in expected.items():
        result = loaded[name]
        assert type(result) is np.ndarray and result.dtype == array.dtype and result.shape == array.shape
        assert np.array_equal(result, array) and result.flags.writeable
        assert result.flags.c_contiguous == array.flags.c_contiguous


# --- files


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_files(tmp_path, save):
    save(tmp_path / "ä.npz", **ARRAYS)
    for path in (tmp_path / "ä.npz", str(tmp_path / "ä.npz"), os.fsencode(tmp_path / "ä.npz")):
        assert_same(hubel.load_npz(path), ARRAYS)


def test_arrays_outlive_their_dict(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(1000.0))
    x = hubel.load_npz(tmp_path / "a.npz")["x"]
    x += 1
    assert x.sum() == 500500.0


def test_npz_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.npz"):
        hubel.load_npz(tmp_path / "none.npz")
    with pytest.raises(OSError):
        hubel.load_npz(tmp_path)
    with pytest.raises(TypeError, match="^load_npz: expected a path or URL, got int"):
        hubel.load_npz(3)
    with pytest.raises(TypeError, match="^load_npz: expected a path or URL, got NoneType"):
        hubel.load_npz(None)
    with pytest.raises(FileNotFoundError):
        hubel.load_npz(b"/not\xff/utf-8")
    with pytest.raises(OSError):
        hubel.load_npz("zero\0byte")
    with pytest.raises(OSError, match="NUL"):
        hubel.load_model("zero\0byte")
    with pytest.raises(OSError, match="NUL"):
        hubel.lenet5().save(str(tmp_path / "zero\0byte"))
    assert not (tmp_path / "zero").exists()
    with pytest.raises(OSError, match="http"):
        hubel.load_npz("ftp://localhost/a.npz")


def lying_npy(shape):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"\0" * 16


BROKEN = {
    "empty": b"",
    "text": b"<html>not found</html>",
    "truncated": npz_bytes(x=np.arange(1000.0))[:-500],
    "flipped": bytes(b ^ (i == 400) for i, b in enumerate(npz_bytes(x=np.arange(1000.0)))),
    "objects": npz_bytes(x=np.array([{}, None], dtype=object)),
    "structures": npz_bytes(x=np.zeros(2, dtype=[("a", "f4")])),
}
for name, shape in {"short": "(5,)", "huge": "(1099511627776, 1099511627776)", "negative": "(-4,)"}.items():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("x.npy", lying_npy(shape))
    BROKEN[name] = stream.getvalue()


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_npz(tmp_path, kind):
    (tmp_path / "broken.npz").write_bytes(BROKEN[kind])
    for load in (hubel.load_npz, hubel.load_dataset):
        with pytest.raises(ValueError, match="broken.npz") as caught:
            load(tmp_path / "broken.npz")
        assert len(str(caught.value)) < 400 and "\n" not in str(caught.value)


def test_datasets_from_npz(tmp_path):
    (tmp_path / "digits.npz").write_bytes(digits_npz())
    data = hubel.load_dataset(tmp_path / "digits.npz")
    assert data.X_train.shape == (20, 28, 28, 1) and data.X_train.dtype == np.uint8
    assert data.Y_train.tolist() == [i % 10 for i in range(20)] and data.Y_train.dtype.kind == "i"
    assert data.Y_valid.tolist() == [0, 1, 2, 3, 4] and len(data.X_test) == 5
    assert data.class_names == [str(i) for i in range(10)] and str(tmp_path / "digits.npz") in data.source
    hubel.lenet5().fit(data.X_train, data.Y_train, validation_data=(data.X_valid, data.Y_valid), verbose=0)
    np.savez(tmp_path / "floats.npz", X_test=RNG.random((4, 5, 6, 3)), Y_test=np.eye(3)[[0, 2, 1, 0]])
    data = hubel.load_dataset(tmp_path / "floats.npz")
    assert data.X_test.dtype == np.float32 and data.X_test.shape == (4, 5, 6, 3)
    assert data.Y_test.tolist() == [0, 2, 1, 0] and len(data.X_train) == len(data.Y_train) == 0


def test_mnist(mnist):
    assert mnist.X_train.shape == (60000, 28, 28, 1) and mnist.X_test.shape == (10000, 28, 28, 1)
    assert mnist.X_train.dtype == np.uint8 and len(mnist.X_valid) == 0
    assert mnist.Y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]  # as published
    assert mnist.X_train.sum(dtype=np.int64) == 1567298545
    assert "60000 train" in repr(mnist)


def test_mnist_is_in_the_package():
    folder = pathlib.Path(hubel.__file__).parent / "data" / "mnist"
    assert len(list(folder.glob("*.gz"))) == 4 and (folder / "README.md").exists()


def test_idx_folders(tmp_path, mnist):
    for name, images, labels in (("train", mnist.X_train[:50], mnist.Y_train[:50]), ("t10k", mnist.X_test[:9], mnist.Y_test[:9])):
        (tmp_path / f"{name}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 0x803, len(images), 28, 28) + images.tobytes())
        packed = gzip.compress(struct.pack(">2i", 0x801, len(labels)) + labels.astype("u1").tobytes())
        (tmp_path / f"{name}-labels-idx1-ubyte.gz").write_bytes(packed)
    data = hubel.load_dataset(tmp_path)
    assert np.array_equal(data.X_train, mnist.X_train[:50]) and np.array_equal(data.Y_test, mnist.Y_test[:9])
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03")
    with pytest.raises(ValueError, match="t10k-images-idx3-ubyte"):
        hubel.load_dataset(tmp_path)


def test_datasets_that_are_not_there(tmp_path):
    with pytest.raises(OSError, match=re.escape(str(tmp_path))):
        hubel.load_dataset(tmp_path)
    with pytest.raises(FileNotFoundError, match="no-such-data"):
        hubel.load_dataset("no-such-data")
    with pytest.raises(TypeError):
        hubel.load_dataset(7)


# --- URLs


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by path."""

    def do_GET(self):
        path, body = self.path, self.server.body
        if path.startswith("/redirect/"):
            left = int(path.rsplit("/", 1)[1])
            self.send_response(302)
            self.send_header("Location", "/data.npz" if left == 0 else f"/redirect/{left - 1}")
            self.end_headers()
        elif path == "/to-a-file":
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            self.end_headers()
        elif path == "/data.npz":
            self.answer(body)
        elif path == "/text":
            self.answer(b"<html>hello</html>")
        elif path == "/truncated":
            self.answer(body[:-100], length=len(body))
        elif path == "/huge":
            self.answer(body, length=10**15)
        elif path == "/slow":
            self.answer(body, pause=0.02)
        elif path == "/stuck":
            self.server.stuck.wait(60)
        else:
            self.send_error(404)

    def answer(self, body, length=None, pause=0.0):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        for begin in range(0, len(body), 1000):
            self.wfile.write(body[begin : begin + 1000])
            time.sleep(pause)

    def handle(self):
        try:
            super().handle()
        except ConnectionError:  # the client has had enough
            pass

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.body, server.stuck = digits_npz(), threading.Event()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    os.environ["no_proxy"] = "127.0.0.1"  # a proxy of the environment is not asked
    yield f"http://127.0.0.1:{server.server_port}"
    server.stuck.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("path", ["data.npz", "redirect/1", "slow"])
def test_urls_are_read_and_nothing_is_saved(server, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    loaded = hubel.load_npz(f"{server}/{path}")
    assert sorted(loaded) == ["X_test", "X_train", "X_valid", "Y_test", "Y_train", "Y_valid"]
    assert loaded["X_train"].shape == (20, 28, 28)
    data = hubel.load_dataset(f"{server}/{path}")
    assert np.array_equal(data.X_train[..., 0], loaded["X_train"])
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize(
    "path, error, said",
    [
        ("missing.npz", OSError, "404"),
        ("truncated", OSError, "ended"),
        ("huge", OSError, "larger than"),
        ("redirect/50", OSError, "redirect"),
        ("to-a-file", OSError, ""),
        ("text", ValueError, ""),
    ],
)
def test_urls_that_fail(server, path, error, said):
    start = time.monotonic()
    for load in (hubel.load_npz, hubel.load_dataset):
        with pytest.raises(error, match=f"127.0.0.1.*{said}") as caught:
            load(f"{server}/{path}")
        assert not isinstance(caught.value, FileNotFoundError)
    assert time.monotonic() - start < 30


def test_no_server():
    with pytest.raises(OSError, match="127.0.0.1"):
        hubel.load_npz("http://127.0.0.1:1/data.npz")


def test_ctrl_c_ends_a_download(server):
    code = (
        "import hubel, os, signal, threading, time\n"
        "threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "start = time.monotonic()\n"
        "try: hubel.load_npz(URL)\n"
        "except KeyboardInterrupt: print(time.monotonic() - start < 30)\n"
    )
    command = [sys.executable, "-c", code.replace("URL", repr(f"{server}/stuck"))]
    assert subprocess.run(command, capture_output=True, text=True, timeout=60).stdout == "True\n"


def test_python_runs_during_a_download(server):
    """The server is a thread of this process: with the GIL held it could not answer."""
    results = []
    threads = [threading.Thread(target=lambda: results.append(hubel.load_npz(f"{server}/slow"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
