"""Functions that srcdiff refuses, each for one construct, with the arguments that lead to it."""

# Refused code is wrong on purpose.
# ruff: noqa
# mypy: ignore-errors

from __future__ import annotations

import contextlib
import functools
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import scipy.special

X = np.array([0.5, 1.5, 2.5])
M = np.arange(6.0).reshape(2, 3) + 1.0
WEIGHTS = SimpleNamespace(w=np.array([1.0, 2.0, 3.0]), b=0.5)
STEPS = [1.0, 2.0]


@dataclass(frozen=True)
class Case:
    """A function, how it is called, and how it is asked for its gradient.

    `about_call` says that the fault lies in the call, so that a `TypeError` like Python's own is right.
    """

    name: str
    function: Any
    args: tuple[Any, ...]
    keywords: dict[str, Any] = field(default_factory=dict)
    argnums: Any = 0
    about_call: bool = False


CASES: list[Case] = []


def refused(*args: Any, argnums: Any = 0, about_call: bool = False, **keywords: Any) -> Callable[..., Any]:
    """Put the function below into the table."""

    def keep(function: Any) -> Any:
        CASES.append(Case(function.__name__, function, args, keywords, argnums, about_call))
        return function

    return keep


def refused_object(name: str, function: Any, *args: Any, argnums: Any = 0, about_call: bool = False) -> None:
    CASES.append(Case(name, function, args, {}, argnums, about_call))


# ------------------------------------------------------------------------------------------ statements


@refused(1.5)
def generator_function(x):
    for k in range(3):
        yield x * k


@refused(1.5)
def yield_from(x):
    yield from (x, x)


@refused(1.5)
def generator_in_a_variable(x):
    terms = (x**k for k in range(3))
    s = 0.0
    for t in terms:
        s += t
    return s


@refused(1.5)
def try_except(x):
    try:
        y = 1.0 / x
    except ZeroDivisionError:
        y = 0.0
    return y


@refused(1.5)
def try_finally(x):
    try:
        y = x * x
    finally:
        y = x
    return y


@refused(1.5)
def with_block(x):
    with contextlib.suppress(ValueError):
        x = math.sqrt(x)
    return x


@refused(1.5)
def class_inside(x):
    class Point:
        value = 2.0

    return x * Point.value


@refused(1.5)
def global_write(x):
    global COUNTER
    COUNTER = x
    return x * COUNTER


@refused(1.5)
def nonlocal_write(x):
    total = 0.0

    def add(y):
        nonlocal total
        total += y

    add(x)
    return total


@refused(1.5, 1)
def match_statement(x, mode):
    match mode:
        case 1:
            return x * x
        case _:
            return x


@refused(1.5)
def attribute_write(x):
    WEIGHTS.b = x
    return x * x


@refused(1.5)
def attribute_augmented(x):
    WEIGHTS.b += x
    return x * x


@refused(X)
def del_item(x):
    values = [x[0], x[1]]
    del values[0]
    return values[0]


@refused(1.5)
def name_deleted_and_read(x):
    y = x * x
    del y
    return y


@refused(M, M)
def augmented_matmul(a, b):
    a @= b
    return np.sum(a)


@refused(1.5)
def nested_function_with_decorator(x):
    @functools.lru_cache
    def square(y):
        return y * y

    return square(x)


@refused(1.5)
def async_nested_function(x):
    async def f(y):
        return y

    return x


def writes_and_compares(a):
    a[0] = a[0] * 0.5
    return a[0] > 0.1


@refused(X)
def while_condition_writes(x):
    a = x.copy()
    s = 0.0
    while writes_and_compares(a):
        s += a[0]
    return s


# ----------------------------------------------------------------------------------------- expressions


@refused(1.5, 3)
def dict_comprehension(x, n):
    d = {k: x * k for k in range(n)}
    return d[2]


@refused({"w": 1.5})
def dict_written(parameters):
    parameters["w"] = 2.0 * parameters["w"]
    return parameters["w"] ** 2


@refused({"w": 1.5})
def dict_without_the_key(parameters):
    return parameters["v"] ** 2


@refused(1.5)
def dict_that_grows(x):
    d = {}
    d.setdefault("a", x)
    return d["a"]


@refused(1.5)
def set_literal(x):
    return sum({x, 2.0})


@refused(1.5)
def set_comprehension(x):
    return sum({x * k for k in range(3)})


