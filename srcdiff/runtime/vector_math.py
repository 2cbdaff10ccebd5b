"""Elementary functions that LLVM can vectorise: exponentials, logarithms, powers, sines, angles, extremes.

    for i in range(n):                          for i in range(0, n - 7, 8):
        y[i] = math.exp(x[i])         ->            y[i : i + 8] = eight exponentials, 0.6 ns each instead of 4

Numba's `math.exp` is a call of the C library, for one number at a time. These have no branches and no calls, so that
the loop around them vectorises. Errors are below 1.5 units in the last place, of angles below 1.7; signs of zeros,
infinities and NaN as in C. What `sin` and `cos` take is reduced by three parts of pi / 2, which is exact enough up to
FAR; beyond it the library is called (`vector_calls`). They rely on fused multiplication and addition: without it, for
other types than float64, and in plain Python, `math` itself is called. `fastmath=False`, because the caller's flags
would reorder what must not be. The extremes are LLVM's own, in which NaN wins as in NumPy's; older ones cannot compile
them everywhere.

Shifts by 1.5 * 2**52 round to whole numbers, which then are the low bits of the sum. Polynomials are Chebyshev fits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from llvmlite.binding import llvm_version_info  # type: ignore[import-untyped]
from numba import float32, float64, int64
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic, overload, register_jitable

from .vector_calls import beyond, has_forms

SHIFT = 1.5 * 2.0**52
SHIFT_BIASED = SHIFT + 2 * 1023.0  # the low bits then are the sum of two biased exponents
LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10  # the first has 21 zero bits at its end
EXP_LOWEST, EXP_HIGHEST = -746.0, 710.0  # what lies beyond is 0 and infinite as well
EXPONENT = 0x7FF << 52
SIGN_AND_EXPONENT = -1 << 52
ROOT_HALF_BITS = 0x3FE6A09E667F3BCD
SMALLEST_NORMAL = 2.0**-1022
EXPM1_LOWEST = -40.0
HALF_BITS = 1022 << 52
HALF_EPSILON = 2.0**-54
TANH_IS_ONE, ERF_IS_ONE = 22.0, 6.0
TWO_OVER_PI = 2.0 / math.pi
HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)  # their sum
FAR = 3e13
QUARTER_PI_LOW = 3.061616997868383e-17  # what is missing in the float of pi / 4
HUGE = 1e300
OLDEST_WITH_EXTREMES = 18  # LLVM
NONE = -0.0  # what LLVM knows to change nothing when it is added
TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)  # their sum
OPTIONS: Any = {"error_model": "numpy", "fastmath": False, "forceinline": True}
inlined = register_jitable(fastmath=False, forceinline=True)

sin_beyond, cos_beyond = beyond(FAR, math.sin), beyond(FAR, math.cos)


@intrinsic
def fma(typing: Any, x: Any, y: Any, z: Any) -> Any:
    """x * y + z, rounded once."""

    def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fma(*args)

    return float64(float64, float64, float64), lower


@intrinsic
def bits_of(typing: Any, x: Any) -> Any:
    """The bits of a float64, as an integer."""

    def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return int64(float64), lower


@intrinsic
def from_bits(typing: Any, k: Any) -> Any:
    """The float64 of these bits."""

    def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return float64(int64), lower


def has_fma() -> bool:
    """Whether the machine that Numba compiles for multiplies and adds at once."""
    triple, _, features = cpu_target.target_context.codegen().magic_tuple()
    return "+fma" in features.split(",") or triple.startswith(("aarch64", "arm64"))


def replaces(
    function: Callable[[float], float], available: Callable[[], bool] = has_fma
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile this instead of a function of this module, for float64, where that is available."""

    def register(implementation: Callable[..., Any]) -> Callable[..., Any]:
        own = getattr(math, function.__name__)

        @overload(function, jit_options=OPTIONS, strict=False)
        def choose(x: Any) -> Any:
            return implementation if x == float64 and available() else lambda x: own(x)

        return implementation

    return register


def library(name: str) -> Callable[[float], float]:
    """The function of `math`, as one of this module that can be replaced."""
    own: Callable[[float], float] = getattr(math, name)

    def function(x: float) -> float:
        return own(x)

    function.__name__ = name
    return function


