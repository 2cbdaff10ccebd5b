"""Sparse Jacobians and Hessians: the dense ones, no place missed for other values, few sweeps."""

from __future__ import annotations

import math
import threading
from typing import Any

import numba
import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from srcdiff import (
    DifferentiationError,
    UnsupportedConstruct,
    differentiate,
    grad,
    hessian,
    hvp,
    jacobian,
    sparse_hessian,
    sparse_jacobian,
)
from srcdiff.arguments import flattened
from tests.programs import PROGRAMS, Program
from tests.sampling import sampled
from tests.truth import copied

RANDOM = np.random.default_rng(11)


def drawn(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape)


# ------------------------------------------------------------------------------------------------ programs


def banded(x):
    return x[1:-1] ** 2 * x[:-2] - x[2:]


def banded_by_loop(x, steps):
    y = np.zeros(len(x))
    for i in range(steps, len(x)):
        y[i] = math.sin(x[i]) * x[i - steps]
    return y


def blocks(x):
    y = np.empty(x.shape[0])
    for i in range(x.shape[0]):
        y[i] = np.sum(x[i]) ** 2
    return y


def branches(x):
    y = np.zeros(len(x))
    for i in range(1, len(x)):
        if x[i] > 0.0:
            y[i] = math.sin(x[i])
        else:
            y[i] = x[i - 1] * x[i]
    return y


def index_under_a_guard(x):
    y = np.zeros(len(x))
    for i in range(len(x)):
        if x[i] > 10.0:  # never here: the index would be out of range
            y[i] = x[i + len(x)]
        else:
            y[i] = x[i] ** 2
    return y


def bundle_adjustment(cameras, points, camera_of, point_of, seen):
    residuals = np.empty((len(camera_of), 2))
    for k in range(len(camera_of)):
        c = cameras[camera_of[k]]
        p = points[point_of[k]] + c[:3]
        distortion = 1.0 + c[4] * (p[0] ** 2 + p[1] ** 2) / p[2] ** 2
        residuals[k, 0] = c[3] * distortion * p[0] / p[2] - seen[k, 0]
        residuals[k, 1] = c[3] * distortion * p[1] / p[2] - seen[k, 1]
    return residuals


def converged(x):
    y = x.copy()
    for i in range(len(x)):
        z = x[i]
        while abs(z) > 0.1:
            z = z * 0.5 * x[i] / (1.0 + abs(x[i]))
        y[i] = z
    return y


def recurrence(x):
    y, s = np.zeros(len(x)), 0.0
    for i in range(len(x)):
        s = 0.5 * s + x[i]
        y[i] = s
    return y


def swapped(x):
    a, b = x.copy(), np.zeros(len(x))
    for _ in range(2):
        for i in range(1, len(x) - 1):
            b[i] = a[i - 1] + a[i] * a[i + 1]
        a, b = b, a
    return a


def swapped_under_a_condition(x):
    a, b = x.copy(), np.zeros(len(x))
    if x[0] > 0.0:
        for _ in range(3):
            for i in range(1, len(x) - 1):
                b[i] = a[i - 1] + a[i] * a[i + 1]
            a, b = b, a
    return a


def one_of_two_arrays(x):
    a, b = x * 2.0, np.zeros(len(x))
    b[0] = x[1]
    y = a if x[0] > 0.0 else b
    y[2] = x[3]
    return y


def place_by_value(x):
    y = x * 2.0
    y[np.argmax(x)] = x[0] * x[1]
    return y


def places_by_value(x):
    return x[np.argsort(x)] * x[0]


def matrix_product(W, X):
    return X @ W


def system(x):
    return np.linalg.solve(np.diag(x) + np.eye(len(x)), x)


def several_results(params, n):
    y = np.zeros(n)
    for i in range(n):
        y[i] = params["a"][i] * params["s"]
    return {"y": y, "z": params["a"][0] ** 2}


def overwritten_argument(x):
    for i in range(1, len(x)):
        x[i] = x[i] * x[i - 1]
    return x[1:] * 2.0