@refused(1.5)
def f_string(x):
    name = f"{x:.3f}"
    return x * len(name)


@refused(1.5)
def complex_result(x):
    return x * 2.0j


@refused(1.5)
def math_of_complex(x):
    return abs(math.exp(1j * x))


@refused(1.5)
def complex_comparison(x):
    return x if 1j * x > 1.0 else -x


@refused(1.5)
def maximum_of_complex(x):
    return abs(np.maximum(1j * x, 2.0))


@refused(1.5)
def float_of_complex(x):
    return float(1j * x)


@refused(1.5)
def integer_of_complex(x):
    return x * int(1j * x)


@refused(1.5)
def rounded_complex(x):
    return np.round(1j * x).real


@refused(1.5)
def remainder_of_complex(x):
    return ((1j * x) % 2.0).real


@refused(X)
def complex_into_real_array(x):
    y = np.zeros(3)
    y[0] = 1j * x[0]
    return y[0]


@refused(X)
def complex_slice_into_real_array(x):
    y = np.zeros(3)
    y[:] = 1j * x
    return y[0]


@refused(X)
def write_into_real_part(x):
    z = 1j * x
    z.real[0] = 1.0
    return abs(z[0])


@refused(X)
def real_of_complex_array(x):
    return np.sum((1j * x).astype(float))


@refused(X)
def sorted_complex(x):
    return np.sort(1j * x)[0].imag


@refused(X)
def largest_complex(x):
    return np.max(1j * x).imag


@refused(X)
def covariance_of_complex(x):
    return abs(np.cov(1j * x))


@refused(X)
def correlation_of_complex(x):
    return np.sum(np.correlate(1j * x, 1j * x)).real


@refused(X)
def real_if_close(x):
    return np.sum(np.real_if_close(1j * x))


@refused(M)
def eigenvalues_of_complex(m):
    return np.sum(np.linalg.eigvalsh(m + 1j * m))


@refused(M)
def singular_values_of_complex(m):
    return np.linalg.norm(m + 1j * m, 2)


@refused(X)
def truth_of_array(x):
    if x > 1.0:
        return x[0]
    return x[1]


@refused(X)
def not_of_array(x):
    if not x:
        return 0.0
    return x[0]


@refused(1.5, 1.5)
def is_between_values(x, y):
    return x if x is y else y


@refused(X)
def is_between_arrays(x):
    y = x
    return x[0] if y is x else x[1]


@refused(1.5)
def text_compared_by_order(x):
    return x if "a" < "b" else -x


@refused(1.5)
def number_plus_text(x):
    return x + "1"


@refused(1.5)
def power_as_in_mathematics(x):
    return x ^ 2


@refused(1.5)
def double_starred_call(x):
    options = (1.0, 2.0)
    return square_of(**options)


@refused(1.5)
def undefined_name(x):
    return x * undefined_factor


@refused(1.5)
def read_before_bound(x):
    y = z * x
    z = 1.0
    return y


@refused(1.5)
def attribute_of_number(x):
    return x.value


@refused(X)
def unknown_attribute_of_array(x):
    return x.mass


@refused(1.5)
def attribute_of_module_missing(x):
    return np.no_such_function(x)


@refused(1.5)
def list_from_outside(x):
    steps = STEPS
    steps[0] = x
    return x * STEPS[0]


@refused(1.5)
def index_into_number(x):
    return x[0]


@refused(1.5)
def slice_of_a_function(x):
    return math.sin[0] * x


@refused(X, 1)
def tuple_at_variable_index(x, k):
    parts = (x, x * 2.0)
    return np.sum(parts[k])


@refused(1.5)
def tuple_index_out_of_range(x):
    parts = (x, x * x)
    return parts[2]


@refused(1.5)
def unpacking_too_many(x):
    a, b = x, x, x
    return a


@refused(1.5)
def unpacking_a_number(x):
    a, b = x
    return a * b


# ------------------------------------------------------------------------------------- arrays and lists


@refused(1.5)
def list_insert(x):
    values = [x]
    for k in range(3):
        values.insert(0, x**k)
    return values[0]


@refused(1.5)
def list_sorted_backwards(x):
    values = [x * k for k in range(3)]
    values.sort(reverse=True)
    return values[0]


@refused(1.5)
def list_with_two_names(x):
    values = []
    others = values
    for k in range(3):
        values.append(x**k)
    return sum(others)


