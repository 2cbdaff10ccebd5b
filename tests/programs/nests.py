"""Nests whose counts change, counters that no loop header mentions, exits from the middle of nests."""

import math

import numpy as np

from tests.programs.table import case, numbers


def lower_triangle(x):
    s = 0.0
    for i in range(len(x)):
        for j in range(i):
            s = math.sin(s + x[i] * x[j])
    return s


def upper_triangles(x, m):
    n = len(x)
    s = 0.0
    for c in range(m):
        for i in range(n):
            for j in range(i + 1, n):
                s = math.sin(s + x[i] * x[j] + 0.1 * c)
    return s


def compressed_rows(x, at, columns):
    s = 0.0
    for i in range(len(at) - 1):
        for k in range(at[i], at[i + 1]):
            s = math.tanh(s * x[columns[k]] + x[i])
    return s


def tetrahedron(x):
    s = 0.0
    for i in range(len(x)):
        for j in range(i):
            for k in range(j, i, 2):
                s = math.sin(s + x[i] * x[j] * x[k])
    return s


def downward_triangle(x):
    n = len(x)
    s = 0.0
    for i in range(n - 1, -1, -1):
        for j in range(n - 1, i, -1):
            s = math.sin(s + x[i] * x[j])
    return s


def band(x, width):
    n = len(x)
    s = 0.0
    for i in range(n):
        for j in range(max(0, i - width), min(n, i + width + 1)):
            s = math.sin(s + x[i] * x[j])
    return s


def sometimes_a_row(x):
    s = 0.0
    for i in range(len(x)):
        if i % 2 == 1:
            for j in range(i):
                s = math.sin(s + x[i] * x[j])
    return s


def packed_triangle(x):
    n = len(x)
    packed = np.zeros(n * (n - 1) // 2)
    s = 0.0
    p = 0
    for i in range(n):
        for j in range(i):
            s = math.tanh(s + x[i] * x[j])
            packed[p] = s * s
            p += 1
    total = 0.0
    for p in range(len(packed)):
        total += packed[p] * packed[p - 1]
    return total


def ragged_while(x):
    s = 0.0
    p = 0
    for i in range(len(x)):
        k = i
        while k > 0:
            s = math.sin(s) * x[k] + x[p % len(x)]
            k -= 2
            p += 3
    return s


def two_pointers(x, limit):
    i, j = 0, len(x) - 1
    s = 0.0
    while i < j:
        s = s * 0.9 + x[i] * x[j] * s + x[i]
        if s > limit:
            i += 1
        j -= 1
    return s * x[i]


def counter_in_a_branch(x):
    k = 0
    s = 1.0
    for i in range(len(x)):
        if x[i] > 0.0:
            s = s * x[k] + x[i]
            k += 1
    return s * k


def leaves_the_nest(x, n):
    s = 0.0
    for i in range(n):
        stop = False
        for j in range(i, len(x)):
            s += x[i] * x[j] * s + x[j]
            if s < -1.0:
                stop = True
                break
        if stop:
            break
        s *= 1.1
    return s


def returns_from_the_nest(x, y):
    s = 0.0
    for i in range(len(x)):
        for j in range(i + 1):
            s += x[i] * y[j]
            if s < -0.5:
                return s * x[j]
            x[j] = x[j] * s + 1.0
    return s


def continues_or_breaks(x, y, k):
    for i in range(2, 0, -3):
        for j in range(len(x)):
            if k > 1:
                continue
            if 0.1 * i * y >= -0.6:
                y = math.tanh(x[(j + i) % 5] * x[i - 1] - y)
                break
            k = (k * 3 + 1) % 7
    return y


def breaks_in_the_second_arm(x, y):
    s = y
    for i in range(len(x)):
        if x[i] > 0.0:
            s = s * x[i]
        else:
            t = s + x[i]
            if t < 0.3:
                s = t * y
                break
            elif t > 9.0:
                s = t * t
            else:
                s = t - y
    return s


def picked_and_overwritten(x, picks):
    s = 0.0
    for i in range(len(picks)):
        k = max(picks[i], 0)
        s += x[k + 1] ** 2 * 0.3
        x[k] = s
    return s * x[2]


def picked_and_overwritten_in_a_while(x, picks):
    s = 0.0
    i = 0
    while i < len(picks):
        k = max(picks[i], 0)
        s += x[k + 1] ** 2 * 0.3
        x[k] = s
        i += 1
    return s * x[2]


def swapped_by_length(u, steps):
    v = np.empty(len(u))
    for _ in range(steps):
        for i in range(1, len(u) - 1):
            v[i] = u[i - 1] * u[i + 1]
        v[0] = u[0]
        v[-1] = u[-1]
        u, v = v, u
    return u[2]


def rebound(x, steps):
    u = x
    for t in range(steps):
        w = np.empty(len(u))
        for i in range(len(u)):
            w[i] = u[i] * u[-i] + t
        u = w
    return u[0] + u[1] * x[2]


X = numbers(6)
ROWS = np.array([0, 2, 2, 3, 5])
COLUMNS = np.array([0, 1, 5, 2, 2])

PROGRAMS = [
    case(lower_triangle, (X,), (X[:1],), (X[:0],)),
    case(upper_triangles, (X, 2), (X, 0), (X[:1], 3), (X[:0], 2)),
    case(compressed_rows, (X, ROWS, COLUMNS), (X, np.array([0, 2, 1, 3]), COLUMNS), (X, ROWS[:1], COLUMNS)),
    case(tetrahedron, (X,), (X[:2],)),
    case(downward_triangle, (X,), (X[:1],)),
    case(band, (X, 2), (X, 0), (X, 9), (X, -3)),
    case(sometimes_a_row, (X,)),
    case(packed_triangle, (X,)),
    case(ragged_while, (X,)),
    case(two_pointers, (X, 0.1), (X[:1], 0.1)),
    case(counter_in_a_branch, (X,), (-abs(X),)),
    case(leaves_the_nest, (X, 3), (X, 0), (-abs(X), 3)),
    case(returns_from_the_nest, (X, numbers(6, seed=1)), argnums=(0, 1)),
    case(continues_or_breaks, (X, 0.55, 1), (X, -9.0, 1), (X, 0.55, 2), argnums=(0, 1)),
    case(breaks_in_the_second_arm, (X, 0.7), (-X, 0.2), (abs(X), 0.5), argnums=(0, 1)),
    case(picked_and_overwritten, (X, np.arange(5)), (X, COLUMNS[:2])),
    case(picked_and_overwritten_in_a_while, (X, np.arange(5))),
    case(swapped_by_length, (X, 4), (X, 0)),
    case(rebound, (X, 3), (X, 0)),
]
