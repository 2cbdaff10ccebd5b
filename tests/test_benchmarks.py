"""The kernels of the benchmarks are right: our gradient equals the adjoint written by hand, at the smallest size."""

import importlib
import pathlib
import sys

import numba
import numpy as np
import pytest

import srcdiff

FOLDER = pathlib.Path(__file__).parent.parent / "benchmarks"
NAMES = sorted(path.stem for path in (FOLDER / "kernels").glob("[a-z]*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_equals_hand_written(name, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    kernel = importlib.import_module(f"kernels.{name}")
    args = kernel.make(kernel.SIZES[0], np.random.default_rng(7))
    want_value, want = numba.njit(error_model="numpy")(kernel.hand)(*args)
    value, gradient = srcdiff.value_and_grad(kernel.primal, argnums=kernel.ARGNUMS)(*args)
    assert value == pytest.approx(want_value, rel=1e-10)
    for got, expected in zip(gradient, want, strict=True):
        scale = max(float(np.max(np.abs(expected))), 1e-300)
        assert float(np.max(np.abs(np.asarray(got) - expected))) <= 1e-9 * scale
    sys.modules.pop(f"kernels.{name}", None)
