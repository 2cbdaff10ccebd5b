"""Reading 1-D arrays: indices of every kind, slices, layouts, float32, lengths."""

# The corpus is written the way users write.
# ruff: noqa: PLR1730

import math

import numpy as np

from tests.programs.table import case, numbers


def one_element(a):
    return a[1]


def element_squared_twice(a):
    return a[0] * a[0] + a[0] * a[2]


def negative_indices(a):
    return a[-1] * a[-2] + a[0] * a[-1]


def computed_indices(a, k):
    n = len(a)
    return a[(k * 3 + 1) % n] * a[n - 1 - k] + a[k // 2] * a[k - n]


def weighted_sum(a, w):
    s = 0.0
    for i in range(a.shape[0]):
        s += a[i] * w[i]
    return s


def neighbours(a, w):
    s = 0.0
    for i in range(1, len(a) - 1):
        s += w[i] * (a[i - 1] - 2.0 * a[i] + a[i + 1]) ** 2
    return s


def wrap_around(a, w):
    n = a.size
    s = 0.0
    for i in range(n):
        s += w[i] * a[i - 1] * a[(i + 1) % n] * a[-i]
    return s


def pairs(a):
    s = 0.0
    for i in range(len(a)):
        for j in range(i):
            d = a[i] - a[j]
            s += 1.0 / (0.1 + d * d)
    return s


def strides_up_and_down(a, w):
    s = 0.0
    for i in range(0, len(a), 2):
        s = s * 0.5 + a[i] * w[i]
    for i in range(len(a) - 1, -1, -3):
        s = s * a[i] + w[i]
    return s


def gathered(a, index):
    s = 0.0
    for i in range(len(index)):
        s += a[index[i]] * (i + 1)
    return s * s


def gathered_twice(a, index, w):
    s = 0.0
    for k in index:
        s = s + a[k] * a[index[k]] * w[k]
    return s


def indices_by_argmax_loop(a, w):
    best = 0
    for i in range(len(a)):
        if a[i] > a[best]:
            best = i
    return a[best] * w[best] + a[best - 1]


def slices_of_one_dimension(a, w):
    b = a[1:4]
    c = a[::2]
    d = a[-3:]
    e = a[::-1]
    return b[0] * w[0] + c[1] * b[1] + d[2] * w[1] * d[0] + e[0] * e[3]


def slice_in_loop(a):
    s = 0.0
    for i in range(2, len(a)):
        part = a[i - 2 : i + 1]
        s += part[0] * part[2] - part[1]
    return s


def slice_of_slice(a):
    b = a[1:]
    c = b[::2]
    return c[0] * c[-1] + b[0] * c[len(c) - 1]


def unpacked_array(a):
    x, y, z = a
    return x * y + z * z


def length_of_array(a):
    return a[0] * len(a) + a[1] * a.size - a.shape[0] * a[2] * a.ndim


def total_methods(a, w):
    return a.sum() * w[0] + a.mean() * a[1] + np.sum(w * a)


def read_before_and_after_call(a):
    x = a[0]
    s = 0.0
    for v in a:
        s += v * x
    return s * a[0] + x


def softmax_loss(a, w):
    largest = a[0]
    for v in a:
        if v > largest:
            largest = v
    z = 0.0
    for v in a:
        z += math.exp(v - largest)
    s = 0.0
    for i in range(len(a)):
        s += w[i] * math.exp(a[i] - largest) / z
    return s


def log_sum_exp(a):
    m = np.max(a)
    s = 0.0
    for i in range(a.shape[0]):
        s += np.exp(a[i] - m)
    return m + np.log(s)


def logistic_regression(w, x, y):
    loss = 0.0
    for i in range(x.shape[0]):
        z = 0.0
        for j in range(x.shape[1]):
            z += w[j] * x[i, j]
        p = 1.0 / (1.0 + math.exp(-z))
        loss += (p - y[i]) ** 2
    return loss / x.shape[0]


def polynomial_at_points(c, t, w):
    s = 0.0
    for i in range(len(t)):
        p = 0.0
        for k in range(len(c)):
            p = p * t[i] + c[k]
        s += w[i] * p
    return s


def running_maximum(a, w):
    m = a[0]
    s = 0.0
    for i in range(len(a)):
        m = max(m, a[i])
        s += m * w[i]
    return s


def exponential_average(a, alpha, w):
    e = a[0]
    s = 0.0
    for i in range(1, a.shape[0]):
        e = alpha * a[i] + (1.0 - alpha) * e
        s += (e - a[i]) ** 2 * w[i]
    return s


def two_arrays_zipped(a, b, w):
    s = 0.0
    for x, y, z in zip(a, b, w):
        if x > y:
            s += (x - y) * z
        else:
            s -= x * y * z
    return s


A, B, W = numbers(5, seed=1), numbers(5, seed=2), numbers(5, seed=3)
SMALL, SMALL_W = A.astype(np.float32), W.astype(np.float32)
X, Y = numbers(6, 3, seed=4), numbers(6, seed=5)
INDEX = np.array([3, 0, 0, 4, 1, 3])
STRIDED, BACKWARD = numbers(10, seed=6)[::2], numbers(5, seed=7)[::-1]
COLUMN = numbers(5, 3, seed=8)[:, 1]
NONE = np.empty(0)
LAYOUTS = ((STRIDED, W), (A, BACKWARD), (COLUMN, STRIDED))
PROGRAMS = [
    case(one_element, (A,)),
    case(element_squared_twice, (A,), (SMALL,)),
    case(negative_indices, (A,), (BACKWARD,)),
    case(computed_indices, (A, 0), (A, 3)),
    case(weighted_sum, (A, W), (NONE, NONE), (SMALL, SMALL_W), *LAYOUTS, argnums=(0, 1)),
    case(neighbours, (A, W), (A[:2], W), (SMALL, SMALL_W), *LAYOUTS, argnums=(0, 1)),
    case(wrap_around, (A, W), *LAYOUTS, argnums=(0, 1)),
    case(pairs, (A,), (NONE,), (STRIDED,)),
    case(strides_up_and_down, (A, W), (NONE, W), argnums=(0, 1)),
    case(gathered, (A, INDEX), (STRIDED, INDEX), (A, INDEX.astype(np.int32)), (A, INDEX[:0])),
    case(gathered_twice, (A, INDEX[:5], W), argnums=(0, 2)),
    case(indices_by_argmax_loop, (A, W), argnums=(0, 1)),
    case(slices_of_one_dimension, (A, W), (BACKWARD, COLUMN), argnums=(0, 1)),
    case(slice_in_loop, (A,), (STRIDED,)),
    case(slice_of_slice, (A,)),
    case(unpacked_array, (A[:3],)),
    case(length_of_array, (A,)),
    case(total_methods, (A, W), argnums=(0, 1)),
    case(read_before_and_after_call, (A,)),
    case(softmax_loss, (A, W), (SMALL, SMALL_W), argnums=(0, 1)),
    case(log_sum_exp, (A,)),
    case(logistic_regression, (A[:3], X, Y), (A[:3], np.asfortranarray(X), Y), argnums=(0, 1)),
    case(polynomial_at_points, (A, B, W), argnums=(0, 1, 2)),
    case(running_maximum, (A, W), argnums=(0, 1)),
    case(exponential_average, (A, 0.3, W), argnums=(0, 1)),
    case(two_arrays_zipped, (A, B, W), argnums=(0, 1)),
]
