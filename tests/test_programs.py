"""Every program of the corpus against truth, one in four compiled, and the truth against closed forms and itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.programs import PROGRAMS, Program
from tests.sampling import sampled, slow
from tests.truth import (
    Unsupported,
    as_tuple,
    assert_gradient,
    assert_near,
    copied,
    gradient_by_complex_step,
    gradient_by_richardson,
    numbers_of,
    plain,
    true_gradient,
)

ROWS = [
    pytest.param(program, args, id=f"{program.name}-{k}")
    for program in PROGRAMS
    for k, args in enumerate(program.args)
]


def kinds(args: Any) -> Any:
    """What compiled code is made for."""
    if isinstance(args, np.ndarray):
        return args.dtype, args.ndim, args.flags.c_contiguous, args.flags.f_contiguous, args.flags.writeable
    return tuple(map(kinds, args)) if isinstance(args, tuple) else type(args)


def is_of_first_kind(row: Any) -> bool:
    program, args = row.values
    return bool(kinds(args) == kinds(program.args[0]))


def number(row: Any) -> int:
    return PROGRAMS.index(row.values[0])


COMPILED = [row if number(row) % 6 == 0 else slow(row) for row in ROWS if is_of_first_kind(row)]
INFERRED = [
    *(row for row in ROWS if number(row) % 6 == 3 and is_of_first_kind(row)),
    *sampled([row for row in ROWS if not is_of_first_kind(row)], 2),
]


@pytest.mark.usefixtures("optimised_by_llvm")
@pytest.mark.parametrize(("program", "args"), COMPILED)
def test_gradient(program: Program, args: tuple[Any, ...]) -> None:
    assert_gradient(program.function, args, program.argnums)


@pytest.mark.usefixtures("inferred")
@pytest.mark.parametrize(("program", "args"), INFERRED)
def test_gradient_of_which_numba_finds_the_types(program: Program, args: tuple[Any, ...]) -> None:
    assert_gradient(program.function, args, program.argnums)


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize(
    ("program", "args"), [row for row in ROWS if number(row) % 3 and is_of_first_kind(row)]
)
def test_gradient_as_printed(program: Program, args: tuple[Any, ...]) -> None:
    assert_gradient(program.function, args, program.argnums)


# The truth itself. None of this needs srcdiff.


def product_of_powers(x, y):
    return math.exp(x) * y**3


def rosenbrock(a):
    s = 0.0
    for i in range(len(a) - 1):
        s += 100.0 * (a[i + 1] - a[i] ** 2) ** 2 + (1.0 - a[i]) ** 2
    return s


def with_kink(x):
    return abs(x) * 2.0 + x


def with_jump(x):
    return x * x if x > 0.5 else x + 1.0


def error_function(x):
    return math.erf(x)


def angle(x, y):
    return math.atan2(y, x)


def derivatives_of_rosenbrock(a):
    last = 200.0 * (a[1] - a[0] ** 2)
    return np.array([-2.0 * a[0] * last - 2.0 * (1.0 - a[0]), last])


CLOSED_FORMS = [
    (product_of_powers, (0.7, 1.3), (0, 1), lambda x, y: (math.exp(x) * y**3, 3.0 * math.exp(x) * y * y)),
    (rosenbrock, (np.array([0.3, 1.2]),), 0, derivatives_of_rosenbrock),
    (error_function, (0.4,), 0, lambda x: 2.0 / math.sqrt(math.pi) * math.exp(-x * x)),
    (angle, (-0.4, 0.9), (0, 1), lambda x, y: (-y / (x * x + y * y), x / (x * x + y * y))),
    (lambda x: x**-1.5, (0.8,), 0, lambda x: -1.5 * x**-2.5),
]


@pytest.mark.parametrize(("f", "args", "argnums", "derivative"), CLOSED_FORMS)
def test_truth_against_closed_form(f, args, argnums, derivative) -> None:
    want = derivative(*args)
    exact = gradient_by_complex_step(f, args, argnums)
    near, error = gradient_by_richardson(f, args, argnums)
    for k in range(len(as_tuple(argnums))):
        row = (
            (want, exact, near, error) if isinstance(argnums, int) else (want[k], exact[k], near[k], error[k])
        )
        assert_near(row[1], row[0], 1e-14, 1e-15)
        assert_near(row[2], row[0], 1e-9, 1e-11)
        assert np.all(np.abs(row[2] - row[0]) <= row[3] + 1e-13 * np.abs(row[0]))


@pytest.mark.parametrize(
    ("f", "x"), [(with_kink, 1e-9), (with_kink, 0.0), (with_jump, 0.5), (with_jump, 0.5 + 1e-9)]
)
def test_kinks_and_jumps_show_in_the_error(f, x) -> None:
    assert gradient_by_richardson(f, (x,))[1] > 1e-3


@pytest.mark.parametrize(("program", "args"), ROWS)
def test_program_runs_and_truths_agree(program: Program, args: tuple[Any, ...]) -> None:
    with np.errstate(all="ignore"):
        value = plain(program.function)(*copied(args))
    assert np.isfinite(value)
    near, error = gradient_by_richardson(program.function, args, program.argnums)
    assert np.all(numbers_of(error) < 1e-6 * (1.0 + np.abs(numbers_of(near)))), "a kink or a jump is too near"
    try:
        exact = gradient_by_complex_step(program.function, args, program.argnums)
    except Unsupported:
        return
    assert_near(numbers_of(exact), numbers_of(near), 1e-9, 1e-10, numbers_of(error))


def test_most_programs_have_exact_truth() -> None:
    exact = 0
    for program in PROGRAMS:
        try:
            gradient_by_complex_step(program.function, program.args[0], program.argnums)
            exact += 1
        except Unsupported:
            pass
    assert exact > 0.9 * len(PROGRAMS)


def test_names_are_distinct() -> None:
    names = [program.name for program in PROGRAMS]
    assert len(set(names)) == len(names)


def test_a_wrong_gradient_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """`assert_gradient` accepts the truth and rejects a wrong one."""

    def scaled(factor):
        def value_and_grad(f, argnums):
            return lambda *args: (f(*copied(args)), true_gradient(f, args, argnums)[0] * factor)

        return value_and_grad

    a = np.array([0.3, 1.2])
    assert_gradient(rosenbrock, (a,), value_and_grad=scaled(1.0))
    with pytest.raises(AssertionError):
        assert_gradient(rosenbrock, (a,), value_and_grad=scaled(1.0 + 1e-6))
