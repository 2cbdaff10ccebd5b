"""Every stage's output for a small set of functions: compared as text, and run.

`pytest tests/golden --update-golden` rewrites the texts.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from tests.golden.programs import PROGRAMS
from tests.golden.texts import entry, golden, printed
from tests.golden_plugin import compare_text, orphans
from tests.truth import as_tuple, assert_gradient, copied

EXPECTED = Path(__file__).parent / "expected"
ROOT = Path(__file__).parents[2]
ROWS = [pytest.param(*row, id=row[0].__name__) for row in PROGRAMS]


@pytest.fixture(autouse=True)
def paths_from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize(("function", "args", "argnums"), ROWS)
def test_text(function: Any, args: tuple[Any, ...], argnums: Any, update_golden: bool) -> None:
    compare_text(EXPECTED / f"{function.__name__}.txt", golden(function, args, argnums), update_golden)


def test_nothing_is_stored_in_vain(update_golden: bool) -> None:
    assert len(PROGRAMS) <= 15
    assert not orphans(EXPECTED, [f"{row[0].__name__}.txt" for row in PROGRAMS], update_golden)


@pytest.mark.parametrize(("function", "args", "argnums"), ROWS)
@pytest.mark.usefixtures("optimised_by_llvm")
def test_gradient(function: Any, args: tuple[Any, ...], argnums: Any) -> None:
    assert_gradient(function, args, argnums)


@pytest.mark.parametrize(("function", "args", "argnums"), ROWS)
def test_printed_text_compiled_by_hand(
    function: Any, args: tuple[Any, ...], argnums: Any, tmp_path: Path
) -> None:
    """Copied to a file, imported, and put under `njit`."""
    text = printed(function, args, argnums)
    path = tmp_path / f"{function.__name__}_by_hand.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    compiled = numba.njit(error_model="numpy")(getattr(module, entry(text, function)))

    assert_gradient(function, args, argnums, value_and_grad=lambda *_, **__: compiled)


def run(program: str, **changes: str) -> str:
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path, **changes}
    done = subprocess.run(
        [sys.executable, *program.split(" ", 1)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_same_bytes_under_any_hash_seed() -> None:
    texts = [run("-m tests.golden.texts", PYTHONHASHSEED=seed) for seed in ("0", "1", "4242")]
    assert texts[0] == texts[1] == texts[2]
    assert texts[0] == "".join(golden(*row) + "\n" for row in PROGRAMS)


def test_printed_text_runs_without_compiling(tmp_path: Path) -> None:
    """Under NUMBA_DISABLE_JIT=1, as in a debugger."""
    names = []
    for function, args, argnums in PROGRAMS:
        text = printed(function, args, argnums)
        (tmp_path / f"plain_{function.__name__}.py").write_text(text)
        names.append(entry(text, function))
    program = f"""\
import importlib, sys
sys.path.insert(0, {str(tmp_path)!r})
import numpy as np
from tests.golden.programs import PROGRAMS
for row, name in zip(PROGRAMS, {names!r}):
    f = getattr(importlib.import_module("plain_" + row[0].__name__), name)
    assert type(f).__name__ == "function"
    value, gradient = f(*row[1])
    gradients = gradient if isinstance(gradient, tuple) else (gradient,)
    np.savez({str(tmp_path)!r} + "/" + row[0].__name__, value, *gradients)
"""
    run(f"-c {program}", NUMBA_DISABLE_JIT="1")
    for function, args, argnums in PROGRAMS:
        with np.load(tmp_path / f"{function.__name__}.npz") as kept:
            outcome = [kept[name] for name in kept.files]

        def value_and_grad(_: Any, argnums: Any, outcome: list[Any] = outcome) -> Any:
            parts = tuple(float(part) if part.ndim == 0 else part for part in outcome)
            return lambda *_: (parts[0], parts[1] if isinstance(argnums, int) else parts[1:])

        assert len(outcome) == 1 + len(as_tuple(argnums))
        assert_gradient(function, copied(args), argnums, value_and_grad=value_and_grad)
