"""Comprehensions and generators with conditions, over several things, and of arrays; `map`; lists of tuples."""

# Programs as people write them.
# ruff: noqa

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from srcdiff import UnsupportedConstruct, differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient

X, M = np.abs(numbers(9)) * 0.3 + 0.05, numbers(4, 5)


def comp2(x):
    v = np.array([x[i] * x[j] for i in range(3) for j in range(3)])
    return np.sum(v**2)


def compif(x):
    v = [x[i] ** 2 for i in range(len(x)) if i % 2 == 0]
    return sum(v)


def compifv(x):
    return sum(v**2 for v in x if v > 0.4)


def compif_max(x):
    return max(v * 2 for v in x if v < 0.7)


def lists_of_arrays(x):
    rows = [x**k for k in range(4)]
    return np.sum(np.vstack(rows) ** 2)


def lists_of_arrays_n(x, n):
    rows = [x**k for k in range(n)]
    return np.sum(np.array(rows) ** 2)


def sum_list_arr(x):
    return np.sum(sum([x * i for i in range(3)]) ** 2)


def sum_gen_arr(x):
    return np.sum(sum(x * i for i in range(3)) ** 2)


def nested_comp(x):
    M = np.array([[x[i] * x[j] for j in range(3)] for i in range(3)])
    return np.sum(M @ M)


def nested_comp_n(x):
    n = len(x)
    M = np.array([[x[i] * x[j] if i > j else 0.0 for j in range(n)] for i in range(n)])
    return np.sum(M @ M)


def pairs(x):
    n = len(x)
    return sum((x[i] - x[j]) ** 2 for i in range(n) for j in range(i))


def prodif(x):
    return math.prod(v for v in x if v > 0.3)


def anyif(x):
    if any(v > 0.99 for v in x if v < 2.0):
        return 0.0
    return np.sum(x**2)


def listlen(x):
    v = [a for a in x if a > 0.4]
    return sum(v) / len(v)


def meanif(x):
    return np.mean([a**2 for a in x if a > 0.4])


def strcomp(x):
    d = {"a": 1.0, "b": 2.0}
    return sum(x[0] * d[k] for k in d if k != "a")


def zipif(x):
    return sum(a * b for a, b in zip(x[1:], x[:-1]) if a > b)


def enumif(x):
    return sum(a * i for i, a in enumerate(x) if i % 3)


def rowsloop(X):
    s = 0.0
    for r in [np.tanh(X[i]) for i in range(X.shape[0])]:
        s += np.sum(r**2)
    return s


def stacked(X):
    return np.sum(np.stack([row / np.sum(row) for row in X]) ** 3)


def conc(X):
    return np.sum(np.concatenate([row[1:] * row[:-1] for row in X]) ** 2)


def hst(X):
    return np.sum(np.hstack([row * k for k, row in enumerate(X)]) ** 2)


def flat(X):
    return np.sum(np.array([v for row in X for v in row]) ** 2)


def walr(x):
    return sum(y for v in x if (y := v * 2) > 0.5)


def inloop(x):
    s = 0.0
    for k in range(3):
        s += np.sum(np.array([v**2 for v in x if v > 0.2 * k]))
    return s


def shadow(x):
    i = 5
    v = [x[i] for i in range(3) if i != 1]
    return v[0] * x[i]


def closurev(x):
    k = 2.0
    f = lambda t: t * k
    return sum(f(v) for v in x if f(v) > 0.5)


def tupcomp(x):
    return sum(a * b for a, b in [(v, v * 2) for v in x if v > 0.1])


def idx(x):
    v = [v for v in x if v > 0.3]
    return v[-1] * v[0]


def mp(x):
    return sum(map(lambda v: v * v, x)) + sum(map(math.sin, x)) + sum(map(lambda a, b: a * b, x, x[::-1]))


def zipstar(x):
    pts = []
    for v in x:
        pts.append((v, v * v))
    a, b = zip(*pts)
    return np.sum(np.array(a) * np.array(b)) + a[1]


def growing_pairs(x):
    out = []
    for i in range(len(x) - 1):
        out.append((x[i], x[i + 1] * 2.0))
    s = 0.0
    for a, b in out:
        s += a * b
    return s


