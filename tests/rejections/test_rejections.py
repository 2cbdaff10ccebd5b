"""Every refused construct, with the whole of its message: problem, line, caret, reason, what works instead.

Line numbers are stored relative to the `def` (`line +2`), so that the table can grow anywhere.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srcdiff import value_and_grad
from srcdiff.errors import DifferentiationError, InternalError
from tests.golden_plugin import compare_text, orphans
from tests.rejections import programs, semantics
from tests.rejections.accepted import ACCEPTED
from tests.rejections.programs import CASES, Case
from tests.sampling import sampled
from tests.truth import assert_gradient, copied

EXPECTED = Path(__file__).parent / "expected"
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def paths_from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages name files relative to the working directory."""
    monkeypatch.chdir(ROOT)


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def compile_nothing(*_: Any, **__: Any) -> Any:
        pytest.fail("the construct was accepted: something was about to be compiled")

    monkeypatch.setattr("srcdiff.compiled.load_function", compile_nothing)


LINES = {
    node.name: node.lineno
    for node in ast.walk(ast.parse(Path(programs.__file__).read_text(encoding="utf-8")))
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
}


def message(error: Exception) -> str:
    """The kind of an error and its text, with lines counted from the `def` that they lie in."""
    text = re.sub(
        r"(?<=rejections/programs\.py, line )(\d+)(?=, in (\w+))",
        lambda found: f"{int(found[1]) - LINES[found[2]]:+d}",
        str(error),
    )
    text = re.sub(r"^\S*site-packages/(\S+), line \d+", r"\1, line N", text)
    return f"{type(error).__name__}: {text}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.usefixtures("nothing_runs")
def test_refused(case: Case, update_golden: bool) -> None:
    kinds = (DifferentiationError, TypeError) if case.about_call else DifferentiationError
    given = copied(case.args)
    with pytest.raises(kinds) as caught:
        value_and_grad(case.function, argnums=case.argnums)(*given, **case.keywords)
    error = caught.value
    assert not isinstance(error, InternalError), error
    compare_text(EXPECTED / f"{case.name}.txt", message(error), update_golden)


def test_nothing_is_stored_in_vain(update_golden: bool) -> None:
    assert not orphans(EXPECTED, [f"{case.name}.txt" for case in CASES], update_golden)


def test_table() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert len(names) >= 60


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_message_helps(case: Case) -> None:
    """What is stored names the place, points at it, and gives a reason or the way out."""
    path = EXPECTED / f"{case.name}.txt"
    if not path.exists():
        pytest.skip("reported by test_refused")
    stored = path.read_text(encoding="utf-8")
    assert "$" not in stored, "an internal name shows"
    assert " at 0x" not in stored
    if case.about_call:
        return
    lines = stored.splitlines()
    assert any(line.startswith(("  why: ", "  instead: ")) for line in lines), (
        "neither a reason nor a way out"
    )
    carets = [k for k, line in enumerate(lines) if line.strip(" ^") == "" and "^" in line]
    if carets:
        shown, marks = lines[carets[0] - 1], lines[carets[0]]
        assert shown[marks.index("^")] != " "


assert semantics.case.__module__ == "tests.rejections.accepted"  # its cases are in the same table


COMPILED = (
    "round_it",
    "direct_recursion",
    "mutual_recursion",
)  # Numba rounds otherwise, and calls by its own rules


@pytest.mark.parametrize("number", sampled(range(len(ACCEPTED)), 2), ids=lambda number: ACCEPTED[number].name)
def test_borderline_construct_is_right_where_it_is_accepted(
    number: int, request: pytest.FixtureRequest
) -> None:
    """What looks like a refused construct must be refused, or give the right value and gradient; one of three is
    compiled, the others run as plain Python of which Numba finds the types."""
    case = ACCEPTED[number]
    if number % 3 and case.name not in COMPILED:
        request.getfixturevalue("inferred")
    try:
        assert_gradient(case.function, case.args, case.argnums)
    except DifferentiationError as error:
        assert not isinstance(error, InternalError), error
    except ValueError as error:  # refused by what was compiled, before it computes anything
        assert any(
            text in str(error)
            for text in ("to repeat an array of length 1", "an integer to a negative power")
        )


def test_edited_source_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "edited_model.py"
    path.write_text("def loss(x):\n    return x * x\n")
    names: dict[str, Any] = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    path.write_text("def loss(x):\n    return x * x * x\n")
    with pytest.raises(DifferentiationError) as caught:
        value_and_grad(names["loss"])(1.5)
    lines = str(caught.value).replace(str(path), "edited_model.py").splitlines()
    assert lines == [
        "edited_model.py, line 1, in loss: the source of `loss` is not what runs",
        "  why: no text there compiles to the running `loss`; most often the file was edited since",
        "  instead: reload the module (or run the cell again) and pass the new function",
    ]


def test_refusal_comes_before_anything_runs() -> None:
    """Neither the primal nor what stands before the refused line has touched the arguments."""

    def writes_first(x):
        x[0] = 7.0
        with open("nowhere"):
            return x[0]

    x = np.array([1.0, 2.0])
    with pytest.raises(DifferentiationError):
        value_and_grad(writes_first)(x)
    assert x[0] == 1.0
