"""Elements carried from trip to trip: the same bits as through memory, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srcdiff.emit.parse import parse_ir
from srcdiff.emit.python import print_function
from srcdiff.ir.verify import verify
from srcdiff.optimise.fold import simplified
from srcdiff.optimise.rotate import rotate_elements
from tests.optimise.stages import loaded, printed, stages
from tests.optimise.windows import random_sweep
from tests.sampling import sampled
from tests.truth import assert_near, gradient_by_complex_step

LENGTHS = (3, 4, 5, 6, 7, 9)


class Watched(np.ndarray):
    """An array that notes which of its elements are touched."""

    touched: set[tuple[int, Any]]

    def __array_finalize__(self, base: Any) -> None:
        self.touched = getattr(base, "touched", set())

    def __getitem__(self, index: Any) -> Any:
        self.touched.add((self.ndim, index))
        return super().__getitem__(index)

    def __setitem__(self, index: Any, value: Any) -> None:
        self.touched.add((self.ndim, index))
        super().__setitem__(index, value)


def arguments(text: str, n: int) -> tuple[Any, ...]:
    random = np.random.default_rng(n)
    shape = (n,) if "u[j" not in text else (n, 4) if ", j]" in text or ", 0]" in text else (4, n)
    return random.uniform(-1.0, 1.0, shape), random.uniform(-1.0, 1.0, n), n, 1


def bits(results: Any) -> list[bytes]:
    """The bits, but for the sign of zero: a sum that starts from 0.0 is simplified."""
    return [(np.asarray(result) + 0.0).tobytes() for result in results]


@pytest.mark.parametrize("chunk", sampled(range(4), 4))
def test_random_loops_give_the_same_bits(chunk: int, tmp_path: Path) -> None:
    rotated = 0
    for seed in range(16 * chunk, 16 * chunk + 16):
        sweep = random_sweep(seed)
        f = loaded(sweep.text, tmp_path, f"sweep{seed}")
        seen = stages(f, arguments(sweep.text, 6))
        verify(seen["rotate"], "rotate")
        texts = {stage: print_function(simplified(outcome)) for stage, outcome in seen.items()}
        changed = texts["reorder"] != texts["rotate"]
        rotated += changed
        pairs = [("assign", "unread"), ("reorder", "rotate"), ("rotate", "unread after rotation")]
        pairs = [(before, after) for before, after in pairs if texts[before] != texts[after]]
        run = {stage: printed(seen[stage]) for pair in pairs for stage in (*pair, "clean")}
        for n in LENGTHS:
            x, c, *rest = arguments(sweep.text, n)
            try:
                f(x, c, *rest)
            except IndexError:
                continue
            for before, after in pairs:
                outcomes = []
                for stage in (before, after):
                    watched = [x.copy().view(Watched), c.copy().view(Watched)]
                    for array in watched:
                        array.touched = set()
                    results = bits(run[stage](*watched, *rest))
                    outcomes.append((results, watched[0].touched | watched[1].touched))
                where = f"{after}, seed {seed}, n = {n}\n{sweep.text}"
                assert outcomes[0][0] == outcomes[1][0], where
                if not sweep.gaps:
                    assert outcomes[1][1] <= outcomes[0][1], where
            if pairs:
                truth = gradient_by_complex_step(f, (x, c, *rest), (0, 1))
                for got, want in zip(run["clean"](x.copy(), c, *rest)[1:], truth, strict=True):
                    assert_near(np.asarray(got), want, 1e-10, 1e-11)
    assert rotated >= 3  # not in vain


# What is carried, as IR.


def shown(body: str, head: str = "f(u: f64[:], c: f64[:], n: i64, k: i64)") -> str:
    function = parse_ir(f"{head} {{\n{body}\n}}")
    verify(function, "test")
    after = rotate_elements(function)
    verify(after, "rotate")
    return print_function(simplified(after))


# What is carried, and what is not.


def rotated_text(body: str, head: str = "f(u: f64[:], c: f64[:], n: i64, k: i64)") -> str:
    function = parse_ir(f"{head} {{\n{body}\n}}")
    verify(function, "test")
    after = rotate_elements(function)
    verify(after, "rotate")
    return print_function(simplified(after))


def loop(lines: str, last: str, bounds: str = "1 n 1", attributes: str = "") -> str:
    """A loop over `u` whose body makes the version `last` of it."""
    inner = "\n".join(f"    {line}" for line in lines.split("; "))
    return f"  u.9 = for{attributes} {bounds} u {{ (i u.1)\n{inner}\n    yield {last}\n  }}\n  return u.9"


SUMS = "h = sub i 1; a = load u.1 h; t1 = load c i; s = add a t1; u.2 = store u.1 i s"
SCATTER = "h = add i 1; g = load u.1 i; u.2 = accum u.1 h g; b = mul g 2.0; u.3 = store u.2 i b"


def test_what_one_trip_stores_and_the_next_loads() -> None:
    assert (
        rotated_text(loop(SUMS, "u.2"))
        == """\
def f(u, c, n, k):
    if n > 1:
        a = u[0]
        for i in range(1, n):
            a += c[i]
            u[i] = a
    return u
"""
    )


def test_what_a_later_trip_completes() -> None:
    text = rotated_text(loop(SCATTER, "u.3", "0 k 1", " descending=True"))
    assert (
        text
        == """\