exp, expm1, log, log1p, tanh = map(library, ("exp", "expm1", "log", "log1p", "tanh"))
erf, sin, cos, atan = map(library, ("erf", "sin", "cos", "atan"))


def atan2(y: float, x: float) -> float:
    """The angle between the first axis and the point (x, y), from -pi to pi."""
    return math.atan2(y, x)


def pow(x: float, y: float) -> float:
    """x to the power y."""
    return x**y


def maximum(x: float, y: float) -> float:
    """The larger of two numbers, or NaN."""
    return np.maximum(x, y)  # type: ignore[no-any-return]


def minimum(x: float, y: float) -> float:
    """The smaller of two numbers, or NaN."""
    return np.minimum(x, y)  # type: ignore[no-any-return]


def extreme(name: str) -> Any:
    """LLVM's function of this name, of two floats of one type."""

    @intrinsic
    def function(typing: Any, x: Any, y: Any) -> Any:
        def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            type = args[0].type
            own = f"llvm.{name}.{'f64' if x == float64 else 'f32'}"
            return builder.call(
                cgutils.get_or_insert_function(builder.module, ir.FunctionType(type, (type, type)), own), args
            )

        return x(x, y), lower

    return function


llvm_maximum, llvm_minimum = map(extreme, ("maximum", "minimum"))


def are_floats(x: Any, y: Any) -> bool:
    """Whether LLVM has the extremes of two numbers."""
    return x == y and x in (float32, float64) and llvm_version_info[0] >= OLDEST_WITH_EXTREMES


@overload(maximum, jit_options={"forceinline": True}, strict=False)
def choose_maximum(x: Any, y: Any) -> Any:
    return (lambda x, y: llvm_maximum(x, y)) if are_floats(x, y) else (lambda x, y: np.maximum(x, y))


@overload(minimum, jit_options={"forceinline": True}, strict=False)
def choose_minimum(x: Any, y: Any) -> Any:
    return (lambda x, y: llvm_minimum(x, y)) if are_floats(x, y) else (lambda x, y: np.minimum(x, y))


# fmt: off


@inlined
def curvature(r: float) -> float:
    """(exp(r) - 1 - r) / r**2 for |r| of at most half of ln 2."""
    s = r * r
    even = fma(s, fma(s, fma(s, fma(s, fma(s, 2.09147553258932e-09, 2.755727347871858e-07), 2.480158732567746e-05),
               0.0013888888888883711), 0.04166666666666667), 0.5)
    odd = fma(s, fma(s, fma(s, fma(s, 2.5105312729622103e-08, 2.755725517000089e-06), 0.0001984126987500228),
              0.008333333333326084), 0.1666666666666667)
    return fma(r, odd, even)


@inlined
def exp_of_remainder(r: float) -> float:
    """exp(r) for such r."""
    return fma(r * r, curvature(r), r) + 1.0


@inlined
def exp_of_sum(x: float, low: float) -> float:
    """exp(n ln 2) exp(r), the first as two factors, so that results below the normal numbers are rounded once."""
    x = EXP_LOWEST if x < EXP_LOWEST else x
    x = EXP_HIGHEST if x > EXP_HIGHEST else x
    shifted = fma(x, LOG2_E, SHIFT_BIASED)
    n = shifted - SHIFT_BIASED
    r = fma(-n, LN2_LOW, fma(-n, LN2_HIGH, x))
    p = exp_of_remainder(r + low)
    k = bits_of(shifted)
    half = (k << 51) & EXPONENT
    return p * from_bits(half) * from_bits((k << 52) - half)


@replaces(exp)
def vector_exp(x: float) -> float:
    """The exponential of one number."""
    return exp_of_sum(x, NONE)


