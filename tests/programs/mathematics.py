"""The scalar functions of `math` and NumPy, each inside its smooth range, in losses with random weights."""

import math

import numpy as np

from tests.programs.table import case, numbers

W = numbers(8, seed=81)
W0, W1, W2, W3 = (float(w) for w in W[:4])


def math_circular(x):
    return W0 * math.sin(x) + W1 * math.cos(x) + W2 * math.tan(x)


def math_circular_inverse(x):
    return W0 * math.asin(x) + W1 * math.acos(x) + W2 * math.atan(x)


def math_hyperbolic(x):
    return W0 * math.sinh(x) + W1 * math.cosh(x) + W2 * math.tanh(x)


def math_hyperbolic_inverse(x):
    return W0 * math.asinh(x) + W1 * math.acosh(1.5 + x) + W2 * math.atanh(x)


def math_exponential(x):
    return W0 * math.exp(x) + W1 * math.expm1(x) + W2 * math.sqrt(x) + W3 * math.pow(x, 1.7)


def math_logarithm(x):
    return W0 * math.log(x) + W1 * math.log2(x) + W2 * math.log10(x) + W3 * math.log1p(x)


def math_pairs(x, y):
    return W0 * math.atan2(x, y) + W1 * math.hypot(x, y) + W2 * math.pow(x, y) + W3 * math.copysign(x, y)


def math_special(x):
    return W0 * math.erf(x) + W1 * math.erfc(x) + W2 * math.gamma(x) + W3 * math.lgamma(x)


def math_pieces(x, y):
    whole = math.floor(x) + math.ceil(y) + math.trunc(x)
    return whole * x + math.fabs(x - y) * W0 * y


def math_angles(x):
    return math.degrees(x) * W0 + math.radians(x) * W1


def math_constants(x):
    return x * math.pi + math.e * x * x - math.tau


def numpy_circular(x):
    return W0 * np.sin(x) + W1 * np.cos(x) + W2 * np.tan(x)


def numpy_circular_inverse(x):
    return W0 * np.arcsin(x) + W1 * np.arccos(x) + W2 * np.arctan(x)


def numpy_hyperbolic(x):
    return W0 * np.sinh(x) + W1 * np.cosh(x) + W2 * np.tanh(x)


def numpy_hyperbolic_inverse(x):
    return W0 * np.arcsinh(x) + W1 * np.arccosh(1.5 + x) + W2 * np.arctanh(x)


def numpy_exponential(x):
    return W0 * np.exp(x) + W1 * np.expm1(x) + W2 * np.exp2(x) + W3 * np.sqrt(x)


def numpy_logarithm(x):
    return W0 * np.log(x) + W1 * np.log2(x) + W2 * np.log10(x) + W3 * np.log1p(x)


def numpy_powers(x, y):
    return W0 * np.power(x, y) + W1 * np.square(x) + W2 * np.reciprocal(y) + W3 * np.cbrt(x)


def numpy_arithmetic(x, y):
    a = np.add(x, y) * np.subtract(x, y)
    return np.multiply(a, y) + np.divide(x, y) * W0 + np.true_divide(y, x) + np.negative(a) * W1


def numpy_pairs(x, y):
    return W0 * np.arctan2(x, y) + W1 * np.hypot(x, y) + W2 * np.logaddexp(x, y) + W3 * np.copysign(x, y)


def numpy_extremes(x, y):
    return W0 * np.maximum(x, y) + W1 * np.minimum(x, y) * y + W2 * np.fmax(x, 0.1) + W3 * np.fmin(x, y)


def numpy_pieces(x, y):
    whole = np.floor(x) + np.ceil(y) + np.trunc(x) + np.rint(y) + np.sign(x)
    return whole * x + np.abs(x - y) * W0 + np.fabs(y) * W1 + np.fmod(x, y) * W2 + np.mod(x, y)


def numpy_angles(x):
    return np.deg2rad(x) * W0 + np.rad2deg(x) * W1 + np.degrees(x) * W2 + np.radians(x) * W3


def numpy_constants(x):
    return x * np.pi + np.e * x * x - np.float64(3.0)


def to_polar(x, y):
    radius = np.sqrt(x * x + y * y)
    angle = np.arctan2(y, x)
    return radius * W0 + angle * W1 * radius


def bilinear(x, h, u):
    return x * u * h + np.tanh(u * h) * x


def sigmoids(x):
    s = 1.0 / (1.0 + math.exp(-x))
    swish = x * s
    softplus = math.log(1.0 + math.exp(x))
    gelu = 0.5 * x * (1.0 + math.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))
    return W0 * s + W1 * swish + W2 * softplus + W3 * gelu


def normal_density(x, mean, width):
    z = (x - mean) / width
    return -0.5 * z * z - math.log(width) - 0.5 * math.log(2.0 * math.pi)


def not_a_number_checks(x):
    if math.isnan(x) or math.isinf(x) or not np.isfinite(x):
        return 0.0
    return x * x


BOTH = (0, 1)
INSIDE, BEYOND = ((0.6,), (-0.35,)), ((0.6,), (2.3,))
PAIRS = ((0.6, 1.7), (2.3, 0.8))
QUADRANTS = ((0.6, 1.7), (-0.6, 1.7), (-0.6, -1.7), (0.6, -1.7))
CIRCULAR = (math_circular, math_circular_inverse, numpy_circular, numpy_circular_inverse)
HYPERBOLIC = (math_hyperbolic, math_hyperbolic_inverse, numpy_hyperbolic, numpy_hyperbolic_inverse)
CONVERSIONS = (math_angles, math_constants, numpy_angles, numpy_constants)
INNER = (*CIRCULAR, *HYPERBOLIC, *CONVERSIONS, sigmoids, not_a_number_checks)
OUTER = (math_exponential, math_logarithm, math_special, numpy_exponential, numpy_logarithm)
OF_TWO = (math_pairs, math_pieces, numpy_powers, numpy_pairs, numpy_extremes, numpy_pieces)
PROGRAMS = [
    *(case(f, *INSIDE) for f in INNER),
    *(case(f, *BEYOND) for f in OUTER),
    *(case(f, *PAIRS, argnums=BOTH) for f in OF_TWO),
    case(numpy_arithmetic, *PAIRS, argnums=BOTH),
    case(to_polar, *QUADRANTS, argnums=BOTH),
    case(bilinear, (0.6, -0.3, 1.2), argnums=(0, 1, 2)),
    case(normal_density, (0.6, -0.3, 1.2), argnums=(0, 1, 2)),
]
