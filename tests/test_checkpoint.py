"""Loops with `checkpoint`: the same derivative from little memory."""

from __future__ import annotations

import math

import numpy as np
import pytest

from srcdiff import UnsupportedConstruct, checkpoint, differentiate, grad, hessian, jvp
from tests.truth import assert_gradient


def unmarked(trips, every):
    """In place of `checkpoint`: a loop that records all its trips."""
    return trips


def decay(x, n):
    for _ in checkpoint(range(n)):
        x = x - 0.1 * x * math.sin(x)
    return x


def downwards(x, start, stop):
    s = x
    for k in checkpoint(range(start, stop, -2), every=3):
        s = math.sin(s) * x + 0.1 * k
    return s


def burgers_with(marked):
    def burgers(u0, nu, steps):
        u = u0.copy()
        for _ in marked(range(steps), 10):
            left = u[0]
            for i in range(1, len(u) - 1):
                here = u[i]
                u[i] = here - 0.2 * here * (here - left) + nu * (left - 2.0 * here + u[i + 1])
                left = here
        return np.sum(u * u)

    return burgers


burgers, burgers_without = burgers_with(checkpoint), burgers_with(unmarked)


def oscillator(y0, k, steps):
    """Two numbers and an array, and a part that is not carried."""
    x, v = y0[0], y0[1]
    drag = np.zeros(3)
    for t in checkpoint(range(1, steps + 1), every=4):
        force = -k * math.sin(x) - 0.1 * drag[t % 3]
        v += 0.05 * force
        x += 0.05 * v
        drag[t % 3] = v * abs(v)
    return x * v


U = np.sin(np.linspace(0.0, 3.0, 12))


@pytest.mark.parametrize("n", [0, 1, 2, 9, 10, 11])
def test_segments_of_a_number(n):
    assert_gradient(decay, (0.9, n), 0)


@pytest.mark.parametrize(("start", "stop"), [(9, 0), (9, -1), (8, 8), (1, 5), (2, 1)])
def test_segments_of_a_range_downwards(start, stop):
    assert_gradient(downwards, (0.4, start, stop), 0)


@pytest.mark.parametrize("steps", [0, 7, 10, 31])
def test_the_gradient_is_the_same(steps):
    with_, without = (
        differentiate(f, argnums=(0, 1)).value_and_grad(U, 0.1, steps) for f in (burgers, burgers_without)
    )
    assert with_[0] == without[0]
    np.testing.assert_allclose(with_[1][0], without[1][0], rtol=1e-13)
    assert with_[1][1] == pytest.approx(without[1][1], rel=1e-13)


def test_arrays_with_elements_that_a_trip_does_not_overwrite():
    assert_gradient(oscillator, (np.array([0.7, 0.1]), 1.3, 11), (0, 1))


def test_memory_grows_with_the_root_of_the_number_of_trips():
    f = differentiate(decay)
    for n in (100, 10_000):
        root = math.isqrt(n)
        assert f.tape_report(0.9, n).bytes <= 8 * (3 * root + 6)


