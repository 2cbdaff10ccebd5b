"""Keep what the tests compile away from the user's cache."""

import os
import shutil
import tempfile

import pytest

from tests.golden_plugin import pytest_addoption, update_golden

__all__ = ["pytest_addoption", "pytest_unconfigure", "update_golden"]

FOLDER = tempfile.mkdtemp(prefix="srcdiff-tests-")
# Here and not in a fixture: modules that are collected may compile something when they are imported. Under
# pytest-xdist each worker has a folder of its own.
os.environ["SRCDIFF_CACHE_DIR"] = FOLDER


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
