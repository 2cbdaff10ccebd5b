"""Callees: plain, njit'd, vectorised, nested, closures, partials, lambdas; arguments by name and default."""

import functools
import math
from math import cos as cosine

import numba
import numpy as np
from numpy import tanh

from tests.programs.table import case, numbers

SCALE = 1.7
TABLE = numbers(4, seed=61)


def product(x, y):
    return x * y


def square_plus(x, offset=0.5):
    return product(x, x) + offset


def several_results(x, y):
    return x * y, x + y, 3


def fills(out, x):
    for i in range(len(out)):
        out[i] = out[i] * x + i


def leaves_early(x, n):
    for i in range(n):
        x = x * 1.3
        if x > 2.0:
            return x * x
    return x


@numba.njit
def compiled(x, y):
    return math.sin(x) * y


@numba.njit
def compiled_dot(a, b):
    s = 0.0
    for i in range(a.shape[0]):
        s += a[i] * compiled(a[i], b[i])
    return s


@numba.vectorize
def gauss(x, width):
    return math.exp(-x * x / width)


@numba.guvectorize(["void(float64[:], float64[:], float64[:])"], "(n),(n)->()", nopython=True)
def weighted_total(a, w, out):
    out[0] = 0.0
    for i in range(a.shape[0]):
        out[0] += a[i] * a[i] * w[i]


@numba.guvectorize(["void(float64[:], float64[:], float64[:])"], "(n),(n)->(n)", nopython=True)
def running_total(a, w, out):
    s = 0.0
    for i in range(a.shape[0]):
        s = s * 0.5 + math.sin(a[i]) * w[i]
        out[i] = s


def calls_product(x, y):
    return product(x, y) + x


def calls_itself_twice_over(x):
    return product(product(x, x), square_plus(x)) * x


def same_callee_twice(x, y):
    a = square_plus(x)
    b = square_plus(y * a)
    return a * b


def call_in_loop(x, n):
    for i in range(n):
        x = product(x, 1.1) - square_plus(x) * 0.2
    return x


def call_in_condition(x, y):
    if product(x, y) > 0.1:
        return square_plus(x)
    return product(x, square_plus(y))


def call_by_keyword(x, y):
    return square_plus(offset=y, x=x) + square_plus(x, offset=2.0) + square_plus(y)


def default_arguments(x, n=3, scale=0.5):
    for _ in range(n):
        x = x * scale + x * x
    return x


def results_unpacked(x, y):
    p, s, n = several_results(x, y)
    q = several_results(p, s)
    return p * s * n + q[0] - q[1]


def callee_writes_array(a, x):
    fills(a, x)
    fills(a, a[0] + 0.3)
    s = 0.0
    for v in a:
        s += v * v
    return s


def callee_leaves_early(x, n):
    y = leaves_early(x, n)
    for i in range(2):
        y = y + leaves_early(y * 0.3, i + n)
    return y


def names_clash(x, y):
    s = product(y, x)
    out = square_plus(s)
    y = several_results(out, x)[0]
    return s * out * y


def calls_compiled(x, y):
    return compiled(x, y) + compiled(y, x) * x


def calls_compiled_with_arrays(a, b):
    return compiled_dot(a, b) * compiled_dot(b, a)


def calls_vectorised(x, width):
    return gauss(x, width) + gauss(2.0 * x, 1.0)


def calls_vectorised_on_arrays(a, width):
    return np.sum(gauss(a, width) * a)


def calls_generalised(a, w):
    return weighted_total(a, w) * a[0]


def calls_generalised_into(a, w):
    out = np.empty_like(a)
    running_total(a, w, out)
    return out[0] * out[1] + out[-1] * a[0]


def nested_definition(x, n):
    def step(v, k):
        return math.sin(v) * k + x

    y = x
    for i in range(n):
        y = step(y, i)
    return y * step(y, 2)


def lambda_inside(x, y):
    f = lambda a, b: a * b + x
    return f(x, y) * f(y, y)


