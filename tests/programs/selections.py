"""Loops that keep the best of what they see: what they leave comes from one trip.

The second half must not be taken for such loops, or only in part.
"""

# The corpus is written the way users write.
# ruff: noqa: FURB136, PLR1714

import math

import numpy as np

from tests.programs.table import case, numbers


def largest(x):
    m = x[0]
    for i in range(1, len(x)):
        if x[i] > m:
            m = x[i]
    return m * m


def smallest_turned_around(x):
    m = math.inf
    for v in x:
        if not m <= v:
            m = v
    return m * 3.0


def as_expression(x):
    m = x[0]
    for i in range(len(x)):
        m = m if m > x[i] else x[i]
    return m * m


def scaled_winner(x, scale):
    best = -1e30
    for i in range(len(x)):
        value = math.sin(x[i]) * scale + 0.1 * i
        if value > best:
            best = value
    return best * scale


def winner_by_another_measure(x, y):
    best = -math.inf
    kept = 0.0
    for i in range(len(x)):
        if y[i] > best:
            best = y[i]
            kept = x[i] * y[i]
    return kept * kept + best


def two_kept_by_one_test(points):
    best = math.inf
    px = 0.0
    py = 0.0
    for i in range(points.shape[0]):
        d = points[i, 0] ** 2 + points[i, 1] ** 2
        if d < best:
            best = d
            px = points[i, 0]
            py = points[i, 1]
    return best + 2.0 * px - 3.0 * px * py


def high_and_low(x):
    high = x[0]
    low = x[0]
    for i in range(1, len(x)):
        if x[i] > high:
            high = x[i]
        if x[i] < low:
            low = x[i]
    return high * high - 3.0 * low * high


def beside_a_sum(x):
    total = 0.0
    m = x[0]
    for i in range(len(x)):
        total += math.exp(x[i])
        if x[i] > m:
            m = x[i]
    return m * total


def nearest_centroid(centroids, points):
    total = 0.0
    for i in range(points.shape[0]):
        nearest = np.inf
        for c in range(centroids.shape[0]):
            distance = 0.0
            for j in range(points.shape[1]):
                step = points[i, j] - centroids[c, j]
                distance += step * step
            if distance < nearest:
                nearest = distance
        total += nearest * (i + 1.0)
    return total


def nearest_by_recurrence(centroids, points):
    # The distance of the winner is a recurrence: its trips have to be recorded.
    total = 0.0
    for i in range(points.shape[0]):
        nearest = np.inf
        for c in range(centroids.shape[0]):
            distance = 0.3
            for j in range(points.shape[1]):
                distance = math.sin(distance) + (points[i, j] - centroids[c, j]) ** 2
            if distance < nearest:
                nearest = distance
        total = 0.5 * total + nearest * nearest
    return total


def winner_in_scratch(x, n):
    best = -math.inf
    for i in range(n):
        work = np.empty(3)
        for j in range(3):
            work[j] = math.exp(-((x[j] - 0.3 * i) ** 2))
        for j in range(1, 3):
            work[j] = work[j] * work[j - 1] + x[j]
        if work[2] > best:
            best = work[2]
    return best * best


def whole_matrix(a):
    m = a[0, 0]
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            if a[i, j] > m:
                m = a[i, j]
    return m * m


def saddle(a):
    best = -np.inf
    for i in range(a.shape[0]):
        worst = np.inf
        for j in range(a.shape[1]):
            if a[i, j] * a[i, j] < worst:
                worst = a[i, j] * a[i, j]
        if worst > best:
            best = worst
    return best * 2.0


def several_in_a_row(x):
    m = x[0]
    for i in range(1, len(x)):
        if x[i] > m:
            m = x[i]
    s = m
    for i in range(len(x)):
        if x[i] * x[i] < s:
            s = x[i] * x[i]
    return m + s * s


def two_ways_to_win(x):
    m = 0.5
    for i in range(len(x)):
        if x[i] > m:
            if x[i] > 1.0:
                m = x[i] * x[i]
            else:
                m = 3.0 * x[i]
        elif -x[i] > m:
            m = -x[i]
    return m * m


