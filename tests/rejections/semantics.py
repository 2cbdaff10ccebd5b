"""Where Python's meaning is easily missed: each is refused, or gives what Python gives. All were once silently wrong."""

# Odd code is the point.
# ruff: noqa
# mypy: ignore-errors

from __future__ import annotations

import enum
import math

import numpy as np

from srcdiff import stop_gradient
from tests.rejections.accepted import case

V = np.array([0.5, -0.7, 1.3, 0.9])
N = np.array([[0.5, -1.1, 0.7], [1.3, 0.2, -0.6], [0.9, 1.7, -0.3]])


@case(1.3, 4)
def loop_bound_and_counter(x, n):
    s = n * 1
    n = 0
    for i in range(s):
        n += i * i
    s = n
    n = 0
    for i in range(s):
        n += i % 3
    return x * n


@case(V)
def comprehension_over_comprehension(x):
    u = [t * 2 for t in x if t > 0]
    r = [v for v in u if v > 2]
    return sum(r)


def positives(x, k):
    n = 0
    for i in range(k):
        if x[i] > 0:
            n += 1
    return n


@case(V)
def helper_on_its_own_result(x):
    return x[0] * positives(x, positives(x, 4))


@case(V)
def slice_as_bound(x):
    n = 0
    for v in x:
        if v > 0:
            n += 1
    m = n
    n = 5
    for v in x[:m]:
        if v > 0:
            n -= 1
    return x[n] * n


@case(1.3)
def walrus_behind_or(x):
    if x > 0 or (x := (x * 2)) < -100:
        return x * 3
    return x


@case(1.3)
def walrus_behind_and(x):
    if x < 0 and (x := (x * 2)) < -1:
        return x * 3
    return x


@case(1.3)
def walrus_in_condition_of_while(x):
    i = 0
    while (i := (i + 1)) < 3 or (x := (x * 1.5)) < 10:
        pass
    return x * i


@case(-1.3)
def walrus_in_chain(x):
    y = 1.0
    if 0 < x < (y := (x * 2)) < 5:
        x += 1
    return x * y


def poke(a, i):
    a[i] = a[i] * 2.0
    return a[i]


@case(V)
def chain_that_writes(x):
    a = x.copy()
    if 0 < x[0] < x[1] < poke(a, 1):
        return np.sum(a * a)
    return np.sum(a)


@case(V)
def any_that_writes(x):
    a = x.copy()
    t = any((poke(a, i) > 2 for i in range(len(a))))
    return np.sum(a * a) if t else np.sum(a)


@case(V)
def all_that_writes(x):
    a = x.copy()
    t = all((poke(a, i) > 0 for i in range(len(a))))
    return np.sum(a * a) if t else np.sum(a)


def check(v):
    if v < 0:
        raise ValueError("neg")
    return v > 0.4


@case(V)
def any_that_raises(x):
    return 1.0 * any((check(v) for v in x)) * x[0]


@case(V)
def walrus_in_comprehension(x):
    y = 0.0
    t = [(y := (y + v)) for v in x]
    return y * sum(t)


@case(V)
def walrus_in_any(x):
    y = 0.0
    t = any(((y := v) > 0.8 for v in x))
    return y * 2 if t else y


@case(V)
def new_walrus_in_comprehension(x):
    t = [(y := (v * v)) for v in x if v > -5]
    return y * sum(t)


@case(V)
def swapped_items(x):
    D = [x * (i + 1) for i in range(3)]
    D[0], D[1] = (D[1], D[0])
    return np.sum(D[1] * x) + 3 * np.sum(D[0])


@case(V)
def swapped_items_by_hand(x):
    D = [x * (i + 1) for i in range(3)]
    t = D[0]
    D[0] = D[1]
    D[1] = t
    return np.sum(D[1] * x) + 3 * np.sum(D[0])


@case(V)
def swapped_tuples(x):
    l = []
    for v in x:
        l.append((v, v * v))
    l[0], l[1] = (l[1], l[0])
    return l[0][0] * 3 + l[1][1] * 5 + sum((q for _, q in l)) * x[0]


