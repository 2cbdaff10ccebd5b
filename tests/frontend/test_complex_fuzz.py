"""Random programs on complex scalars and arrays: gradients against differences, tangents against gradients."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srcdiff import jvp, value_and_grad
from tests.programs.table import numbers
from tests.truth import compare, gradient_by_richardson

UNARY = ["np.sin({})", "np.exp(0.4 * {})", "np.tanh(0.5 * {})", "np.conj({})", "1j * {}", "-{}", "({}).conjugate()",
         "({}) ** 2", "1.0 / ({} + 4.0)", "np.sqrt({} + 5.0)", "np.log({} + 6.0)", "np.abs({})", "({}).real",
         "({}).imag", "np.angle({} + 5.0)", "complex(({0}).imag, ({0}).real)", "abs({}) ** 2", "np.cos(({}).real)",
         "({} + 3.0) ** (0.5 + 0.2j)"]  # fmt: skip
BINARY = ["({} + {})", "({} - {})", "0.5 * ({}) * ({})", "({}) / ({} + 4.0)", "({0} if ({1}).real > 0.1 else {1})",
          "np.conj({}) * ({})"]  # fmt: skip
REALS = ["x", "y", "a[{}]", "b[{}]"]
COMPLEX = ["z", "w", "u[{}]", "v[{}]"]


class Writer:
    """Writes a program of complex scalars `z`, `w` and complex arrays `u`, `v` of four elements."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[str] = []

    def index(self, inside: str) -> str:
        return self.random.choice([inside, f"3 - {inside}", "1"] if inside else ["0", "2", "3"])

    def leaf(self, inside: str) -> str:
        if self.random.random() < 0.2:
            return f"(1j * {self.random.choice(REALS).format(self.index(inside))})"
        return self.random.choice(COMPLEX).format(self.index(inside))

    def expression(self, inside: str, depth: int = 2) -> str:
        """A complex expression: what is real is made complex."""
        if depth == 0:
            return self.leaf(inside)
        if self.random.random() < 0.5:
            form = self.random.choice(UNARY)
            return f"({form.format(self.expression(inside, depth - 1))} + 0j)"
        left, right = (self.expression(inside, depth - 1) for _ in range(2))
        return self.random.choice(BINARY).format(left, right)

    def statement(self, inside: str, indent: str, depth: int) -> None:
        kind = self.random.random()
        if kind < 0.25 and depth:
            self.lines.append(f"{indent}for {'ij'[depth - 1]} in range({self.random.choice([3, 4])}):")
            for _ in range(2):
                self.statement("ij"[depth - 1], indent + "    ", depth - 1)
        elif kind < 0.4 and depth:
            self.lines.append(f"{indent}if {self.leaf(inside)}.imag > {self.random.uniform(-0.5, 0.5):.3f}:")
            self.statement(inside, indent + "    ", depth - 1)
            self.lines.append(f"{indent}else:")
            self.statement(inside, indent + "    ", depth - 1)
        elif kind < 0.7:
            target = self.random.choice(["u", "v"]) + f"[{self.index(inside)}]"
            operator = self.random.choice(["=", "=", "+="])
            self.lines.append(f"{indent}{target} {operator} 0.5 * {self.expression(inside)}")
        elif kind < 0.78:
            array, other = self.random.sample(["u", "v"], 2)
            self.lines.append(
                f"{indent}{array}[1:] = 0.4 * {other}[:-1] * {array}[1:] + np.conj({other}[::-1])[:3]"
            )
        else:
            self.lines.append(f"{indent}{self.random.choice(['z', 'w'])} = 0.7 * {self.expression(inside)}")

    def text(self) -> str:
        self.lines = [
            "import numpy as np",
            "",
            "",
            "def program(x, y, a, b):",
            "    z, w = x + 1j * y, complex(y, 0.3)",
            "    u, v = a + 1j * b, np.zeros(4, dtype=np.complex128)",
            "    v[:] = b",
        ]
        for _ in range(6):
            self.statement("", "    ", 2)
        self.lines.append(
            "    return (z * w).real + abs(w + 2.0) + np.sum(np.abs(u) ** 2) + np.sum(v * u[::-1]).imag"
        )
        return "\n".join(self.lines) + "\n"


def written(seed: int, folder: Path) -> Any:
    path = folder / f"complex_program_{seed}.py"
    path.write_text(Writer(seed).text())
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.program


def check(seed: int, folder: Path) -> None:
    program = written(seed, folder)
    args = (0.7, -0.4, numbers(4, seed=seed), numbers(4, seed=seed + 100))
    with np.errstate(all="ignore"):
        value = program(*(np.copy(a) if np.ndim(a) else a for a in args))
        want, error = gradient_by_richardson(
            program, args, (0, 1, 2, 3), start=0.001, levels=5, number=np.float64
        )
    if not np.isfinite(value) or max(np.max(e) for e in error) > 1e-5 * (1.0 + abs(value)):
        pytest.skip("not smooth, or too large, at this point")
    got_value, got = value_and_grad(program, argnums=(0, 1, 2, 3))(*args)
    assert got_value == pytest.approx(value, rel=1e-10, abs=1e-10)
    compare(got, want, error, 1e-5, 1e-6, "gradient")
    tangents = (0.3, -0.8, numbers(4, seed=7), numbers(4, seed=8))
    _, tangent = jvp(program, args, tangents)
    owed = sum(float(np.sum(g * t)) for g, t in zip(got, tangents, strict=True))
    assert tangent == pytest.approx(owed, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("seed", range(2))
def test_random_programs(seed: int, optimised_by_llvm: None, tmp_path: Path) -> None:
    check(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 200))
def test_many_random_programs(seed: int, optimised_by_llvm: None, tmp_path: Path) -> None:
    check(seed, tmp_path)