def reset_by_constant(x):
    m = x[0]
    for i in range(1, len(x)):
        if x[i] > 1.2:
            m = 0.0
        elif x[i] > m:
            m = x[i]
    return m * m + x[1]


def early_continue_and_break(x):
    m = x[0]
    for i in range(1, len(x)):
        if x[i] < 0.0:
            continue
        if x[i] > m:
            m = x[i] * x[i]
        if m > 1.3:
            break
    return m * 2.0


def with_steps(x):
    m = -9.0
    for i in range(len(x) - 1, -1, -2):
        if x[i] > m:
            m = x[i]
    for i in range(1, len(x), 3):
        if x[i] * 2.0 > m:
            m = x[i] * x[i]
    return m * m


def counted_from_below_zero(x):
    m = x[0]
    for i in range(-len(x), 0):
        if x[i] > m:
            m = x[i]
    return m * m


def while_loop(x):
    m = x[0]
    i = 1
    while i < len(x):
        if x[i] > m:
            m = math.exp(x[i]) * x[i]
        i += 1 if x[i] > 0.0 else 2
    return m * m


def while_with_running_number(x, n):
    # The winner needs a number that differs from trip to trip and cannot be computed from its index.
    best = -math.inf
    trip = 0
    r = 0.37
    while trip < n:
        r = 3.7 * r * (1.0 - r)
        value = r * x - x * x
        if value > best:
            best = value
        trip += 1
    return best * best


def number_kept_for_the_winner(x):
    best = -math.inf
    count = 0
    for i in range(len(x)):
        if x[i] > 0.0:
            count += 1
        if x[i] * count > best:
            best = x[i] * count
    return best * best


def looked_up(x, where):
    best = -math.inf
    for i in range(len(where)):
        k = where[i]
        if x[k] * (i + 1) > best:
            best = x[k] * (i + 1)
    return best * best


def counts_in_an_array(x):
    # An integer array that the loop writes: what the winner read from it is kept.
    seen = np.zeros(4, np.int64)
    best = -math.inf
    for i in range(len(x)):
        seen[i % 4] += i + 1
        if x[i] * seen[i % 4] > best:
            best = x[i] * seen[i % 4]
    return best * best


def never_taken(x):
    m = x[0] * 100.0 + 500.0
    for i in range(len(x)):
        if x[i] > m:
            m = x[i]
    return m * 2.0


def no_trips(x, n):
    m = x[0] * x[1]
    for i in range(n):
        if x[i] > m:
            m = x[i]
    return m * 2.0


def with_assert(x):
    m = x[0]
    for i in range(len(x)):
        s = 0.0
        for j in range(i + 1):
            assert x[j] < 100.0
            s += x[j] * x[j]
        if math.sin(s) > m:
            m = math.sin(s)
    return m * m


# ------------------------------------------------------------------------- not, or not only, such loops


def runner_up(x):
    first = -9.0
    second = -9.0
    for i in range(len(x)):
        if x[i] > first:
            second = first
            first = x[i] * x[i]
        elif x[i] > second:
            second = x[i]
    return first * 2.0 + second * second


def drawdown(x):
    high = x[0]
    worst = 0.0
    for i in range(len(x)):
        if x[i] > high:
            high = x[i]
        if high - x[i] > worst:
            worst = high - x[i]
    return worst * worst


def highest_position(x):
    position = 0.0
    high = 0.0
    for i in range(len(x)):
        position += x[i] * x[i] - 0.4
        if position > high:
            high = position
    return high * high + position


def summed_on_the_way(x):
    m = x[0]
    total = 0.0
    for i in range(len(x)):
        if x[i] > m:
            m = x[i]
        total += m * x[i]
    return total * m


def decayed(x):
    m = x[0]
    for i in range(len(x)):
        if x[i] > m:
            m = x[i]
        else:
            m = 0.9 * m
    return m * m