@case(N)
def pivoted_determinant(A):
    M = [[A[i, j] for j in range(3)] for i in range(3)]
    d = 1.0
    for c in range(3):
        p = c
        for r in range(c, 3):
            if abs(M[r][c]) > abs(M[p][c]):
                p = r
        if p != c:
            M[c], M[p] = (M[p], M[c])
            d = -d
        d *= M[c][c]
        for r in range(c + 1, 3):
            f = M[r][c] / M[c][c]
            for k in range(c, 3):
                M[r][k] -= f * M[c][k]
    return d


@case(V)
def item_replaced_behind_its_name(x):
    D = [x * (i + 1) for i in range(3)]
    r = D[0]
    D[0] = x * 7
    return np.sum(r * x)


@case(V)
def tuple_replaced_behind_its_name(x):
    l = []
    for v in x:
        l.append((v, v * v))
    t = l[0]
    l[0] = (7.0, 8.0)
    return t[0] * t[1] + l[0][0] * x[1]


@case(V)
def item_twice_in_a_list(x):
    D = [x * i for i in range(3)]
    D[0] = D[1]
    D[0][0] = 100.0
    return np.sum(D[1] * x)


@case(V)
def named_item_written(x):
    D = [np.zeros(3) for _ in range(3)]
    r = x[:3] * 2
    D[1] = r
    r[0] = 8.0
    return D[1][0] * x[1]


@case(V)
def item_written_that_has_a_name(x):
    D = [np.zeros(3) for _ in range(3)]
    r = x[:3] * 2
    D[1] = r
    D[1][0] = 8.0
    return r[0] * x[1]


@case(V)
def one_list_in_all_places(x):
    r = [0.0] * 3
    D = [r for _ in range(3)]
    D[0][1] = x[0]
    return D[1][1] * x[1]


@case(V)
def appended_then_written(x):
    D = []
    for i in range(3):
        r = [0.0] * 3
        D.append(r)
        r[1] = x[i]
    return D[1][1] * x[1]


@case(V)
def one_row_appended_again(x):
    row = [0.0] * 3
    D = []
    for i in range(3):
        row[i] = x[i]
        D.append(row)
    return D[0][1] * D[1][2] + sum(D[2])


@case(V)
def items_in_two_lists(x):
    D = [x * i for i in range(3)]
    E = [d for d in D]
    D[1][0] = 7.0
    return np.sum(E[1]) * x[0]


@case(V)
def map_gone_over_twice(x):
    m = map(lambda v: v + 1, x)
    return sum(m) + sum(m) * x[0]


@case(V)
def map_sees_later_writes(x):
    y = x.copy()
    k = 2.0
    m = map(lambda v: v * k, y)
    k = 5.0
    y[0] = 9.0
    return sum(m)


@case(V)
def closest_pair(x):
    best = None
    for i in range(len(x)):
        for j in range(i + 1, len(x)):
            d = (x[i] - 1.01 * x[j]) ** 2
            if best is None or d < best:
                best = d
    return best


def bumped(v, i):
    v[i] = v[i] * 2.0
    return 0


@case(V)
def walrus_in_while_with_and(x):
    s, i = 0.0, 0
    while i < len(x) and (v := x[i]) > -1.5:
        s += v * v
        i += 1
    return s


@case(V)
def walrus_in_if_with_and(x):
    r = 0.0
    for v in x:
        if v > 0 and (q := math.sqrt(abs(v))) > 0.7:
            r += q
    return r


@case(V)
def lazy_operand_of_an_index_that_writes(x):
    y = x.copy()
    return (y * 2.0)[bumped(y, 0)] * x[1]


@case(V)
def lazy_value_of_a_store_whose_index_writes(x):
    y, r = x.copy(), np.zeros(4)
    r[bumped(y, 0) :] = y * 2
    return np.sum(r * x)


@case(N)
def raveled_transpose(a):
    y = a.T * 2
    z = y.ravel()
    z[1] = 5.0
    return np.sum(y * a)


@case(N)
def raveled_fancy(a):
    y = a[:, [0, 1]]
    z = y.ravel()
    z[1] = 5.0
    return np.sum(y * a[:, 1:])


@case(N)
def raveled_copy_of_transpose(a):
    y = np.copy(a.T)
    z = y.reshape(9)
    z[1] = 5.0
    return np.sum(y * a)