@refused(1.5)
def list_that_a_call_passes_on(x):
    values = [x]
    others = itself(values)
    values.append(x * x)
    return sum(others)


def itself(values):
    return values


@refused(1.5)
def list_stored_into_under_another_name(x):
    values = [x, 2.0]
    others = itself(values)
    others[0] = 5.0
    return values[0]


@refused(1.5)
def list_with_another_name_before_a_loop(x):
    values = []
    for k in range(3):
        values.append(x**k)
    others = itself(values)
    total = 0.0
    for k in range(3):
        total += sum(others)
        values.append(x)
    return total


@refused(1.5)
def list_that_grows_while_a_call_has_it(x):
    values = [x]

    def add(item):
        values.append(item)

    return length_after(add, values) * x


def length_after(add, values):
    add(1.0)
    return len(values)


@refused(1.5)
def list_of_one_memory_again_and_again(x):
    table = np.full((2, 2), x)
    rows = []
    for k in range(3):
        table[0, 0] += 1.0
        rows.append(table.ravel())
    return np.sum(np.array(rows))


@refused(1.5)
def array_read_where_an_item_taken_out_was_written(x):
    row = np.full(3, x)
    rows = []
    for k in range(2):
        rows.append(row)
    last = rows.pop()
    last += 1.0
    return np.sum(row)


@refused(1.5)
def list_of_an_array_that_may_be_another(x):
    row, other = np.full(3, x), np.zeros(3)
    which = row if x > 1.0 else other
    rows = []
    for k in range(2):
        rows.append(which)
    row[0] = 9.0
    return np.sum(np.array(rows))


@refused(1.5)
def list_that_a_call_makes_grow(x):
    values = []
    for k in range(3):
        with_item(values, x**k)
    return sum(values)


def with_item(values, item):
    values.append(item)


@refused(1.5)
def list_that_grows_in_a_loop_over_it(x):
    values = [x]
    for value in values:
        if len(values) < 5:
            values.append(value * x)
    return sum(values)


@refused(1.5)
def list_read_where_it_has_grown_since(x):
    values = []
    for k in range(3):
        values.append(x**k)
        others = itself(values)
        values.append(x)
        x = x + sum(others)
    return x


@refused(1.5, 3)
def list_of_tuples_that_grows(x, n):
    values = []
    for k in range(n):
        values.append((x, np.ones(2)))
    return values[0][0]


@refused(1.5)
def list_of_one_array_again_and_again(x):
    row = np.full(3, x)
    rows = []
    for k in range(3):
        row *= 2.0
        rows.append(row)
    return np.sum(np.array(rows))


@refused(1.5)
def list_of_an_array_that_is_changed_afterwards(x):
    rows = []
    for k in range(3):
        row = np.full(3, x)
        rows.append(row)
        row[k] = 5.0
    return np.sum(np.array(rows))


@refused(1.5)
def list_of_arrays_changed_by_the_next_trip(x):
    row = np.full(3, x)
    rows = []
    for k in range(3):
        row[k] = 5.0
        row = row + 1.0
        rows.append(row)
    return np.sum(np.array(rows))


@refused(1.5, 3)
def list_of_arrays_of_other_lengths(x, n):
    rows = []
    for k in range(n):
        rows.append(np.full(k, x))
    return np.sum(rows[2])


@refused(1.5)
def list_made_in_a_loop_and_read_behind_it(x):
    for k in range(3):
        values = []
        for j in range(k):
            values.append(x)
    return sum(values)


@refused(1.5)
def tuple_item_added_to(x):
    values = (x, x)
    values[0] += 1.0
    return values[0]


@refused(X, 1.0)
def float_index(x, k):
    return x[k]


@refused(X)
def float_index_constant(x):
    return x[1.0]


@refused(X, X)
def array_of_floats_as_index(x, k):
    return np.sum(x[k])


@refused(X)
def too_many_indices(x):
    return x[0, 1]


@refused(X)
def text_as_index(x):
    return x["a"]


@refused(1.5)
def shapes_do_not_fit(x):
    a = np.array([x, x])
    b = np.array([x, x, x])
    return np.sum(a * b)


@refused(1.5)
def shape_of_store_does_not_fit(x):
    a = np.zeros(3)
    a[:] = np.array([x, x])
    return np.sum(a)


