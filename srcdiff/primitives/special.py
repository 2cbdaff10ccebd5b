"""Special functions of one and two numbers, by the names of `scipy.special` and `math`.

What Numba has not is computed by a function of `runtime/special.py`, whose text goes into the generated source.
Derivatives: Abramowitz & Stegun, Handbook of Mathematical Functions, chapters 6 (gamma), 7 (error), 9 (Bessel).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..runtime import special as compute
from .arithmetic import by_series, guarded, polynomial, select
from .elementwise import exp, log, log1p
from .record import elementwise

TWO_OVER_ROOT_PI = 2.0 / math.sqrt(math.pi)
ROOT_TWO_OVER_PI = math.sqrt(2.0 / math.pi)
ROOT_HALF = math.sqrt(0.5)
ROOT_TWO_PI = math.sqrt(2.0 * math.pi)


def scipy(*names: str) -> tuple[str, ...]:
    return tuple(f"scipy.special.{name}" for name in names)


# ------------------------------------------------------------------------------------------------- gamma

polygamma = elementwise(
    "polygamma",
    (),
    "polygamma({}, {})",
    None,
    lambda g, ans, n, x: g * polygamma(n + 1.0, x),
    evaluate=compute.polygamma,
    points=[(2, 0.3), (2, 5.1), (3, 0.3), (3, 5.1), (4, -1.3)],
    cost=60,
    doc="the derivative of order n > 1 of digamma",
)
trigamma = elementwise(
    "trigamma",
    (compute.trigamma,),
    "trigamma({})",
    lambda g, ans, x: g * polygamma(2.0, x),
    points=[(0.3,), (5.1,)],
    cost=40,
)
digamma = elementwise(
    "digamma",
    (compute.digamma, *scipy("digamma", "psi")),
    "digamma({})",
    lambda g, ans, x: g * trigamma(x),
    points=[(0.3,), (5.1,), (-1.3,)],
    cost=40,
)
lgamma = elementwise(
    "lgamma",
    (math.lgamma, *scipy("gammaln")),
    "math.lgamma({})",
    lambda g, ans, x: g * digamma(x),
    points=[(0.3,), (5.1,)],
)
gamma = elementwise(
    "gamma",
    (math.gamma, *scipy("gamma")),
    "math.gamma({})",
    lambda g, ans, x: g * ans * digamma(x),
    points=[(0.3,), (5.1,)],
)
beta = elementwise(
    "beta",
    (compute.beta_function, *scipy("beta")),
    "beta_function({}, {})",
    lambda g, ans, a, b: g * ans * (digamma(a) - digamma(a + b)),
    lambda g, ans, a, b: g * ans * (digamma(b) - digamma(a + b)),
    points=[(0.3, 1.7), (5.1, 2.2)],
    cost=60,
)
log_beta = elementwise(
    "log_beta",
    (compute.log_beta, *scipy("betaln")),
    "log_beta({}, {})",
    lambda g, ans, a, b: g * (digamma(a) - digamma(a + b)),
    lambda g, ans, a, b: g * (digamma(b) - digamma(a + b)),
    points=[(0.3, 1.7), (5.1, 2.2)],
    cost=60,
)

# ---------------------------------------------------------------------------- error function and normal

erf = elementwise(
    "erf",
    (math.erf, *scipy("erf")),
    "math.erf({})",
    lambda g, ans, x: g * (TWO_OVER_ROOT_PI * exp(-(x * x))),
    points=[(0.3,)],
)
erfc = elementwise(
    "erfc",
    (math.erfc, *scipy("erfc")),
    "math.erfc({})",
    lambda g, ans, x: -g * (TWO_OVER_ROOT_PI * exp(-(x * x))),
    points=[(0.3,)],
)
erfcx = elementwise(
    "erfcx",
    (compute.erfcx, *scipy("erfcx")),
    "erfcx({})",
    lambda g, ans, x: g * (2.0 * x * ans - TWO_OVER_ROOT_PI),
    points=[(0.3,), (-1.2,), (2.5,), (7.0,)],
    cost=40,
)
inverse_erf = elementwise(
    "inverse_erf",
    (compute.inverse_erf, *scipy("erfinv")),
    "inverse_erf({})",
    lambda g, ans, x: g * (exp(ans * ans) / TWO_OVER_ROOT_PI),
    points=[(0.3,), (-0.9,)],
    cost=40,
)
inverse_erfc = elementwise(
    "inverse_erfc",
    (compute.inverse_erfc, *scipy("erfcinv")),
    "inverse_erfc({})",
    lambda g, ans, x: -g * (exp(ans * ans) / TWO_OVER_ROOT_PI),
    points=[(0.3,), (1.8,)],
    cost=40,
)
normal_cdf = elementwise(
    "normal_cdf",
    (compute.normal_cdf, *scipy("ndtr")),
    "normal_cdf({})",
    lambda g, ans, x: g * (exp(-0.5 * (x * x)) / ROOT_TWO_PI),
    points=[(0.3,), (-2.2,)],
    cost=30,
)
log_normal_cdf = elementwise(
    "log_normal_cdf",
    (compute.log_normal_cdf, *scipy("log_ndtr")),
    "log_normal_cdf({})",
    lambda g, ans, x: g * (ROOT_TWO_OVER_PI / erfcx(-x * ROOT_HALF)),
    points=[(0.3,), (-2.2,), (-30.0,)],
    cost=50,
)
inverse_normal_cdf = elementwise(
    "inverse_normal_cdf",
    (compute.inverse_normal_cdf, *scipy("ndtri")),
    "inverse_normal_cdf({})",
    lambda g, ans, p: g * (ROOT_TWO_PI * exp(0.5 * (ans * ans))),
    points=[(0.3,), (0.95,)],
    cost=40,
)

# ------------------------------------------------------------------------------------- logistic, entropy

expit = elementwise(
    "expit",
    (compute.expit, *scipy("expit")),
    "expit({})",
    lambda g, ans, x: g * (ans * (1.0 - ans)),
    points=[(0.3,), (-1.2,)],
)
log_expit = elementwise(
    "log_expit",
    (compute.log_expit, *scipy("log_expit")),
    "log_expit({})",
    lambda g, ans, x: g * expit(-x),
    points=[(0.3,), (-1.2,)],
    cost=40,
)
logit = elementwise(
    "logit",
    (compute.logit, *scipy("logit")),
    "logit({})",
    lambda g, ans, p: g / (p * (1.0 - p)),
    points=[(0.1,), (0.45,)],
)
xlogy = elementwise(
    "xlogy",
    (compute.xlogy, *scipy("xlogy")),
    "xlogy({}, {})",
    lambda g, ans, x, y: g * log(y),
    lambda g, ans, x, y: guarded(x, g * x / y),
    points=[(0.3, 1.7)],
)
xlog1py = elementwise(
    "xlog1py",
    (compute.xlog1py, *scipy("xlog1py")),
    "xlog1py({}, {})",
    lambda g, ans, x, y: g * log1p(y),
    lambda g, ans, x, y: guarded(x, g * x / (1.0 + y)),
    points=[(0.3, 1.7)],
)
entropy = elementwise(
    "entropy",
    (compute.entropy, *scipy("entr")),
    "entropy({})",
    lambda g, ans, x: -g * (log(x) + 1.0),
    points=[(0.3,)],
)
relative_entropy = elementwise(
    "relative_entropy",
    (compute.relative_entropy, *scipy("rel_entr")),
    "relative_entropy({}, {})",
    lambda g, ans, x, y: g * (log(x / y) + 1.0),
    lambda g, ans, x, y: -g * (x / y),
    points=[(0.3, 1.7), (0.3, 0.4)],
)
divergence = elementwise(
    "divergence",
    (compute.divergence, *scipy("kl_div")),
    "divergence({}, {})",
    lambda g, ans, x, y: g * log(x / y),
    lambda g, ans, x, y: g * (1.0 - x / y),
    points=[(0.3, 1.7)],
)


# ------------------------------------------------------------------------------------------------ Bessel


# Of j1(x) / x and i1(x) / x, as series in x * x.
J1 = [(-0.25) ** k / (2 * math.factorial(k) * math.factorial(k + 1)) for k in range(8)]
I1 = [abs(coefficient) for coefficient in J1]


def _signed(ans: Any, x: Any) -> Any:
    """ans times the sign of x"""
    return select(x > 0, ans, select(x < 0, -ans, 0.0))


def _scaled_ratio(ans: Any, x: Any) -> Any:
    """exp(-abs(x)) i1(x) / x"""
    return select(x * x < 0.25, exp(-_signed(x, x)) * polynomial(I1, x * x), ans / x)


bessel_j0 = elementwise(
    "bessel_j0",
    (compute.bessel_j0, *scipy("j0")),
    "bessel_j0({})",
    lambda g, ans, x: -g * bessel_j1(x),
    points=[(0.3,), (-5.1,), (11.0,)],
    cost=60,
)
bessel_j1 = elementwise(
    "bessel_j1",
    (compute.bessel_j1, *scipy("j1")),
    "bessel_j1({})",
    lambda g, ans, x: g * (bessel_j0(x) - by_series(J1, x, 0.5, ans / x)),
    points=[(0.3,), (-0.51,), (-5.1,), (11.0,)],
    cost=60,
)
bessel_i0 = elementwise(
    "bessel_i0",
    (compute.bessel_i0, np.i0, *scipy("i0")),
    "bessel_i0({})",
    lambda g, ans, x: g * bessel_i1(x),
    evaluate=compute.bessel_i0,
    points=[(0.3,), (-5.1,), (11.0,)],
    cost=60,
)
bessel_i1 = elementwise(
    "bessel_i1",
    (compute.bessel_i1, *scipy("i1")),
    "bessel_i1({})",
    lambda g, ans, x: g * (bessel_i0(x) - by_series(I1, x, 0.5, ans / x)),
    points=[(0.3,), (-0.51,), (-5.1,), (11.0,)],
    cost=60,
)
scaled_bessel_i0 = elementwise(
    "scaled_bessel_i0",
    (compute.scaled_bessel_i0, *scipy("i0e")),
    "scaled_bessel_i0({})",
    lambda g, ans, x: g * (scaled_bessel_i1(x) - _signed(ans, x)),
    points=[(0.3,), (-5.1,), (11.0,)],
    cost=60,
)
scaled_bessel_i1 = elementwise(
    "scaled_bessel_i1",
    (compute.scaled_bessel_i1, *scipy("i1e")),
    "scaled_bessel_i1({})",
    lambda g, ans, x: g * (scaled_bessel_i0(x) - _scaled_ratio(ans, x) - _signed(ans, x)),
    points=[(0.3,), (-0.51,), (-5.1,), (11.0,)],
    cost=60,
)
