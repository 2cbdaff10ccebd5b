"""`for` loops that run to their end: products, recurrences, nests."""

import math

import numpy as np

from tests.programs.table import case, numbers


def power_by_loop(x, n):
    r = 1.0
    for i in range(n):
        r = r * x
    return r


def power_by_constant_loop(x):
    r = x
    for i in range(4):
        r *= x
    return r


def sine_chain(x, n):
    for i in range(n):
        x = math.sin(x) * 1.3
    return x * x


def overwritten_chain(x, y, n):
    for i in range(n):
        y = x * y
        x = math.sin(y) + x
        y = y - x * 0.3
        x = x * y * 0.5
    return x + y


def logistic_map(r, x, n):
    for _ in range(n):
        x = r * x * (1.0 - x)
    return x


def horner(c, x):
    y = 0.0
    for i in range(len(c) - 1, -1, -1):
        y = y * x + c[i]
    return y


def serial_loops(x, n):
    y = x
    for i in range(n):
        y = y * x
    for i in range(n):
        y = math.cos(y) + x
    return y


def branch_in_loop(x, n):
    s = 0.0
    for i in range(n):
        if i % 2 == 0:
            s = s + x * i
        else:
            s = s * x
    return s


def active_branch_in_loop(x, n):
    s = 0.1
    for i in range(n):
        s = s * x
        if s > 0.5:
            s = s - x * x
        elif s < -0.5:
            s = math.sin(s) * x
        else:
            s = s + 0.7
    return s


def branch_then_loop(x, n):
    if x > 0.5:
        y = x * x
    else:
        y = x
    for i in range(n):
        y = y * x + y * y * 0.1
    return y


def loop_then_branch(x, n):
    y = 1.0
    for i in range(n):
        y = y * (x + i)
    if y > 1.0:
        y = math.log(y)
    return y * x


def power_by_squaring(x, n):
    r = 1.0
    while n > 0:
        if n % 2 == 1:
            r = r * x
        x = x * x
        n = n // 2
    return r


def nest_of_products(x, n, m):
    s = 0.0
    for i in range(n):
        p = 1.0
        for j in range(m):
            p = p * (x + 0.1 * j)
        s = s + p * i
    return s


def reset_and_kept_accumulators(x, n):
    kept = 1.0
    for i in range(n):
        fresh = 0.0
        for j in range(i + 1):
            fresh = fresh + x * kept * (j + 1)
        kept = kept * 0.5 + math.sin(fresh)
    return kept


def outer_value_changes_inside(x, n):
    y = x
    for i in range(n):
        for j in range(2):
            y = y * math.cos(x * j)
            x = x + 0.1 * y
        x = x * 0.9
    return x * y


def triangular(x, n):
    s = x
    for i in range(n):
        for j in range(i, n):
            s = math.sin(s + x * (i - j))
    return s


def triangular_downward(x, n):
    s = x
    for i in range(n - 1, -1, -1):
        for j in range(i - 1, -1, -1):
            s = s * x + math.cos(s) * (i + j) * 0.1
    return s


def three_deep(x, n):
    s = 0.3
    for i in range(n):
        for j in range(i + 1):
            for k in range(j, i + 1):
                s = math.tanh(s * x + 0.1 * (i - k))
            s = s + x * j
    return s


A, W = numbers(5, seed=1), numbers(5, seed=2)
NONE = np.empty(0)
PROGRAMS = [
    case(power_by_loop, (1.2, 5), (1.2, 1), (1.2, 0)),
    case(power_by_constant_loop, (1.2,)),
    case(sine_chain, (0.9, 6), (0.9, 0)),
    case(overwritten_chain, (0.9, 0.4, 4), argnums=(0, 1)),
    case(logistic_map, (3.1, 0.3, 7), argnums=(0, 1)),
    case(horner, (A, 0.7), (NONE, 0.7), argnums=(0, 1)),
    case(serial_loops, (0.9, 3)),
    case(branch_in_loop, (0.9, 6)),
    case(active_branch_in_loop, (1.3, 9), (-1.2, 9)),
    case(branch_then_loop, (0.9, 3), (0.3, 3)),
    case(loop_then_branch, (0.9, 3), (0.2, 3), (0.9, 0)),
    case(power_by_squaring, (1.1, 13), (1.1, 0)),
    case(nest_of_products, (0.9, 3, 4), (0.9, 3, 0), (0.9, 0, 4)),
    case(reset_and_kept_accumulators, (0.2, 4)),
    case(outer_value_changes_inside, (0.8, 3)),
    case(triangular, (0.8, 4), (0.8, 0)),
    case(triangular_downward, (0.8, 4)),
    case(three_deep, (0.8, 3)),
]
