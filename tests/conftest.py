"""Keep what the tests compile away from the user's cache, and let those run without compiling that need not."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Any

import numpy as np
import pytest

from tests.golden_plugin import pytest_addoption, update_golden

__all__ = ["pytest_addoption", "pytest_unconfigure", "uncompiled", "update_golden"]

FOLDER = tempfile.mkdtemp(prefix="srcdiff-tests-")
# Here and not in a fixture: modules that are collected may compile something when they are imported. Under
# pytest-xdist each worker has a folder of its own.
os.environ["SRCDIFF_CACHE_DIR"] = FOLDER


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)


class Spoiled:
    """NumPy, but what is not set holds garbage: a program that reads it is wrong every time."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def empty(self, *args: Any, **options: Any) -> np.ndarray[Any, Any]:
        return self.spoiled(np.empty(*args, **options))

    def empty_like(self, *args: Any, **options: Any) -> np.ndarray[Any, Any]:
        return self.spoiled(np.empty_like(*args, **options))

    def spoiled(self, made: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        made.fill(777.25 if made.dtype.kind in "fc" else 3)
        return made


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derivatives run their generated text as plain Python: the same program, without the time that compiling takes."""
    from srcdiff.compiled import Compiled

    def load(self: Compiled, text: str, name: str, *_: Any) -> Any:
        space: dict[str, Any] = {}
        exec(compile(text.replace("from numba import njit", "njit = lambda f: f"), name, "exec"), space)
        if "np" in space:
            space["np"] = Spoiled()
        return space[name]

    monkeypatch.setattr(Compiled, "load", load)
    monkeypatch.setattr("srcdiff.compiled.is_interpreted", lambda: True)
