"""Numba's own simulator agrees with the emulator, on the kernels without shuffles (it has none)."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from srcdiff.cuda import kernel
from srcdiff.cuda.emulate import launch
from srcdiff.cuda.emulated_kernel import emulated_function
from tests.cuda.primals import KERNELS
from tests.cuda.shared import SHARED
from tests.truth import copied

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["heat_of_square", "embedding", "histogram", "rows_of_blocks", "transposed", "product", "running_sum"]
PROGRAM = """
import sys
import numpy as np
from numba import cuda
from srcdiff.backend.cache import load_module
name, text, arguments, blocks, threads = np.load(sys.argv[1], allow_pickle=True)["job"]
found = load_module(text, name)
cuda.jit(getattr(found, name))[blocks, threads](*arguments)
np.savez(sys.argv[2], *[np.asarray(a) for a in arguments])
"""


@pytest.mark.parametrize("name", NAMES)
def test_simulator(name, tmp_path):
    if importlib.util.find_spec("numba_cuda") and not importlib.util.find_spec("cuda.bindings"):
        pytest.skip("numba-cuda without its libraries cannot be imported, not even its simulator")
    case = next(each for each in [*KERNELS, *SHARED] if each.name == name)
    text = kernel(case.kernel).gradient_source(*case.args)
    random = np.random.default_rng(1)
    floats = [a for a in case.args if np.asarray(a).dtype.kind == "f"]
    given = [*copied(case.args), *(random.standard_normal(np.shape(a)) for a in floats)]
    job = np.empty(5, object)
    job[:] = [f"{name}_adjoint", text, copied(tuple(given)), *case.grid]
    np.savez(tmp_path / "in.npz", job=job)
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "in.npz"), str(tmp_path / "out.npz")]
    subprocess.run(command, check=True, env=environment)
    launch(emulated_function(text, f"{name}_adjoint"), *case.grid, given)
    with np.load(tmp_path / "out.npz") as simulated:
        for got, want in zip(simulated.values(), given, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)
