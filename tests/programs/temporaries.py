"""Arrays made inside the function: filled, copied, swapped in time loops, built by comprehension."""

import math

import numpy as np

from tests.programs.table import case, numbers


def filled_by_loop(x, n):
    a = np.empty(n)
    for i in range(n):
        a[i] = math.sin(x * i) * x
    s = 0.0
    for i in range(n):
        s += a[i] * a[n - 1 - i]
    return s


def every_maker(x, a):
    z, o, f = np.zeros(3), np.ones(3), np.full(3, x)
    zl, ol, fl, el = np.zeros_like(a), np.ones_like(a), np.full_like(a, 0.3), np.empty_like(a)
    for i in range(3):
        z[i] += x * f[i]
        o[i] *= x + a[i]
        zl[i] -= o[i]
        ol[i] = ol[i] + z[i]
        fl[i] = fl[i] * zl[i]
        el[i] = fl[i] * a[i]
    return z[0] * o[1] + fl[2] * el[1] + ol[0] * f[1] + zl[2]


def part_of_an_array_then_arrays(m, n):
    """What a name stands for before the loop is a view, and after a trip an array of its own."""
    row = m[0]
    last = m[:, -1]
    s = 0.0
    for i in range(n):
        s += row[i % len(row)] * last[0]
        row = row * m[1] + 0.5 * row[::-1]
        if i == 1:
            last = last[::-1] * s
    return s + np.sum(row * row) + last[1] * m[0, 0]


def part_of_an_array_in_inner_loop(m, n):
    column = m[:, 0]
    s = 0.0
    for i in range(n):
        for j in range(m.shape[1]):
            column = np.sin(column) + m[:, j]
        s += column[0] * column[-1]
        column = column * 0.5
    return s


def array_of_scalars(x, y):
    a = np.array([x, y, x * y, 1.0])
    a[3] = a[0] * a[1]
    return a[2] * a[3] + a[0]


def array_by_comprehension(x, n):
    a = np.array([math.sin(x * i) for i in range(n)])
    s = 0.0
    for i in range(n):
        s += a[i] * a[i] * i
    return s


def comprehension_over_elements(a, w):
    b = np.array([v * v + 1.0 for v in a])
    c = [u * 2.0 for u in w]
    s = 0.0
    for i in range(len(c)):
        s += b[i] * c[i]
    return s


def sum_of_generator_list(x, n):
    return sum([x**i for i in range(n)]) * x


def cumulative(a, w):
    c = np.zeros(len(a) + 1)
    for i in range(len(a)):
        c[i + 1] = c[i] + a[i]
    s = 0.0
    for i in range(len(a)):
        s += c[i + 1] * c[i] * w[i]
    return s


def cumulative_product(a, w):
    c = np.ones(len(a) + 1)
    for i in range(len(a)):
        c[i + 1] = c[i] * a[i]
    s = 0.0
    for i in range(len(a) + 1):
        s += c[i] * w[i % len(w)]
    return s


def states_remembered(x, n, w):
    state = np.zeros(n + 1)
    state[0] = x
    for i in range(n):
        state[i + 1] = 0.9 * state[i] + math.sin(state[i] * w[i])
    loss = 0.0
    for i in range(1, n + 1):
        loss += (state[i] - state[i - 1]) ** 2
    return loss


def copied_then_both_written(a, w):
    b = a.copy()
    for i in range(len(a)):
        a[i] = a[i] * w[i]
        b[i] = b[i] * a[i]
    s = 0.0
    for i in range(len(a)):
        s += a[i] * b[len(b) - 1 - i]
    return s


def arrays_swapped_in_time(u, w, steps):
    v = np.zeros_like(u)
    n = u.shape[0]
    for t in range(steps):
        for i in range(n):
            v[i] = 0.5 * u[i] + 0.25 * u[i - 1] * u[(i + 1) % n]
        u, v = v, u
    s = 0.0
    for i in range(n):
        s += u[i] * w[i]
    return s


