"""Arrays written in place, where rivals are silently wrong: arguments, scans, swaps, overwritten elements."""

import math

import numpy as np

from tests.programs.table import case, numbers


def store_into_argument(a, x):
    a[0] = x * x
    return a[0] * a[1] + a[2]


def store_active_subscript(x):
    y = x.copy()
    y[1] = x[0] * x[1]
    y[0] = y[1] * x[2]
    return y[0] * 0.3 + y[1] * y[2]


def element_overwritten_twice(a):
    a[1] = a[0] * a[1]
    a[1] = a[1] * a[2] + a[1]
    a[1] = math.sin(a[1])
    return a[1] * a[0] * 1.3


def element_overwritten_by_constant(a):
    s = a[0] * a[1]
    a[0] = 2.0
    s = s * a[0]
    a[1] = 0.0
    return s + a[0] + a[1] + a[2]


def loaded_before_overwritten(a, x):
    old = a[0]
    a[0] = x * 3.0
    new = a[0]
    a[0] = new * old
    return old * old + new * a[0]


def every_augmented_store(a, w):
    a[0] += w[0] * a[1]
    a[1] *= a[0]
    a[2] -= a[1] * w[1]
    a[3] /= 1.0 + a[2] * a[2]
    a[4] **= 2
    s = 0.0
    for i in range(5):
        s += a[i] * w[i]
    return s


def add_in_loop(a, w):
    for i in range(len(a)):
        a[i] += w[i] * a[i] * a[i]
    s = 0.0
    for i in range(len(a)):
        s += a[i] * w[i]
    return s


def multiply_in_loop(a, w, n):
    for k in range(n):
        for i in range(len(a)):
            a[i] *= w[i] + 0.5
    s = 0.0
    for v in a:
        s += v * v
    return s


def scan(a, w):
    for i in range(1, len(a)):
        a[i] = a[i] * a[i - 1] + math.tanh(a[i])
    s = 0.0
    for i in range(len(a)):
        s += a[i] * w[i]
    return s


def scan_backwards(a, w):
    for i in range(len(a) - 2, -1, -1):
        a[i] = math.sin(a[i + 1]) * a[i]
    return a[0] * w[0] + a[1] * w[1]


def two_offsets_behind(a, w):
    for i in range(2, len(a)):
        a[i] = a[i - 1] * a[i - 2] + a[i] * 0.3
    s = 0.0
    for i in range(len(a)):
        s += a[i] * w[i]
    return s


def reads_ahead_and_behind(a, w):
    for i in range(1, len(a) - 1):
        a[i] = a[i - 1] * a[i + 1] - a[i] * a[i]
    s = 0.0
    for i in range(len(a)):
        s += a[i] * w[i]
    return s


def wraps_while_writing(a, w):
    for i in range(len(a)):
        a[i] = a[i - 1] * 0.7 + math.sin(a[i])
    s = 0.0
    for i in range(len(a)):
        s += a[-i] * w[i]
    return s


def burgers_in_place(u, w, steps):
    n = len(u)
    for t in range(steps):
        left = u[n - 1]
        for i in range(n):
            here = u[i]
            u[i] = here - 0.2 * here * (here - left)
            left = here
    s = 0.0
    for i in range(n):
        s += w[i] * u[i] * u[i]
    return s


def gauss_seidel(u, f, sweeps):
    for k in range(sweeps):
        for i in range(1, len(u) - 1):
            u[i] = 0.5 * (u[i - 1] + u[i + 1] + f[i] * u[i])
    s = 0.0
    for i in range(len(u)):
        s += u[i] ** 2 * f[i]
    return s


def same_element_all_the_time(a, x, n):
    for i in range(n):
        a[0] = a[0] * x + a[1]
        a[1] = math.sin(a[0]) * a[1]
    return a[0] * a[1]


def scattered(a, index, w):
    b = np.zeros(len(a))
    for i in range(len(index)):
        b[index[i]] += a[i % len(a)] * w[i % len(w)]
    s = 0.0
    for i in range(len(b)):
        s += b[i] * b[i]
    return s


def scattered_overwriting(a, index, w):
    for i in range(len(index)):
        a[index[i]] = a[index[i]] * w[index[i]] + a[i % len(a)]
    s = 0.0
    for i in range(len(a)):
        s += a[i] * w[i]
    return s


def branch_chooses_the_element(a, w):
    for i in range(1, len(a)):
        if a[i] > 0.0:
            a[i - 1] = a[i] * a[i - 1]
        else:
            a[i] = a[i] + a[i - 1] * w[i]
    s = 0.0
    for i in range(len(a)):
        s += a[i] * w[i]
    return s


def bubble_sort(a, w):
    n = len(a)
    for i in range(n):
        for j in range(n - 1 - i):
            if a[j] > a[j + 1]:
                a[j], a[j + 1] = a[j + 1], a[j]
    s = 0.0
    for i in range(n):
        s += a[i] * w[i]
    return s


def insertion_sort(a, w):
    for i in range(1, len(a)):
        v = a[i]
        j = i - 1
        while j >= 0 and a[j] > v:
            a[j + 1] = a[j]
            j -= 1
        a[j + 1] = v
    s = 0.0
    for i in range(len(a)):
        s += a[i] ** 2 * w[i]
    return s