@refused(X, M)
def matrix_stored_into_vector(x, m):
    y = x.copy()
    y[:] = m
    return np.sum(y)


@refused(X, M)
def matrix_added_to_vector_in_place(x, m):
    y = x.copy()
    y += m
    return np.sum(y)


@refused(X)
def array_stored_into_element(x):
    y = np.zeros(3)
    y[0] = x
    return y[0]


@refused(X)
def array_added_to_element(x):
    y = np.zeros(3)
    y[0] += x
    return y[0]


@refused(X)
def text_stored_into_element(x):
    y = np.zeros(3)
    y[0] = "a"
    return x[0]


@refused(1.5)
def matmul_of_numbers(x):
    return x @ x


@refused(X)
def ragged_array(x):
    a = np.array([[x[0], x[1]], [x[2]]])
    return a[0, 0]


@refused(X, 0)
def variable_axis(x, axis):
    return np.sum(np.sum(x, axis=axis))


@refused(X)
def axis_out_of_range(x):
    return np.sum(x, axis=1)


@refused(X)
def where_with_condition_alone(x):
    return np.sum(np.where(x > 1.0))


@refused(X)
def array_method_astype_complex(x):
    return x.astype(complex)[0]


@refused(X)
def object_dtype(x):
    y = np.zeros(3, dtype=object)
    y[0] = x[0]
    return y[0]


@refused(1.5)
def max_over_nothing(x):
    return x * max([])


@refused(1.5)
def min_over_empty_tuple(x):
    return min(()) * x


@refused(X, True)
def two_arrays_one_written(x, flag):
    a = x.copy()
    b = x * 2.0
    c = a if flag else b
    c[0] = 5.0
    return a[0] + b[0]


@refused(X, True)
def alias_by_branch_then_written(x, flag):
    a = x * 2.0
    b = x * 3.0
    if flag:
        c = a
    else:
        c = b
    a[0] = 1.0
    return c[0]


@refused(X, 2.0 * X, True)
def part_of_either_of_two_arrays_written(x, y, flag):
    if flag:
        v = x[:2]
    else:
        v = y[1:]
    v[0] = 2.0
    return np.sum(v)


@refused(M, 2)
def view_changes_from_trip_to_trip(m, n):
    row = m[0]
    s = 0.0
    for i in range(n):
        s += row[0]
        row = m[i]
    return s


@refused(M)
def view_or_array_written_behind_loop(m):
    row = m[0]
    for i in range(len(m) - 2):
        row = row * m[i]
    row[0] = 1.0
    return row.sum()


@refused(M)
def array_behind_a_view_written_in_loop(m):
    row = m[0]
    s = 0.0
    for i in range(len(m)):
        m[i, 0] = 2.0
        s += row[0]
        row = row * 0.5
    return s


@refused(X)
def reshaped_view_after_write(x):
    m = x.copy()
    v = m[1:].reshape(2, 1)
    m[1] = 7.0
    return v[0, 0]


@refused(M)
def ravel_written(m):
    a = m.copy()
    v = a[0, ::2].ravel()
    v[0] = 7.0
    return a[0, 0]


@refused(X, 3)
def part_first_named_in_loop(x, n):
    for i in range(n):
        y = x[i:]
    return np.sum(y)


@refused(1.5, True)
def number_or_array(x, flag):
    if flag:
        y = x
    else:
        y = np.array([x, x])
    return np.sum(y)


@refused(1.5, True)
def number_or_none(x, flag):
    y = None
    if flag:
        y = x
    return y * 2.0


@refused(1.5, True)
def one_of_two_functions(x, flag):
    f = math.sin if flag else math.cos
    return f(x)


@refused(X, 3)
def tuple_that_grows_in_loop(x, n):
    parts = ()
    for i in range(n):
        parts = parts + (x[i],)
    return parts[0]


# --------------------------------------------------------------------------------------- loops over things


@refused(1.5)
def loop_over_number(x):
    s = 0.0
    for v in x:
        s += v
    return s


@refused(1.5)
def loop_over_text(x):
    s = 0.0
    for c in "abc":
        s += x
    return s


@refused(1.5)
def enumerate_kept(x):
    pairs = enumerate([x, x])
    s = 0.0
    for k, v in pairs:
        s += k * v
    return s


@refused(1.5, 5)
def range_of_float(x, n):
    s = 0.0
    for k in range(x):
        s += k
    return s


