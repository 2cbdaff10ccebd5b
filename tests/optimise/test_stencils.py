"""Rows that collect what trips owe to them: the same gradient, for boxes of every size."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srcdiff import pipeline
from srcdiff.differentiable import differentiable
from srcdiff.emit.parse import parse_ir
from srcdiff.emit.python import print_function
from srcdiff.ir.verify import verify
from srcdiff.optimise.fold import simplified
from srcdiff.optimise.stencils import gather_stencils
from tests.optimise.stages import loaded, printed, stages
from tests.truth import assert_near, gradient_by_complex_step

SHAPES = ((6, 6, 6), (9, 7, 8), (2, 5, 6), (3, 3, 3), (5, 3, 4), (4, 9, 1), (1, 1, 1), (0, 4, 4))
LAPLACIAN = """
def f(u, w):
    v = np.zeros(u.shape)
    for i in range(1, u.shape[0] - 1):
        for j in range(1, u.shape[1] - 1):
            v[i, j] = w[i, j] * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] - 4.0 * u[i, j])
    return np.sum(v * v * v)
"""


def random_stencil(seed: int) -> tuple[str, int]:
    """A function of (u, w, v, z, q, k) that goes over boxes, and the axes of its arrays."""
    draw = random.Random(seed)
    axes, reach = draw.choice((2, 2, 2, 3)), draw.choice((1, 1, 2))
    indices = "ijk"[:axes]
    forms = [
        f"range({reach}, n{{}} - {reach})",
        f"range({reach}, n{{}} - {reach})",
        f"range(n{{}} - {reach} - 1, {reach} - 1, -1)",
        f"range(n{{}} - {2 * reach})",
        f"range(k, n{{}} - {reach})",
    ]
    ranges = [draw.choice(forms).format(axis) for axis in range(axes)]

    def at(axis: int, moved: bool) -> str:
        by = draw.choice((-reach, -1, 0, 0, 1, reach)) if moved else 0
        by += reach if ranges[axis] == forms[3].format(axis) else 0
        index = indices[axis]
        return draw.choice((f"{index} + {by}", f"{by} + {index}")) if by else index

    def element(array: str, moved: bool = True) -> str:
        return f"{array}[{', '.join(at(axis, moved) for axis in range(axes))}]"

    def term() -> str:
        array = draw.choice("uuw")
        forms = ("0.5 * {}", "q * {}", "math.sin({})", "{} * " + element("u"), "{} / 4.0", "{}", "{}")
        return draw.choice(forms).format(element(array))

    value = term() + "".join(f" {draw.choice('+-')} {term()}" for _ in range(draw.randint(2, 5)))
    bodies = (
        [f"total += ({value}) * {element('v', False)}"],
        [f"t = {value}", "if t > 0.0:", "    t = 0.0", f"{element('v', False)} = t"],
        [f"{element('v', False)} = {value}"],
        [f"{element(draw.choice('vvu'), False)} += {value}"],
        [f"{element('v', False)} = {value}", f"{element('z', False)} = {term()}"],
    )
    lines = [f"n{axis} = u.shape[{axis}]" for axis in range(axes)]
    lines += ["total = 0.0", "for s in range(2):"]
    lines += ["    " * (axis + 1) + f"for {indices[axis]} in {ranges[axis]}:" for axis in range(axes)]
    lines += ["    " * (axes + 1) + line for line in draw.choice(bodies)]
    lines += ["    u[...] = 0.5 * v"] * draw.randint(0, 1)
    lines += ["return total + np.sum(v * v) + np.sum(u * z) + np.sum(w) * q"]
    return "\n    ".join(["def f(u, w, v, z, q, k):", *lines]) + "\n", axes


def outcome(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    try:
        return function(*(x.copy() if isinstance(x, np.ndarray) else x for x in args))
    except (IndexError, ValueError) as error:
        return type(error)


@pytest.mark.parametrize("chunk", range(2))
def test_random_boxes_give_the_gradient_without_it(chunk: int, tmp_path: Path) -> None:
    gathered = 0
    for seed in range(16 * chunk, 16 * chunk + 16):
        text, axes = random_stencil(seed)
        f = loaded(text, tmp_path, f"stencil{seed}")

        def args(shape: tuple[int, ...], seed: int = seed) -> tuple[Any, ...]:
            draw = np.random.default_rng(seed)
            return (*(draw.uniform(-1.0, 1.0, shape) for _ in range(4)), 0.7, 2)

        seen = stages(f, args((6,) * axes), (0, 1, 2, 3, 4))
        verify(seen["stencils"], "stencils")
        if print_function(simplified(seen["reorder"])) == print_function(seen["stencils"]):
            continue
        gathered += 1
        runs = [printed(seen[stage]) for stage in ("reorder", "stencils", "clean")]
        for shape in SHAPES:
            before, *after = (outcome(run, args(shape[:axes])) for run in runs)
            for result in after:
                if isinstance(before, type):
                    assert result is before
                else:
                    for x, y in zip(before, result, strict=True):
                        np.testing.assert_allclose(x, y, rtol=1e-11, atol=1e-12)
    assert gathered >= 4


def test_each_loop_writes_one_row(tmp_path: Path) -> None:
    f = loaded(LAPLACIAN, tmp_path, "laplacian")
    args = (np.random.default_rng(1).uniform(size=(7, 6)), np.random.default_rng(2).uniform(size=(7, 6)))
    text = print_function(stages(f, args)["clean"])
    assert len(re.findall(r"u_bar\[i, j\] \+?= (?!0\.0)", text)) == 1 and "% 3" in text
    gradient = printed(stages(f, args)["clean"])(*args)[1:]
    for mine, argnum in zip(gradient, (0, 1), strict=True):
        assert_near(mine, gradient_by_complex_step(f, args, argnum), 1e-12, 1e-12)


def test_what_is_not_finite_stays_where_it_is(tmp_path: Path) -> None:
    f = loaded(LAPLACIAN, tmp_path, "laplacian_of_inf")
    u, w = np.ones((9, 9)), np.ones((9, 9))
    w[2, 2] = np.inf
    seen = stages(f, (u, w))
    with np.errstate(invalid="ignore"):
        before, after = (printed(seen[stage])(u, w)[1] for stage in ("reorder", "clean"))
    assert 0 < np.isnan(after).sum() < 8
    np.testing.assert_array_equal(np.isnan(before), np.isnan(after))


@pytest.mark.parametrize("number", ["float32", "complex128"])
def test_rows_have_the_type_of_what_is_owed(number: str, tmp_path: Path) -> None:
    text = LAPLACIAN.replace("u.shape)", f"u.shape, np.{number})")
    if number == "complex128":
        text = text.replace("u[i", "z[i").replace("v * v * v", "(v * v).imag")
        text = text.replace(
            "    v =", "    z = np.empty(u.shape, np.complex128)\n    z[:] = u * (1.0 + 0.5j)\n    v ="
        )
    f = loaded(text, tmp_path, f"laplacian_{number}")
    draw = np.random.default_rng(3)
    u, w = (draw.uniform(size=(8, 16)).astype(np.float32)[:, ::2] for _ in range(2))
    of = differentiable(f)
    specs = of.specs(of.bind((u, w), {}))
    plan = of.signature.plan(specs, (0, 1))[0]
    runs = [pipeline.gradient(of.program(specs), plan, optimise) for optimise in (True, False)]
    assert "% 3" in print_function(runs[0])
    for x, y in zip(*(printed(run)(u, w) for run in runs), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-4)


ROWS = "v[i, j] = u[i - 1, j] + u[i + 1, j]"
REFUSED = {  # two loops, and what is in them
    "a triangle": ("i in range(1, n - 1)", "j in range(1, i)", ROWS),
    "an index below zero": ("i in range(n - 1)", "j in range(n)", ROWS),
    "a row that is read": ("i in range(1, n - 1)", "j in range(n)", "u[i, j] = u[i - 1, j] * u[i + 1, j]"),
    "a few trips": ("i in range(1, 5)", "j in range(n)", ROWS),
    "one row": ("i in range(n)", "j in range(1, n - 1)", "v[i, j] = u[i, j - 1] + u[i, j + 1]"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_left_alone(name: str, tmp_path: Path) -> None:
    outer, inner, statement = REFUSED[name]
    loops = f"    for {outer}:\n        for {inner}:\n            {statement}\n"
    text = f"def f(u, v):\n    n = u.shape[0]\n{loops}    return np.sum(u * v)\n"
    f = loaded(text, tmp_path, name.replace(" ", "_"))
    seen = stages(f, (np.ones((8, 8)), np.ones((8, 8))))
    assert seen["stencils"] is seen["reorder"]


def test_what_covers_an_array_is_stored_not_added_to_zeros(tmp_path: Path) -> None:
    f = loaded(LAPLACIAN, tmp_path, "laplacian_of_all")
    text = print_function(stages(f, (np.ones((7, 6)), np.ones((7, 6))))["clean"])
    assert "u_bar = np.empty_like(u)" in text and "u_bar[i, j] +=" not in text


SWEEP = """\
f(x: f64[:,:], y: f64[:,:], n: i64, m: i64) {{
  x.9 = for 1 n 1 x {{ (i x.1)
    up = sub i 1
    down = add i 1
    c = load {read} i 0
    x.8 = for 0 m 1 x.1 {{ (j x.2)
      g = load y i j
      t = mul g c
      x.3 = accum x.2 up j t
      x.4 = accum x.3 down j t
      yield x.4
    }}
    yield x.8
  }}
  return x.9
}}
"""


@pytest.mark.parametrize("read", ["x.1", "y"])
def test_rows_that_a_loop_between_reads_do_not_collect(read: str, tmp_path: Path) -> None:
    """What they are owed would reach them later than before."""
    function = parse_ir(SWEEP.format(read=read))
    gathered = gather_stencils(function)
    verify(gathered)
    assert (gathered is function) is (read == "x.1")
    arrays = [np.arange(1.0, 41.0).reshape(8, 5) / 10.0, np.cos(np.arange(40.0)).reshape(8, 5)]
    want, got = (
        loaded(print_function(f), tmp_path, f"form{k}")(*(a.copy() for a in arrays), 7, 5)
        for k, f in enumerate((function, gathered))
    )
    np.testing.assert_allclose(got, want, rtol=1e-12)