def swapped_both_read(u, w, steps):
    u = u.copy()
    v = w.copy()
    for t in range(steps):
        for i in range(1, len(u)):
            v[i] = 0.4 * u[i] * v[i - 1] + math.sin(v[i])
        u, v = v, u
        u[0] = v[0] * 0.9
    s = 0.0
    for i in range(len(u)):
        s += u[i] * v[i] * (i + 1)
    return s


def three_levels_in_time(a, w, steps):
    old = np.zeros_like(a)
    now = a.copy()
    new = np.zeros_like(a)
    n = len(a)
    for t in range(steps):
        for i in range(1, n - 1):
            new[i] = 2.0 * now[i] - old[i] + 0.3 * math.sin(now[i - 1] - 2.0 * now[i] + now[i + 1])
        new[0] = now[1]
        new[n - 1] = now[n - 2]
        old, now, new = now, new, old
    s = 0.0
    for i in range(n):
        s += now[i] * w[i] + old[i] * now[i]
    return s


def renewed_in_time(u, w, steps):
    for t in range(steps):
        u_new = np.empty_like(u)
        for i in range(len(u)):
            u_new[i] = math.tanh(u[i] * w[i] + u[i - 1])
        u = u_new
    s = 0.0
    for i in range(len(u)):
        s += u[i] * w[i]
    return s


def arrays_swapped_on_condition(u, w, steps):
    u = u.copy()
    v = w.copy()
    for t in range(steps):
        u[t % 3] = u[t % 3] * v[1] + 0.2
        if u[0] > v[0]:
            u, v = v, u
        v[t % 3] *= 1.1 * u[2]
    return u[0] * v[1] + u[2] * 0.3 + v[0]


def buffer_reused_every_pass(a, w):
    buffer = np.empty(3)
    s = 0.0
    for i in range(len(a) - 2):
        for k in range(3):
            buffer[k] = a[i + k] * w[k]
        for k in range(1, 3):
            buffer[k] += buffer[k - 1] * buffer[k]
        s += buffer[2] * buffer[0]
    return s


def buffer_made_every_pass(a, w):
    s = 0.0
    for i in range(len(a)):
        buffer = np.zeros(2)
        for k in range(len(a)):
            buffer[k % 2] += a[k] * w[i]
        s = s * 0.5 + buffer[0] * buffer[1]
    return s


def table_of_integers(a, w):
    order = np.zeros(len(a), dtype=np.int64)
    for i in range(len(a)):
        order[i] = (i * 2 + 1) % len(a)
    s = 0.0
    for i in range(len(a)):
        s += a[order[i]] * w[i]
    return s * a[order[0]]


def histogram_steers(a, w):
    count = np.zeros(3, dtype=np.int64)
    s = 0.0
    for i in range(len(a)):
        if a[i] > 0.3:
            k = 2
        elif a[i] > -0.3:
            k = 1
        else:
            k = 0
        count[k] += 1
        s += a[i] * w[k] * count[k]
    return s + count[0]


def runge_kutta(y, k, steps):
    y = y.copy()
    h = 0.1
    for t in range(steps):
        k1 = np.empty(2)
        k2 = np.empty(2)
        k1[0] = y[1]
        k1[1] = -k * y[0]
        k2[0] = y[1] + h * k1[1]
        k2[1] = -k * (y[0] + h * k1[0])
        for i in range(2):
            y[i] += 0.5 * h * (k1[i] + k2[i])
    return y[0] * y[0] + 0.3 * y[1]


def filled_and_read_ahead(a, w, m):
    n = len(a)
    q = np.zeros(n)
    s = 0.0
    for t in range(m):
        for i in range(n):
            q[i] = a[i] * a[i] * (t + 1)
            s += q[n - 1 - i] * w[i]
    return s