BA = (
    drawn(3, 5),
    drawn(10, 3) + 5.0,
    RANDOM.integers(0, 3, 25),
    RANDOM.integers(0, 10, 25),
    drawn(25, 2),
)
JACOBIANS: list[tuple[Any, Any, tuple[Any, ...], int]] = [
    (banded, 0, (drawn(30),), 4),
    (banded_by_loop, 0, (drawn(30), 5), 4),
    (blocks, 0, (drawn(12, 4),), 4),
    (branches, 0, (drawn(30),), 4),
    (index_under_a_guard, 0, (drawn(30),), 4),
    (bundle_adjustment, 0, BA, 8),
    (bundle_adjustment, 1, BA, 4),
    (bundle_adjustment, (0, 1), BA, 8),
    (converged, 0, (drawn(30),), 4),
    (recurrence, 0, (drawn(6),), 8),
    (swapped, 0, (drawn(30),), 8),
    (swapped_under_a_condition, 0, (drawn(8),), 8),
    (one_of_two_arrays, 0, (drawn(6),), 8),
    (place_by_value, 0, (drawn(6),), 8),
    (places_by_value, 0, (drawn(6),), 8),
    (matrix_product, 0, (drawn(3, 8), drawn(5, 3)), 4),
    (system, 0, (drawn(4) + 5.0,), 4),
    (several_results, 0, ({"a": drawn(20), "s": 1.5}, 10), 4),
    (banded, 0, (drawn(300),), 4),
]
ROWS = [pytest.param(*row, id=f"{row[0].__name__}{k}") for k, row in enumerate(JACOBIANS)]


def dense(f: Any, argnums: Any, args: Any) -> np.ndarray:
    """The dense Jacobian as one matrix."""
    nested = jacobian(f, argnums)(*copied(args))
    wrt = [args[k] for k in (argnums if isinstance(argnums, tuple) else (argnums,))]
    widths = [np.size(leaf) for leaf in flattened(wrt)]
    parts = flattened([nested])
    lines = [parts[k : k + len(widths)] for k in range(0, len(parts), len(widths))]
    return np.vstack(
        [np.hstack([np.reshape(p, (-1, n)) for p, n in zip(line, widths, strict=True)]) for line in lines]
    )


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize(("f", "argnums", "args", "sweeps"), ROWS)
def test_jacobian_is_the_dense_one(f, argnums, args, sweeps):
    sparse = sparse_jacobian(f, argnums)
    for scale in (1.0, -1.0, 0.3):  # the plan of the first call serves the others
        point = tuple(x * scale if isinstance(x, np.ndarray) and x.dtype == float else x for x in args)
        if f is system:
            point = (abs(point[0]),)
        found, wanted = sparse(*copied(point)), dense(f, argnums, point)
        np.testing.assert_allclose(found.toarray(), wanted, rtol=1e-12, atol=1e-13)
        assert not np.any((wanted != 0.0) & ~sparse.pattern(*copied(point)).toarray())
    assert len(sparse.plans) == 1
    assert sparse.sweeps(*args) <= sweeps


@pytest.mark.usefixtures("uncompiled")
def test_patterns_are_exact_where_floats_decide_nothing():
    assert sparse_jacobian(banded)(drawn(50)).nnz == 3 * 48
    assert sparse_jacobian(bundle_adjustment, (0, 1))(*BA).nnz == 50 * 8
    assert sparse_jacobian(matrix_product)(drawn(3, 4), drawn(5, 3)).nnz == 20 * 3


@pytest.mark.usefixtures("uncompiled")
def test_other_sizes_and_integers_have_their_own_pattern():
    sparse = sparse_jacobian(banded_by_loop)
    for n, steps in ((20, 3), (20, 4), (25, 3)):
        x = drawn(n)
        np.testing.assert_allclose(
            sparse(x, steps).toarray(), dense(banded_by_loop, 0, (x, steps)), atol=1e-14
        )
    assert len(sparse.plans) == 3


ACTS = {"act": banded}


def with_act(x):
    return ACTS["act"](x)


@pytest.mark.usefixtures("uncompiled")
def test_what_is_known_and_changes_has_its_own_pattern():
    sparse = sparse_jacobian(with_act)
    x = drawn(5)
    for _ in range(2):
        for act in (lambda x: x * x, lambda x: np.cumsum(x) * x[0], lambda x: x[::-1] * 2.0):
            ACTS["act"] = act
            np.testing.assert_allclose(sparse(x).toarray(), jacobian(act)(x), atol=1e-14)