# --------------------------------------------------------------------------------------------------- calls


def square_of(y):
    return y * y


@refused(1.5)
def recursive_lambda(x):
    f = lambda y, n: y if n == 0 else f(y, n - 1)
    return f(x, 3)


@refused(1.5)
def star_args(x, *rest):
    return x


@refused(1.5)
def star_keywords(x, **options):
    return x


@refused(1.5)
def lambda_with_star(x):
    f = lambda *ys: ys[0] * ys[1]
    g = lambda **ys: x
    return f(x, x) + g(a=x)


@refused(1.5)
def hermitian_fft_of_active(x):
    return np.fft.hfft(np.array([x, x]))[0]


@refused(M)
def linalg_full_svd(m):
    return np.sum(np.linalg.svd(m)[0])


@refused(M)
def linalg_lstsq_rank(m):
    return np.linalg.lstsq(m, m[:, 0])[2] * m[0, 0]


@refused(M)
def linalg_eig(m):
    return np.sum(np.linalg.eig(m @ m.T)[0].real)


@refused(M, 2)
def linalg_power(m, n):
    return np.sum(np.linalg.matrix_power(m @ m.T, n))


@refused(X, X * 2.0, 3, argnums=(0, 1))
def array_of_the_last_trip_written(a, c, n):
    b = a.copy()
    for _ in range(n):
        b[0] = 5.0
        b = c
    return np.sum(b * b) + np.sum(a * c)


@refused(X, X * 2.0, 3)
def array_that_a_loop_left_written(a, c, n):
    b = a.copy()
    for _ in range(n):
        b = c
    b[0] = 5.0
    return np.sum(b * b) + np.sum(a * c)


@refused(X)
def unknown_builtin(x):
    return x[0] * len(ascii(x))


@refused(1.5)
def eval_call(x):
    return eval("x * x")


@refused(1.5)
def getattr_call(x):
    return getattr(math, f"s{x}")(x)


@refused(1.5)
def open_call(x):
    return x * len(open("file").read())


@refused(1.5)
def call_of_a_number(x):
    return x(2.0)


@refused(1.5)
def call_of_a_class(x):
    return Holder(x).value


class Holder:
    def __init__(self, value):
        self.value = value

    def area(self, x):
        return self.value * x


class Callable_:
    def __call__(self, x):
        return x * x


holder = Holder(2.0)
callable_object = Callable_()
compiled_away = eval("lambda y: y * y")


@functools.lru_cache
def cached(y):
    return y * y


def twice(function):
    @functools.wraps(function)
    def wrapper(*args):
        return 2.0 * function(*args)

    return wrapper


@twice
def doubled(y):
    return y * y


def hidden_generator(y):
    yield y


@refused(1.5)
def call_without_source(x):
    return compiled_away(x)


@refused(1.5)
def call_of_cached_function(x):
    return cached(x)


@refused(1.5)
def call_of_decorated_function(x):
    return doubled(x)


@refused(1.5)
def call_of_generator(x):
    return sum(hidden_generator(x))


@refused(1.5)
def too_many_arguments_inside(x):
    return square_of(x, x)


@refused(1.5)
def missing_argument_inside(x):
    return square_of()


@refused(1.5)
def unknown_keyword_inside(x):
    return square_of(x, scale=2.0)


@refused(1.5)
def repeated_keyword_inside(x):
    return square_of(x, y=2.0)


@refused(1.5)
def math_with_keyword(x):
    return math.sin(x=x)


@refused(1.5)
def math_with_two_arguments(x):
    return math.sin(x, x)


@refused(X)
def unknown_keyword_of_numpy(x):
    return np.sum(x, where=x > 1.0)


@refused(X)
def math_on_array(x):
    return np.sum(math.sin(x))


@refused(X)
def float_of_array(x):
    return float(x)


@refused(1.5)
def super_call(x):
    return super().area(x)


# -------------------------------------------------------------------------------- results and arguments


@refused(X)
def array_result(x):
    return x * 2.0


@refused(1.5)
def tuple_result(x):
    return x, x * x


@refused(1.5)
def no_result(x):
    y = x * x


@refused(1.5)
def integer_result(x):
    return int(x)


@refused(1.5)
def boolean_result(x):
    return x > 1.0


@refused(1.5)
def text_result(x):
    return "x"


