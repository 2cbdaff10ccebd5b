"""Loops with a counter that bounds their trips, and counters that look as if they did."""

import math

import numpy as np

from tests.programs.table import case, numbers


def at_most_fifty(x):
    step = 1.0
    trips = 0
    while abs(step) > 1e-9 and trips < 50:
        step = (x - math.sin(x) - 0.4) / (1.5 - math.cos(x))
        x -= 0.5 * step
        trips += 1
    return x * x


def bound_reached(x):
    k = 0
    while k < 5:
        x = math.sin(x) + 0.1 * x
        k += 1
    return x


def from_two_in_steps_of_three(x):
    k = 2
    while 11 >= k and x < 90.0:
        x = x * math.exp(0.1 * x)
        k += 3
    return x


def downwards(x):
    left = 7
    while left > 0:
        x = math.sin(x) * 1.3
        left = left - 1
        if x < 0.2:
            break
    return x


def with_break(x):
    for _ in range(40):
        y = math.sin(x)
        if abs(y) < 0.3:
            break
        x = y * 0.9
    return x * x


def counter_sometimes_rests(x):
    k = 0
    n = 0
    while k < 3 and n < 200:
        x = math.sin(x) * 1.2
        if x > 0.7:
            k += 1
        n += 1
    return x


def either_of_two(x):
    k = 0
    while k < 3 or x > 0.5:
        x = math.sin(x) * 0.98
        k += 1
    return x


def counted_backwards_away(x):
    k = 0
    while k < 3 and x > 0.1:
        x = math.sin(x) * 0.8
        k -= 1
    return x


def bound_is_an_argument(x, most):
    k = 0
    while k < most and x > 0.05:
        x = math.sin(x) * 0.98
        k += 1
    return x


def far_away_bound(x):
    k = 0
    while x > 0.1 and k < 1_000_000_000_000:
        x = math.sin(x) * 0.9
        k += 1
    return x


def inside_a_loop(x, e):
    total = 0.0
    for i in range(len(x)):
        a = x[i]
        k = 0
        step = 1.0
        while abs(step) > 1e-8 and k <= 30:
            step = (a - e * math.sin(a) - x[i]) / (1.0 - e * math.cos(a))
            a -= step
            k += 1
        total = 0.9 * total + a * a
    return total


def counted_by_the_user_from_one(x):
    k = 1
    while x > 0.2 and k < 80:
        x = math.sin(x) * (1.0 - 0.01 * k)
        k += 1
    return x * k


def halved(x):
    k = 200
    while 0 < k:
        x = math.sin(x) + 0.001 * k * x
        k //= 2
    return x


def halved_by_shifts(x):
    k = 200
    while k >= 3:
        x = math.sin(x) + 0.001 * k * x
        k >>= 1
    return x


def halved_from_an_argument(x, n):
    while n > 0:
        x = math.sin(x) + 0.1
        n = n >> np.uint64(1)
    return x


def doubled(x):
    k = 5
    while k <= 80:
        x = math.sin(x) + 0.01 * k * x
        k = 2 * k
    return x


def doubled_in_either_arm(x):
    k = 5
    while k <= 80:
        x = math.sin(x) + 0.01 * k * x
        if x > 0.8:
            k = k << 1
        else:
            k = k + k
    return x


def of_either_sign(x):
    k = 1
    trips = 0
    while k < 3 and trips < 5:
        x = math.sin(x) + 0.1 * k * x
        k = -k
        trips += 1
    return x


PROGRAMS = [
    *(
        case(function, (0.8,), (1.3,))
        for function in (
            at_most_fifty,
            bound_reached,
            from_two_in_steps_of_three,
            downwards,
            with_break,
            counter_sometimes_rests,
            either_of_two,
            counted_backwards_away,
            far_away_bound,
            counted_by_the_user_from_one,
            halved,
            halved_by_shifts,
            doubled,
            doubled_in_either_arm,
            of_either_sign,
        )
    ),
    case(halved_from_an_argument, (0.9, np.uint64(77)), (0.9, np.uint64(0)), (0.9, np.uint64(2**64 - 1))),
    case(bound_is_an_argument, (0.9, 5), (0.9, 100)),
    case(inside_a_loop, (numbers(5, seed=1), 0.4), argnums=(0, 1)),
]