def test_memory_is_that_of_the_states_and_of_one_segment():
    bytes_ = differentiate(burgers).tape_report(U, 0.1, 100).bytes
    assert bytes_ <= 8 * len(U) * (100 // 10 + 3 * 10)
    assert bytes_ < 0.5 * differentiate(burgers_without).tape_report(U, 0.1, 100).bytes


def swaps(x, n):
    u = np.array([x, x * x])
    v = np.zeros(2)
    for _ in checkpoint(range(n)):
        for i in range(2):
            v[i] = math.sin(u[i] * u[1 - i])
        u, v = v, u
    return u[0]


def heat_with(marked):
    def heat(u0, c, steps):
        """Two buffers, and ends that are written in every trip."""
        n = len(u0)
        u = u0.copy()
        v = np.empty(n)
        for _ in marked(range(steps), 5):
            v[0] = u[0]
            v[n - 1] = u[n - 1]
            for i in range(1, n - 1):
                v[i] = u[i] + c * (u[i - 1] - 2.0 * u[i] + u[i + 1]) * u[i]
            u, v = v, u
        return np.sum(u**2)

    return heat


heat, heat_without = heat_with(checkpoint), heat_with(unmarked)


def wave(u0, c, steps):
    """Three buffers that change places; one of them keeps elements that no trip writes."""
    n = len(u0)
    before = u0.copy()
    now = 0.9 * u0
    after = np.zeros(n)
    for _ in checkpoint(range(steps), every=3):
        for i in range(1, n - 1):
            after[i] = 2.0 * now[i] - before[i] + c * (now[i - 1] - 2.0 * now[i] + now[i + 1]) * now[i]
        before, now, after = now, after, before
    return np.sum(now * before)


def chosen(x, n):
    """Buffers that change places in some trips only."""
    u = np.array([x, 0.5 * x])
    v = np.array([0.3, x * x])
    for t in checkpoint(range(n), 2):
        for i in range(2):
            v[i] = v[i] * math.sin(u[i] + t)
        if t % 3 != 1:
            u, v = v, u
    return u[0] * v[1]


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7])
@pytest.mark.parametrize("f", [swaps, chosen])
def test_arrays_that_swap(f, n):
    assert_gradient(f, (0.9, n), 0)


@pytest.mark.parametrize("steps", [0, 1, 6, 10, 11])
@pytest.mark.parametrize("f", [heat, wave])
def test_buffers_that_change_places(f, steps):
    assert_gradient(f, (U, 0.1, steps), (0, 1))