@refused(1.5)
def function_result(x):
    return lambda y: x * y


@refused(1.5)
def result_on_some_paths(x):
    if x > 1.0:
        return x


@refused(1.5)
def results_of_two_kinds(x):
    if x > 1.0:
        return x
    return x, x


@refused(3)
def integer_argument(n):
    return n * 2.0


@refused(True)
def boolean_argument(flag):
    return 2.0 if flag else 1.0


@refused(np.arange(3))
def integer_array_argument(k):
    return np.sum(k) * 0.5


@refused("abc", 1.5)
def text_argument(mode, x):
    return x


@refused((1.5, 2))
def tuple_with_an_integer(pair):
    return pair[0] * pair[1]


@refused(None, 1.5)
def none_argument(x, y):
    return y


@refused(math.sin, 1.5)
def function_argument(f, x):
    return f(x)


@refused(1.5 + 2.0j)
def complex_argument(z):
    return abs(z)


@refused(np.array([1.0 + 2.0j]))
def complex_array_argument(z):
    return abs(z[0])


@refused([1.5, 2.5])
def list_argument(x):
    return x[0] * x[1]


@refused(holder)
def object_argument(thing):
    return thing.value**2


@refused(np.array([1.5, None], dtype=object))
def object_array_argument(x):
    return x[0]


@refused(np.array(["a", "b"]))
def text_array_argument(x):
    return 1.0


@refused(np.array([1.5], dtype=np.float16))
def half_precision_argument(x):
    return x[0] * x[0]


@refused(np.array([(1.5, 2)], dtype=[("w", float), ("n", int)]))
def record_array_argument(x):
    return x["w"][0]


@refused(np.ma.array([1.5, 2.5], mask=[True, False]))
def masked_array_argument(x):
    return x[0]


@refused(1.5, argnums="w", about_call=True)
def unknown_parameter_name(x):
    return x * x


@refused(1.5, argnums=1, about_call=True)
def argnums_out_of_range(x):
    return x * x


@refused(1.5, argnums=1.0, about_call=True)
def argnums_of_wrong_type(x):
    return x * x


@refused(1.5, argnums=(), about_call=True)
def argnums_empty(x):
    return x * x


@refused(1.5, 2.0, about_call=True)
def too_many_arguments(x):
    return x * x


@refused(1.5, about_call=True)
def missing_argument(x, y):
    return x * y


@refused(1.5, z=2.0, about_call=True)
def unknown_keyword(x, y=1.0):
    return x * y


@refused(1.5, x=2.0, about_call=True)
def argument_given_twice(x, y=1.0):
    return x * y


# ------------------------------------------------------------------- what would be silently wrong if accepted


@refused(1.5)
def list_times_number(x):
    values = [x * k for k in range(3)]
    return (values * 2)[4]


@refused(1.5)
def list_plus_list(x):
    values = [x * k for k in range(1, 4)]
    return (values + values)[0]


@refused(1.5, True)
def invert_of_bool(x, flag):
    return x * (~flag)


@refused(X)
def operand_that_writes_what_is_read(x):
    a = x.copy()

    def clear():
        a[0] = 0.0
        return 2.0

    return np.sum((a * 1.0) * clear())


@refused(1.5)
def list_seen_under_two_names(x):
    a = [x]
    b = a
    a += [x * x]
    return sum(b)


# ----------------------------------------------------------------------------------- what is differentiated


async def coroutine(x):
    return x


refused_object("async_function", coroutine, 1.5)
refused_object("builtin_as_function", abs, 1.5)
refused_object("math_function", math.sin, 1.5)
refused_object("numpy_ufunc", np.sin, 1.5)
refused_object("numpy_function", np.sum, X)
refused_object("class_as_function", Holder, 1.5)
refused_object("cached_function", cached, 1.5)
refused_object("decorated_function", doubled, 1.5)
refused_object("function_without_source", compiled_away, 1.5)
refused_object("result_instead_of_function", square_of(2.0), 1.5)
refused_object("generator_object", hidden_generator, 1.5)


# ------------------------------------------------------------------------------- keywords and modes of NumPy


@refused(X)
def pad_mode(x):
    return np.sum(np.pad(x, 1, mode="linear_ramp"))


@refused(X)
def interp_period(x):
    return np.interp(1.0, x, x, period=2.0)


