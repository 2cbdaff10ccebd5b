"""Constructs at the border: each is refused, or gives what Python gives. Many were once silently wrong."""

# Odd code is the point.
# ruff: noqa
# mypy: ignore-errors

from __future__ import annotations

import math

import numpy as np

from tests.rejections.programs import Case, bumped, square_of, writes_and_compares

X = np.array([0.5, 1.5, 2.5])
M = np.arange(6.0).reshape(2, 3) + 1.0
S = np.arange(9.0).reshape(3, 3) * 0.3 + 0.1
T = np.cos(S)
TABLE = {"a": 1.5}
ACCEPTED: list[Case] = []


def case(*args, argnums=0):
    """Put the function below into the table, once for each time this is written."""

    def keep(function):
        name = function.__name__
        again = sum(known.name.startswith(name) for known in ACCEPTED)
        ACCEPTED.append(Case(f"{name}_{again}" if again else name, function, args, {}, argnums))
        return function

    return keep


@case(1.5)
def getattr_call(x):
    return getattr(math, "sin")(x)


@case(1.5)
def dict_literal(x):
    d = {"a": x, "b": 2.0}
    return d["a"] * d["b"]


@case(1.5)
def dict_comprehension(x):
    d = {k: x * k for k in range(3)}
    return d[2]


@case(1.5)
def dict_from_outside(x):
    return x * TABLE["a"]


@case(1.5)
def loop_over_dict(x):
    s = 0.0
    for key in TABLE:
        s += x * TABLE[key]
    return s


@case(1.5)
def list_alias_iadd(x):
    a = [x]
    b = a
    a += [x * x]
    return sum(b)


@case(1.5)
def complist_times2(x):
    v = [x * k for k in range(3)]
    return (v * 2)[4]


@case(1.5)
def complist_plus(x):
    v = [x * k for k in range(1, 4)]
    w = v + v
    return w[0] + len(w)


@case(1.5, 3)
def complist_plus_len(x, n):
    v = [x * k for k in range(n)]
    return x * len(v + v)


@case(1.5, 3)
def complist_times_n(x, n):
    v = [x * (k + 1) for k in range(n)]
    return x * len(v * 2)


@case(M)
def sum_2d_dot(m):
    return np.dot(sum(m), sum(m))


@case(M)
def sum_2d_index(m):
    return sum(m)[0]


@case(1.5, 1)
def neg_int_pow(x, n):
    return x * 2 ** (-n)


@case(1.5, 2)
def neg_int_pow2(x, n):
    return x * n ** (-2)


@case(1.5, 2, -1)
def int_pow_var(x, n, k):
    return x * n**k


@case(1.5)
def linspace1(x):
    return np.linspace(0.5, x, 1)[0] * x


@case(1.5, 4)
@case(1.5, 1)
def linspace_n(x, n):
    return np.sum(np.linspace(0.5, x, n)) * x


@case(S, T)
def inner2d(m, n):
    return np.sum(np.inner(m, n) * T)


@case(S, T)
def vdot2d(m, n):
    return np.sum(np.vdot(m, n))


@case(S, T)
def outer2d(m, n):
    return np.sum(np.outer(m, n))


@case(X)
def any_floats(x):
    return x[0] if np.any(x) else x[1]


@case(X)
def all_floats(x):
    return x[0] if np.all(x - 0.5) else x[1]


@case(1.5)
def neg_bool(x):
    f = x > 1.0
    return x * -f


@case(1.5, True)
def invert_bool(x, flag):
    return x * ~flag


@case(1.5, 3)
def invert_bool_int(x, n):
    return x * ~n


@case(X)
def bool_array_sub(x):
    return np.sum(x * np.sum(x > 1.0))


@case(1.5)
def int_store(x):
    k = np.zeros(3, dtype=np.int64)
    k[0] = int(x)
    return x * k[0]


@case(1.5)
def int_full_store(x):
    k = np.full(3, 1)
    k[0] = 2
    return x * k[0]


@case(1.5)
def int_array_float_store(x):
    k = np.full(3, 1)
    k[0] = x
    return x * k[0]


