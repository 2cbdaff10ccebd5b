"""What Python's built-in functions mean.

for k, x in enumerate(xs)    ->    Enumerated(xs, 0)
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import itertools
import math
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from ...ir import types as ty
from ...ir.core import Value
from ...ir.operators import current_builder
from ...runtime.marks import checkpoint, stop_gradient
from ..captures import cell_of
from ..describe import describe
from ..scalars import is_narrow
from ..things import (
    ArrayView,
    Elementwise,
    Enumerated,
    Formatted,
    Growing,
    ListItems,
    Nested,
    Range,
    Reversed,
    Scalar,
    Segmented,
    Slice,
    Static,
    Zipped,
    is_arraylike,
    is_list,
    is_number,
    is_scalar,
)
from ..trees import Tree, kind_of, parts_of, with_parts
from .axes import flag, is_none
from .reductions import any_all, product_of, reduction, total
from .structures import is_dict, known_items

if TYPE_CHECKING:
    from ..calls import Calls


def length(calls: Calls, thing: Any) -> Any:
    if isinstance(thing, Range):
        return range_length(calls, thing)
    if isinstance(thing, Static) and isinstance(thing.value, str):
        return len(thing.value)
    if is_dict(thing):
        return len(thing.names)
    if is_arraylike(thing) and thing.ndim == 0:
        calls.refuse("`len` of an array of no dimensions", "NumPy would raise an error here")
    return calls.as_weak(calls.length(thing))


def range_elements(calls: Calls, r: Range) -> Elementwise:
    n = range_length(calls, r)

    def at(indices: tuple[Scalar, ...]) -> Scalar:
        return calls.scalar("add", r.start, calls.scalar("mul", indices[0], r.step))

    return Elementwise((n,), at, frozenset(), cheap=True)


def range_length(calls: Calls, r: Range) -> Scalar:
    if is_number(r.step) and r.step == 1:
        return calls.scalar("max", calls.scalar("sub", r.stop, r.start), 0)
    if not is_number(r.step):
        calls.require(calls.scalar("ne", r.step, 0), "ValueError", "range() arg 3 must not be zero")
        size = calls.scalar("abs", r.step)
        ways = calls.scalar("sub", r.stop, r.start), calls.scalar("sub", r.start, r.stop)
        span = calls.scalar("select", calls.scalar("gt", r.step, 0), *ways)
        above = calls.scalar("add", span, calls.scalar("sub", size, 1))
        return calls.scalar("max", calls.scalar("floordiv", above, size), 0)
    away = r.step + (1 if r.step < 0 else -1)
    top = calls.scalar("add", calls.scalar("sub", r.stop, r.start), away)
    return calls.scalar("max", calls.scalar("floordiv", top, r.step), 0)


def folded(name: str, operator: ast.operator, nothing: int, whole: Any) -> Any:
    """`sum` or `math.prod`, which go over the rows of a matrix."""

    def call(calls: Calls, thing: Any, start: Any = nothing) -> Any:
        if isinstance(thing, tuple):
            return functools.reduce(lambda a, b: calls.binary(operator, a, b), thing, start)
        thing = calls.as_array(thing)
        if is_narrow(calls.dtype(thing)):
            calls.refuse(f"`{name}` of integers of less than 64 bits", "it would wrap around", f"`np.{name}`")
        if thing.ndim == 1:
            result = whole(calls, thing)
        else:
            some = calls.scalar("gt", calls.length(thing), 0)
            calls.require(some, "ValueError", f"the {name} of no rows, which is a number")
            result = reduction(whole)(calls, thing, axis=0)
        return result if is_number(start) and start == nothing else calls.binary(operator, result, start)

    return call


def range_(calls: Calls, *arguments: Any) -> Range:
    arguments = tuple(calls.integer(x) for x in arguments)
    start, stop, step = (0, *arguments, 1) if len(arguments) == 1 else (*arguments, 1)[:3]
    return Range(start, stop, step)


def reversed_range(calls: Calls, r: Range) -> Range:
    """`r[::-1]`."""
    last = calls.scalar("sub", range_length(calls, r), 1)
    first = calls.scalar("add", r.start, calls.scalar("mul", last, r.step))
    return Range(first, calls.scalar("sub", r.start, r.step), -r.step)


def ndindex(calls: Calls, *shape: Any) -> Nested:
    if len(shape) == 1 and isinstance(shape[0], tuple):
        (shape,) = shape
    for n in shape:
        fits = True if calls.never_negative(n) else calls.scalar("ge", n, 0)
        if fits is not True:
            calls.require(fits, "ValueError", "negative dimensions are not allowed")
    return Nested(tuple(range_(calls, n) for n in shape))


def product(calls: Calls, *things: Any, repeat: Any = 1) -> Nested:
    if not is_number(repeat) or repeat < 1:
        calls.refuse(
            "`itertools.product` repeated by what is no constant", instead="loops one inside the other"
        )
    return Nested(tuple(read_beforehand(calls, "product", thing) for thing in things) * repeat)


def combinations(calls: Calls, thing: Any, r: Any) -> Nested:
    if not is_number(r) or r < 1:
        calls.refuse("`itertools.combinations` of as many as is no constant", instead="a constant number")
    return Nested((read_beforehand(calls, "combinations", thing),) * r, rises=True)


def pairwise(calls: Calls, thing: Any) -> Zipped:
    if not isinstance(thing, tuple):
        calls.refuse(
            f"`itertools.pairwise` of {describe(thing)}",
            "each item is read once, before the trip in which it is the first one",
            "`zip(x[:-1], x[1:])`",
        )
    return Zipped((tuple(thing[:-1]), tuple(thing[1:])))


def read_beforehand(calls: Calls, of: str, thing: Any) -> Any:
    """What `itertools` goes over, read before the first trip: that the loop stores numbers there is not seen, while
    rows are views."""
    if is_arraylike(thing) and (thing.ndim == 1 or thing.ndim > 1 and not is_list(thing)):
        if isinstance(thing, ArrayView):
            return calls.copy(thing) if thing.ndim == 1 else thing
        return calls.materialise(thing)
    if not isinstance(thing, (Range, tuple)):
        calls.refuse(
            f"`itertools.{of}` of {describe(thing)}",
            instead="ranges, arrays and tuples, or loops one inside the other",
        )
    return thing


def ndenumerate(calls: Calls, array: Any) -> Nested:
    array = calls.as_array(array)
    array = array if isinstance(array, ArrayView) else calls.materialise(array)
    return Nested(tuple(range_(calls, n) for n in calls.shape(array)), array=array)


def checkpoint_(calls: Calls, steps: Any, every: Any = None) -> Segmented:
    if not isinstance(steps, Range) or not is_number(steps.step):
        calls.refuse(
            "`checkpoint` of what is no range with a constant step", instead="`checkpoint(range(n))`"
        )
    if is_none(every):
        length = calls.as_value(range_length(calls, steps), ty.int64)
        every = calls.cast(calls.scalar("sqrt", length), ty.int64)
    return Segmented(steps, calls.scalar("max", calls.integer(every), 1))


def reversed_(calls: Calls, thing: Any) -> Any:
    items = known_items(calls, thing)
    return Reversed(thing) if items is None else tuple(reversed(items))


def print_(calls: Calls, *things: Any, **keywords: Any) -> Static:
    """`print` runs in the forward sweep as it stands; it has no derivative."""
    usual = {"sep": " ", "end": "\n"}
    for name, thing in keywords.items():
        known = thing.value if isinstance(thing, Static) else thing
        if name != "flush" and (name not in usual or known not in (usual[name], None)):
            calls.refuse(
                f"`{name}=` of `print`", "Numba prints to standard output, with spaces", "`print(a, b)`"
            )
    parts = [part for thing in things for part in (thing.parts if isinstance(thing, Formatted) else (thing,))]
    text, operands = calls.spelled("print", tuple(parts), {}, calls.current_node)
    current_builder().effect("opaque", operands, {"text": text})
    return Static(None)


def zip_(calls: Calls, *things: Any, strict: Any = False) -> Zipped:
    if strict:
        lengths = [items_count(calls, thing) for thing in things]
        for n in lengths[1:]:
            fits = calls.scalar("eq", lengths[0], n)
            if fits is False:
                calls.refuse("`zip` of different lengths", "Python would raise an error here")
            if fits is not True:
                calls.require(fits, "ValueError", "zip() of arguments of different lengths")
    return Zipped(things)


def items_count(calls: Calls, thing: Any) -> Any:
    items = known_items(calls, thing)
    return length(calls, thing) if items is None else len(items)


def reduce_(calls: Calls, function: Any, iterable: Any, *initial: Any) -> Any:
    items = known_items(calls, iterable)
    if items is None:
        calls.refuse("`reduce` of items whose number is not known", instead="a loop")
    if not (items or initial):
        calls.refuse("`reduce` of nothing", "Python would raise an error here", "a value to start with")
    return functools.reduce(lambda a, b: calls.call_here(function, a, b), items, *initial)


def typed_list(calls: Calls, iterable: Any = ()) -> ListItems:
    items = known_items(calls, iterable)
    if items is None:
        calls.refuse("a `List` of items whose number is not known", instead="`append` in a loop over them")
    return ListItems(items)


def factorial(calls: Calls, n: Any) -> Scalar:
    n = calls.integer(n)
    if is_number(n):
        return math.factorial(n)
    calls.require(calls.scalar("ge", n, 0), "ValueError", "factorial() not defined for negative values")
    fits = calls.scalar("le", n, 20)
    calls.require(fits, "OverflowError", "a factorial of more than 64 bits: write `math.gamma(n + 1.0)`")

    def step(product: Scalar, i: Any) -> Scalar:
        return calls.scalar("mul", product, calls.scalar("add", i[0], 1))

    found: Scalar = calls.accumulate(1, (n,), step, ty.int64)
    return found


def comb(calls: Calls, n: Any, k: Any) -> Scalar:
    n, k = calls.integer(n), calls.integer(k)
    if is_number(n) and is_number(k):
        return math.comb(n, k)
    for argument in (n, k):
        calls.require(calls.scalar("ge", argument, 0), "ValueError", "n and k must be non-negative integers")
    fits = calls.scalar("le", n, 60)  # what a step divides is at most 60 times the result
    calls.require(fits, "OverflowError", "a binomial coefficient of more than 64 bits")
    fewer = calls.scalar("min", k, calls.scalar("sub", n, k))

    def step(product: Scalar, i: Any) -> Scalar:
        more = calls.scalar("mul", product, calls.scalar("sub", n, i[0]))
        return calls.scalar("floordiv", more, calls.scalar("add", i[0], 1))

    found = calls.accumulate(1, (calls.scalar("max", fewer, 0),), step, ty.int64)
    return calls.scalar("select", calls.scalar("le", k, n), found, 0)


def distance(calls: Calls, p: Any, q: Any) -> Scalar:
    """`math.dist`"""
    return calls.call_here(
        Static(np.linalg.norm), calls.binary(ast.Sub(), calls.as_array(p), calls.as_array(q))
    )


def modf_(calls: Calls, x: Any) -> tuple[Scalar, Scalar]:
    """`math.modf`"""
    if is_arraylike(x):
        calls.refuse("`math.modf` of an array", "it takes one number", "`np.modf`")
    return calls.call_here(Static(np.modf), calls.floating(x))  # type: ignore[no-any-return]


def divmod_(calls: Calls, a: Any, b: Any) -> tuple[Scalar, Scalar]:
    return calls.scalar("floordiv", a, b), calls.scalar("mod", a, b)


def sorted_(calls: Calls, iterable: Any, *, reverse: Any = False) -> Any:
    if isinstance(iterable, tuple) and iterable and all(map(is_scalar, iterable)):
        iterable = calls.array_of(iterable)
    if not is_arraylike(iterable) or iterable.ndim != 1:
        calls.refuse(f"`sorted` of {describe(iterable)}", instead="`np.sort`, or `np.argsort` and an index")
    ordered = calls.call_here(Static(np.sort), iterable)
    if flag(calls, reverse, "`reverse`"):
        ordered = calls.subscript(ordered, (Slice(None, None, -1),))
    return calls.as_list(ordered)


def isinstance_(calls: Calls, thing: Any, kinds: Any) -> bool:
    if isinstance(thing, Static):
        known: tuple[Any, ...] = (type(thing.value),)
    else:
        known = classes_of(calls, thing, "isinstance")
    classes = tuple(known_class(calls, kind) for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))
    answers = {issubclass(kind, classes) for kind in known}
    instead = "a test that both pass, such as `isinstance(x, (int, np.integer))`"
    return agreed(calls, answers, f"`isinstance` of {describe(thing)}", instead)


def known_class(calls: Calls, kind: Any) -> Any:
    if not isinstance(kind, Static):
        calls.refuse("`isinstance` of this", instead="the name of a class")
    return kind.value


def hasattr_(calls: Calls, thing: Any, name: Any) -> bool:
    text = attribute_name(calls, name, "hasattr")
    if isinstance(thing, Static):
        return hasattr(thing.value, text)
    if isinstance(thing, Tree) and not thing.is_dict and text in thing.names:
        return True
    answers = {hasattr(kind, text) for kind in classes_of(calls, thing, "hasattr")}
    what = f"whether {describe(thing)} has the attribute `{text}`"
    return agreed(calls, answers, what, "an array, which is known to have it")


def getattr_(calls: Calls, thing: Any, name: Any, *default: Any) -> Any:
    text = attribute_name(calls, name, "getattr")
    if default and not hasattr_(calls, thing, name):
        return default[0]
    assert calls.current_node is not None
    return calls.attribute(thing, text, calls.current_node)


def attribute_name(calls: Calls, name: Any, of: str) -> str:
    if not isinstance(name, Static) or not isinstance(name.value, str):
        calls.refuse(f"`{of}` of a name that is computed", instead="the name as it is written")
    return name.value


def agreed(calls: Calls, answers: set[bool], what: str, instead: str) -> bool:
    """The answer, if it is the same for all classes that something may be of."""
    if len(answers) > 1:
        calls.refuse(what, "it may be a number of Python or of NumPy, and the answers differ", instead)
    return answers.pop()


PYTHON_KINDS = ((bool, ty.is_boolean), (int, ty.is_integer), (float, ty.is_float), (complex, ty.is_complex))
OF_PYTHON = (ty.boolean, ty.int64, ty.float64, ty.complex128)  # NumPy alone has the others


def classes_of(calls: Calls, thing: Any, of: str) -> tuple[type, ...]:
    """The classes of which something is that is not known as it is; of a number as two may be."""
    if is_list(thing):
        return (list,)
    if is_arraylike(thing):
        return (np.ndarray,)
    if isinstance(thing, (tuple, Tree)):
        return (kind_of(thing),)
    if is_number(thing):
        return (type(thing),)
    if isinstance(thing, Value):
        python = next(kind for kind, holds in PYTHON_KINDS if holds(thing.type))
        if calls.frame.numba_rules:
            return (python,)
        numpy = ty.numpy_dtype(thing.type).type
        return (python, numpy) if thing.type in OF_PYTHON else (numpy,)
    calls.refuse(f"`{of}` of {describe(thing)}")


def stopped(calls: Calls, thing: Any) -> Any:
    """`stop_gradient`: of a structure that of each part; integers have no derivative anyway."""
    may_grow = isinstance(thing, ListItems) and calls.frame.grows
    if may_grow or isinstance(thing, Growing) or (is_arraylike(thing) and is_list(thing)):
        calls.refuse(
            "`stop_gradient` of a list of numbers, or of one that may grow",
            "it is the same list, and would see what becomes of it",
            "an array of it: `np.array(...)`",
        )
    parts = parts_of(thing)
    if parts is not None:
        return with_parts(thing, [stopped(calls, part) for part in parts])
    if is_arraylike(thing):
        found = calls.elementwise(lambda x: stopped(calls, x), thing)
        if not isinstance(thing, ArrayView):
            return dataclasses.replace(found, shares=thing.shares)
        made = calls.materialise(found)
        made.root.may_be(thing.root)
        made.root.in_place_of = "what `stop_gradient` gives is written, which is the array itself"
        return made
    if isinstance(thing, Value) and ty.is_differentiable(thing.type):
        return calls.detached(thing)
    if not (is_scalar(thing) or isinstance(thing, (Static, Range))):
        calls.refuse(
            f"`stop_gradient` of {describe(thing)}", instead="numbers, arrays and structures of those"
        )
    return thing


def super_(calls: Calls, kind: Any = None, of: Any = None) -> Static:
    """The object of a method, as the classes above that of the method know it."""
    if kind is None:
        function = calls.frame.source.function
        if "__class__" not in function.__code__.co_freevars:
            calls.refuse("`super()` outside of a method", "Python would raise an error here")
        kind = Static(cell_of(function, "__class__").cell_contents)
        of = calls.lookup(function.__code__.co_varnames[0])
    if not (isinstance(kind, Static) and isinstance(of, Static)):
        calls.refuse(f"`super()` of {describe(of)}", instead="the method by its name: `Base.method(self, x)`")
    return Static(super(kind.value, of.value))


CALLS: dict[Any, Any] = {
    len: length,
    sum: folded("sum", ast.Add(), 0, total),
    any: any_all("or", False),
    all: any_all("and", True),
    divmod: divmod_,
    functools.reduce: reduce_,
    numba.typed.List: typed_list,
    numba.typed.List.empty_list: lambda calls, item_type, allocated=0: ListItems(()),
    math.factorial: factorial,
    math.comb: comb,
    math.dist: distance,
    math.modf: modf_,
    math.prod: folded("prod", ast.Mult(), 1, product_of),
    range: range_,
    numba.prange: range_,
    type: lambda calls, thing: calls.type_of(thing),
    enumerate: lambda calls, thing, start=0: Enumerated(thing, start),
    zip: zip_,
    np.ndindex: ndindex,
    np.ndenumerate: ndenumerate,
    itertools.product: product,
    itertools.combinations: combinations,
    itertools.pairwise: pairwise,
    reversed: reversed_,
    sorted: sorted_,
    checkpoint: checkpoint_,
    stop_gradient: stopped,
    super: super_,
    isinstance: isinstance_,
    hasattr: hasattr_,
    getattr: getattr_,
    print: print_,
}
