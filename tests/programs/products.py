"""Powers written as products, guarded quotients, and sums with a factor that stays the same."""

import math

from tests.programs.table import case, numbers


def powers_as_products(x, y):
    a = x * x
    b = a * x
    c = y * b * b
    d = b * x * (y * y * y)
    return math.sin(c) + d * a + x * x * x * y


def power_of_a_product(x, y):
    p = x * y
    q = p * p * p
    return q * q - p * q


def squared_distances(points, scale):
    total = 0.0
    for i in range(points.shape[0]):
        for j in range(i):
            dx = points[i, 0] - points[j, 0]
            dy = points[i, 1] - points[j, 1]
            q = scale * scale / (dx * dx + dy * dy + 0.3)
            total += q * q * q - 0.5 * q
    return total


def weighted(x, a, b, n):
    total = 0.0
    for i in range(n):
        for j in range(len(x)):
            total += math.sin(x[j] * a + i) * b * 3.0 - a * x[j] / b
    return total


def factor_of_an_outer_trip(x, a):
    total = 0.0
    for i in range(len(x)):
        c = x[i] * x[i]
        for j in range(i, len(x)):
            total += math.exp(a * c) * x[j] * c
    return total


PROGRAMS = [
    case(powers_as_products, (0.7, -1.2), (-1.4, 0.6), argnums=(0, 1)),
    case(power_of_a_product, (0.7, -1.2), argnums=(0, 1)),
    case(squared_distances, (numbers(4, 2, seed=1), 1.1), argnums=(0, 1)),
    case(weighted, (numbers(3, seed=2), 0.7, 1.4, 3), (numbers(2, seed=3), -0.7, 0.4, 0), argnums=(0, 1, 2)),
    case(factor_of_an_outer_trip, (numbers(4, seed=4), 0.3), argnums=(0, 1)),
]