@case(1.5)
def floor_div(x):
    return x * (-7 // 2) + x // 0.4


@case(1.5)
def mod_neg(x):
    return -x % 0.4


@case(1.7)
def round_it(x):
    return x * round(x) + round(x, 1)


@case(1.7)
def round_half(x):
    return x * round(2.5) * round(x)


@case(1.5)
def late_binding(x):
    k = 2.0

    def g(y):
        return y * k

    k = 3.0
    return g(x)


@case(1.5)
def default_binding(x):
    k = 2.0

    def g(y, k=k):
        return y * k

    k = 3.0
    return g(x)


@case(1.5)
def chain_assign(x):
    a = b = np.zeros(3)
    a[0] = x
    return b[0]


@case(M)
def row_write(m):
    m = m.copy()
    for row in m:
        row[0] = 1.0
    return np.sum(m * m)


@case(X)
def iter_write(x):
    a = x.copy()
    s = 0.0
    for v in a:
        s += v
        a[2] = s
    return s


@case(X)
def idx_repeat(x):
    a = np.zeros(3)
    a[np.array([0, 0, 1])] += x
    return np.sum(a * a)


@case(X)
def idx_repeat_store(x):
    a = np.zeros(3)
    a[np.array([0, 0, 1])] = x
    return np.sum(a * a)


@case(X)
def slice_overlap(x):
    a = x.copy()
    a[1:] = a[:-1]
    return np.sum(a * x)


@case(X)
def slice_overlap2(x):
    a = x.copy()
    a[1:] += a[:-1]
    return np.sum(a * x)


@case(X)
def slice_rev(x):
    a = x.copy()
    a[:] = a[::-1]
    return a[0] * x[1]


@case(X)
def swap_elems(x):
    a = x.copy()
    a[0], a[1] = (a[1], a[0])
    return a[0] * 2 + a[1] * x[1]


@case(M)
def swap_rows(m):
    a = m.copy()
    a[0], a[1] = (a[1], a[0])
    return np.sum(a[0] * 2 + a[1] * m[1])


@case(X)
def view_swap(x):
    a = x.copy()
    p = a[:2]
    q = a[1:]
    p[0], q[1] = (q[1], p[0])
    return a[0] * 2 + a[1] * x[1]


@case(M)
def max_axis(m):
    return np.sum(np.max(m, axis=0) * np.array([1.0, 2.0, 3.0]))


@case(M)
def shape_bcast(m):
    return np.sum(m * np.array([[1.0], [2.0]]))


@case(M, np.ones((2, 1)) * 2)
def bcast_runtime(m, c):
    return np.sum(m * c)


@case(1.5)
def negzero(x):
    return math.atan2(0.0 * x, -x)


@case(1.5)
def dtype32(x):
    return float(np.float32(x) * 0.1)


@case(1.5)
def tuple_cmp(x):
    return x if (x, 1.0) < (2.0, 0.0) else -x


@case(1.5)
def str_in(x):
    return x if "a" in "abc" else -x


@case(1.5, 2)
def tuple_in(x, k):
    return x * x if k in (1, 2, 3) else x


@case(1.5)
def none_arith(x, y=None):
    if y is None:
        y = 2.0
    return x * y


@case(1.5)
def global_shadow(x):
    max = x * 2
    return max


@case(1.5)
def star_call(x):
    a = (x, x * 2.0)
    return math.hypot(*a)


@case(1.5)
def walrus(x):
    return (y := (x * x)) + y


@case(1.5)
def chained(x):
    return x if 0 < x < 2 else -x


@case(1.5)
def cond_tuple(x):
    a, b = (x, 2.0) if x > 1 else (2.0, x)
    return a * a * b


@case(1.5)
def while_else(x):
    k = 0
    while k < 3:
        k += 1
        if x > 100:
            break
    else:
        x = x * 2
    return x * x


@case(1.5, 3.0)
def float_as_int_range(x, n):
    s = 0.0
    for i in range(int(n)):
        s += x * i
    return s


@case(1.5, 4)
def nested_return(x, n):
    for i in range(n):
        for j in range(n):
            if i * j > 3:
                return x * i + j
    return x


@case(1.5)
def assert_msg(x):
    assert x > 0, "positive"
    return math.log(x)


@case(1.5)
def kwonly(x, *, k=2.0):
    return x * k


@case(1.5)
def posonly(x, /, y=3.0):
    return x * y


@case(X)
def arr_truth1(x):
    return x[0] if x.any() else 0.0


@case(X)
def npfloat_kw(x):
    return np.sum(x, axis=0)


@case(X)
def sum_start(x):
    return sum(x, 1.0)


@case(1.5, np.array([1, 2, 4]))
def int_mean(x, k):
    return x * np.mean(k)


@case(1.5, np.array([1, 2, 4]))
def int_array_pow(x, k):
    return x * np.sum(k**2)


@case(1.5, np.array([1, 2, 5]))
def int_array_div(x, k):
    return x * np.sum(k / 2)


@case(1.5, np.array([200, 100], np.uint8))
def u8(x, k):
    return x * (k[0] + k[1])


@case(1.5, np.array([100, 200], np.uint8))
def u8neg(x, k):
    return x * (k[0] - k[1])


@case(1.5, np.array([100000, 100000], np.int32))
def i32(x, k):
    return x * (k[0] * k[1])


@case(X.astype(np.float32), X)
def f32mix(x, y):
    return np.sum(x * y)


@case(1.5, np.array([1], np.uint64))
def uint_neg(x, k):
    return x * -k[0]


@case(X, X[::-1].copy())
def argsort_pass(x, w):
    idx = np.argsort(w)
    return np.sum(x[idx] * w)


@case(np.zeros(0))
def empty_arr(x):
    return np.sum(x)


@case(1.5)
def maxmin_builtin_list(x):
    return max([x, 2.0, x * x])


@case(X)
def minmax_arr(x):
    return min(x) * max(x)


@case(X, X[:2].copy())
def zip3(x, y):
    s = 0.0
    for a, b in zip(x, y):
        s += a * b
    return s


@case(1.5)
def divmod_(x):
    q, r = divmod(x, 0.4)
    return q * r


@case(1.5)
def while_float(x):
    while x > 0.1:
        x *= 0.5
    return x


@case(X)
def neg_step(x):
    s = 0.0
    for i in range(2, -1, -1):
        s = s * x[i] + x[i]
    return s


@case(1.5)
def copysign(x):
    return math.copysign(2.0, -x) * x


@case(M)
def mat_T_write(m):
    a = m.copy()
    b = a.T
    b[0, 1] = 5.0
    return a[1, 0] * m[0, 0]


@case(X)
def arr_iadd_alias(x):
    a = x.copy()
    b = a
    a += 1.0
    return np.sum(b * b)


@case(X)
def arr_add_noalias(x):
    a = x.copy()
    b = a
    a = a + 1.0
    return np.sum(b * b)


@case(X, X)
def arg_alias(x, y):
    return np.sum(x * y)


@case(X)
def aug_scalar_elem_order(x):
    a = x.copy()

    def g():
        a[0] = 10.0
        return 1.0

    a[0] += g()
    return a[0] * x[0]


@case(X)
def eval_order(x):
    a = x.copy()

    def g():
        a[0] = 10.0
        return a[1]

    return a[0] * g() + a[0]


@case(X)
def tuple_order(x):
    a = x.copy()

    def g():
        a[0] = 10.0
        return a[1]

    p = (a[0], g(), a[0])
    return p[0] + p[1] * p[2]


@case(X)
def view_order(x):
    a = x.copy()

    def g():
        a[0] = 10.0
        return 2.0

    return np.sum(a * g())


@case(X)
def view_order2(x):
    a = x.copy()

    def g():
        a[0] = 10.0
        return 2.0

    return np.sum(a * 1.0 * g())


@case(X)
def lazy_elementwise(x):
    a = x.copy()

    def s(v):
        a[0] = 7.0
        return np.sum(v)

    return s(a * 2.0)


@case(1.5)
def unrolled_break(x):
    s = 0.0
    for v in (1.0, 2.0, 3.0):
        if v * x > 3.0:
            break
        s += v * x
    return s


@case(X)
def mask_index(x):
    return np.sum(x[x > 1.0] * 2.0)


@case(X, X > 1.0)
def mask_given(x, mask):
    return np.sum(x[mask] ** 2)


@case(X)
def mask_of_nothing(x):
    return np.sum(x[x > 10.0]) + x[0]


@case(M, 1)
def row_of_mask(m, k):
    return np.mean(m[k][m[k] > 4.0])


@case(1.5)
def list_item_written(x):
    values = [x, x * x]
    values[0] = 1.0
    return values[0] + values[1]


@case(X)
def mask_store(x):
    y = x.copy()
    y[y > 1.0] = 0.0
    return np.sum(y)


@case(X)
def sort_of_active(x):
    return np.sort(x)[0]


@case(X)
def median(x):
    return np.median(x)


@case(M)
def linalg_solve(m):
    return np.sum(np.linalg.solve(m @ m.T, np.ones(2)))


@case(M)
def linalg_det(m):
    return np.linalg.det(m @ m.T)


def two_index_arrays(m):
    rows = np.array([0, 1])
    return np.sum(m[rows, rows])


@case(X)
def array_method_sort(x):
    y = x.copy()
    y.sort()
    return y[0]


@case(X)
def interpolation(x):
    return np.interp(1.0, x, x)


@case(M)
def einsum(m):
    return np.einsum("ij->", m)


@case(M)
def concatenate(m):
    return np.sum(np.concatenate((m, m)))


@case(X)
def ufunc_out(x):
    y = np.empty(3)
    np.sin(x, out=y)
    return np.sum(y)


@case(X)
def ufunc_reduce(x):
    return np.add.reduce(x)


@case(M, M)
def inner_of_matrices(a, b):
    return np.sum(np.inner(a, b))


@case(M, M)
def outer_of_matrices(a, b):
    return np.sum(np.outer(a, b))


def faculty(x, n):
    return x if n == 0 else x * faculty(x, n - 1)


def even(x, n):
    return x if n == 0 else odd(x, n - 1)


def odd(x, n):
    return -x if n == 0 else even(x, n - 1)


@case(1.5, 3)
def direct_recursion(x, n):
    if n == 0:
        return x
    return x * direct_recursion(x, n - 1)


@case(1.5, 3)
def recursion_of_callee(x, n):
    return faculty(x, n)


@case(1.5, 3)
def mutual_recursion(x, n):
    return even(x, n)


@case(np.arange(1.0, 7.0), 4, 0)
@case(np.arange(1.0, 7.0), -1, -9)
@case(np.arange(1.0, 7.0), 9, -4)
@case(np.arange(1.0, 7.0), 1, 3)
def slices_backwards_with_bounds(x, a, b):
    y = x.copy()
    y[a:b:-2] *= x[: len(y[a:b:-2])]
    z = y[a::-1]
    z[:] = z * x[0]
    y[:b:-3] += 1.0
    return np.sum(y * y) + np.sum(x[2:0:-1] * x[-2:-4:-1])


@case(X, 3)
@case(X, 1)
def array_first_named_in_loop(x, n):
    for i in range(n):
        y = x * i
    return np.sum(y)


@case(X)
@case(X - 1.0)
def tuple_bound_in_some_trips(x):
    for i in range(3):
        if x[i] <= 0.7:
            pair = x[i] + 1.0, x[0]
    return pair[0] * pair[1]


def newton(x):
    for _ in range(20):
        step = (x * x - 2.0) / (2.0 * x)
        x = x - step
        if np.max(np.abs(step)) < 1e-9:
            return x
    return x


@case(X)
def array_returned_from_a_loop(x):
    return np.sum(newton(x + 2.0))


@case(1.5)
def import_inside(x):
    import math as m

    return m.sin(x)


@case(1.5)
def from_import_inside(x):
    from math import sin

    return sin(x)


@case(X)
def starred_assignment(x):
    first, *rest = x
    return first


@case(1.5)
def walrus_in_while(x):
    k = 0
    while (k := k + 1) < 5:
        x = x * 0.5
    return x


@case(X)
def comprehension_with_condition(x):
    return sum([v * v for v in x if v > 1.0])


@case(M)
def comprehension_over_two(m):
    return sum([m[i, j] for i in range(2) for j in range(3)])


@case(1.5, 3)
def integer_power_behind_the_loop_where_it_is_known(x, n):
    for i in range(n):
        x = x * 2 ** (n - 1) + 2 ** (n - i - 1)
    return x * 2 ** (n - 1)


@case(X)
def array_that_becomes_complex(x):
    s = np.zeros(3)
    for k in range(4):
        s = s + x * 1j**k
    return np.sum(np.abs(s))


@case(X, 2)
def slice_with_variable_step(x, step):
    return np.sum(x[::step])


@case(X, 3)
def array_swapped_for_another_shape(x, n):
    a = x
    for i in range(n):
        a = np.outer(x, x)
    return np.sum(a)


@case(1.5, 3)
def number_becomes_array_in_loop(x, n):
    y = x
    for i in range(n):
        y = np.array([x, x])
    return np.sum(y)


@case(X)
def map_call(x):
    return sum(map(square_of, x))


@case(M)
def builtin_sum_of_matrix(m):
    return np.dot(sum(m), sum(m))


@case(1.5, 1)
def integer_to_a_negative_power(x, n):
    return x * 2**-n


@case(1.5)
def starred_in_call_of_array(x):
    return math.hypot(*np.array([x, x]))


@case(X[1:])
def sum_of_masks(x):
    return np.sum(x * ((x > 0) + (x > 3.5)))


@case(X[1:])
def gathered_by_sum_of_masks(x):
    return x[(x > 10) + (x > 3.5)].sum()


@case(X[1:])
def outer_sum_of_masks(x):
    return np.sum(x * np.add.outer(x > 0, x > 0))


@case(X[1:])
def unary_plus_is_a_copy(x):
    v = +x
    v[0] = 5.0
    return x[0] * x[1]


@case(X[1:])
def conj_is_a_copy(x):
    v = np.conj(x)
    v *= 2
    return x[0] * x[1]


@case(X[1:])
def nan_to_num_in_place(x):
    v = np.where(x > 3.5, np.inf, x)
    np.nan_to_num(v, copy=False, posinf=7.0)
    return np.sum(v * x)


@case(X[1:])
def first_matrix_power_is_the_matrix(x):
    a = np.outer(x, x)
    v = np.linalg.matrix_power(a, 1)
    v[0] = 5.0
    return a.sum()


@case(X[1:])
def default_of_lambda(x):
    y = x.copy()
    f = lambda v=y * 2: v.sum()
    y *= 10
    return f()


@case(X[1:])
def default_of_nested(x):
    y = x.copy()

    def f(i, v=np.sin(y)):
        return v[i]

    y[0] = 3 * y[1]
    return f(0)


@case(X[1:])
def sum_of_true(x):
    return x[0] * (True + True)


@case(X[1:])
def tuple_is_no_list(x):
    return x[0] * 2 if x.shape == [2] else x[0] * 3


@case(X[1:])
def array_and_tuple(x):
    return np.array([x, (1.0, 2.0)]).sum() * x[0]


@case(X[1:])
def array_and_list(x):
    return np.array([x, [x[0], 2.0]]).sum()


@case(X[1:])
def blocks_of_arrays(x):
    return np.array([[x, x], [x, 2 * x]]).sum()


@case(X)
def tolist(x):
    return sum(x.tolist())


@case(1.5, X)
def in_array(x, values):
    if x in values:
        return x
    return x * x


@case(1.5)
def item_that_is_an_array_written(x):
    rows = []
    for k in range(3):
        rows.append(np.full(3, x))
    rows[0][1] = 5.0
    return np.sum(np.array(rows))


@case(X)
def condition_writes(x):
    a = x.copy()
    if x[1] > 0.0 and writes_and_compares(a):
        return a[0]
    return a[1]


@case(X)
def any_of_what_writes(x):
    y = x.copy()
    return np.sum(y) if any(bumped(y) > 0.9 for _ in range(3)) else x[0]
