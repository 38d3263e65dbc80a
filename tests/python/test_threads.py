"""Python's threads, Hubel's own, and forks."""

import multiprocessing
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import hubel
from cases import random_array

RNG = np.random.default_rng(3)


def test_many_python_threads_at_once():
    cases = []
    for i in range(24):
        A_prev, W = random_array(RNG, (2, 5 + i % 7, 9, 1 + i % 3)), random_array(RNG, (3, 2, 1 + i % 3, 1 + i))
        b = random_array(RNG, (1, 1, 1, 1 + i))
        cases.append((A_prev.astype("f4"), W.astype("f4"), b.astype("f4")) if i % 2 else (A_prev, W, b))

    def work(case):
        Z = hubel.conv_forward(*case, "relu")
        return (Z, *hubel.conv_backward(Z, *case), hubel.pool_forward(Z, (2, 2)), hubel.conv_forward(*case, np.tanh))

    alone = [work(case) for case in cases]
    with ThreadPoolExecutor(8) as pool:
        for case_results in (list(pool.map(work, cases)) for _ in range(5)):
            for result, expected in zip(case_results, alone):
                assert all(r.tobytes() == e.tobytes() for r, e in zip(result, expected))


def test_python_runs_while_hubel_computes():
    """With the GIL held during a call, a second thread would never make a step inside one."""
    A_prev, W = np.ones((8, 96, 96, 32), dtype=np.float32), np.ones((7, 7, 32, 32), dtype=np.float32)
    b = np.zeros((1, 1, 1, 32), dtype=np.float32)
    steps, done = [], threading.Event()

    def count():
        while not done.wait(0.001):
            steps.append(time.perf_counter())

    counter = threading.Thread(target=count)
    counter.start()
    try:
        for _ in range(50):  # on a busy machine the thread may not get its turn during one call
            start = time.perf_counter()
            hubel.conv_forward(A_prev, W, b, None)
            end = time.perf_counter()
            if any(start + 0.002 < t < end - 0.002 for t in steps):
                return
    finally:
        done.set()
        counter.join()
    pytest.fail("no step of the other thread during 50 calls")


def test_number_of_threads():
    default = hubel.num_threads()
    assert default >= 1
    try:
        hubel.set_num_threads(3)
        assert hubel.num_threads() == hubel.get_num_threads() == 3
    finally:
        hubel.set_num_threads(0)
    assert hubel.num_threads() == default


@pytest.mark.parametrize(
    "n, error", [(-1, ValueError), (-(2**40), ValueError), (10**9, ValueError), (1.5, TypeError), (None, TypeError), (True, TypeError)]
)
def test_wrong_numbers_of_threads(n, error):
    default = hubel.num_threads()
    with pytest.raises(error, match="^set_num_threads: n "):
        hubel.set_num_threads(n)
    assert hubel.num_threads() == default


def _forward_in_child(queue, A_prev, W, b):
    queue.put(hubel.conv_forward(A_prev, W, b, None))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="fork is Linux's way")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_computes():
    A_prev, W = random_array(RNG, (8, 32, 32, 8)), random_array(RNG, (3, 3, 8, 16))
    b = random_array(RNG, (1, 1, 1, 16))
    try:
        hubel.set_num_threads(2)
        expected = hubel.conv_forward(A_prev, W, b, None)  # starts the parent's threads
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        child = context.Process(target=_forward_in_child, args=(queue, A_prev, W, b))
        child.start()
        result = queue.get(timeout=60)
        child.join(60)
    finally:
        hubel.set_num_threads(0)
    assert child.exitcode == 0
    assert result.tobytes() == expected.tobytes()