def nested_sees_later_value(x):
    k = 2.0

    def times(v):
        return v * k

    first = times(x)
    k = x * 3.0
    return first * times(x)


def applied(f, x):
    return f(f(x))


def higher_order(x):
    return applied(square_plus, x) + applied(math.sin, x)


def globals_and_imports(x):
    s = SCALE * x + cosine(x) + tanh(x) + math.pi * x + np.e
    for i in range(len(TABLE)):
        s = s * 0.5 + TABLE[i] * x
    return s


def docstring_and_annotations(x: float, n: int = 2) -> float:
    """Multiply.

    Over several lines.
    """
    y: float = x
    for _ in range(n):
        y *= x  # a comment
    return y


def made_by_closure(scale, table):
    def closure(x):
        s = 0.0
        for i in range(len(table)):
            s += table[i] * math.sin(scale * x * i)
        return s * scale

    return closure


def made_by_nested_closure(power):
    def raised(v):
        return v**power

    def closure(x, y):
        return raised(x) * y + raised(y)

    return closure


@numba.njit
def dispatcher(a, x):
    s = 0.0
    for i in range(a.shape[0]):
        s = s * x + compiled(a[i], x)
    return s


@numba.njit(fastmath=True, cache=False)
def dispatcher_with_options(x, n):
    for i in range(n):
        x = x * x * 0.7 + 0.1
    return x


cubic = lambda x: x * x * x - 2.0 * x
A, W = numbers(4, seed=62), numbers(4, seed=63)
PROGRAMS = [
    case(calls_product, (0.7, 0.4), argnums=(0, 1)),
    case(calls_itself_twice_over, (0.7,)),
    case(same_callee_twice, (0.7, 0.4), argnums=(0, 1)),
    case(call_in_loop, (0.7, 4)),
    case(call_in_condition, (0.7, 0.4), (0.7, -0.4), argnums=(0, 1)),
    case(call_by_keyword, (0.7, 0.4), argnums=(0, 1)),
    case(default_arguments, (0.7,), (0.7, 2), (0.7, 2, 0.1)),
    case(results_unpacked, (0.7, 0.4), argnums=(0, 1)),
    case(callee_writes_array, (A, 0.7), argnums=(0, 1)),
    case(callee_leaves_early, (0.7, 2), (0.7, 9)),
    case(names_clash, (0.7, 0.4), argnums=(0, 1)),
    case(calls_compiled, (0.7, 0.4), argnums=(0, 1)),
    case(calls_compiled_with_arrays, (A, W), argnums=(0, 1)),
    case(calls_vectorised, (0.7, 0.4), argnums=(0, 1)),
    case(calls_vectorised_on_arrays, (A, 0.4), argnums=(0, 1)),
    case(calls_generalised, (A, W), argnums=(0, 1)),
    case(calls_generalised_into, (A, W), argnums=(0, 1)),
    case(nested_definition, (0.7, 3)),
    case(lambda_inside, (0.7, 0.4), argnums=(0, 1)),
    case(nested_sees_later_value, (0.7,)),
    case(higher_order, (0.7,)),
    case(globals_and_imports, (0.7,)),
    case(docstring_and_annotations, (0.7,), (0.7, 4)),
    case(made_by_closure(1.3, TABLE), (0.7,), name="closure_over_array"),
    case(made_by_nested_closure(3), (0.7, 0.4), argnums=(0, 1), name="closure_over_function"),
    case(functools.partial(default_arguments, n=2), (0.7,), name="partial_by_keyword"),
    case(functools.partial(product, 1.3), (0.7,), name="partial_by_position"),
    case(dispatcher, (A, 0.7), argnums=(0, 1)),
    case(dispatcher_with_options, (0.7, 4)),
    case(cubic, (0.7,), name="lambda_with_name"),
    case(
        lambda x, y: x * math.exp(-y) if x > y else y * x,
        (0.7, 0.4),
        (0.4, 0.7),
        argnums=(0, 1),
        name="lambda",
    ),
]
