"""The corpus of the CPU as rows of a batch: each program is refused, or agrees with its gradient on the CPU."""

import numpy as np
import pytest

import srcdiff
from srcdiff.cuda import batch, emulated
from srcdiff.errors import DifferentiationError, InternalError
from tests.programs import PROGRAMS
from tests.truth import copied

ROWS = 3


def fits(program):
    """Whether all arguments are numbers or arrays, and one has a float."""
    plain = all(
        isinstance(a, (float, int, np.number, bool)) or (isinstance(a, np.ndarray) and a.ndim and a.size)
        for a in program.args[0]
    )
    return plain and any(np.asarray(a).dtype.kind == "f" for a in program.args[0])


CORPUS = [program for program in PROGRAMS if fits(program)]
ROW_ON_TAPE = "array_written_by_callee"  # what its array is behind the last trip is recorded as a whole
FEW = [program for k, program in enumerate(CORPUS) if k % 16 == 0 or program.name == ROW_ON_TAPE]


def check(program):
    args = program.args[0]
    try:
        value, gradients = srcdiff.value_and_grad(program.function, argnums=program.argnums)(*copied(args))
    except DifferentiationError:
        pytest.skip("refused on the CPU")
    except Exception as error:
        pytest.skip(f"raises on the CPU: {type(error).__name__}")
    names = batch(program.function).signature.names
    shared = [n for n, a in zip(names, args, strict=False) if isinstance(a, (int, np.integer))]
    columns = [a if isinstance(a, (int, np.integer)) else np.stack([a] * ROWS) for a in args]
    columns = [np.ascontiguousarray(a) if isinstance(a, np.ndarray) else a for a in columns]
    try:
        rows = batch(program.function, shared, argnums=program.argnums, threads=32, max_trips=200)
        with emulated(blocks=1):
            got, found = rows.value_and_grad(*columns)
    except InternalError:
        raise
    except DifferentiationError as error:
        assert "line" in str(error)
        return
    single = np.asarray(value).dtype == np.float32
    near = {"rtol": 2e-3, "atol": 1e-3} if single else {"rtol": 1e-9, "atol": 1e-11}
    np.testing.assert_allclose(got, np.full(ROWS, value), **near)
    pairs = zip(found, gradients, strict=True) if isinstance(gradients, tuple) else [(found, gradients)]
    for column, want in pairs:
        for row in column:
            np.testing.assert_allclose(row, want, **near)


@pytest.mark.parametrize("program", FEW, ids=lambda p: p.name)
@pytest.mark.usefixtures("uncompiled")
def test_some(program):
    check(program)


@pytest.mark.slow
@pytest.mark.parametrize("program", CORPUS, ids=lambda p: p.name)
@pytest.mark.usefixtures("uncompiled")
def test_all(program):
    check(program)
