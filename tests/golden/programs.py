"""Small functions, one for each thing that the stages do, and the arguments they are run with."""

# Plain on purpose, the way users write.
# ruff: noqa

from __future__ import annotations

import math

import numpy as np

X = np.array([0.5, 1.5, 2.5])
M = np.arange(6.0).reshape(2, 3) * 0.25 + 0.5


def chain(x):
    return math.sin(x * x) * x


def fan_out(x, y):
    t = x * y
    return t * t + math.exp(t) / y


def branch(x):
    if x > 1.0:
        y = x * x
    else:
        y = math.sin(x)
    return y * x


def tie(x, y):
    return max(x, 0.5) * min(x, y) + abs(y)


def decay(x, n):
    for i in range(n):
        x = math.sin(x)
    return x


def squares(x):
    s = 0.0
    for i in range(x.size):
        s += x[i] * x[i]
    return s


def running_product(x):
    p = 1.0
    for v in x:
        p *= v
    return p


def halving(x):
    while x > 0.1:
        x = x * 0.5 * math.cos(x)
    return x


def until_large(x, limit):
    s = 0.0
    for i in range(x.size):
        s = s * s + x[i]
        if s > limit:
            break
    return s * 2.0


def in_place(x, n):
    u = x.copy()
    for k in range(n):
        for i in range(1, u.size):
            u[i] = u[i] - 0.1 * u[i] * (u[i] - u[i - 1])
    return u[u.size - 1]


def swap_in_time(x, n):
    u = x.copy()
    v = np.zeros_like(x)
    for k in range(n):
        for i in range(u.size):
            v[i] = u[i] * u[i - 1]
        u, v = v, u
    return np.sum(u)


def logistic(w, m):
    s = 0.0
    for i in range(m.shape[0]):
        z = 0.0
        for j in range(m.shape[1]):
            z += w[j] * m[i, j]
        p = 1.0 / (1.0 + math.exp(-z))
        s += (p - 0.5) ** 2
    return s / m.shape[0]


def triangle(x):
    s = 0.0
    for i in range(x.size):
        p = x[i]
        for j in range(i):
            p = math.tanh(p * x[j])
        s += p * p
    return s


def elementwise(x, y):
    z = np.exp(-x) * y
    return np.mean((z - x) ** 2)


def largest(x):
    return np.max(x * x) + x[0]


PROGRAMS = [
    (chain, (1.5,), 0),
    (fan_out, (0.5, 1.5), (0, 1)),
    (branch, (1.5,), 0),
    (tie, (0.7, 1.2), (0, 1)),
    (decay, (0.5, 4), 0),
    (squares, (X,), 0),
    (running_product, (X,), 0),
    (halving, (1.5,), 0),
    (until_large, (X, 2.0), 0),
    (in_place, (X, 3), 0),
    (swap_in_time, (X, 3), 0),
    (logistic, (X, M), 0),
    (triangle, (X,), 0),
    (elementwise, (X, X[::-1].copy()), (0, 1)),
    (largest, (X,), 0),
]