@pytest.mark.usefixtures("uncompiled")
def test_threads_have_each_the_pattern_of_their_arguments():
    """The plan of the last call is that of one thread; it is the arguments of another that are compared with it."""
    sparse = sparse_jacobian(banded_by_loop)
    x = drawn(12)
    wanted = {steps: sparse(x, steps).toarray() for steps in (1, 2, 3)}
    wrong = []

    def calls(steps):
        for _ in range(100):
            if sparse.pattern(x, steps).nnz != np.count_nonzero(wanted[steps]):
                wrong.append(steps)

    threads = [threading.Thread(target=calls, args=(steps,)) for steps in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.usefixtures("uncompiled")
def test_arguments_that_are_written_count_as_results():
    x = drawn(6)
    given = x.copy()
    found = sparse_jacobian(overwritten_argument)(given)
    assert np.array_equal(given, x) and found.shape == (11, 6)
    np.testing.assert_allclose(found.toarray(), dense(overwritten_argument, 0, (x,)), atol=1e-13)


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("f", [lambda x: x[x > 0.0], lambda x: np.unique(x)])
def test_sizes_that_depend_on_floats_are_refused(f):
    with pytest.raises(UnsupportedConstruct, match="size of an array"):
        sparse_jacobian(f)(drawn(4))


# ------------------------------------------------------------------------------------------------ Hessians


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def rosenbrock_by_loop(x):
    s = 0.0
    for i in range(len(x) - 1):
        s += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return s


def arrow(x):
    s = 0.0
    for i in range(1, len(x)):
        s += math.sin(x[0] * x[i]) + x[i] ** 3
    return s


def branching(x):
    s = 0.0
    for i in range(len(x) - 1):
        if x[i] > 0.0:
            s += x[i] * x[i + 1]
        else:
            s += x[i] ** 2
    return s


def grid(u):
    s = 0.0
    for i in range(u.shape[0] - 1):
        for j in range(u.shape[1] - 1):
            s += math.sqrt(1.0 + (u[i + 1, j] - u[i, j]) ** 2 + (u[i, j + 1] - u[i, j]) ** 2)
    return s


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize(
    ("f", "x", "sweeps"),
    [
        (rosenbrock, drawn(40), 4),
        (rosenbrock_by_loop, drawn(40), 4),
        (arrow, drawn(40), 4),
        (branching, drawn(40), 4),
        (grid, drawn(6, 7), 12),
        (lambda x: np.sum(x**3), drawn(40), 4),
        (lambda x: np.sum(x) ** 2, drawn(5), 8),
        (lambda x: 2.0 * np.sum(x), drawn(5), 4),
    ],
)
def test_hessian_is_the_dense_one(f, x, sweeps):
    sparse = sparse_hessian(f)
    for point in (x, -x):
        found, wanted = sparse(point).toarray(), hessian(f)(point).reshape(x.size, x.size)
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-11)
        assert not np.any((wanted != 0.0) & ~sparse.pattern(point).toarray())
    assert sparse.sweeps(x) <= sweeps


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("program", sampled(PROGRAMS[::9], 4), ids=lambda program: program.name)
def test_no_place_is_missed_in_the_corpus(program: Program):
    """The Hessian of each program, column by column."""
    args = program.args[0]
    wrt = program.argnums if isinstance(program.argnums, tuple) else (program.argnums,)
    point = tuple(args[k] for k in wrt)
    size = sum(np.size(leaf) for leaf in flattened([point]))
    if size > 24:
        pytest.skip("many columns")
    try:
        sparse = sparse_hessian(program.function, wrt)
        pattern = sparse.pattern(*copied(args)).toarray()
    except UnsupportedConstruct as error:
        assert "depends on the values of floats" in str(error)
        pytest.skip("no pattern")
    product = hvp(program.function, wrt)
    columns = []
    for column in range(size):
        seed = iter(np.eye(size)[column])
        direction = filled(point, seed)
        parts = flattened([product(*copied(args), direction)])
        columns.append(np.concatenate([np.ravel(np.asarray(part, float)) for part in parts]))
    wanted = np.array(columns).T
    assert not np.any((np.abs(wanted) > 0.0) & ~pattern)
    single = any(np.asarray(leaf).dtype == np.float32 for leaf in flattened([args]))
    np.testing.assert_allclose(
        sparse(*copied(args)).toarray(), wanted, rtol=2e-3 if single else 1e-7, atol=1e-3 if single else 1e-8
    )