def written_down(x):
    m = x[0]
    record = np.empty(len(x))
    for i in range(len(x)):
        if x[i] > m:
            m = x[i]
        record[i] = m
    return m * record[2] + record[1]


def read_where_written(x):
    y = x.copy()
    m = -9.0
    for i in range(1, len(y)):
        y[i] = y[i] * y[i - 1]
        if y[i] > m:
            m = y[i]
    return m * m + y[2]


def overwritten_behind(x):
    y = x.copy()
    m = -9.0
    for i in range(len(y)):
        if y[i] > m:
            m = y[i] * y[i]
    for i in range(len(y)):
        y[i] = y[i] * m
    return m + y[1] * y[2]


def improved_from_itself(x):
    m = 0.4
    for i in range(len(x)):
        if x[i] > m:
            m = m * 0.5 + x[i] * 0.6
    return m * m


def swapped_best(x):
    a = x[0]
    b = x[1]
    for i in range(2, len(x)):
        if x[i] > a:
            a = x[i]
        if x[i] > b:
            a, b = b, a
    return a * 2.0 + b * b


def with_ties(x):
    m = -9.0
    for i in range(len(x)):
        m = max(m, x[i])
    return m * m


def bent_extremes(x):
    return math.tanh(max(x)) * math.sin(np.min(x)) + np.max(x) ** 2


def bent_extremes_of_rows(a):
    return np.sum(np.sin(np.max(a, axis=1))) * math.exp(np.min(a[0]))


VECTORS = ((numbers(7, seed=1),), (numbers(9, seed=2),), (numbers(4, seed=3),))
MATRICES = ((numbers(3, 4, seed=4),), (numbers(5, 3, seed=5),))


def left_with_another_value(x, s):
    y = 0.0
    for i in range(len(x)):
        u = x[i] * x[i]
        if 0.1 < u < 0.9:
            if s > 0.0:
                y = math.sin(x[0] * x[1])
                break
        y = u
    return y


PROGRAMS = [
    *(
        case(function, *VECTORS)
        for function in (
            largest,
            smallest_turned_around,
            as_expression,
            high_and_low,
            beside_a_sum,
            several_in_a_row,
            two_ways_to_win,
            reset_by_constant,
            early_continue_and_break,
            with_steps,
            counted_from_below_zero,
            while_loop,
            number_kept_for_the_winner,
            counts_in_an_array,
            never_taken,
            with_assert,
            runner_up,
            drawdown,
            highest_position,
            summed_on_the_way,
            decayed,
            written_down,
            read_where_written,
            overwritten_behind,
            improved_from_itself,
            swapped_best,
            with_ties,
            bent_extremes,
        )
    ),
    case(
        largest, (np.array([2.0, 1.5]),), (np.array([1.0, 2.5, 0.3], dtype=np.float32),), name="largest_more"
    ),
    case(scaled_winner, (numbers(6, seed=6), 1.3), (numbers(6, seed=7), -0.8), argnums=(0, 1)),
    case(winner_by_another_measure, (numbers(6, seed=8), numbers(6, seed=9)), argnums=(0, 1)),
    case(two_kept_by_one_test, (numbers(6, 2, seed=10),)),
    case(nearest_centroid, (numbers(3, 2, seed=11), numbers(5, 2, seed=12)), argnums=(0, 1)),
    case(nearest_by_recurrence, (numbers(3, 4, seed=13), numbers(5, 4, seed=14)), argnums=(0, 1)),
    case(winner_in_scratch, (numbers(3, seed=15), 5)),
    case(whole_matrix, *MATRICES),
    case(saddle, *MATRICES),
    case(bent_extremes_of_rows, *MATRICES),
    case(while_with_running_number, (0.8, 9), (-0.3, 4)),
    case(looked_up, (numbers(5, seed=16), np.array([4, 1, 1, 0, 2]))),
    case(left_with_another_value, (np.array([1.2, 0.3, 0.7]), 1.0), (np.array([1.2, 0.3, 0.7]), -1.0)),
    case(no_trips, (numbers(3, seed=17), 0), (numbers(3, seed=18), 3)),
]