@refused(X)
def quantile_method(x):
    return np.quantile(x, 0.3, method="weibull")


@refused(X)
def take_mode(x):
    return np.sum(np.take(x, np.array([5, 6]), mode="wrap"))


@refused(M)
def axis_not_constant(m):
    total = 0.0
    for k in range(2):
        total += np.sum(np.sum(m, axis=k) ** 2)
    return total


@refused(M)
def reshape_in_the_order_of_memory(m):
    return np.reshape(m, (3, 2), order="A")[0, 1]


@refused(M)
def einsum_of_lists(m):
    return np.sum(np.einsum(m, [0, 1], [1, 0]))


@refused(M)
def einsum_subscripts(m):
    return np.sum(np.einsum("ijk->i", m))


@refused(X)
def ufunc_reduceat(x):
    return np.sum(np.add.reduceat(x, [0, 2]))


@refused(X)
def ufunc_where(x):
    return np.sum(np.add(x, 1.0, where=x > 1.0))


@refused(X)
def out_of_integers(x):
    y = np.zeros(3, dtype=np.int64)
    np.cumsum(x, out=y)
    return np.sum(y) * x[0]


@refused(X)
def out_of_other_dimensions(x):
    y = np.zeros((3, 3))
    np.cumsum(x, out=y)
    return np.sum(y)


@refused(X)
def histogram_bins(x):
    return np.histogram(x, bins="auto")[0][0] * x[0]


@refused(X)
def delete_several(x):
    return np.sum(np.delete(x, [0, 1]))


@refused(M)
def joined_of_different_dimensions(m):
    return np.sum(np.concatenate((m, m[0])))


@refused(X)
def split_into_a_number_not_constant(x):
    n = 0
    for _ in range(3):
        n += 1
    return np.sum(np.split(x, n)[0])


@refused(X)
def polygamma_of_high_order(x):
    return scipy.special.polygamma(70, x[0])


@refused(X)
def special_function_not_known(x):
    return scipy.special.airy(x[0])[0]


@refused(X)
def apply_along_axis(x):
    return np.sum(np.apply_along_axis(np.cumsum, 0, x))


@refused(X)
def numbers_of_numpy(x):
    return x[0] if isinstance(x[0], np.floating) else x[1]


@refused(X)
def attribute_of_numbers_of_numpy(x):
    return x[0] if hasattr(x[0], "dtype") else x[1]


@refused(X)
def part_in_a_tuple_bound_in_some_trips(x):
    for i in range(3):
        if x[i] < 0.5:
            pair = x[i:], x[0]
    return pair[0][0] * pair[1]


def first_small(x):
    for i in range(3):
        if x[i] < 0.5:
            return x[i:]
    return x


@refused(X)
def part_returned_from_a_loop(x):
    return np.sum(first_small(x))


@refused(1.5)
def import_of_another_module(x):
    import tests.truth as t

    return t.real(x)


@refused(1.5)
def import_of_everything(x):
    from . import truth

    return truth.real(x)


@refused(M)
def starred_assignment_of_matrix(x):
    first, *rest = x
    return np.sum(first)


@refused(1.5, True)
def identical_booleans(x, flag):
    return x * 2.0 if flag is True else x


@refused(X)
def sum_of_booleans(x):
    return (x[0] > 1.0) + (x[1] > 1.0) + x[2]


@refused(X)
def difference_of_masks(x):
    return np.sum(x * ((x > 1.0) - (x > 2.0)))


@refused(X)
def integers_changed_by_floats(x):
    k = np.arange(3)
    k *= 2.5
    return np.sum(x * k)


@refused(1.5, "a")
def comparison_of_f_string(x, mode):
    return x if f"{x}" == mode else 2.0 * x


@refused(X)
def slice_with_step_zero(x):
    return np.sum(x[::0])


@refused(X)
def integer_of_more_than_64_bits(x):
    k = len(x)
    return x[0] * (k % 2**64)


def bumped(v):
    v *= 1.5
    return v[0]


@refused(X)
def running_comparison(x):
    return np.sum(np.greater.accumulate(x) * x)


@refused([{"w": 2.0}, {"w": 3.0}], np.ones(2))
def enumerate_of_a_zip_of_dicts_and_an_array(layers, x):
    s = 0.0
    for k, (layer, v) in enumerate(zip(layers, x)):
        s += layer["w"] * v * k
    return s