def test_memory_with_buffers_that_swap():
    of, without = (differentiate(f).tape_report(U, 0.1, 100).bytes for f in (heat, heat_without))
    assert of <= 8 * len(U) * (2 * 100 // 5 + 3 * 5)
    assert of < 0.5 * without


def test_other_modes():
    assert jvp(decay, (0.9, 7), (1.0, None))[1] == pytest.approx(grad(decay)(0.9, 7))
    h = hessian(burgers)(U, 0.1, 12)
    np.testing.assert_allclose(h, hessian(burgers_without)(U, 0.1, 12), rtol=1e-10, atol=1e-12)


def test_in_plain_python_it_is_the_range():
    assert checkpoint(range(3), 2) == range(3)


def leaves_early(x, n):
    for _ in checkpoint(range(n)):
        x = math.sin(x)
        if x < 0.1:
            break
    return x


def of_a_list(x):
    for v in checkpoint([1.0, 2.0]):
        x *= math.sin(v * x)
    return x


def table_changed_around_it(x, n):
    w = x * 0.5
    y = x[0]
    for j in range(2):
        for i in checkpoint(range(n)):
            y = math.sin(y) * w[i % 3]
        w[j] = y
    return y


def draws(x, n):
    for _ in checkpoint(range(n)):
        x = math.sin(x) + 0.1 * np.random.rand()
    return x


@pytest.mark.parametrize(
    ("f", "args", "says"),
    [
        (leaves_early, (0.9, 3), "`break` or `return`"),
        (of_a_list, (0.9,), "no range"),
        (table_changed_around_it, (U, 3), "something around it that is overwritten"),
        (draws, (0.9, 3), "draws"),
    ],
)
def test_what_is_refused(f, args, says):
    with pytest.raises(UnsupportedConstruct, match=says):
        grad(f)(*args)


def unequal_with(marked):
    def unequal(x, m, n):
        """Buffers that may be of different sizes."""
        u = x.copy()
        v = np.ones(m)
        k = min(len(x), m)
        for _ in marked(range(n), 3):
            for i in range(k):
                v[i] = v[i] * math.sin(u[i])
            u, v = v, u
        return np.sum(u[:k] * v[:k])

    return unequal


unequal, unequal_without = unequal_with(checkpoint), unequal_with(unmarked)


def test_buffers_of_different_sizes():
    assert_gradient(unequal, (U, len(U), 4), 0)
    with pytest.raises(ValueError, match="the size of `u` changes"):
        grad(unequal)(U, len(U) + 1, 4)
    for m in (len(U), 3, len(U) + 2):
        assert_gradient(unequal_without, (U, m, 4), 0)


def made_anew(x, w, n):
    u = x * x
    for _ in checkpoint(range(n)):
        new = np.empty(len(x))
        for i in range(len(x)):
            new[i] = math.sin(u[i] * u[1 - i])
        u = new
    return np.sum(u)


def euler(u, w, n):
    for _ in checkpoint(range(n)):
        u = u + 0.1 * np.sin(w @ u)
    return np.sum(u * u)


def slope(u, w):
    return w @ np.sin(u)


def runge_kutta(u, w, n):
    total = 0.0
    for k in checkpoint(range(n), every=3):
        k1 = slope(u, w)
        k2 = slope(u + 0.05 * k1, w)
        u = u + 0.1 * k2
        total += k * u[0]
    return total + np.sum(u)


def one_trip_behind(u, w, n):
    old = u * 1.0
    for _ in checkpoint(range(n)):
        new = 2.0 * u - old - 0.01 * np.roll(u, 1) * u
        old = u
        u = new
    return np.sum(u * old)


def in_a_structure(u, w, n):
    p = (u, u * 2.0, {"a": u * 3.0})
    for _ in checkpoint(range(n)):
        p = (np.sin(p[1]), p[0] * p[2]["a"], {"a": p[0] + 0.1})
    return np.sum(p[0] * p[1])


def matrices(u, w, n):
    a = np.outer(u, u)
    for _ in checkpoint(range(n)):
        a = 0.5 * a + 0.1 * (a @ w)
        for k in range(len(u)):
            a[k, k] = np.sin(a[k, k])
    return np.sum(a**2)


def longer_and_longer(u, w, n):
    for _ in checkpoint(range(n)):
        u = np.concatenate((u * 0.9, u[:1]))
    return np.sum(u**2)


def table(u, w, n):
    small = np.array([0.3, 0.5, 0.9])
    y = u[0]
    for i in checkpoint(range(n)):
        y = np.sin(y) * small[i % 3]
    return y


V, W = np.array([0.3, 0.8, 0.5]), np.array([[0.2, -0.4, 0.1], [0.3, 0.1, -0.2], [-0.5, 0.2, 0.4]])
ANEW = [
    made_anew, euler, runge_kutta, one_trip_behind, in_a_structure, matrices, longer_and_longer, table,
]  # fmt: skip


@pytest.mark.parametrize("n", [0, 1, 2, 7])
@pytest.mark.parametrize("f", ANEW)
def test_arrays_made_anew_in_each_trip(uncompiled: None, f, n):
    assert_gradient(f, (V, W, n), 0)


def test_arrays_made_anew_compiled():
    assert_gradient(runge_kutta, (V, W, 10), (0, 1))


def test_memory_of_arrays_made_anew():
    assert differentiate(euler).tape_report(V, W, 400).bytes <= 8 * 3 * (20 + 3 * 20 + 3)
    assert differentiate(one_trip_behind).tape_report(V, W, 400).bytes <= 8 * 3 * (2 * 20 + 3 * 20 + 3)


def largest_of_several(x, n):
    s = 0.0
    for i in range(n):
        y = x
        for _ in range(i):
            y = math.sin(y) * x
            if y > 0.9:
                continue
            s += y
        x = x * 0.99
    return s


def test_tapes_of_an_inner_loop_are_as_long_as_the_longest():
    tapes = differentiate(largest_of_several).tape_report(0.7, 100).tapes
    assert sorted(tapes.values()) == [8 * 99, 8 * 99, 8 * 100]