def elements_swapped_by_hand(a, w):
    n = len(a)
    for i in range(n // 2):
        t = a[i]
        a[i] = a[n - 1 - i] * w[i]
        a[n - 1 - i] = t
    return a[0] * w[0] + a[1] * w[1] + a[n - 1] * w[2] * a[0]


def stored_then_left(a, w, level):
    for i in range(1, len(a)):
        a[i] = a[i] + a[i - 1] * w[i]
        if a[i] > level:
            break
        a[i - 1] = a[i - 1] * a[i]
    s = 0.0
    for i in range(len(a)):
        s += a[i] * w[i]
    return s


def stored_then_returned(a, w, level):
    for i in range(1, len(a)):
        a[i] = a[i] * w[i] + a[i - 1]
        if a[i] < level:
            continue
        a[i] *= a[0]
        if i > 2:
            return a[i] * a[1] + a[0]
    return a[-1] * a[0]


def out_parameter(x, out):
    for i in range(len(out)):
        out[i] = math.sin(x * i)
    s = 0.0
    for i in range(len(out)):
        s += out[i] * out[i]
    return s


def out_parameter_partly(x, out):
    for i in range(0, len(out), 2):
        out[i] = x * out[i] + x
    s = 0.0
    for i in range(len(out)):
        s = s * 0.7 + out[i]
    return s


def every_element_from_argument(a):
    for i in range(len(a)):
        a[i] = 0.5
    return a[0] * a[1] + a[2]


def store_at_computed_index(a, x, k):
    a[(2 * k + 1) % len(a)] = x * a[k]
    a[-k - 1] = a[k] * a[(2 * k + 1) % len(a)]
    s = 0.0
    for i in range(len(a)):
        s = s * 0.9 + a[i]
    return s


def stores_beside_a_looked_up_element(a, index, w):
    s = 0.0
    for i in range(len(index)):
        k = max(index[i], 0)
        here = a[k]
        a[k + 1] = 0.5 * here * here + w[k] * a[k + 1]
        s += here * here * here
    return s + a[0]


def stores_beside_a_moving_element(a, w):
    k = 0
    s = 0.0
    trips = 0
    while trips < 2 * len(a):
        at = max(k, 0)
        here = a[at]
        a[at + 1] = 0.5 * here * here + w[at] * a[at + 1]
        s += here * here * here
        k = (k + 3) % (len(a) - 1)
        trips += 1
    return s + a[0]


def written_view(a, w):
    b = a[1:4]
    b[0] = a[0] * w[0]
    b[1] += a[1] * w[1]
    a[3] = b[1] * b[2]
    return a[1] * w[2] + a[2] * b[2] + a[3]


A, W = numbers(5, seed=11), numbers(5, seed=12)
A6, W6 = numbers(6, seed=13), numbers(6, seed=14)
STRIDED, BACKWARD = numbers(10, seed=15)[::2], numbers(5, seed=16)[::-1]
SMALL, SMALL_W = A.astype(np.float32), W.astype(np.float32)
INDEX = np.array([3, 0, 0, 4, 3, 1, 0])
BELOW = np.array([3, 0, 0, 2, 3, 1, 0])
NONE = np.empty(0)
BOTH = ((A, W), (A6, W6), (STRIDED, W), (BACKWARD, STRIDED))
PROGRAMS = [
    case(store_into_argument, (A, 0.7), (SMALL, 0.7), argnums=(0, 1)),
    case(store_active_subscript, (A,), (BACKWARD,)),
    case(element_overwritten_twice, (A,)),
    case(element_overwritten_by_constant, (A,)),
    case(loaded_before_overwritten, (A, 0.7), argnums=(0, 1)),
    case(every_augmented_store, (A, W), (SMALL, SMALL_W), argnums=(0, 1)),
    case(add_in_loop, *BOTH, (NONE, NONE), (SMALL, SMALL_W), argnums=(0, 1)),
    case(multiply_in_loop, (A, W, 3), (A, W, 0), argnums=(0, 1)),
    case(scan, *BOTH, (NONE, NONE), (SMALL, SMALL_W), argnums=(0, 1)),
    case(scan_backwards, *BOTH, argnums=(0, 1)),
    case(two_offsets_behind, *BOTH, (A[:1], W), argnums=(0, 1)),
    case(reads_ahead_and_behind, *BOTH, argnums=(0, 1)),
    case(wraps_while_writing, *BOTH, argnums=(0, 1)),
    case(burgers_in_place, (A6, W6, 4), (A6, W6, 0), (STRIDED, W, 2), argnums=(0, 1)),
    case(gauss_seidel, (A6, W6, 3), (A6[:2], W6, 2), argnums=(0, 1)),
    case(same_element_all_the_time, (A, 0.7, 5), (A, 0.7, 0), argnums=(0, 1)),
    case(scattered, (A, INDEX, W), argnums=(0, 2)),
    case(scattered_overwriting, (A, INDEX, W), (A, INDEX[:0], W), argnums=(0, 2)),
    case(branch_chooses_the_element, *BOTH, argnums=(0, 1)),
    case(bubble_sort, *BOTH, argnums=(0, 1)),
    case(insertion_sort, *BOTH, argnums=(0, 1)),
    case(elements_swapped_by_hand, *BOTH, argnums=(0, 1)),
    case(stored_then_left, (A, W, 0.5), (A, W, 50.0), (A, W, -50.0), argnums=(0, 1)),
    case(stored_then_returned, (A, W, 0.5), (A, W, 50.0), (A, W, -50.0), argnums=(0, 1)),
    case(out_parameter, (0.7, A), (0.7, NONE), argnums=(0, 1)),
    case(out_parameter_partly, (0.7, A), (0.7, STRIDED), argnums=(0, 1)),
    case(every_element_from_argument, (A,)),
    case(store_at_computed_index, (A, 0.7, 1), (A, 0.7, 2), (A, 0.7, 4), argnums=(0, 1)),
    case(stores_beside_a_looked_up_element, (A, BELOW, W), (A6, INDEX, W6), argnums=(0, 2)),
    case(stores_beside_a_moving_element, (A, W), (A6, W6), argnums=(0, 1)),
    case(written_view, (A, W), argnums=(0, 1)),
]
