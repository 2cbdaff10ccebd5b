"""What `for` runs over: bounds, steps, indices, elements; values carried, swapped, bound inside."""

import math

import numpy as np

from tests.programs.table import case, numbers


def odd_bounds(x):
    s = 0.0
    for i in range(3, 17, 4):
        s = s * x + math.sin(x * i)
    for i in range(10, -3, -5):
        s = s * x + i * x
    for i in range(-2, 3):
        s = s + x**2 * i * s
    return s


def bounds_from_arguments(x, low, high, step):
    s = 1.0
    for i in range(low, high, step):
        s = s * (1.0 + 0.1 * x * i)
    return s


def bounds_changed_inside(x, n):
    m = n
    s = x
    for i in range(m):
        m = m - 1
        s = s * x + m
    return s + m


def index_overwritten(x, n):
    s = x
    for i in range(n):
        i = i * 2 + 1
        s = math.sin(s * i) + x
    return s * i


def index_after_loop(x, n):
    for k in range(1, n):
        x = x * 1.1
    return x * k


def value_bound_in_loop(x, n):
    for i in range(n):
        y = math.sin(x * i)
        x = x + y * 0.5
    return x * y


def integers_carried(x, n):
    k = 1
    s = 0.0
    for i in range(n):
        k = (k * 3 + 1) % 7
        s = s + x**k
        if k > 3:
            k -= 2
            s = s * x
    return s + k


def integer_becomes_float(x, n):
    s = 0
    for i in range(n):
        s += x * i
    return s * s


def float_inactive_carried(x, n):
    t = 0.0
    s = x
    for i in range(n):
        t = t + 0.1
        s = s * math.exp(-t) + math.sin(t * x)
    return s


def over_elements(a):
    s = 1.0
    for v in a:
        s = s * v + math.sin(v)
    return s


def over_tuple(x, y):
    s = 1.0
    for v in (x, y, x * y):
        s = s * v + v
    return s


def enumerated(a, w):
    s = 0.0
    for i, v in enumerate(a):
        s = s * 0.5 + v * w[i] * (i + 1)
    return s


def zipped(a, w):
    s = 0.3
    for v, u in zip(a, w):
        s = s * v + u
    return s


def enumerated_zip(a, w):
    s = 0.0
    for k, (v, u) in enumerate(zip(a, w)):
        s += v * u * k
        s *= 1.0 + 0.1 * u
    return s


def reversed_range(x, n):
    s = x
    for i in reversed(range(n)):
        s = math.sin(s) * (i + x)
    return s


def reversed_elements(a):
    s = 0.2
    for v in reversed(a):
        s = s * v - v * v
    return s


def over_literal_list(x):
    s = x
    for c in [0.3, -0.7, 1.1]:
        s = s * c + x * x
    return s


def numpy_scalar_chain(x, n):
    for i in range(n):
        x = np.sin(x) + np.exp(-x * x)
        x = np.sqrt(1.0 + x * x)
    return x


def fibonacci_swap(x, y, n):
    for i in range(n):
        x, y = y, x + y * 0.7
    return x * y


def rotation_of_three(x, y, z, n):
    for i in range(n):
        x, y, z = y, z, x * y + z * 0.3
    return x + 2.0 * y + 3.0 * z


def swapped_on_condition(x, y, n):
    for i in range(n):
        if x > y:
            x, y = y, x
        x = x * 0.9 + y * y * 0.2
    return x * 2.0 + y


def heron(x, n):
    y = x
    for i in range(n):
        y = 0.5 * (y + x / y)
    return y


def accumulators_of_every_kind(a, w):
    total = 0.0
    product = 1.0
    largest = -1e30
    for i in range(len(a)):
        total += a[i] * w[i]
        product *= 1.0 + 0.1 * a[i]
        largest = max(largest, a[i] * w[i])
    return total * product + largest


def mean_and_variance(a):
    mean = 0.0
    for v in a:
        mean += v
    mean /= len(a)
    var = 0.0
    for v in a:
        var += (v - mean) ** 2
    return var / (a.size - 1) + mean * 0.3


A, W = numbers(5, seed=1), numbers(5, seed=2)
NONE = np.empty(0)
PROGRAMS = [
    case(odd_bounds, (0.6,)),
    case(
        bounds_from_arguments,
        (0.6, 0, 5, 1),
        (0.6, 5, 0, -2),
        (0.6, 5, 5, 1),
        (0.6, 5, 3, 1),
        (0.6, -7, 8, 3),
    ),
    case(bounds_changed_inside, (0.8, 4)),
    case(index_overwritten, (0.8, 3)),
    case(index_after_loop, (0.8, 4)),
    case(value_bound_in_loop, (0.8, 3)),
    case(integers_carried, (0.8, 6)),
    case(integer_becomes_float, (0.8, 4), (0.8, 0)),
    case(float_inactive_carried, (0.8, 5)),
    case(over_elements, (A,), (NONE,)),
    case(over_tuple, (0.8, 0.3), argnums=(0, 1)),
    case(enumerated, (A, W), argnums=(0, 1)),
    case(zipped, (A, W), (A, W[:3]), argnums=(0, 1)),
    case(enumerated_zip, (A, W), argnums=(0, 1)),
    case(reversed_range, (0.8, 4)),
    case(reversed_elements, (A,)),
    case(over_literal_list, (0.8,)),
    case(numpy_scalar_chain, (0.8, 4)),
    case(fibonacci_swap, (0.8, 0.3, 5), (0.8, 0.3, 0), argnums=(0, 1)),
    case(rotation_of_three, (0.8, 0.3, -0.5, 4), argnums=(0, 1, 2)),
    case(swapped_on_condition, (0.8, 0.3, 5), argnums=(0, 1)),
    case(heron, (2.3, 5)),
    case(accumulators_of_every_kind, (A, W), argnums=(0, 1)),
    case(mean_and_variance, (A,)),
]