def simpson(x):
    f = lambda t: np.sin(t * x[0]) * x[1] + x[2] * t * t
    stack = [(0.0, 2.0)]
    total = 0.0
    while stack:
        a, b = stack.pop()
        m = 0.5 * (a + b)
        h = b - a
        s1 = h / 6 * (f(a) + 4 * f(m) + f(b))
        s2 = h / 12 * (f(a) + 4 * f(0.5 * (a + m)) + 2 * f(m) + 4 * f(0.5 * (m + b)) + f(b))
        if abs(s2 - s1) < 1e-6:
            total += s2
        else:
            stack.append((a, m))
            stack.append((m, b))
    return total


def segs(x):
    p = []
    i = 0
    while i < len(x) - 1:
        p.append((i, i + 1))
        i += 2
    s = 0.0
    for i, j in p:
        s += x[i] * x[j]
    return s


def traj(x):
    pts = [(x[0], x[1])]
    for k in range(5):
        u, v = pts[-1]
        pts.append((u + 0.1 * v, v - 0.1 * u))
    a = np.array(pts)
    return np.sum(a[:, 0] * a[:, 1])


def items_by_index(x):
    pts = []
    for v in x:
        pts.append((v, v * v))
    return pts[2][1] * pts[-1][0] + len(pts)


def listitem(x):
    pts = []
    for v in x:
        pts.append([v, v * v])
    return np.sum(np.array(pts) ** 2)


def extend_(x):
    pts = []
    for v in x:
        pts.extend([(v, 1.0), (v * v, v)])
    return sum(a * b for a, b in pts)


def bump(v):
    v *= 1.5
    return v[0]


def evaluated_once(x):
    y = x.copy()
    return sum([q * bump(y) for q in y * 2])


def evaluated_once_by_max(x):
    y = x.copy()
    return max(q * bump(y) for q in y * 2)


def zip_of_spread_list(x):
    return sum(a * b for a, b in zip(x, *[x * 2.0]))


PROGRAMS: list[tuple[Any, Any]] = [
    (zip_of_spread_list, (X,)),
    (comp2, (X,)),
    (compif, (X,)),
    (compifv, (X,)),
    (compif_max, (X,)),
    (lists_of_arrays, (X,)),
    (lists_of_arrays_n, (X, 3)),
    (sum_list_arr, (X,)),
    (sum_gen_arr, (X,)),
    (nested_comp, (X,)),
    (nested_comp_n, (X,)),
    (pairs, (X,)),
    (prodif, (X,)),
    (anyif, (X,)),
    (listlen, (X,)),
    (meanif, (X,)),
    (strcomp, (X,)),
    (zipif, (X,)),
    (enumif, (X,)),
    (rowsloop, (M,)),
    (stacked, (M,)),
    (conc, (M,)),
    (hst, (M,)),
    (flat, (M,)),
    (walr, (X,)),
    (inloop, (X,)),
    (shadow, (X,)),
    (closurev, (X,)),
    (tupcomp, (X,)),
    (idx, (X,)),
    (mp, (X,)),
    (zipstar, (X,)),
    (growing_pairs, (X,)),
    (simpson, (X,)),
    (segs, (X,)),
    (traj, (X,)),
    (items_by_index, (X,)),
    (listitem, (X,)),
    (extend_, (X,)),
    (evaluated_once, (X,)),
    (evaluated_once_by_max, (X,)),
]


@pytest.mark.parametrize(("function", "args"), PROGRAMS, ids=lambda x: getattr(x, "__name__", ""))
def test_items(uncompiled: None, function: Any, args: Any) -> None:
    assert_gradient(function, args)


def test_compiled() -> None:
    assert_gradient(pairs, (X,))
    assert_gradient(simpson, (X,))


def plus(x):
    pts = []
    for v in x:
        pts.append((v, v * v))
    t = pts[0] + pts[1]
    return t[3]


def mixed(x):
    pts = []
    for i in range(len(x)):
        pts.append((i, x[i] ** 2))
    s = 0.0
    for i, v in pts:
        s += v * x[i]
    return s


def test_tuples_are_no_arrays() -> None:
    with pytest.raises(UnsupportedConstruct, match="`a \\+ b` of a list"):
        differentiate(plus).grad(X)
    with pytest.raises(UnsupportedConstruct, match="a tuple of 2 in a list that grows in a loop"):
        differentiate(mixed).grad(X)
