"""Where names are bound: in arms and loops, reused with other types, shadowed, deleted; tuple arguments."""

# The corpus is written the way users write.
# ruff: noqa: B018, PIE790

import math

import numpy as np

from tests.programs.table import case, numbers


def bound_in_every_arm(x, n):
    if n == 0:
        y = x * 2.0
        z = y
    elif n == 1:
        z = x * x
        y = z * x
    else:
        y, z = math.sin(x), x
    return y * z


def bound_in_one_arm_and_used_there(x, n):
    s = x
    if n > 0:
        extra = x * x
        s = s + extra
    if n > 0:
        s = s * extra
    return s


def bound_in_loop_only(x, n):
    for i in range(n):
        last = math.sin(x * i) * x
    return last * x


def bound_in_first_pass(a):
    s = 0.0
    for i in range(len(a)):
        if i == 0:
            previous = a[0]
        s += a[i] * previous
        previous = a[i]
    return s


def integer_then_float(x):
    y = 3
    z = y * x
    y = z * x
    return y * z


def scalar_then_array(x, n):
    t = x * x
    s = t
    t = np.zeros(n)
    for i in range(n):
        t[i] = s * i + x
    s = t[n - 1] * t[0]
    return s * x


def array_then_scalar(a):
    b = a * 2.0
    b = b[0] * b[1]
    a = a[2] * b
    return a * b


def index_name_reused(x, n):
    for i in range(n):
        x = x * 1.1 + i
    i = x * 0.5
    for j in range(n):
        i = i * 0.9 + j
    return i * x


def loop_variable_reused_in_nest(x, n):
    s = x
    for i in range(n):
        s = s * 0.7 + i
        for i in range(2):
            s = s + math.sin(s * i)
        s = s + i * x
    return s


def builtin_names_shadowed(x, sum, len):
    max = x * sum
    abs = max + len
    return abs * max


def underscore_names(_x, __y):
    _ = _x * __y
    _x_ = _ * _
    return _x_ + __y


def names_of_modules(x):
    np_value = x * 2.0
    range_ = np_value * x
    value, grad, tape, n = range_, np_value, x, 2
    return value * grad * tape / n


def passed_and_returned_tuple(pair):
    x, y = pair
    return x * y + x


def tuple_rebuilt(pair, n):
    for i in range(n):
        pair = (pair[1], pair[0] * pair[1] + 0.1)
    return pair[0] - 2.0 * pair[1]


def tuple_of_arrays(parts):
    a, b = parts
    s = 0.0
    for i in range(len(a)):
        s += a[i] * b[i] * b[0]
    return s


def walrus(x, n):
    s = 0.0
    for k in range(n):
        s += (y := x * k) * y
    return s


def deleted(x):
    y = x * x
    z = y * 2.0
    del y
    y = z * x
    return y + z


def print_and_strings(x, mode="square"):
    label = "power"
    label = label + "!"
    if mode == "square" and len(label) > 2:
        x = x * x
    return x * 3.0


def inactive_statements(x, a):
    order = np.argsort(a)
    found = {"k": 2, "m": 5}
    s = 0.0
    for i in range(len(order)):
        s += x * order[i]
    return s * found["k"]


def pass_and_ellipsis(x):
    pass
    ...
    "a string"
    3.0
    return x * 2.0


def conditionally_integer(x, n):
    k = n if n > 2 else n + 1
    k = -k if k % 2 else k
    return x * k + x**2


def bits_and_shifts(x, n):
    k = (n << 2) | 1
    k = (k & 7) ^ 2
    return x * k + (x if ~n & 1 else x * x) + (n >> 1) * x


def bound_in_some_trips(x):
    for i in range(len(x)):
        if x[i] < 0.5:
            m = x[i] * x[0]
            last = i
    return m * x[1] + x[last]


def bound_before_a_break(x):
    i = 0
    while True:
        if i > 0 and x[i] > 0.5:
            break
        m = x[i] * 2.0
        i += 1
        if i == len(x):
            break
    for j in range(len(x)):
        if x[j] < 0.0:
            continue
        n = m * x[j]
    return n * m


def bound_by_an_inner_loop(x):
    s = 0.0
    for i in range(len(x)):
        for j in range(len(x) - 1 - i):
            a = x[j] * x[i]
            b = a * a
        s += a
    return s * b


def ranges_of_floats(x):
    b = np.arange(4.0)
    b[1:3] = x[1:3]
    b += np.arange(0, 4.0, 1) * x
    c = np.zeros_like(np.arange(len(x) * 1.0))
    c[2] = x[2]
    return b.sum() * b[1] + c[2]


def lists_repeated_and_joined(x):
    v = [0.0] * 3
    for i in range(3):
        v[i] = x[i] * 2.0
    w = 2 * [x[0]] + [1.0]
    w[1] *= x[1]
    n = len(x)
    u = n * [0.0]
    u[1] = w[0]
    known = isinstance(v, list) and hasattr(u, "append") and not hasattr(u, "shape")
    return v[0] * v[1] + v[2] * w[1] * w[2] + (u[1] * x[3] if known else 0.0)


def attributes_that_are_there(x):
    a = x[0] if hasattr(x, "__len__") and not hasattr(x, "append") else x[1]
    b = x.T[2] if hasattr(np, "sin") else x[3]
    return a * b * getattr(x, "missing", 2.0) * (x[1] if isinstance(x[1], float) else x[2])


A, W = numbers(4, seed=71), numbers(4, seed=72)
UNEVEN = np.array([0.3, 0.9, 0.4, 0.7])
PROGRAMS = [
    case(bound_in_some_trips, (UNEVEN,)),
    case(bound_before_a_break, (UNEVEN,), (-UNEVEN[::-1] + 1.0,)),
    case(bound_by_an_inner_loop, (UNEVEN,)),
    case(ranges_of_floats, (A,)),
    case(attributes_that_are_there, (A,)),
    case(lists_repeated_and_joined, (A,)),
    case(bound_in_every_arm, (0.7, 0), (0.7, 1), (0.7, 2)),
    case(bound_in_one_arm_and_used_there, (0.7, 0), (0.7, 1)),
    case(bound_in_loop_only, (0.7, 3), (0.7, 1)),
    case(bound_in_first_pass, (A,)),
    case(integer_then_float, (0.7,)),
    case(scalar_then_array, (0.7, 3)),
    case(array_then_scalar, (A,)),
    case(index_name_reused, (0.7, 3)),
    case(loop_variable_reused_in_nest, (0.7, 3)),
    case(builtin_names_shadowed, (0.7, 0.4, -0.6), argnums=(0, 1, 2)),
    case(underscore_names, (0.7, 0.4), argnums=(0, 1)),
    case(names_of_modules, (0.7,)),
    case(passed_and_returned_tuple, ((0.7, 0.4),)),
    case(tuple_rebuilt, ((0.7, 0.4), 3)),
    case(tuple_of_arrays, ((A, W),)),
    case(walrus, (0.7, 4)),
    case(deleted, (0.7,)),
    case(print_and_strings, (0.7,)),
    case(inactive_statements, (0.7, A)),
    case(pass_and_ellipsis, (0.7,)),
    case(conditionally_integer, (0.7, 2), (0.7, 4)),
    case(bits_and_shifts, (0.7, 1), (0.7, 2)),
]
