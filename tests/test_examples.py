"""Every example runs and prints what its docstring says, every program of the README what follows it.

Numbers with a point need to agree only roughly there, and times not at all: `test_seeds.py` holds the examples'
results to their digits. `python tests/test_examples.py` writes the docstrings and the README's outputs anew.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import runpy
import subprocess
import sys
import tempfile
import textwrap
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
TIMED = {"digits", "finite_differences"}  # their numbers depend on the machine
NEEDS = {"digits": ("sklearn", "tqdm"), "dask_partitions": ("distributed",)}

NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.]*\w)")


def printed_in(text: str) -> str:
    """What the docstring of an example says that it prints."""
    docstring = ast.get_docstring(ast.parse(text)) or ""
    _, found, block = docstring.partition("\n\nPrints")
    assert found, "an example's docstring ends with what it prints"
    return textwrap.dedent(block.partition(":\n")[2]).strip("\n")


def shape_of(text: str) -> list[str]:
    """The lines with a mark for each number, and single spaces."""
    return [" ".join(NUMBER.sub("#", line).split()) for line in text.strip().splitlines()]


def assert_same_output(actual: str, stated: str, exact: bool) -> None:
    assert shape_of(actual) == shape_of(stated)
    if exact:
        for a, b in zip(NUMBER.findall(actual), NUMBER.findall(stated), strict=True):
            if "." in b or "e" in b:
                assert float(a) == pytest.approx(float(b), rel=0.05, abs=1e-3)
            else:
                assert a == b


def run(example: Path, capsys: pytest.CaptureFixture[str]) -> str:
    with np.printoptions():  # an example may set how arrays are printed, for itself
        runpy.run_path(str(example), run_name="__main__")
    return capsys.readouterr().out


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.stem not in NEEDS], ids=lambda e: e.stem)
def test_printed_result(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = run(example, capsys)
    assert_same_output(output, printed_in(example.read_text("utf-8")), example.stem not in TIMED)


def test_digits(capsys: pytest.CaptureFixture[str]) -> None:
    """The whole main job: at least 95 % of held-out digits, also with the worst seed."""
    for module in NEEDS["digits"]:
        pytest.importorskip(module)
    example = ROOT / "examples" / "digits.py"
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(example), run_name="__main__")
    assert end.value.code == 0
    assert_same_output(capsys.readouterr().out, printed_in(example.read_text("utf-8")), exact=False)


@pytest.mark.parametrize("name", ["chain_rule", "dask_partitions"])
def test_runs_as_a_program(name: str) -> None:
    """As a user starts it, from another folder."""
    for module in NEEDS.get(name, ()):
        pytest.importorskip(module)
    path = os.pathsep.join([str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"}
    example = ROOT / "examples" / f"{name}.py"
    output = subprocess.run(
        [sys.executable, str(example)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT.parent,
    ).stdout
    assert_same_output(output, printed_in(example.read_text("utf-8")), exact=True)


def programs_in(readme: str) -> list[tuple[str, str]]:
    """The fenced programs, those without prompts, each with the fenced block after it: what it prints."""
    blocks = [(m[1], m[2]) for m in re.finditer(r"^```(\w+)\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)]
    pairs = [
        (text, output)
        for (language, text), (_, output) in pairwise(blocks)
        if language == "python" and text.startswith(("import ", "from ")) and "print(" in text
    ]
    assert pairs
    return pairs


def printed_by(program: str, folder: Path) -> str:
    (folder / "model.py").write_text(program, "utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, "model.py"], cwd=folder, env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_programs_of_the_readme(tmp_path: Path) -> None:
    for program, output in programs_in(README.read_text("utf-8")):
        assert printed_by(program, tmp_path).strip() == output.strip()


def test_first_two_commands_of_the_readme_are_one_line_each() -> None:
    shell = re.findall(r"^```sh\n(.*?)^```$", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    main_job, tests = shell[:2]
    for command in (main_job, tests):
        assert command.count("\n") == 1
        assert " -m venv .venv && " in command
    assert main_job.endswith("python examples/digits.py\n")
    assert "-m pytest" in tests


def rewrite_readme() -> None:
    text = README.read_text("utf-8")
    with tempfile.TemporaryDirectory() as folder:
        for program, output in programs_in(text):
            text = text.replace(output, printed_by(program, Path(folder)).strip() + "\n")
    README.write_text(text, "utf-8")


def rewrite(example: Path) -> None:
    """Put what an example prints into its docstring."""
    text = example.read_text("utf-8")
    with contextlib.redirect_stdout(io.StringIO()) as stream, contextlib.suppress(SystemExit):
        runpy.run_path(str(example), run_name="__main__")
    lines = [line.rstrip() for line in stream.getvalue().strip("\n").splitlines()]
    block = textwrap.indent("\n".join(lines), "    ").replace('"""', r"\"\"\"")
    end = ast.parse(text).body[0].end_lineno or 0
    docstring, program = text.splitlines()[:end], text.splitlines()[end:]
    (start,) = [k for k, line in enumerate(docstring) if line.startswith("Prints")]
    example.write_text("\n".join([*docstring[: start + 1], "", block, '"""', *program, ""]), "utf-8")


if __name__ == "__main__":
    for path in EXAMPLES:
        rewrite(path)
        rewrite(path)  # the first time may have moved the lines that generated source names
    rewrite_readme()