@replaces(expm1)
def vector_expm1(x: float) -> float:
    """2 (2**(n - 1) - 1/2 + 2**(n - 1) (exp(r) - 1)), with what is lost in that sum."""
    clipped = EXPM1_LOWEST if x < EXPM1_LOWEST else x
    clipped = EXP_HIGHEST if clipped > EXP_HIGHEST else clipped
    shifted = fma(clipped, LOG2_E, SHIFT)
    n = shifted - SHIFT
    high = fma(-n, LN2_HIGH, clipped)
    r = fma(-n, LN2_LOW, high)
    low = fma(-n, LN2_LOW, high - r)
    scale = from_bits((bits_of(shifted) << 52) + HALF_BITS)
    offset = scale - 0.5
    total = offset + scale * r
    lost = offset - total + scale * r
    value = 2.0 * (total + fma(scale, fma(r * r, curvature(r), fma(low, r, low)), lost))
    return x if abs(x) < HALF_EPSILON else value


@inlined
def scaled(x: float) -> tuple[float, float]:
    """(k, f) with x = 2**k (1 + f) and 1 + f between the roots of 1/2 and of 2."""
    is_subnormal = x < SMALLEST_NORMAL
    bits = bits_of(x * 2.0**54 if is_subnormal else x)
    above = bits - ROOT_HALF_BITS
    k = from_bits(((above + (1024 << 52)) >> 52) | 0x4330000000000000) - (2.0**52 + 1024.0)
    k = k - 54.0 if is_subnormal else k
    return k, from_bits(bits - (above & SIGN_AND_EXPONENT)) - 1.0


@inlined
def log_of_scaled(k: float, f: float, low: float) -> float:
    """k ln 2 + log(1 + f) + low; the series is that of fdlibm's e_log.c."""
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = fma(w, fma(w, fma(w, 1.479819860511658591e-01, 1.818357216161805012e-01), 2.857142874366239149e-01),
              6.666666666666735130e-01)
    even = fma(w, fma(w, 1.531383769920937332e-01, 2.222219843214978396e-01), 3.999999999940941908e-01)
    series = z * fma(z, even, odd)
    half = 0.5 * f * f
    return fma(k, LN2_HIGH, f - (half - fma(s, half + series, fma(k, LN2_LOW, low))))


@replaces(log)
def vector_log(x: float) -> float:
    """The logarithm of one number."""
    k, f = scaled(x)
    value = log_of_scaled(k, f, NONE)
    value = value if x < math.inf else x
    return value if x > 0.0 else (-math.inf if x == 0.0 else math.nan)


@replaces(log1p)
def vector_log1p(x: float) -> float:
    """log(u) + (1 + x - u) / u with u = 1 + x, rounded."""
    u = 1.0 + x
    lost = 1.0 - (u - x) if x > 1.0 else x - (u - 1.0)
    k, f = scaled(u)
    value = log_of_scaled(k, f, lost / u)
    value = x if abs(x) < HALF_EPSILON else value
    value = value if x < math.inf else x
    return value if x > -1.0 else (-math.inf if x == -1.0 else math.nan)


@replaces(tanh)
def vector_tanh(x: float) -> float:
    """1 - 2 / (exp(2 |x|) + 1), and a polynomial below 0.625."""
    size = abs(x)
    a = TANH_IS_ONE if size > TANH_IS_ONE else size
    shifted = fma(2.0 * a, LOG2_E, SHIFT)
    n = shifted - SHIFT
    r = fma(-n, LN2_LOW, fma(-n, LN2_HIGH, 2.0 * a))
    p = exp_of_remainder(r)
    large = 1.0 - 2.0 / (from_bits(bits_of(p) + (bits_of(shifted) << 52)) + 1.0)
    z = a * a
    w = z * z
    even = fma(w, fma(w, fma(w, fma(w, fma(w, -3.119892666773487e-05, -0.0002375896885211701), -0.0014557753532096296),
               -0.008863235102653483), -0.05396825396789636), -0.3333333333333333)
    odd = fma(w, fma(w, fma(w, fma(w, fma(w, 6.484104982405479e-06, 9.256923588512033e-05), 0.0005896603606552671),
              0.0035921217436959856), 0.02186948851898143), 0.13333333333333042)
    small = fma(a * z, fma(z, odd, even), a)
    value = math.copysign(small if a < 0.625 else large, x)
    return value if x == x else x


