"""`while`, `break` and `continue` in single loops."""

import math

import numpy as np

from tests.programs.table import case


def grow_until_large(x):
    while x < 100.0:
        x = x * x + 1.0
    return x


def while_counted(x, n):
    i = 0
    s = x
    while i < n:
        s = math.sin(s) * x
        i += 1
    return s


def while_two_conditions(x, n):
    k = 0
    y = 1.0
    while k < n and y < 3.0:
        y = y * x + 0.1
        k = k + 1
    return y * k


def newton_until_converged(x):
    y = x
    while abs(y * y - x) > 1e-12:
        y = 0.5 * (y + x / y)
    return y


def while_true_break(x):
    s = 0.0
    term = 1.0
    k = 0
    while True:
        s = s + term
        k = k + 1
        term = term * x / k
        if k > 12:
            break
    return s


def while_never_entered(x):
    y = x * x
    while y < 0.0:
        y = y * x
    return y


def while_in_for(x, n):
    s = x
    for i in range(n):
        k = i
        while k > 0:
            s = math.sin(s) + x * k
            k = k // 2
        s = s * 0.8
    return s


def for_in_while(x, n):
    s = x
    while n > 0:
        for j in range(n):
            s = math.cos(s * x) + j * 0.1
        n = n - 2
    return s


def collatz_steered(x, n):
    s = x
    while n != 1:
        if n % 2 == 0:
            n = n // 2
            s = s * x + 0.1
        else:
            n = 3 * n + 1
            s = math.sin(s)
    return s


def break_on_active(x, n):
    s = 1.0
    for i in range(n):
        s = s * x + 0.1
        if s > 4.0:
            break
    return s * x


def break_before_work(x, n):
    s = 1.0
    for i in range(n):
        if s > 2.0:
            break
        s = s * x
        x = x + 0.1 * s
    return s * x


def break_in_the_middle(x, n):
    s = 0.5
    t = x
    for i in range(n):
        t = t * x
        if t * s > 3.0:
            t = t * 0.5
            break
        s = s + math.sin(t)
    return s * t


def two_breaks(x, n):
    s = 1.0
    for i in range(n):
        s = s * x
        if s > 5.0:
            s = s + x
            break
        s = s + 0.1 * i
        if i * x > 4.0:
            break
    return s


def continue_on_parity(x, n):
    s = x
    for i in range(n):
        if i % 3 == 1:
            continue
        s = math.sin(s) + x * i
    return s


def continue_and_break(x, n):
    s = x
    for i in range(n):
        if i % 2 == 0:
            s = s * x
            continue
        s = s + 0.3
        if s > 3.0:
            break
        s = s * 1.2
    return s


def continue_in_while(x, n):
    s = x
    while n > 0:
        n -= 1
        if n % 2 == 0:
            continue
        s = s * x + n * 0.2
    return s


def counts_that_a_trip_changes(y, b, k):
    for v in b:
        for i in range(k, -2, -2):
            tries = 0
            while tries < 2 and b[1] * 0.1 * i >= -0.2:
                tries += 1
                for j in range(len(b)):
                    b[j] = math.sin(b[j] + y) * b[j - 1]
        k = (k + 2) % 5
        b[(k * 2 + 1) % 3] += 0.3 * y
    return b[0] + b[1] * 0.5


def nests_that_a_trip_bounds(x, b, k):
    for v in b:
        for w in b:
            for i in range(k, -2, -2):
                c = 0
                while c < 3:
                    c += 1
                    b[(c + c) % len(b)] = 0.6 * math.sin(b[i - 1]) + 0.5 * b[(c + c) % len(b)] * x
        k = (k + 2) % 5
    return b[0] * b[1] + b[2]


PROGRAMS = [
    case(grow_until_large, (0.7,), (200.0,)),
    case(while_counted, (0.9, 4), (0.9, 0)),
    case(while_two_conditions, (1.5, 9), (0.5, 4)),
    case(newton_until_converged, (2.3,)),
    case(while_true_break, (0.7,)),
    case(while_never_entered, (0.7,)),
    case(while_in_for, (0.7, 5)),
    case(for_in_while, (0.7, 5)),
    case(collatz_steered, (0.7, 7), (0.7, 1)),
    case(break_on_active, (1.4, 20), (0.4, 5), (9.0, 5), (1.4, 0)),
    case(break_before_work, (1.4, 20), (0.4, 5)),
    case(break_in_the_middle, (1.4, 20), (0.4, 5), (9.0, 5)),
    case(two_breaks, (1.4, 20), (0.9, 20), (0.4, 5)),
    case(continue_on_parity, (0.7, 7)),
    case(continue_and_break, (1.3, 9), (0.3, 6)),
    case(continue_in_while, (0.7, 6)),
    case(counts_that_a_trip_changes, (1.1, np.array([-1.26, 0.92, 0.37]), 6), argnums=(0, 1)),
    case(nests_that_a_trip_bounds, (0.9, np.array([-1.26, 0.92, 0.37, 0.5, -0.8, 0.6]), 4), argnums=(0, 1)),
]
