"""Every kernel compiles to machine code of an H100, without spilled registers, and in single precision without a
double-precision instruction."""

import numpy as np
import pytest

from srcdiff.cuda import CudaUnavailable, batch, kernel
from srcdiff.cuda.device import numba_cuda
from srcdiff.cuda.inspection import compile_kernel, inspect_kernel
from srcdiff.emit.row_kernels import Rows, print_rows
from srcdiff.errors import UnsupportedIntrinsic
from srcdiff.ir import types as ty
from srcdiff.ir.builder import Builder
from srcdiff.ir.core import Function, Value
from srcdiff.primitives import REGISTRY
from tests.cuda.functions import FUNCTIONS
from tests.cuda.primals import KERNELS
from tests.cuda.shared import SHARED
from tests.sampling import sampled

try:
    numba_cuda()
    MISSING = ""
except CudaUnavailable as error:
    MISSING = f"no compiler: {error.problem} ({error.reason})"
pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)


def typed(x, dtype):
    if isinstance(x, float):
        return dtype(x)
    return x.astype(dtype) if isinstance(x, np.ndarray) and x.dtype == np.float64 else x


@pytest.mark.parametrize("dtype", sampled([np.float32, np.float64], 2, 1))
@pytest.mark.parametrize("each", FUNCTIONS, ids=[f"{k}-{each.name}" for k, each in enumerate(FUNCTIONS)])
def test_batches(each, dtype):
    args = [typed(x, dtype) for x in each.args]
    report = batch(each.function, each.shared, **each.options).report(*args)
    code = report.code
    assert code is not None
    assert code.spills == 0, report
    if dtype is np.float32 and not each.trigonometric:
        assert code.double == 0, report


@pytest.mark.parametrize("dtype", sampled([np.float32, np.float64], 2))
@pytest.mark.parametrize("each", [*KERNELS, *SHARED], ids=[each.name for each in [*KERNELS, *SHARED]])
def test_adjoint_kernels(each, dtype):
    args = [typed(x, dtype) for x in each.args]
    report = kernel(each.kernel_for(dtype), **each.options).report(*args)
    code = report.code
    assert code is not None
    assert code.spills == 0, report
    if dtype is np.float32 and not each.trigonometric and each.name not in DOUBLE:
        assert code.double == 0, report
    summed = any(how.startswith(("block", "atomic")) for how in report.accumulation.values())
    summed |= any("atomic" in how or "warps" in how for how in report.shared.values())
    assert (code.atomics > 0) == (summed or bool(each.options)), report


@pytest.mark.parametrize("name", ["segments", "forces"])
def test_kernels_themselves(name):
    """What is only said to the derivative, and device functions, compile."""
    each = next(case for case in KERNELS if case.name == name)
    types = [ty.array(ty.float64, x.ndim) if isinstance(x, np.ndarray) else ty.typeof(x) for x in each.args]
    assert "0 bytes spill stores" in compile_kernel(each.kernel, types)[1]


def test_launch_bounds(optimised_by_llvm):
    """More blocks of a multiprocessor at once leave fewer registers for a thread."""
    each = next(case for case in KERNELS if case.name == "trajectories")
    codes = [kernel(each.kernel, launch_bounds=b).report(*each.args).code for b in (None, (128, 16))]
    assert codes[1].registers <= 32 < codes[0].registers


DOUBLE = {"polynomial"}  # its local array is float64
MISSING_ON_DEVICES = {"gcd", "logaddexp2"}
BOOLEANS, INTEGERS = ("and", "or", "not"), ("bitand", "bitor", "bitxor", "lshift", "rshift", "invert", "gcd")


def operand_types(row, type):
    if row.name == "select":
        return [ty.boolean, type, type]
    if row.name == "round_to":
        return [type, ty.int64]
    known = ty.boolean if row.name in BOOLEANS else ty.int64 if row.name in INTEGERS else type
    return [known] * (row.arity if row.name != "bisection" else 1)


@pytest.mark.parametrize("type", sampled([ty.float64, ty.float32], 2), ids=str)
def test_every_elementary_function(type):
    for row in REGISTRY.values():
        types = operand_types(row, type)
        parameters = tuple(Value(f"x{k}", t) for k, t in enumerate(types))
        with Builder() as builder:
            value = builder.emit(row.name, parameters, row.result(*types))
            if ty.is_complex(value.type):
                value = builder.emit("real", (value,), type)
            elif value.type != type:
                value = builder.emit("cast", (value,), type)
        function = Function("f", builder.block(parameters, (value,)))
        if row.name in MISSING_ON_DEVICES:
            with pytest.raises(UnsupportedIntrinsic):
                print_rows(Rows(function, frozenset(parameters)), "")
            continue
        kernel = print_rows(Rows(function, frozenset(parameters)), "")
        columns = [ty.array(t, 1) for t in (*types, type)]
        assert inspect_kernel(kernel.text, kernel.name, [ty.int64, *columns]).spills == 0, row.name