@case(N)
def diagonal_by_einsum(a):
    y = a.copy()
    d = np.einsum("ii->i", y)
    d[:] = 0.5
    return np.sum(y * a)


@case(N)
def fortran_of_fortran(a):
    y = np.asfortranarray(np.asfortranarray(a))
    z = np.ascontiguousarray(y)
    z[0, 1] = 5.0
    return np.sum(y * a)


@case(N)
def extract_of_matrix(a):
    return np.sum(np.extract(a > 0, a) ** 2)


@case(V)
def taken_by_mask(x):
    return np.sum(np.take(x, x > 0))


@case(V)
def narrow_comparison(x):
    h = np.array([200, 3, 250, 7], dtype=np.uint8)
    return np.sum(x * (h < 300)) + np.sum(x * (h > -1)) + (h[0] == 456) * x[0]


@case(V)
def narrow_item(x):
    h = np.array([200, 3, 250, 7], dtype=np.uint8)
    return x[0] * (h[0].item() * 2) + x[1] * h.tolist()[2] * 2


@case(V)
def narrow_gradient(x):
    h = np.array([200, 3, 250, 7], dtype=np.uint8)
    return (
        np.sum(x * np.gradient(h))
        + np.interp(0.5, np.arange(4), h) * x[0]
        + np.sum(np.linspace(h[0], h[1], 4) * x)
    )


@case(V)
def narrow_sum(x):
    h = np.array([200, 3, 250, 7], dtype=np.uint8)
    return x[0] * sum(h)


@case(V)
def floored_linspace(x):
    return np.sum(x * np.linspace(-5, 0, 4, dtype=int))


@case(V)
def compared_with_none(x):
    return np.sum(x != None) * x[0]


@case(V)
def rolled_twice(x):
    return np.sum(np.roll(x, (1, 2)) * x)


@case(V)
def first_item_that_has_a_name(x):
    r = [x[0], 2.0]
    D = [r]
    for i in range(2):
        D.append([x[i], 1.0])
    D[0][1] = 5.0
    return r[1] * x[0] + D[0][1] * x[1]


@case(V)
def one_known_list_appended_again(x):
    r = [x[0], 2.0]
    D = []
    for i in range(2):
        D.append(r)
    D[0][1] = 5.0
    return r[1] * x[0] + D[1][1] * x[1]


@case(V)
def items_replaced_and_swapped(x):
    D = [[x[0], 2.0]]
    for i in range(2):
        D.append([x[i], 1.0])
    D[0][1] = 5.0
    D[1] = [x[2], x[3]]
    D[0], D[2] = (D[2], D[0])
    return sum((p * q for p, q in D)) + D[0][0] * D[2][1]


@case(V)
def narrow_powers(x):
    h = np.array([200, 3, 250, 7], dtype=np.uint8)
    return np.sum(x * np.vander(h, 3)[:, 0]) + x[0] * np.polyval(h, 2)


@case(V)
def update_of_a_name_that_the_value_binds(x):
    y = x.copy()
    y += (y := y + 1.0)
    return np.sum(y * x)


@case(V)
def tuple_of_a_generator(x):
    pair = tuple(v * 2.0 for v in (x[0], x[1])) + (x[2],)
    return pair[0] * pair[2] + len(pair)


@case(V)
def running_difference(x):
    return np.sum(np.subtract.accumulate(x) * np.hypot.accumulate(x))


NANS = np.array([1.3, np.nan, 2.5])


@case(NANS)
def largest_in_python_with_nan(x):
    return max(x) * x[0] - min(x[::-1]) * x[2]


@case(np.array([np.nan, 1.0, 2.0]))
def largest_in_python_with_nan_first(x):
    return 1.0 if np.isnan(max(x)) else x[1]


@case(np.full(3, np.nan))
def largest_of_nan_alone(x):
    return 1.0 if np.isnan(np.nanmax(x)) and np.isnan(np.nanmin(x)) else 2.0


@case(V)
def parts_of_infinity(x):
    big = len(x) * np.inf
    return x[0] * (np.modf(big)[0] + math.modf(-big)[0] + 1.0) + math.modf(x[2])[0] * math.modf(x[2])[1]