def filled_in_two_parts(a, w, m):
    n = len(a)
    q = np.empty(n)
    s = 0.0
    for t in range(m):
        q[0] = a[0] * t
        for i in range(1, n):
            q[i] = a[i] * q[i - 1] * (t + 1)
        for i in range(n):
            s += q[i] * q[i] * w[i]
    return s


def filled_but_for_one(a, w, m):
    n = len(a)
    q = np.ones(n)
    s = 0.0
    for t in range(m):
        q[0] = a[0] * (q[1] + t)
        for i in range(2, n):
            q[i] = a[i] * q[i - 1]
        for i in range(n):
            s += q[i] * q[i] * w[i]
        q[1] = s
    return s


def float32_inside(x, n):
    a = np.zeros(n, dtype=np.float32)
    for i in range(n):
        a[i] = x[i] * 0.5 + i
    s = np.float32(0.0)
    for i in range(n):
        s += a[i] * a[i]
    return s


def inactive_array_argument(x, table):
    s = 0.0
    for i in range(len(table)):
        table[i] = table[i] * 2.0
        s += x * table[i] * table[i]
    return s


def made_anew_in_an_arm(x, c, k):
    a = x
    if c > 0.0:
        a = np.sin(a) * a
        for u in x:
            a = a * c
            for _ in range(k):
                if a[0] * u > 0.9:
                    break
                a = np.tanh(a * u - a)
    return np.sum(a * x)


A, W = numbers(5, seed=21), numbers(5, seed=22)
STRIDED = numbers(10, seed=23)[::2]
NONE = np.empty(0)
IN_TIME = [arrays_swapped_in_time, swapped_both_read, three_levels_in_time, renewed_in_time]
PROGRAMS = [
    case(filled_by_loop, (0.7, 5), (0.7, 0)),
    case(every_maker, (0.7, A[:3]), argnums=(0, 1)),
    case(array_of_scalars, (0.7, -0.4), argnums=(0, 1)),
    case(part_of_an_array_then_arrays, *((np.outer(A, W), k) for k in (0, 1, 3))),
    case(part_of_an_array_in_inner_loop, (np.outer(A, W), 0), (np.outer(A, W), 2)),
    case(made_anew_in_an_arm, (A[:4], 0.7, 3), (A[:4], -0.7, 3), (A[:4], 0.7, 0), argnums=(0, 1)),
    case(array_by_comprehension, (0.7, 4)),
    case(comprehension_over_elements, (A, W), argnums=(0, 1)),
    case(sum_of_generator_list, (0.7, 4)),
    case(cumulative, (A, W), (NONE, W), argnums=(0, 1)),
    case(cumulative_product, (A, W), (NONE, W), (np.array([0.7, 0.0, 1.3]), W), argnums=(0, 1)),
    case(states_remembered, (0.7, 5, W), (0.7, 0, W), argnums=(0, 2)),
    case(copied_then_both_written, (A, W), (STRIDED, W), argnums=(0, 1)),
    *(
        case(f, *((A, W, k) for k in (0, 1, 2, 5)), argnums=(0, 1))
        for f in [*IN_TIME, arrays_swapped_on_condition]
    ),
    case(buffer_reused_every_pass, (A, W), (NONE, W), argnums=(0, 1)),
    case(buffer_made_every_pass, (A, W), argnums=(0, 1)),
    case(table_of_integers, (A, W), argnums=(0, 1)),
    case(histogram_steers, (A, W), argnums=(0, 1)),
    case(runge_kutta, (A[:2], 1.7, 4), argnums=(0, 1)),
    case(filled_and_read_ahead, (A, W, 3), argnums=(0, 1)),
    case(filled_in_two_parts, (A, W, 3), (A[:1], W, 2), argnums=(0, 1)),
    case(filled_but_for_one, (A, W, 3), argnums=(0, 1)),
    case(float32_inside, (A.astype(np.float32), 5)),
    case(inactive_array_argument, (0.7, A)),
]
