"""Every kernel compiles to machine code of an H100, without spilled registers, and in single precision without a
double-precision instruction."""

import numpy as np
import pytest

from srcdiff.cuda import CudaUnavailable, batch
from srcdiff.cuda.device import numba_cuda
from tests.cuda.functions import FUNCTIONS

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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("each", FUNCTIONS, ids=[f"{k}-{each.name}" for k, each in enumerate(FUNCTIONS)])
def test_batches(each, dtype):
    args = [typed(x, dtype) for x in each.args]
    report = batch(each.function, each.shared, **each.options).report(*args)
    code = report.code
    assert code is not None
    assert code.spills == 0, report
    if dtype is np.float32 and not each.trigonometric:
        assert code.double == 0, report

