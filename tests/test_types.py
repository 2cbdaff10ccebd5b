"""Type checkers know the arguments of derivatives and the results of functions; the package says that it is typed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import srcdiff

TYPED = Path(__file__).with_name("typed.py")


def test_the_package_says_that_it_is_typed():
    assert Path(srcdiff.__file__).with_name("py.typed").exists()


def test_what_mypy_sees(monkeypatch, tmp_path):
    api = pytest.importorskip("mypy.api")
    monkeypatch.chdir(TYPED.parents[1])
    options = ["--follow-imports=silent", "--no-error-summary", "--strict", f"--cache-dir={tmp_path}"]
    output, problems, _ = api.run([*options, str(TYPED)])
    assert not problems
    found: dict[int, list[str]] = {}
    for line in output.splitlines():
        number, said = re.fullmatch(r"[^:]*:(\d+): (.*)", line).groups()  # type: ignore[union-attr]
        found.setdefault(int(number), []).append(said)
    for number, line in enumerate(TYPED.read_text().splitlines(), start=1):
        _, _, wanted = line.partition("  # ")
        said = found.pop(number, [])
        if wanted.startswith("error: "):
            assert any(f"[{wanted.removeprefix('error: ')}]" in one for one in said), (line, said)
        elif "reveal_type(" in line:
            assert spelled(said[0]) == spelled(wanted), said
        else:
            assert not said, (line, said)
    assert not found


VECTOR = "numpy.ndarray[tuple[Any, ...], numpy.dtype[numpy.float64]]"


def spelled(type: str) -> str:
    """A revealed type as one would write it."""
    type = type.removeprefix('note: Revealed type is "').removesuffix('"').removeprefix("def ")
    type = (
        type.replace(VECTOR, "Vector").replace("srcdiff.derivatives.pullbacks.", "").replace("builtins.", "")
    )
    return re.sub(r" =(?=[,)])", " = ...", type)
