"""load_npz, load_dataset, image_folder and Augmentation: files, a local HTTP server, and what is broken or hostile."""

import colorsys
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
import zlib

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


# --- data sets by name


def idx_bytes(array):
    return struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def test_names():
    assert hubel.dataset_names() == ["mnist", "fashion-mnist", "kmnist", "cifar10", "cifar100"]


def test_the_cache_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HUBEL_OFFLINE", "1")
    folder = tmp_path / "hubel" / "kmnist"
    folder.mkdir(parents=True)
    for part in ("train", "t10k"):
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(np.ones((3, 2, 2), np.uint8))))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(np.arange(3, dtype=np.uint8))))
    data = hubel.load_dataset("kmnist")
    assert data.X_train.shape == (3, 2, 2, 1) and data.class_names[3] == "tsu" and data.skipped == []


def test_what_cannot_be_downloaded(server, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HUBEL_OFFLINE", "1")
    with pytest.raises(OSError, match="cifar-10-binary.tar.gz into .*hubel/cifar10"):
        hubel.load_dataset("cifar10")
    with pytest.raises(OSError, match="HUBEL_OFFLINE"):
        hubel.load_npz(f"{server}/digits.npz")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(TypeError, match="^load_dataset: progress must be callable, got int"):
        hubel.load_dataset("mnist", progress=3)


def test_progress_of_a_download(server):
    class Enough(Exception):
        pass

    seen = []

    def progress(url, done, everything):
        seen.append((url, done, everything))
        raise Enough

    with pytest.raises(Enough):
        hubel.load_dataset(f"{server}/stuck", progress=progress)
    assert len(seen) == 1 and seen[0][0] == f"{server}/stuck"


# --- folders of images


def png_bytes(image):
    """A PNG of (h, w) or (h, w, 3) bytes."""
    h, w = image.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(image))

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", w, h, 8, 2 if image.ndim == 3 else 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture
def pets(tmp_path):
    images = RNG.integers(0, 256, (4, 5, 6, 3), dtype=np.uint8)
    for i, name in enumerate(("train/cat/1.png", "train/dög/1.png", "train/dög/2.png", "test/cat/3.png")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(png_bytes(images[i]))
    return tmp_path, images


def test_image_folders(pets):
    folder, images = pets
    for data in (hubel.image_folder(folder), hubel.load_dataset(folder), hubel.image_folder(str(folder), (5, 6), 3)):
        assert np.array_equal(data.X_train, images[:3]) and np.array_equal(data.X_test, images[3:])
        assert data.Y_train.tolist() == [0, 1, 1] and data.Y_test.tolist() == [0]
        assert data.class_names == ["cat", "dög"] and len(data.X_valid) == 0
    data = hubel.image_folder(folder, size=4, channels=1)
    assert data.X_train.shape == (3, 4, 4, 1) and data.X_train.dtype == np.uint8
    grey = images.astype(float) @ [0.299, 0.587, 0.114]
    assert np.abs(data.X_train.mean((1, 2, 3)) - grey[:3].mean((1, 2))).max() < 1


def test_broken_images(pets):
    folder, images = pets
    (folder / "train" / "cat" / "0.jpg").write_bytes(b"none")
    with pytest.raises(ValueError, match="cat/0.jpg"):
        hubel.image_folder(folder)
    with pytest.warns(UserWarning, match="1 broken images.*cat/0.jpg"):
        data = hubel.image_folder(folder, on_broken="skip")
    assert np.array_equal(data.X_train, images[:3]) and len(data.skipped) == 1


@pytest.mark.parametrize(
    "arguments, error, said",
    [
        ({"size": 0}, ValueError, r"size = \(0, 0\)"),
        ({"size": "large"}, TypeError, "size"),
        ({"size": (1, 2, 3)}, ValueError, "size has 3"),
        ({"channels": 2}, ValueError, "channels = 2"),
        ({"channels": 0}, ValueError, "channels = 0"),
        ({"on_broken": "ignore"}, ValueError, "on_broken = 'ignore'"),
        ({"on_broken": None}, TypeError, "on_broken"),
    ],
)
def test_image_folder_arguments(pets, arguments, error, said):
    with pytest.raises(error, match=said):
        hubel.image_folder(pets[0], **arguments)


def test_image_folder_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing"):
        hubel.image_folder(tmp_path / "nothing")
    with pytest.raises(ValueError, match="no images"):
        hubel.image_folder(tmp_path)


# --- augmentation


def test_augmentation_depends_on_seed_epoch_and_index():
    x = RNG.random((50, 8, 9, 3), dtype=np.float32)
    changes = hubel.Augmentation(zoom=(0.8, 1.2), rotation=20, shift=0.1, crop_padding=1, flip_horizontal=0.5, border="reflect",
                                 brightness=0.2, contrast=0.2, mean=0.5, stddev=(1, 2, 3), cutout=2, erase=0.5,
                                 crop_area=(0.2, 1), crop_ratio=(0.5, 2), shear=10, saturation=0.5, hue=0.2,
                                 grayscale=0.3, noise=0.1)  # fmt: skip
    before = x.copy()
    out = changes.apply(x, seed=3, epoch=2)
    assert out.shape == x.shape and out.dtype == np.float32 and np.array_equal(x, before)
    some = np.array([7, 3, 40])
    assert np.array_equal(changes.apply(x[some], 3, 2, some), out[some])
    assert not np.array_equal(changes.apply(x, 3, 1), out) and not np.array_equal(changes.apply(x, 4, 2), out)
    threads = hubel.num_threads()
    try:
        for n in (1, 2, 4):
            hubel.set_num_threads(n)
            assert np.array_equal(changes.apply(x, 3, 2), out)
    finally:
        hubel.set_num_threads(threads)


def test_augmentation_of_bytes_and_grey_images():
    x = RNG.integers(0, 256, (4, 5, 6), dtype=np.uint8)
    assert np.array_equal(hubel.Augmentation().apply(x), (x.astype("f4") / np.float32(255))[..., None])
    assert np.array_equal(hubel.Augmentation(flip_vertical=1).apply(x)[..., 0], (x.astype("f4") / np.float32(255))[:, ::-1])
    mean, stddev = hubel.channel_statistics(x)
    assert np.allclose([mean[0], stddev[0]], [(x / 255).mean(), (x / 255).std()])
    normalised = hubel.Augmentation(mean=mean, stddev=stddev).apply(x)
    assert abs(normalised.mean()) < 1e-6 and abs(normalised.std() - 1) < 1e-6


def test_colours():
    """Hue against the standard library's colorsys, the shift being told by a pixel of red."""
    x = RNG.random((30, 3, 4, 3), dtype=np.float32)
    x[:, 0, 0] = (1, 0, 0)
    for image, out in zip(x, hubel.Augmentation(hue=0.5).apply(x)):
        shift = colorsys.rgb_to_hsv(*out[0, 0])[0]
        expected = [colorsys.hsv_to_rgb((h + shift) % 1, s, v) for h, s, v in
                    (colorsys.rgb_to_hsv(*pixel) for pixel in image.reshape(-1, 3))]  # fmt: skip
        assert np.allclose(out.reshape(-1, 3), expected, atol=1e-5)
    grey = x @ np.array([0.299, 0.587, 0.114], np.float32)
    assert np.allclose(hubel.Augmentation(grayscale=1).apply(x), grey[..., None], atol=1e-6)
    out = hubel.Augmentation(saturation=1).apply(x)
    factor = (out - grey[..., None])[:, 0, 0, 0] / (x - grey[..., None])[:, 0, 0, 0]
    assert 0 <= factor.min() < 0.3 and 1.7 < factor.max() <= 2
    assert np.allclose(out, grey[..., None] + factor[:, None, None, None] * (x - grey[..., None]), atol=1e-5)


def test_random_parts_and_noise():
    y, x = np.mgrid[:12, :16]
    places = np.repeat(np.stack([y, x], -1)[None].astype(np.float32), 200, axis=0)
    out = hubel.Augmentation(crop_area=(0.2, 0.6), crop_ratio=(0.8, 1.25)).apply(places)
    (top, left), (bottom, right) = out[:, 0, 0].T, out[:, -1, -1].T
    height, width = bottom - top + 1, right - left + 1
    assert np.allclose(height, np.round(height), atol=1e-4) and np.allclose(width, np.round(width), atol=1e-4)
    assert 0 <= top.min() and bottom.max() <= 11.0001 and 0 <= left.min() and right.max() <= 15.0001
    assert 0.15 < (height * width).min() / 192 < 0.3 and 0.5 < (height * width).max() / 192 < 0.65
    assert np.allclose(out[:, :, :, 0], np.linspace(top, bottom, 12, axis=1)[:, :, None], atol=1e-4)
    assert np.allclose(out[:, :, :, 1], np.linspace(left, right, 16, axis=1)[:, None], atol=1e-4)
    noise = hubel.Augmentation(noise=0.5).apply(places) - places
    assert abs(noise.mean()) < 0.02 and abs(noise.std() - 0.5) < 0.02


def test_mixing():
    x = RNG.random((6, 4, 5, 2), dtype=np.float32)
    labels = np.array([0, 1, 2, 3, 4, 5])
    mixed, others, shares = hubel.Augmentation(mixup=0.5).mix(x, labels, seed=1)
    expected = shares[:, None, None, None] * x + (1 - shares)[:, None, None, None] * x[others]
    assert np.allclose(mixed, expected, atol=1e-6) and sorted(others) == list(range(6)) and (others != labels).all()
    rows = hubel.soft_targets(labels, others, shares, 6)
    assert np.allclose(rows.sum(1), 1) and np.allclose(rows[labels, labels], shares)
    mixed, others, shares = hubel.Augmentation(cutmix=1.0).mix(x, labels, seed=1)
    own = (mixed == x).all(3)
    assert np.allclose(own.mean((1, 2)), shares) and (own | (mixed == x[others]).all(3)).all()


@pytest.mark.parametrize(
    "arguments, error, said",
    [
        ({"rotation": 200}, ValueError, "rotation = 200"),
        ({"rotation": "far"}, TypeError, "rotation"),
        ({"zoom": 1.5}, TypeError, "zoom must be two numbers"),
        ({"zoom": (2, 1)}, ValueError, r"zoom\[1\] = 1, it must be in \[2, 100\]"),
        ({"zoom": (0, 1)}, ValueError, r"zoom\[0\] = 0"),
        ({"crop_padding": -1}, ValueError, "crop_padding = -1"),
        ({"crop_area": 0.5}, TypeError, "crop_area must be two numbers"),
        ({"crop_area": (0.5, 1.5)}, ValueError, r"crop_area\[1\] = 1.5, it must be in \[0.5, 1\]"),
        ({"crop_ratio": (0, 1)}, ValueError, r"crop_ratio\[0\] = 0"),
        ({"shear": 90}, ValueError, "shear = 90"),
        ({"hue": 0.7}, ValueError, r"hue = 0.7, it must be in \[0, 0.5\]"),
        ({"grayscale": "no"}, TypeError, "grayscale"),
        ({"noise": -1}, ValueError, "noise = -1"),
        ({"border": "wrap"}, ValueError, "border = 'wrap'"),
        ({"cutout": 1.5}, TypeError, "cutout"),
        ({"stddev": 0}, ValueError, "stddev = 0"),
        ({"mean": [1, 2], "stddev": [1, 2, 3]}, ValueError, "mean has 2 numbers"),
        ({"mean": "ab"}, TypeError, "mean"),
        ({"mixup": -1}, ValueError, "mixup = -1"),
    ],
)
def test_augmentation_options(arguments, error, said):
    with pytest.raises(error, match=f"^Augmentation: .*{said}"):
        hubel.Augmentation(**arguments)


def test_augmentation_arguments():
    x = np.zeros((2, 3, 4, 1), np.float32)
    nothing = hubel.Augmentation()
    with pytest.raises(TypeError, match="^Augmentation.apply"):
        nothing.apply([1, 2])
    with pytest.raises(ValueError, match="images have shape"):
        nothing.apply(x[0, 0])
    with pytest.raises(ValueError, match="indices have shape"):
        nothing.apply(x, indices=[1])
    with pytest.raises(TypeError, match="indices must be integers"):
        nothing.apply(x, indices=[1.5, 2])
    with pytest.raises(ValueError, match="seed = -1"):
        nothing.apply(x, seed=-1)
    with pytest.raises(ValueError, match="Augmentation.apply: mean has 3 numbers"):
        hubel.Augmentation(mean=(1, 2, 3)).apply(x)
    with pytest.raises(ValueError, match=r"Augmentation.apply: saturation, hue and grayscale are of red, green and blue"):
        hubel.Augmentation(hue=0.1).apply(x)
    with pytest.raises(ValueError, match="labels have shape"):
        nothing.mix(x, [1])
    with pytest.raises(ValueError, match=r"labels must be in \[0, 2\), got 2"):
        hubel.soft_targets([0], [2], [0.5], 2)
    with pytest.raises(ValueError, match="shares have shape"):
        hubel.soft_targets([0], [1], [0.5, 1], 2)
    with pytest.raises(ValueError, match="no values"):
        hubel.channel_statistics(x[:0])
    assert nothing.apply(x[:0]).shape == (0, 3, 4, 1)