@replaces(erf)
def vector_erf(x: float) -> float:
    """x + x p(x**2) up to 1, and beyond 1 - exp(-x**2) q(1 / (|x| + 2))."""
    size = abs(x)
    a = ERF_IS_ONE if size > ERF_IS_ONE else size
    z = a * a
    w = z * z
    even = fma(w, fma(w, fma(w, fma(w, fma(w, 1.3719880012236024e-08, 1.6447419370488171e-06), 0.00012055294883501286),
               0.00522397760710251), 0.11283791670944997), 0.12837916709551256)
    odd = fma(w, fma(w, fma(w, fma(w, fma(w, -7.795547647493875e-10, -1.6208442020927564e-07), -1.492473648590296e-05),
              -0.0008548325974698299), -0.026866170643236143), -0.37612638903183543)
    small = fma(a, fma(z, odd, even), a)
    t = 1.0 / (a + 2.0)
    q = fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, 239.302772931439, 215.6074028366757), -2449.8455382255083),
            4796.765521697925), -4833.602722467912), 2937.55403992651), -1134.5629491067216), 307.37791905158093)
    q = fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, q, -75.30640191212686), 10.648605498233803),
            1.3494644051665488), 2.9419862609173286), 1.9666743749731321), 1.1287409588172008), 0.5641795218356296),
            1.296297943400558e-07)
    value = math.copysign(small if a < 1.0 else fma(-exp_of_sum(-z, NONE), q, 1.0), x)
    return value if x == x else x


@inlined
def reduced(x: float) -> tuple[int, float, float]:
    """k in its low bits, and a sum r + low, such that x is k pi / 2 + r + low and |r| at most pi / 4."""
    shifted = fma(x, TWO_OVER_PI, SHIFT)
    n = shifted - SHIFT
    exact = fma(-n, HALF_PI[0], x)
    part = n * HALF_PI[1]
    r = exact - part
    low = exact - r - part - fma(n, HALF_PI[1], -part)
    return bits_of(shifted), r, fma(-n, HALF_PI[2], low)


@inlined
def sine_in_quadrant(k: int, r: float, low: float) -> float:
    """sin(k pi / 2 + r + low)."""
    z = r * r
    series = fma(z, fma(z, fma(z, fma(z, fma(z, 1.5918115263265974e-10, -2.505113165023518e-08),
                 2.7557316101617874e-06), -0.00019841269836756774), 0.008333333333330948), -0.16666666666666666)
    sine = r + fma(z * r, series, fma(-0.5 * z, low, low))
    series = fma(z, fma(z, fma(z, fma(z, fma(z, -1.1382623647474604e-11, 2.087614614655861e-09),
                 -2.7557317271145144e-07), 2.480158729876456e-05), -0.0013888888888887398), 0.041666666666666664)
    half = 0.5 * z
    most = 1.0 - half
    cosine = most + (1.0 - most - half + fma(z * z, series, -r * low))
    return from_bits(bits_of(cosine if k & 1 else sine) ^ ((k & 2) << 62))


def has_fma_and_forms() -> bool:
    """Whether functions that call the library for some numbers vectorise."""
    return has_fma() and has_forms()


@replaces(sin, has_fma_and_forms)
def vector_sin(x: float) -> float:
    """The sine of what is left of x without multiples of pi / 2, or its cosine."""
    k, r, low = reduced(x)
    y = sine_in_quadrant(k, r, low)
    return sin_beyond(x, y if y != 0.0 else math.copysign(y, x))  # type: ignore[no-any-return]


@replaces(cos, has_fma_and_forms)
def vector_cos(x: float) -> float:
    """The sine of an angle that is larger by pi / 2."""
    k, r, low = reduced(x)
    return cos_beyond(x, sine_in_quadrant(k + 1, r, low))  # type: ignore[no-any-return]


