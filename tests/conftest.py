"""Keep what the tests compile away from the user's cache, and let those run without compiling that need not."""

from __future__ import annotations

import ast
import gc
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tests.golden_plugin import pytest_addoption, update_golden
from tests.sampling import slow

__all__ = [
    "inferred",
    "inferred_at_least",
    "optimised_by_llvm",
    "pytest_addoption",
    "pytest_collection_finish",
    "pytest_unconfigure",
    "uncompiled",
    "update_golden",
]

IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ  # it has the environment of the process that started it
# Here and not in fixtures: modules that are collected may compile something when they are imported. What one worker
# of pytest-xdist compiles, the others find.
FOLDER = os.environ["SRCDIFF_CACHE_DIR"] if IS_WORKER else tempfile.mkdtemp(prefix="srcdiff-tests-")
os.environ["SRCDIFF_CACHE_DIR"] = FOLDER
# LLVM takes a quarter of the time that compiling takes to make code fast that runs once. `optimised_by_llvm` has it
# done, NUMBA_OPT=3 does so everywhere. Numba must not have been imported yet.
os.environ.setdefault("NUMBA_OPT", "0")


def pytest_collection_finish(session: pytest.Session) -> None:
    """What has been collected stays: without this, garbage is looked for in it during a tenth of the whole time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not IS_WORKER:
        shutil.rmtree(FOLDER, ignore_errors=True)


@pytest.fixture
def optimised_by_llvm() -> Iterator[None]:
    """Numba compiles as it does for users."""
    from numba.core import config

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NUMBA_OPT", "3")
        config.reload_config()
        yield
    config.reload_config()


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


class Unraising:
    """`math`, with roots that are NaN where Python's raise, as compiled code has them, and numbers that are divided by
    zero as there."""

    sqrt = staticmethod(np.sqrt)

    def __getattr__(self, name: str) -> Any:
        return getattr(math, name)


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derivatives run their generated text as plain Python: the same program, without the time that compiling takes."""
    run_by(monkeypatch, plain_function)


@pytest.fixture
def inferred(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, and Numba finds types for the text."""
    from numba import typeof

    from tests.inferred import infer

    def load(text: str, name: str) -> Callable[..., Any]:
        plain = plain_function(text, name)
        space: dict[str, Any] = {}
        exec(compile(text, name, "exec"), space)
        known: set[Any] = set()

        def call(*args: Any) -> Any:
            types = tuple(map(typeof, args))
            if types not in known:
                infer(space[name], types)
                known.add(types)
            return plain(*args)

        return call

    run_by(monkeypatch, load)


@pytest.fixture(params=["inferred", slow("compiled")])
def inferred_at_least(request: pytest.FixtureRequest) -> None:
    """The same; with `-m slow` compiled."""
    if request.param != "compiled":
        request.getfixturevalue(request.param)


def run_by(monkeypatch: pytest.MonkeyPatch, load: Callable[[str, str], Callable[..., Any]]) -> None:
    """Derivatives are what `load` makes of the text and the name of a function."""
    monkeypatch.setattr("srcdiff.compiled.Compiled.load", lambda self, text, name, *_: load(text, name))
    monkeypatch.setattr("srcdiff.compiled.is_interpreted", lambda: True)


def plain_function(text: str, name: str) -> Callable[..., Any]:
    from srcdiff.backend.storage import tell_apart

    space: dict[str, Any] = {"checked_apart": check_apart}
    tree = ast.parse(text.replace("from numba import njit", "njit = lambda f=None, **_: f or njit"))
    tell_apart(tree, "checked_apart")
    exec(compile(tree, name, "exec"), space)
    if "np" in space:
        space["np"] = Spoiled()
    if "math" in space:
        space["math"] = Unraising()
    found: Callable[..., Any] = space[name]

    def boxed(*args: Any) -> Any:
        return python_numbers(found(*args))

    return boxed


def check_apart(*values: Any) -> None:
    """Check what LLVM is told where the program is compiled: no array before `None` shares memory with another."""
    end = next(place for place, value in enumerate(values) if value is None)
    for place, new in enumerate(values[:end]):
        for other in values[place + 1 :]:
            if isinstance(other, np.ndarray):
                assert not np.may_share_memory(new, other), "arrays that LLVM is told are apart share memory"


def python_numbers(results: Any) -> Any:
    """Results with numbers of Python for those of NumPy, as compiled code returns them."""
    if isinstance(results, tuple):
        return tuple(map(python_numbers, results))
    return results.item() if isinstance(results, np.generic) else results
