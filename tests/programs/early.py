"""Leaving nests: `break` of one loop, early `return` at every place, `for`/`while ... else`."""

# The corpus is written the way users write.
# ruff: noqa: PLW0120

import math

from tests.programs.table import case, numbers


def break_inner_only(x, n):
    s = 0.4
    for i in range(n):
        p = 1.0
        for j in range(n):
            p = p * x
            if p > 2.0:
                break
            p = p + 0.1 * j
        s = math.sin(s + p) + j * 0.1
    return s


def break_outer_by_flag(x, n):
    s = x
    done = False
    for i in range(n):
        for j in range(n):
            s = s * x + 0.1
            if s > 3.0:
                done = True
                break
        if done:
            break
        s = s * 0.9
    return s


def return_early(x):
    if x > 1.0:
        return x * x
    y = math.sin(x)
    return y * x


def return_from_loop(x, n):
    s = 1.0
    for i in range(n):
        s = s * x + 0.1
        if s > 3.0:
            return s * s * i
    return s


def return_from_nest(x, n):
    s = 0.5
    for i in range(n):
        for j in range(i + 1):
            s = s * x + 0.1 * j
            if s > 3.0:
                return s * x
        s = s + x
    return math.sin(s)


def return_from_while(x):
    k = 0
    while k < 20:
        x = x * x
        if x > 50.0:
            return math.log(x)
        x = x + 0.2
        k += 1
    return x


def return_in_many_places(x, n):
    if n < 0:
        return x
    for i in range(n):
        if i == 2:
            if x > 1.5:
                return x * x
            x = x * 1.1
            continue
        x = x + 0.2
        while x > 2.0:
            x = x * 0.5
            if i > 3:
                return x * 3.0
    else:
        if n == 1:
            return x * 5.0
    return x * 7.0


def return_in_else(x, n):
    for i in range(n):
        x = x * 1.3
        if x > 3.0:
            break
    else:
        return x * x
    return x + 1.0


def for_else(x, n):
    s = x
    for i in range(n):
        s = s * x
        if s > 4.0:
            break
    else:
        s = math.sin(s) * 2.0
    return s


def while_else(x, n):
    s = x
    while n > 0:
        s = s * x + 0.1
        if s > 4.0:
            break
        n -= 1
    else:
        s = s * s + x
    return s


def else_of_nested_loops(x, n):
    s = x
    for i in range(n):
        for j in range(3):
            s = s * x
            if s > 2.0:
                break
        else:
            s = s + 0.3
            continue
        s = s * 0.5
    else:
        s = s * 1.7
    return s


def first_crossing(a, w, level):
    s = 0.0
    for i in range(a.shape[0]):
        s += a[i] * w[i]
        if s > level:
            return s * a[i]
    return -s


def adaptive_step(x, tolerance):
    t = 0.0
    h = 0.1
    y = x
    while t < 1.0:
        if t + h > 1.0:
            h = 1.0 - t
        k1 = -y * y
        k2 = -((y + h * k1) ** 2)
        if abs(h * (k2 - k1)) > tolerance and h > 0.01:
            h = h * 0.5
            continue
        y = y + 0.5 * h * (k1 + k2)
        t = t + h
        if t >= 1.0 - 1e-9:
            break
        h = h * 1.3
    return y


def escape_time(cr, ci, n):
    zr = 0.0
    zi = 0.0
    for k in range(n):
        zr, zi = zr * zr - zi * zi + cr, 2.0 * zr * zi + ci
        if zr * zr + zi * zi > 4.0:
            break
    return zr * zr + zi * zi + k


A, W = numbers(6, seed=1), numbers(6, seed=2)
PROGRAMS = [
    case(break_inner_only, (1.3, 4), (0.6, 4)),
    case(break_outer_by_flag, (1.2, 4), (0.6, 3)),
    case(return_early, (1.3,), (0.3,)),
    case(return_from_loop, (1.4, 20), (0.4, 5), (1.4, 0)),
    case(return_from_nest, (1.4, 6), (0.4, 3)),
    case(return_from_while, (1.1,), (0.3,)),
    case(return_in_many_places, (0.3, -1), (1.9, 6), (0.3, 9), (0.3, 1), (0.3, 2)),
    case(return_in_else, (1.3, 9), (0.3, 3)),
    case(for_else, (1.4, 20), (0.9, 3), (0.9, 0)),
    case(while_else, (1.4, 20), (0.9, 3), (0.9, 0)),
    case(else_of_nested_loops, (1.4, 3), (0.7, 3)),
    case(first_crossing, (A, W, 0.2), (A, W, 99.0), (A, W, -99.0), argnums=(0, 1)),
    case(adaptive_step, (0.9, 0.02)),
    case(escape_time, (0.4, 0.5, 30), (0.1, 0.1, 6), argnums=(0, 1)),
]