@case(1.3)
def step_of_one_point(x):
    points, step = np.linspace(x, 2 * x, num=1, retstep=True)
    return points[0] if np.isnan(step) else 2.0


@case(1.3)
def single_precision_of_a_constant(x):
    return x * float(np.float32(0.1))


@case(V)
def stop_gradient_then_written(x):
    y = x * 1.0
    z = stop_gradient(y)
    y[0] = 5.0
    return np.sum(z * x)


@case(V)
def stop_gradient_written(x):
    z = stop_gradient(x)
    z[0] = 5.0
    return np.sum(z) + x[0]


@case(V)
def stop_gradient_of_a_list_that_grows(x):
    squares = []
    for v in x:
        squares.append(v * v)
    q = stop_gradient(squares)
    squares.append(5.0)
    return len(q) * x[1]


@case(V)
def stop_gradient_of_a_view_then_written(x):
    y = x * 1.0
    q = stop_gradient(np.broadcast_to(y, (2, 4)))
    y[0] = 5.0
    return q[0, 0] * x[1]


BIG, SIGNED = np.array([2**40], np.uint64), np.array([2**40 + 1])


@case(1.3, BIG, SIGNED)
def integers_with_and_without_sign(x, a, b):
    return x * np.sum(a * b) + x * (a[0] - b[0]) + (a + b)[0] / 3


@case(3.7, 1.3)
def power_in_double_precision(x, y):
    single = np.float32(x * 0.0 + 5.3)
    return y * np.float_power(single, 2) + np.float64(single) ** 2


@case(1.3, np.array([1, 3, 0, 2]))
def floor_of_integers(x, k):
    return x * (np.floor(k)[0] // 2 + np.ceil(k)[1] // 2 + np.trunc(k)[1] / 2)


@case(V)
def logarithms_of_sums_of_nothing(x):
    nothing = np.logaddexp(-np.inf, x[2] - np.inf)
    return np.logaddexp(x[0], nothing) + np.logaddexp2(x[1], nothing)


@case(V, 3)
def bound_by_an_argument_until_it_stays(x, n):
    p = x
    for _ in range(n):
        new = x * p + x
        if new[0] < -100.0:
            break
        p = new
    return np.sum(new)


@case(V)
def many_sums_that_start_whole(x):
    a = b = c = d = e = f = g = h = i = j = k = l = m = 0
    for v in x:
        a += v
        b += v
        c += v
        d += v
        e += v
        f += v
        g += v
        h += v
        i += v
        j += v
        k += v
        l += v
        m += v
    return a + b + c + d + e + f + g + h + i + j + k + l + m


@case(0.7, 5, 1.3, argnums=(0, 2))
def parameters_named_like_functions(x, range, max):
    s = 0.0
    for i in np.arange(range):
        s = math.sin(s + x) if s < max else s
    return s * max


def joined(x, w, b):
    return x * w + b


@case(1.3, 0.4, argnums=(0, 1))
def arguments_from_a_dict(x, k):
    p = {"w": x, "b": k}
    return joined(2.0, **p) + joined(b=x, **{"x": k, "w": 3.0})


@case(np.array([1.0, 2.0, 4.0]))
def rows_of_numbers_and_arrays(x):
    return np.linalg.det(np.array([[1.0, 1.0, 1.0], x, x * x]))


@case(V, N)
def a_guard_for_numbers(x, h):
    if np.isscalar(h):
        h = np.array([h])
    return np.sum(np.dot(h, x[:3]))


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Flag(enum.IntFlag):
    READ = 4


class Share(float, enum.Enum):
    HALF = 0.5


@case(1.3, 2)
def members_of_an_enumeration(x, k):
    return x * Level.HIGH * Flag.READ * Share.HALF if k == Level.HIGH else x


@case(N)
def a_slice_broadcast(a):
    wide, _ = np.broadcast_arrays(a[:, :1], a)
    return np.sum(np.broadcast_to(a[:1], a.shape) * a * wide)


@case(V, 0.3)
def root_of_a_difference(x, y):
    return math.sqrt(x[0] * x[0] - y * y + 1.0) + math.sqrt(x[2] * x[2] - 0.5)