@inlined
def angle(y: float, x: float) -> float:
    """q pi / 4 + atan(t), with t between -1/3, so that n - d below is exact, and 1/2."""
    across, up = abs(x), abs(y)
    steep = up > across
    n, d = (across, up) if steep else (up, across)
    scale = 0.5 if d > HUGE else 1.0
    n, d = scale * n, scale * d
    is_middle = n > 0.5 * d or n == math.inf
    t = (n - d if is_middle else n) / (n + d if is_middle else d)
    t = t if d > 0.0 and d < math.inf else 0.0
    q = 1.0 if is_middle else 0.0
    t, q = (-t, 2.0 - q) if steep else (t, q)
    t, q = (-t, 4.0 - q) if bits_of(x) < 0 else (t, q)
    z = t * t
    w = z * z
    even = fma(w, fma(w, fma(w, fma(w, fma(w, fma(w, -0.009215319070924557, -0.038066107887640616),
               -0.052400959742757096), -0.06666435623970629), -0.09090908620176982), -0.14285714285599144),
               -0.3333333333333333)
    odd = fma(w, fma(w, fma(w, fma(w, fma(w, 0.025005822107796952, 0.04628009394739732), 0.058795778977469584),
              0.07692294709038043), 0.11111111100913819), 0.19999999999999488)
    value = fma(q, 0.25 * math.pi, fma(q, QUARTER_PI_LOW, fma(t * z, fma(z, odd, even), t)))
    value = math.copysign(value, y)
    return value if x == x and y == y else x + y


@replaces(atan)
def vector_atan(x: float) -> float:
    """The angle of a point above or below 1."""
    return angle(x, 1.0)


@overload(atan2, jit_options=OPTIONS, strict=False)
def choose_atan2(y: Any, x: Any) -> Any:
    return (lambda y, x: angle(y, x)) if x == y == float64 and has_fma() else (lambda y, x: math.atan2(y, x))


@inlined
def log_in_two(x: float) -> tuple[float, float]:
    """The logarithm of a positive number as a sum of two, to 64 bits: k ln 2 + 2 artanh(s) with s = f / (2 + f)."""
    k, f = scaled(x)
    below = 2.0 + f
    inverse = 1.0 / below
    s = f * inverse
    s_low = (fma(-s, below, f) - s * (f - (below - 2.0))) * inverse
    z = s * s
    z_low = fma(s, s, -z) + 2.0 * s * s_low
    series = fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, 0.11723178623876518, 0.11706236339491206),
                 0.1333480469384731), 0.1538459496251843), 0.18181818335392802), 0.22222222221655885),
                 0.28571428571429364), 0.4) * z
    rest = TWO_THIRDS[0] + series
    rest_low = series - (rest - TWO_THIRDS[0]) + TWO_THIRDS[1]
    part = z * rest
    part_low = fma(z, rest, -part) + fma(z, rest_low, z_low * rest)
    cube = s * part
    cube_low = fma(s, part, -cube) + fma(s, part_low, s_low * part)
    whole = k * LN2_HIGH
    first = whole + 2.0 * s
    both = first + cube
    low = 2.0 * s - (first - whole) + (cube - (both - first)) + fma(k, LN2_LOW, cube_low + 2.0 * s_low)
    return both + low, low - (both + low - both)


@inlined
def is_whole(x: float) -> bool:
    """Whether a number is an integer, as all above 2**52 are."""
    size = abs(x)
    return size >= 2.0**52 or size + 2.0**52 - 2.0**52 == size


@inlined
def power(x: float, y: float) -> float:
    """exp(y log |x|), with the sign and the exceptions of C."""
    size = abs(x)
    high, low = log_in_two(size)
    exponent = y * high
    low = fma(y, low, fma(y, high, -exponent))
    value = exp_of_sum(exponent, low if abs(exponent) < -EXP_LOWEST else 0.0)
    grows = (size > 1.0) == (y > 0.0)
    value = (math.inf if grows else 0.0) if size == 0.0 or size == math.inf or abs(y) == math.inf else value
    value = math.copysign(value, x) if is_whole(y) and not is_whole(0.5 * y) else value
    value = math.nan if x < 0.0 and size != math.inf and not is_whole(y) else value
    value = x + y if x != x or y != y else value
    return 1.0 if y == 0.0 or x == 1.0 or (size == 1.0 and abs(y) == math.inf) else value


@overload(pow, jit_options=OPTIONS, strict=False)
def choose_pow(x: Any, y: Any) -> Any:
    return (lambda x, y: power(x, y)) if x == y == float64 and has_fma() else (lambda x, y: x**y)
