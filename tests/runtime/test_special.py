"""The special functions against SciPy's, over their domains, run by CPython and compiled."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
import pytest
import scipy.special

from srcdiff import differentiate
from srcdiff.backend.cache import cache_folder
from srcdiff.emit.special import FUNCTIONS, plain_source
from srcdiff.primitives import REGISTRY
from tests.truth import gradient_by_richardson

LINE = np.concatenate([np.linspace(-30.0, 30.0, 401) + 0.0137, np.geomspace(1e-8, 300.0, 200), [0.0]])
POSITIVE = np.geomspace(1e-6, 200.0, 300)
SHARES = np.concatenate([np.linspace(1e-12, 1.0 - 1e-12, 301), np.geomspace(1e-300, 0.4, 200)])
PAIRS = [(a, b) for a in np.geomspace(0.01, 60.0, 25) for b in np.geomspace(0.02, 80.0, 25)]
PAIRS += [(0.0, 0.0), (0.0, 2.0), (1.0, 0.0)]
ALL_POSITIVE = [(a, b) for a, b in PAIRS if a > 0.0 < b]

# (row, SciPy's function, points, absolute error beside a relative one of 1e-14)
SWEEPS = [
    ("digamma", scipy.special.digamma, POSITIVE, 1e-15),
    ("trigamma", lambda x: scipy.special.polygamma(1, x), POSITIVE, 0.0),
    ("polygamma", scipy.special.polygamma, [(n, x) for n in (2, 3, 7, 20) for x in POSITIVE], 1e-300),
    ("lgamma", scipy.special.gammaln, POSITIVE, 1e-15),
    ("gamma", scipy.special.gamma, POSITIVE[POSITIVE < 170.0], 0.0),
    ("beta", scipy.special.beta, ALL_POSITIVE, 0.0),
    ("log_beta", scipy.special.betaln, ALL_POSITIVE, 3e-13),  # SciPy's own differs by that
    ("erf", scipy.special.erf, LINE, 0.0),
    ("erfc", scipy.special.erfc, LINE[LINE < 5.0], 0.0),
    ("erfcx", scipy.special.erfcx, LINE[LINE > -26.0], 0.0),
    ("inverse_erf", scipy.special.erfinv, np.concatenate([SHARES, -SHARES, [0.0, 1.0, -1.0]]), 0.0),
    ("inverse_erfc", scipy.special.erfcinv, np.concatenate([2.0 * SHARES, [0.0, 2.0]]), 0.0),
    ("normal_cdf", scipy.special.ndtr, LINE[np.abs(LINE) < 6.0], 0.0),
    ("log_normal_cdf", scipy.special.log_ndtr, np.linspace(-300.0, 7.0, 400), 0.0),
    ("inverse_normal_cdf", scipy.special.ndtri, SHARES, 0.0),
    ("expit", scipy.special.expit, LINE, 0.0),
    ("log_expit", scipy.special.log_expit, LINE, 0.0),
    ("logit", scipy.special.logit, np.concatenate([SHARES, [0.0, 1.0]]), 0.0),
    ("xlogy", scipy.special.xlogy, PAIRS, 0.0),
    ("xlog1py", scipy.special.xlog1py, PAIRS, 0.0),
    ("entropy", scipy.special.entr, LINE, 0.0),
    ("relative_entropy", scipy.special.rel_entr, PAIRS, 0.0),
    ("divergence", scipy.special.kl_div, PAIRS, 1e-14),
    ("bessel_j0", scipy.special.j0, LINE, 2e-15),
    ("bessel_j1", scipy.special.j1, LINE, 2e-15),
    ("bessel_i0", scipy.special.i0, LINE, 0.0),
    ("bessel_i1", scipy.special.i1, LINE, 0.0),
    ("scaled_bessel_i0", scipy.special.i0e, LINE, 0.0),
    ("scaled_bessel_i1", scipy.special.i1e, LINE, 0.0),
]


@pytest.fixture(scope="module")
def compiled() -> dict[str, Any]:
    space: dict[str, Any] = {"math": math, "np": np, "njit": numba.njit}
    exec("\n".join(map(plain_source, FUNCTIONS)), space)
    return space


@pytest.mark.parametrize(("name", "scipys", "points", "atol"), SWEEPS, ids=[sweep[0] for sweep in SWEEPS])
def test_sweep(name: str, scipys: Any, points: Any, atol: float, compiled: dict[str, Any]) -> None:
    row = REGISTRY[name]
    points = [point if isinstance(point, tuple) else (point,) for point in points]
    names = ", ".join(f"x{k}" for k in range(row.arity))
    exec(f"def called({names}):\n    return {row.text.format(*names.split(', '))}\n", compiled)
    called = numba.njit(error_model="numpy")(compiled["called"])
    want = np.array([float(scipys(*point)) for point in points])
    for f in (row.evaluate, called):
        got = np.array([f(*map(float, point)) for point in points])
        np.testing.assert_allclose(got, want, rtol=1e-14, atol=atol)


def test_nan_stays_nan() -> None:
    for name, *_ in SWEEPS:
        row = REGISTRY[name]
        assert math.isnan(row.evaluate(*(math.nan,) * row.arity)), name


def by_their_names(x, y):
    """Every function of SciPy that is known, on numbers between 0 and 1."""
    s = scipy.special.gammaln(x) + scipy.special.gamma(x) + scipy.special.digamma(x) + scipy.special.psi(y)
    s += scipy.special.polygamma(1, x) + scipy.special.polygamma(2, y)
    s += scipy.special.beta(x, y) + scipy.special.betaln(x, y)
    s += scipy.special.erf(x) + scipy.special.erfc(y) + scipy.special.erfcx(x)
    s += scipy.special.erfinv(x) + scipy.special.erfcinv(y)
    s += scipy.special.ndtr(x) + scipy.special.log_ndtr(y) + scipy.special.ndtri(x)
    s += scipy.special.expit(x) + scipy.special.log_expit(y) + scipy.special.logit(x)
    s += scipy.special.xlogy(x, y) + scipy.special.xlog1py(x, y) + scipy.special.entr(x)
    s += scipy.special.rel_entr(x, y) + scipy.special.kl_div(x, y)
    s += scipy.special.j0(x) + scipy.special.j1(y) + scipy.special.i0(x) + scipy.special.i1(y)
    s += scipy.special.i0e(x) + scipy.special.i1e(y) + np.i0(y)
    return s


def of_arrays(a, b):
    expit = scipy.special.expit(a)  # a variable by the name of a function that is called
    return np.sum(by_their_names(expit, b))


def test_gradient_by_their_names() -> None:
    a, b = np.array([0.3, -1.2]), np.array([0.4, 0.7])
    f = differentiate(of_arrays, argnums=(0, 1))
    value, (da, db) = f.value_and_grad(a, b)
    assert value == pytest.approx(of_arrays(a, b), rel=1e-12)
    (want_a, want_b), _ = gradient_by_richardson(of_arrays, (a, b), (0, 1))
    np.testing.assert_allclose(da, want_a, rtol=1e-7)
    np.testing.assert_allclose(db, want_b, rtol=1e-7)
    assert f.value_and_grad(a, b)[0] == value


def test_compiled_code_is_kept_on_disk(optimised_by_llvm: None) -> None:
    def three_of_scipy(x):
        return scipy.special.j0(x) + scipy.special.log_ndtr(x) + scipy.special.betaln(x, 2.0)

    f = differentiate(three_of_scipy)
    assert f.grad(1.3) == pytest.approx(gradient_by_richardson(f, (1.3,))[0], rel=1e-9)
    folder = cache_folder()
    assert folder is not None
    kept = list(folder.glob("compiled/three_of_scipy_*.bin"))
    assert len(kept) == 2, "one file for the primal, one for the gradient"
