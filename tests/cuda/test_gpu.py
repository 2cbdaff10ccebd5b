"""On a GPU: `pytest -m gpu`, or all of `benchmarks/gpu.py`. Adjoints against the CPU, arrays of other libraries,
NVIDIA's checker.

Not run without a GPU.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import srcdiff
from srcdiff.cuda import CudaUnavailable, batch, emulated, kernel
from srcdiff.cuda.device import Gpu
from tests.cuda.functions import FUNCTIONS
from tests.cuda.large import enlarged, factor_for
from tests.cuda.primals import KERNELS
from tests.cuda.shared import SHARED
from tests.truth import copied

try:
    Gpu()
    MISSING = ""
except CudaUnavailable as error:
    MISSING = error.problem
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(bool(MISSING), reason=f"did not run: {MISSING}")]

REPEATS = 15_000  # of the rows: about a million
PRECISIONS = [(np.float64, 1e-9), (np.float32, 2e-3)]


def typed(x, dtype):
    if isinstance(x, float):
        return dtype(x)
    return x.astype(dtype) if isinstance(x, np.ndarray) and x.dtype == np.float64 else x


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("each", FUNCTIONS, ids=[f"{k}-{each.name}" for k, each in enumerate(FUNCTIONS)])
def test_batches(each, dtype, tolerance):
    function = batch(each.function, each.shared, **each.options)
    names = function.signature.names
    with emulated():
        value, gradients = function.value_and_grad(*each.args)
    many = [
        typed(
            np.concatenate([x] * REPEATS) if isinstance(x, np.ndarray) and n not in each.shared else x, dtype
        )
        for x, n in zip(each.args, names, strict=True)
    ]
    got, found = function.value_and_grad(*many)
    np.testing.assert_allclose(got, np.tile(value, REPEATS), rtol=tolerance, atol=tolerance)
    floats = [n for x, n in zip(each.args, names, strict=True) if np.asarray(x).dtype.kind == "f"]
    for name, g, want in zip(floats, found, gradients, strict=True):
        full = np.asarray(want) * REPEATS if name in each.shared else np.concatenate([want] * REPEATS)
        np.testing.assert_allclose(g, full, rtol=50 * tolerance, atol=tolerance * np.max(np.abs(full)))


ALL = [*KERNELS, *SHARED]
IDS = [each.name for each in ALL]


def floats_of(args):
    return [k for k, a in enumerate(args) if np.asarray(a).dtype.kind == "f"]


def on_gpu(each, seeds, dtype):
    """What is owed to each float argument."""
    from numba import cuda

    args = [typed(x, dtype) for x in each.args]
    on_device = [cuda.to_device(x) if isinstance(x, np.ndarray) else x for x in args]
    floats = floats_of(each.args)
    bars = [
        cuda.to_device((seeds[k] if k in seeds else np.zeros(np.shape(each.args[k]) or 1)).astype(dtype))
        for k in floats
    ]
    kernel(each.kernel_for(dtype), **each.options).adjoint[each.grid](*on_device, *bars)
    return {k: bar.copy_to_host() for k, bar in zip(floats, bars, strict=True)}


def seeds_of(each):
    random = np.random.default_rng(3)
    return {k: random.standard_normal(each.args[k].shape) for k in each.written}


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("each", ALL, ids=IDS)
def test_kernels(each, dtype, tolerance):
    """At a size that compute-sanitizer can follow."""
    seeds = seeds_of(each)
    floats = floats_of(each.args)
    wanted = [seeds[k].copy() if k in seeds else np.zeros(np.shape(each.args[k]) or 1) for k in floats]
    with emulated():
        kernel(each.kernel, **each.options).adjoint[each.grid](*copied(each.args), *wanted)
    found = on_gpu(each, seeds, dtype)
    for k, want in zip(floats, wanted, strict=True):
        np.testing.assert_allclose(found[k], want, rtol=50 * tolerance, atol=10 * tolerance)


@pytest.mark.parametrize("each", ALL, ids=IDS)
def test_large(each):
    """A million elements, against the adjoint for the CPU in double precision."""
    large = enlarged(each, factor_for(each, 2**20))
    seeds = seeds_of(large)
    floats = floats_of(large.args)
    wanted = srcdiff.grad(large.on_cpu, argnums=floats)(*copied(large.args), *seeds.values())
    for dtype, tolerance in PRECISIONS:
        found = on_gpu(large, seeds, dtype)
        for k, want in zip(floats, wanted, strict=True):
            if k not in each.written:
                scale = max(1.0, float(np.max(np.abs(want))))
                got = found[k].reshape(np.shape(want))
                np.testing.assert_allclose(got, want, rtol=50 * tolerance, atol=10 * tolerance * scale)


def test_shadows_with_gaps():
    """What is between their elements stays as it is."""
    from numba import cuda

    def shifted(a, c, y):
        i = cuda.grid(1)
        if i < y.shape[0]:
            y[i] = a[0] * c[0] * y.shape[0] + a[1]

    hosts = {"a": np.full(4, 7.0), "c": np.full(2, 7.0), "y": np.full(6000, 7.0)}
    hosts["y"][::2] = 1.0
    wide = {name: cuda.to_device(x) for name, x in hosts.items()}
    a_bar, c_bar, y_bar = (x[::2] for x in wide.values())
    args = [cuda.to_device(np.full(n, 2.0)) for n in (2, 1, 3000)]
    kernel(shifted, accumulate=False).adjoint[94, 32](*args, a_bar, c_bar, y_bar)
    found = {name: x.copy_to_host() for name, x in wide.items()}
    assert all(np.all(x[1::2] == 7.0) for x in found.values())
    np.testing.assert_allclose(found["a"][::2], [3000 * 2.0 * 3000, 3000.0])
    np.testing.assert_allclose(found["c"][::2], [3000 * 2.0 * 3000])


def product(x, y):
    return x * y * y


def check_columns(x, y, to_host):
    value, (dx, _) = batch(product).value_and_grad(x, y)
    assert hasattr(value, "__cuda_array_interface__")
    np.testing.assert_allclose(dx.copy_to_host(), to_host(y) ** 2, rtol=1e-6)


def test_cupy():
    cupy = pytest.importorskip("cupy")
    check_columns(cupy.arange(1000.0), cupy.ones(1000), cupy.asnumpy)


def test_torch():
    torch = pytest.importorskip("torch")
    x = torch.arange(1000.0, device="cuda", dtype=torch.float64)
    check_columns(x, torch.ones_like(x), lambda a: a.cpu().numpy())
    with torch.cuda.stream(torch.cuda.Stream()):
        late = x
        for _ in range(200):
            late = late + 1.0
        check_columns(x, late, lambda a: a.cpu().numpy())


class OnlyDlpack:
    """An array that offers DLPack and nothing else."""

    def __init__(self, array):
        self.array = array

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)


def test_dlpack_alone():
    torch = pytest.importorskip("torch")
    x = torch.arange(1000.0, device="cuda", dtype=torch.float64)
    check_columns(OnlyDlpack(x), OnlyDlpack(torch.ones_like(x)), lambda a: a.array.cpu().numpy())


def test_jax():
    jax = pytest.importorskip("jax")
    if jax.default_backend() != "gpu":
        pytest.skip("this JAX has no GPU")
    x = jax.numpy.arange(1000.0)
    check_columns(x, jax.numpy.ones_like(x), np.asarray)


@pytest.mark.parametrize("tool", ["memcheck", "racecheck"])
def test_sanitizer(tool):
    checker = shutil.which("compute-sanitizer")
    if checker is None:
        pytest.skip("did not run: compute-sanitizer is not installed")
    command = [
        checker,
        "--tool",
        tool,
        "--error-exitcode",
        "1",
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-m",
        "gpu",
    ]
    command += [str(Path(__file__)), "-k", "test_kernels"]
    subprocess.run(command, check=True)
