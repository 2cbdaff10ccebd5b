"""1-D elementwise expressions and their sums, as NumPy users write them."""

import numpy as np

from tests.programs.table import case, numbers


def sum_of_squares(a):
    return np.sum(a * a)


def weighted_sine(a, w):
    return np.sum(np.sin(a) * w)


def mean_of_difference(a, b):
    return np.mean((a - b) ** 2) + a.mean() * b.sum()


def dots(a, b):
    return np.dot(a, b) * a.dot(b) + (a @ b) * np.dot(a, a)


def scalar_and_arrays(a, x):
    b = 2.0 * a + x
    c = x / (1.0 + b * b) - b / 3.0
    return np.sum(c * b) + x * np.sum(c)


def chain_of_arrays(a, w):
    b = np.exp(-a * a)
    c = np.tanh(b + w)
    d = c * b
    b = d - c
    return np.sum(b * d * w)


def elementwise_then_stored(a, w):
    b = a * w
    for i in range(1, len(b)):
        b[i] += b[i - 1] * a[i]
    c = np.sqrt(1.0 + b * b)
    return np.sum(c) + b[0]


def elementwise_in_loop(a, w, n):
    b = a.copy()
    for _ in range(n):
        b = np.sin(b) * w + a
    return np.sum(b * w)


def augmented_arrays(a, w):
    b = a.copy()
    b += w
    b *= a
    b -= 0.5 * w
    b /= 2.0 + w * w
    return np.sum(b * b)


def augmented_arrays_in_loop(a, w, n):
    u = a.copy()
    for i in range(n):
        u += 0.1 * u * w
        u[i % len(u)] *= 0.5
    return np.sum(u * w)


def negated_and_powers(a):
    return np.sum(-(a**3) + np.abs(a) ** 1.5 - a**2 / 2)


def logistic_loss(w, b, x, y):
    z = w * x + b
    p = 1.0 / (1.0 + np.exp(-z))
    return -np.mean(y * np.log(p) + (1.0 - y) * np.log(1.0 - p))


def rectified(a, w):
    return np.sum(np.maximum(a, 0.0) * w) + np.sum(np.minimum(a, w) * a) + np.sum(np.where(a > w, a * w, w))


def slices_elementwise(a, w):
    d = a[1:] - a[:-1]
    return np.sum(d * d * w[1:]) + np.sum(a[::2] * w[::2])


def normalised(a, w):
    centred = a - np.mean(a)
    scale = np.sqrt(np.sum(centred * centred) + 0.1)
    return np.dot(centred / scale, w)


def log_sum_exp_array(a):
    m = np.max(a)
    return m + np.log(np.sum(np.exp(a - m)))


def array_kept_and_overwritten(a, w):
    b = a * w
    s = np.sum(b * b)
    b[0] = s
    b[1] = b[0] * a[1]
    return np.sum(b * w) + s


def lengths_of_shapes(a):
    n = a.shape[0]
    x = np.linspace(0.0, 1.0, n)
    return np.sum(x * a * np.arange(n)) / n


A, B, W = numbers(5, seed=51), numbers(5, seed=52), numbers(5, seed=53)
Y = (numbers(5, seed=54) > 0).astype(np.float64)
SMALL, SMALL_W = A.astype(np.float32), W.astype(np.float32)
STRIDED, NONE = numbers(10, seed=55)[::2], np.empty(0)
PROGRAMS = [
    case(sum_of_squares, (A,), (NONE,), (SMALL,), (STRIDED,)),
    case(weighted_sine, (A, W), (SMALL, SMALL_W), (STRIDED, W), argnums=(0, 1)),
    case(mean_of_difference, (A, B), (SMALL, SMALL_W), argnums=(0, 1)),
    case(dots, (A, B), argnums=(0, 1)),
    case(scalar_and_arrays, (A, 0.7), (SMALL, 0.7), argnums=(0, 1)),
    case(chain_of_arrays, (A, W), (SMALL, SMALL_W), argnums=(0, 1)),
    case(elementwise_then_stored, (A, W), argnums=(0, 1)),
    case(elementwise_in_loop, (A, W, 3), (A, W, 0), argnums=(0, 1)),
    case(augmented_arrays, (A, W), argnums=(0, 1)),
    case(augmented_arrays_in_loop, (A, W, 4), argnums=(0, 1)),
    case(negated_and_powers, (A,)),
    case(logistic_loss, (0.7, -0.2, A, Y), argnums=(0, 1)),
    case(rectified, (A, W), argnums=(0, 1)),
    case(slices_elementwise, (A, W), argnums=(0, 1)),
    case(normalised, (A, W), argnums=(0, 1)),
    case(log_sum_exp_array, (A,)),
    case(array_kept_and_overwritten, (A, W), argnums=(0, 1)),
    case(lengths_of_shapes, (A,)),
]