def filled(like: Any, numbers: Any) -> Any:
    if isinstance(like, tuple):
        return tuple(filled(part, numbers) for part in like)
    if isinstance(like, np.ndarray):
        taken = [next(numbers) for _ in range(like.size)]
        return np.array(taken, like.dtype).reshape(like.shape)
    return type(like)(next(numbers)) if isinstance(like, np.floating) else next(numbers)


def test_compiled():
    found = sparse_jacobian(bundle_adjustment, (0, 1))(*BA)
    np.testing.assert_allclose(found.toarray(), dense(bundle_adjustment, (0, 1), BA), rtol=1e-12, atol=1e-13)


def several(x, m, where):
    y = np.zeros((len(x), 2))
    for i in range(len(where)):
        y[i, i % 2] = x[where[i]] * m[i, 1]
    return y, np.sum(m[0] * m[1]), x[1] * x[2]


def test_entries_of_a_known_pattern(monkeypatch):
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    x, m, where = drawn(6), drawn(3, 2), np.array([0, 3, 1])
    for made, args, other in (
        (sparse_jacobian(banded), (x,), (x + 1.0,)),
        (sparse_jacobian(banded_by_loop), (x, 2), (-x, 2)),
        (sparse_jacobian(several, (0, 1)), (x, m, where), (x[::-1], m.T.copy().T, where)),
        (sparse_jacobian(banded), (x.astype(np.float32),), (x.astype(np.float32),)),
        (sparse_hessian(lambda x: np.sum(x[1:] ** 2 * x[:-1])), (x,), (x + 1.0,)),
    ):
        entries = made.entries(*args)
        want = made(*other).data
        assert np.array_equal(entries(*other), want) and entries(*other).dtype == want.dtype
    entries = sparse_jacobian(banded_by_loop).entries(x, 2)
    for wrong in ((x, 3), (x[:4], 2)):
        with pytest.raises(
            ValueError, match="the pattern of this derivative is that of arguments of other sizes"
        ):
            entries(*wrong)
    entries = sparse_jacobian(several, (0, 1)).entries(x, m, where)
    with pytest.raises(ValueError, match="or with other integers"):
        entries(x, m, where[::-1])
    with pytest.raises(DifferentiationError, match="for arguments of other types"):
        sparse_jacobian(banded).entries(x)(x.astype(np.float32))
    # Differentiated again: against differences.
    of = sparse_jacobian(lambda x: x[1:] ** 2 * x[:-1]).entries(x)
    step = np.zeros(6)
    step[2] = 1e-6
    high, low = (np.sum(of(x + s) ** 2) for s in (step, -step))
    assert grad(lambda x: np.sum(of(x) ** 2))(x)[2] == pytest.approx((high - low) / 2e-6, rel=1e-6)


def test_entries_in_compiled_code():
    @differentiate
    def stencil(x):
        return x[1:-1] ** 2 * x[:-2] - x[2:]

    x = drawn(6)
    made = sparse_jacobian(stencil)
    entries = made.entries(x)

    @njit
    def use(x):
        return entries(x) * 2.0

    assert np.array_equal(use(x[::-1]), 2.0 * made(x[::-1]).data)
    assert np.array_equal(entries(x), made(x).data)
    with pytest.raises(ValueError, match="other sizes"):
        use(x[:4])
    for wrong in (lambda x: made(x), lambda x: sparse_jacobian(stencil)(x)):
        with pytest.raises(
            TypingError, match=r"the sparse derivative of `stencil` in compiled code(.|\n)*entries"
        ):
            njit(wrong)(x)


def test_of_no_elements() -> None:
    assert sparse_jacobian(lambda x: x * np.sum(x))(np.zeros(0)).shape == (0, 0)
    assert sparse_hessian(lambda x: np.sum(x**3))(np.zeros(0)).shape == (0, 0)
