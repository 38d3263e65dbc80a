"""Shared by the Python tests: hypothesis's settings and the data."""

import pathlib
import signal

import pytest
from hypothesis import settings

import hubel

# The same cases in every run: a failure here should be the change's, not the dice's.
settings.register_profile("hubel", derandomize=True, deadline=None, max_examples=200)
settings.load_profile("hubel")

# A shell that starts these tests in the background has them ignore SIGINT, and so the programs they start, some of which
# are to be interrupted.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def mnist():
    return hubel.load_dataset("mnist")


@pytest.fixture(scope="session")
def repository():
    return pathlib.Path(__file__).resolve().parents[2]