def f(u, c, n, k):
    if k > 0:
        u_next = u[k]
        for i in range(k - 1, -1, -1):
            h = i + 1
            g = u[i]
            b = g * 2.0
            u[h] = u_next + g
            u_next = b
        u[0] = u_next
    return u
"""
    )


def test_no_guard_where_a_trip_is_certain() -> None:
    assert "if" not in rotated_text(loop(SUMS, "u.2", "1 5 1"))


def test_a_loop_downwards_by_its_step() -> None:
    lines = "h = add i 1; a = load u.1 h; u.2 = store u.1 i a"
    text = rotated_text(loop(lines, "u.2", "k 0 -1"))
    assert "if k > 0:" in text and "a = u[k + 1]" in text


def test_an_index_that_runs_against_the_loop() -> None:
    lines = "j = sub n i; h = sub j 1; a = load u.1 h; b = load u.1 j; s = add a b; u.2 = store u.1 h s"
    text = rotated_text(loop(lines, "u.2", "1 n 1"))
    assert "b = u[n - 1]" in text and "if n > 1:" in text


def test_single_precision_is_rounded_as_in_memory() -> None:
    head = "f(u: f32[:], c: f64[:], n: i64, k: i64)"
    lines = "h = sub i 1; t = load c i; u.2 = accum u.1 i t; u.3 = accum u.2 h t"
    text = rotated_text(loop(lines, "u.3"), head)
    u, c = np.float32([1.0, 2.0, 3.0, 4.0]), np.array([1e-9, 0.1, 1 / 3, 1e-8])
    names: dict[str, Any] = {}
    exec(text, names)
    got = names["f"](u.copy(), c, 4, 0)
    want = u.copy()
    for i in range(1, 4):
        want[i] = np.float32(np.float64(want[i]) + c[i])
        want[i - 1] = np.float32(np.float64(want[i - 1]) + c[i])
    assert "u_previous" in text and got.dtype == np.float32 and got.tobytes() == want.tobytes()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (loop(SUMS, "u.2", "0 n 1"), "element -1 is the last one"),
        (loop(SUMS, "u.2", "k n 1"), "k may be negative"),
        (loop(SUMS, "u.2", "1 n 2"), "the next trip is two elements away"),
        (loop(SUMS, "u.2", "1 n k"), "the step is not known"),
        (
            loop("h = add i 1; a = load u.1 h; u.2 = store u.1 i a", "u.2"),
            "no trip reads what one has stored",
        ),
        (loop("a = load u.1 i; u.2 = store u.1 i a", "u.2"), "each trip has its own element"),
        (loop(f"{SUMS}; z = load u.2 0", "u.2"), "element 0 may be that of the loop"),
        (loop(f"{SUMS}; z = load u.2 k; u.3 = accum u.2 k z", "u.3"), "k may be anywhere"),
        (loop(f"{SUMS}; j = mul i 2; u.3 = store u.2 j s", "u.3"), "2 i meets i"),
        (loop("h = sub i 7; a = load u.1 h; u.2 = store u.1 i a", "u.2", "7 n 1"), "too many numbers"),
        (
            loop(
                "h = sub i 1; a = load u.1 h; p = gt a 0.0; u.2 = if p {;   u.3 = store u.1 i a;   yield u.3; } {;"
                "   yield u.1; }",
                "u.2",
            ),
            "one arm stores",
        ),
        (
            "  m u.9 = for leaves=True 1 n 1 u { (i u.1)\n    h = sub i 1\n    a = load u.1 h\n"
            "    u.2 = store u.1 i a\n    p = gt a 0.0\n    yield p u.2\n  }\n  return u.9",
            "the loop may leave early",
        ),
        (
            "  v = copy u\n  u.9 v.9 = for 1 n 1 u v { (i u.1 v.1)\n    h = sub i 1\n    a = load u.1 h\n"
            "    u.2 = store u.1 i a\n    yield v.1 u.2\n  }\n  return u.9 v.9",
            "two arrays are swapped",
        ),
    ],
    ids=lambda text: text if "\n" not in text else "",
)
def test_what_stays_in_memory(body: str, reason: str) -> None:
    function = parse_ir(f"f(u: f64[:], c: f64[:], n: i64, k: i64) {{\n{body}\n}}")
    verify(function, "test")
    assert print_function(rotate_elements(function)) == print_function(function), reason


def test_rows_that_are_certainly_others() -> None:
    head = "f(u: f64[:, :], c: f64[:], n: i64, k: i64)"
    outer = """\
  u.8 = for 1 k 1 u {{ (j u.0)
    u.9 = for 1 n 1 u.0 {{ (i u.1)
      h = sub i 1
      g = {row}
      a = load u.1 j h
      b = load u.1 g i
      s = add a b
      u.2 = store u.1 j i s
      yield u.2
    }}
    yield u.9
  }}
  return u.8"""
    assert "a = u[j, 0]" in rotated_text(outer.format(row="sub j 1"), head)
    # Row n - j is row j for some j.
    assert "u[j, 0]" not in rotated_text(outer.format(row="sub n j"), head)
    # Row j - 2 is the last one for j = 1, which may be row 1.
    assert "u[j, 0]" not in rotated_text(outer.format(row="sub j 2"), head)
