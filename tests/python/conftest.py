"""Shared by the Python tests: hypothesis's settings and the data."""

import pathlib

import pytest
from hypothesis import settings

import hubel

# The same cases in every run: a failure here should be the change's, not the dice's.
settings.register_profile("hubel", derandomize=True, deadline=None, max_examples=200)
settings.load_profile("hubel")


@pytest.fixture(scope="session")
def mnist():
    return hubel.load_dataset("mnist")


@pytest.fixture(scope="session")
def repository():
    return pathlib.Path(__file__).resolve().parents[2]
