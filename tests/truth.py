"""The truth that gradients are held against, found without any derivative rule.

    gradient_by_complex_step(f, (0.5,), 0)      Im f(x + ih) / h: exact to rounding
    gradient_by_richardson(f, (0.5,), 0)        extrapolated central differences, with an error estimate
    assert_gradient(f, (0.5,))                  srcdiff's value, gradient, dtypes, shapes against them

The function is run by CPython as it stands, in another arithmetic: its names `np`, `math`, `float`, ... and
its callees are looked up in a `World` in which every float is a complex or a long double.

W. Squire and G. Trapp, Using Complex Variables to Estimate Derivatives of Real Functions, SIAM Review 40
(1998).
C. J. F. Ridders, Accurate computation of F'(x) and F'(x)F''(x), Advances in Engineering Software 4 (1982).
"""

from __future__ import annotations

import builtins
import functools
import math
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.special

__all__ = [
    "Unsupported",
    "assert_gradient",
    "assert_near",
    "copied",
    "gradient_by_complex_step",
    "gradient_by_richardson",
    "numbers_of",
    "plain",
    "slope_by_richardson",
    "true_gradient",
]

STEP = 1e-30


class Unsupported(Exception):
    """The function does not run in this arithmetic."""


def plain(f: Callable[..., Any]) -> Callable[..., Any]:
    """The Python function behind `f`, which may be a Numba dispatcher."""
    return getattr(f, "py_func", f)


def copied(arg: Any) -> Any:
    """`arg` with its own memory, in the same layout (also the gaps of a strided view)."""
    if isinstance(arg, tuple):
        return tuple(copied(a) for a in arg)
    if not isinstance(arg, np.ndarray):
        return arg
    if arg.base is None or arg.flags.c_contiguous or arg.flags.f_contiguous:
        return arg.copy(order="K")
    low, high = np.lib.array_utils.byte_bounds(arg)
    memory = np.zeros(high - low, np.uint8)
    start = arg.__array_interface__["data"][0] - low
    fresh = np.ndarray(arg.shape, arg.dtype, memory, start, arg.strides)
    fresh[...] = arg
    return fresh


# The numbers of an argument as a flat vector, and back.


def is_number(arg: Any) -> bool:
    return isinstance(arg, (float, np.floating, np.complexfloating))


def has_numbers(arg: Any) -> bool:
    return isinstance(arg, np.ndarray) and arg.dtype.kind in "fc"


def numbers_of(arg: Any) -> np.ndarray:
    if isinstance(arg, tuple):
        return np.concatenate([numbers_of(a) for a in arg]) if arg else np.empty(0)
    if has_numbers(arg):
        return np.array([arg[i] for i in np.ndindex(arg.shape)], dtype=arg.dtype)
    return np.array([arg]) if is_number(arg) else np.empty(0)


def rebuilt(arg: Any, numbers: Iterator[Any]) -> Any:
    """`arg` with its numbers taken in order from `numbers`."""
    if isinstance(arg, tuple):
        return tuple(rebuilt(a, numbers) for a in arg)
    if has_numbers(arg):
        values = [next(numbers) for _ in range(arg.size)]
        dtype = np.asarray(values).dtype if values else arg.dtype
        fresh = np.empty_like(arg, dtype=dtype)
        for i, v in zip(np.ndindex(arg.shape), values, strict=True):
            fresh[i] = v
        return fresh
    return next(numbers) if is_number(arg) else copied(arg)


# Running a function in another arithmetic.


def real(x: Any) -> Any:
    return x.real if isinstance(x, (complex, np.generic, np.ndarray)) else x


def absolute(x: Any) -> Any:
    return x * np.sign(real(x))


def remainder_like(rounding: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda x, y: x - rounding(real(x) / real(y)) * y


def larger(x: Any, y: Any) -> Any:
    return np.where(real(x) > real(y), x, y)[()]


def smaller(x: Any, y: Any) -> Any:
    return np.where(real(x) < real(y), x, y)[()]


def cube_root(x: Any) -> Any:
    return np.sign(real(x)) * absolute(x) ** (1 / 3)


def of_real(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **options: f(*map(real, args), **options)


def angle(y: Any, x: Any) -> Any:
    """atan2 by analytic continuation of atan, which the complex plane allows away from the origin."""
    if np.ndim(y) or np.ndim(x):
        return np.vectorize(angle, otypes=[np.complex128])(y, x)
    if abs(real(x)) >= abs(real(y)):
        turn = 0.0 if real(x) > 0 else math.copysign(math.pi, real(y))
        return np.arctan(y / x) + turn
    return math.copysign(math.pi / 2, real(y)) - np.arctan(x / y)


# Spellings whose NumPy namesake is missing for complex numbers, or is not the analytic continuation.
CONTINUED = {
    "abs": absolute, "absolute": absolute, "fabs": absolute, "arctan2": angle, "atan2": angle,
    "ceil": of_real(np.ceil), "floor": of_real(np.floor), "trunc": of_real(np.trunc),
    "rint": of_real(np.rint), "round": of_real(np.round), "sign": of_real(np.sign),
    "copysign": lambda x, y: absolute(x) * np.copysign(1, real(y)), "cbrt": cube_root,
    "hypot": lambda x, y: np.sqrt(x * x + y * y), "exp2": lambda x: np.exp(x * math.log(2)),
    "fmod": remainder_like(np.trunc), "mod": remainder_like(np.floor), "remainder": remainder_like(np.floor),
    "maximum": larger, "minimum": smaller, "fmax": larger, "fmin": smaller,
    "clip": lambda x, low, high: smaller(larger(x, low), high),
    "vdot": lambda a, b: np.sum(np.ravel(a) * np.ravel(b)),  # without the conjugate
    "correlate": lambda a, v, mode="valid": np.convolve(a, v[::-1], mode),
    "logaddexp": lambda x, y: np.log(np.exp(x) + np.exp(y)),
    "degrees": lambda x: x * (180 / math.pi), "rad2deg": lambda x: x * (180 / math.pi),
    "radians": lambda x: x * (math.pi / 180), "deg2rad": lambda x: x * (math.pi / 180),
}  # fmt: skip

# `math` spellings that NumPy names otherwise.
MATH_NAMES = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "asinh": "arcsinh",
    "acosh": "arccosh", "atanh": "arctanh", "pow": "power",
}  # fmt: skip
SPECIAL = {"erf": scipy.special.erf, "erfc": scipy.special.erfc, "gamma": scipy.special.gamma,
           "lgamma": scipy.special.loggamma}  # fmt: skip
MAKERS = {"array", "asarray", "ascontiguousarray", "empty", "empty_like", "full", "full_like", "ones",
          "ones_like", "zeros", "zeros_like"}  # fmt: skip
AS_THEY_ARE = ("gcd", "comb", "factorial", "perm", "isqrt", "prod", "pi", "e", "tau", "inf", "nan")
FLOAT_TYPES = ("float64", "float32", "double", "single")


class Spelled:
    """A stand-in for a module: attributes are looked up by `find`."""

    def __init__(self, find: Callable[[str], Any]) -> None:
        self._find = find

    def __getattr__(self, name: str) -> Any:
        found = self._find(name)
        setattr(self, name, found)
        return found


class World:
    """Names as they are looked up when every float is a `number` (np.complex128 or np.longdouble)."""

    def __init__(self, number: type) -> None:
        self.number = number
        self.is_complex = np.dtype(number).kind == "c"
        self.numpy = Spelled(self.numpy_name)
        self.math = Spelled(self.math_name)
        self.memo: dict[int, Any] = {}
        self.types = {float, *(getattr(np, name) for name in FLOAT_TYPES)}
        self.builtins = vars(builtins).copy()
        self.builtins |= {"float": self.cast, "int": self.to_int, "abs": absolute}
        self.builtins |= {"round": self.round, "divmod": self.divmod}

    def cast(self, x: Any = 0.0) -> Any:
        return self.number(x)

    def to_int(self, x: Any = 0) -> int:
        return int(real(x))

    def round(self, x: Any, digits: int | None = None) -> Any:
        return round(float(real(x)), digits)

    def divmod(self, x: Any, y: Any) -> Any:
        if isinstance(x, (int, np.integer)) and isinstance(y, (int, np.integer)):
            return divmod(x, y)
        quotient = np.floor(real(x) / real(y))
        return quotient, x - quotient * y

    def dtype(self, given: Any) -> Any:
        if given in (self.cast, float) or given in self.types:
            return self.number
        if given == self.to_int:
            return int
        return self.number if np.dtype(given).kind == "f" else given

    def numpy_name(self, name: str) -> Any:
        if name in FLOAT_TYPES:
            return self.number
        if name in MAKERS:
            return self.maker(name)
        if self.is_complex and name in CONTINUED:
            return CONTINUED[name]
        return getattr(np, name)

    def maker(self, name: str) -> Callable[..., Any]:
        make = getattr(np, name)

        def made(*args: Any, **options: Any) -> np.ndarray:
            if "dtype" in options:
                options["dtype"] = self.dtype(options["dtype"])
            elif name in ("empty", "zeros", "full") and len(args) > (place := 2 if name == "full" else 1):
                args = (*args[:place], self.dtype(args[place]))
            array = make(*args, **options)
            return array.astype(self.number) if array.dtype.kind == "f" else array

        return made

    def math_name(self, name: str) -> Any:
        if name in ("floor", "ceil", "trunc"):
            return lambda x: int(getattr(math, name)(real(x)))
        if name in ("isnan", "isinf", "isfinite"):
            return getattr(np, name)
        if name in SPECIAL:
            return SPECIAL[name] if self.is_complex else self.missing(name)
        if name == "log":
            return lambda x, base=None: np.log(x) if base is None else np.log(x) / math.log(base)
        if name == "fsum":
            return sum
        if name in AS_THEY_ARE:
            return getattr(math, name)
        name = MATH_NAMES.get(name, name)
        return self.numpy_name(name) if hasattr(np, name) else self.missing(name)

    def missing(self, name: str) -> Any:
        raise Unsupported(f"math.{name} in {self.number.__name__}")

    def convert(self, thing: Any) -> Any:
        """`thing`, as a program in this world sees it."""
        if id(thing) not in self.memo:
            self.memo[id(thing)] = (self.converted(thing), thing)
        return self.memo[id(thing)][0]

    def converted(self, thing: Any) -> Any:
        if thing is np:
            return self.numpy
        if thing is math:
            return self.math
        if isinstance(thing, types.BuiltinFunctionType) and thing.__module__ == "math":
            return self.math_name(thing.__name__)
        if getattr(thing, "__module__", None) == "numpy" and getattr(np, thing.__name__, None) is thing:
            return self.numpy_name(thing.__name__)
        if isinstance(thing, np.ufunc) and getattr(np, thing.__name__, None) is thing:
            return self.numpy_name(thing.__name__)
        if isinstance(thing, tuple):
            return tuple(self.convert(t) for t in thing)
        if has_numbers(thing):
            return thing.astype(self.number)
        if isinstance(thing, functools.partial):
            keywords = {k: self.convert(v) for k, v in thing.keywords.items()}
            return functools.partial(self.convert(thing.func), *map(self.convert, thing.args), **keywords)
        if hasattr(thing, "gufunc_builder"):
            return self.convert(thing.gufunc_builder.py_func)  # called with its output given
        if hasattr(thing, "_dispatcher"):
            return self.elementwise(thing._dispatcher.py_func)
        thing = plain(thing)
        return self.function(thing) if isinstance(thing, types.FunctionType) else thing

    def elementwise(self, kernel: Callable[..., Any]) -> Callable[..., Any]:
        each = np.vectorize(self.convert(kernel), otypes=[self.number])
        return lambda *args: each(*args)[()]

    def function(self, f: types.FunctionType) -> types.FunctionType:
        names: dict[str, Any] = {"__builtins__": self.builtins, "__name__": f.__module__}
        cells = tuple(types.CellType() for _ in f.__closure__ or ())
        twin = types.FunctionType(f.__code__, names, f.__name__, f.__defaults__, cells)
        twin.__kwdefaults__ = f.__kwdefaults__
        self.memo[id(f)] = (twin, f)
        names |= {
            name: self.convert(f.__globals__[name])
            for name in global_names(f.__code__)
            if name in f.__globals__
        }
        for cell, held in zip(cells, f.__closure__ or (), strict=True):
            cell.cell_contents = self.convert(held.cell_contents)
        return twin


def global_names(code: types.CodeType) -> set[str]:
    inner = (global_names(c) for c in code.co_consts if isinstance(c, types.CodeType))
    return set(code.co_names).union(*inner)


def as_tuple(argnums: int | tuple[int, ...]) -> tuple[int, ...]:
    return (argnums,) if isinstance(argnums, int) else tuple(argnums)


class Point:
    """A program in a world, as a function of the flat vector of its active numbers."""

    def __init__(
        self, f: Callable[..., Any], args: tuple, argnums: int | tuple[int, ...], number: type
    ) -> None:
        self.number, self.args, self.argnums = number, args, as_tuple(argnums)
        self.f = plain(f) if number is np.float64 else World(number).convert(f)
        self.x = np.concatenate([numbers_of(args[k]) for k in self.argnums]).astype(number)
        self.single = isinstance(argnums, int)

    def __call__(self, x: np.ndarray) -> Any:
        numbers = iter(x if self.number is not np.float64 else x.tolist())
        args = [
            rebuilt(arg, numbers if k in self.argnums else iter(self.given(arg)))
            for k, arg in enumerate(self.in_order())
        ]
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            return self.f(*args)

    def given(self, arg: Any) -> np.ndarray:
        """The numbers of an argument that stays as it is; complex ones stay complex."""
        flat = numbers_of(arg)
        return flat if flat.dtype.kind == "c" else flat.astype(self.number)

    def in_order(self) -> tuple:
        if list(self.argnums) != sorted(self.argnums):
            raise ValueError("argnums must ascend")
        return self.args

    def shaped(self, flat: np.ndarray) -> Any:
        numbers = iter(np.asarray(flat, np.float64))
        parts = tuple(rebuilt(widened(self.args[k]), numbers) for k in self.argnums)
        return parts[0] if self.single else parts


def widened(arg: Any) -> Any:
    if isinstance(arg, tuple):
        return tuple(widened(a) for a in arg)
    return arg.astype(np.float64) if has_numbers(arg) else arg


def gradient_by_complex_step(f: Callable[..., Any], args: tuple, argnums: int | tuple[int, ...] = 0) -> Any:
    """Im f(x + ih) / h for every number of the arguments `argnums`, in float64.

    Raises `Unsupported` where the function does not run on complex numbers, or runs another way there.
    """
    point = Point(f, args, argnums, np.complex128)
    derivatives = np.empty(point.x.size)
    try:
        value = Point(f, args, argnums, np.float64)(point.x.real)
        for k in range(point.x.size):
            moved = point.x.copy()
            moved[k] += 1j * STEP
            out = point(moved)
            if not np.allclose(real(out), value, rtol=1e-9, atol=1e-12, equal_nan=True):
                raise Unsupported("the complex program takes another way")
            derivatives[k] = np.imag(out) / STEP
    except Unsupported:
        raise
    except Exception as trouble:
        raise Unsupported(f"complex: {type(trouble).__name__}: {trouble}") from trouble
    return point.shaped(derivatives)


def gradient_by_richardson(
    f: Callable[..., Any],
    args: tuple,
    argnums: int | tuple[int, ...] = 0,
    start: float = 0.02,
    levels: int = 9,
    number: type = np.longdouble,
) -> tuple[Any, Any]:
    """Central differences extrapolated over halved steps (Ridders), in long double where that runs.

    A function that computes with complex numbers needs the `number` np.float64: other worlds take those for reals.

    Returns the gradient and an estimate of its absolute error, number by number. The error also grows with
    the difference of the slopes on both sides: a kink or jump closer than the smallest step shows in it.
    """
    point, middle = evaluated(f, args, argnums, number)
    axes = np.eye(point.x.size, dtype=point.number)
    found = [slope(point, axis, middle, start * max(1.0, abs(point.x @ axis)), levels) for axis in axes]
    slopes, errors = (
        np.array(column, np.float64) for column in (zip(*found, strict=True) if found else ((), ()))
    )
    return point.shaped(slopes), point.shaped(errors)


def slope(point: Point, direction: np.ndarray, middle: Any, start: Any, levels: int) -> tuple[float, float]:
    """The derivative along `direction`, and an estimate of its error."""
    step = point.number(start)
    best, error = np.longdouble(np.nan), np.longdouble(np.inf)
    above: list[Any] = []
    bends: list[Any] = []
    for _ in range(levels):
        up = np.longdouble(point(point.x + step * direction))
        down = np.longdouble(point(point.x - step * direction))
        row = [(up - down) / (2 * step)]
        bends.append((up - 2 * middle + down) / step)
        for order, coarse in enumerate(above, 1):
            power = np.longdouble(4) ** order
            row.append((power * row[-1] - coarse) / (power - 1))
            estimate = max(abs(row[-1] - row[-2]), abs(row[-1] - coarse))
            if estimate < error:
                best, error = row[-1], estimate
        above, step = row, step / 2
    # A smooth function bends in proportion to the step; a kink leaves the same bend at every step.
    kink = abs(2 * bends[-1] - bends[-2])
    return float(best), float(max(error, kink if np.isfinite(kink) else np.inf))


def evaluated(
    f: Callable[..., Any], args: tuple, argnums: int | tuple[int, ...], number: type
) -> tuple[Point, np.longdouble]:
    """The point of the arguments and the value there, in float64 where the function does not run in `number`."""
    try:
        point = Point(f, args, argnums, number)
        return point, np.longdouble(point(point.x))
    except Exception:
        point = Point(f, args, argnums, np.float64)
        return point, np.longdouble(point(point.x))


def slope_by_richardson(
    f: Callable[..., Any], args: tuple, argnums: int | tuple[int, ...], direction: np.ndarray
) -> tuple[float, float]:
    """The derivative along `direction`, a flat vector over all numbers of `argnums`, and its error."""
    point, middle = evaluated(f, args, argnums, np.longdouble)
    return slope(point, direction, middle, 0.02, 9)


def true_gradient(f: Callable[..., Any], args: tuple, argnums: int | tuple[int, ...] = 0) -> tuple[Any, Any]:
    """The gradient and its error: by complex step where the function runs so, else by differences."""
    try:
        exact = gradient_by_complex_step(f, args, argnums)
    except Unsupported:
        return gradient_by_richardson(f, args, argnums)
    return exact, zeros_like(exact)


def zeros_like(gradient: Any) -> Any:
    if isinstance(gradient, tuple):
        return tuple(zeros_like(g) for g in gradient)
    return np.zeros_like(gradient)


# Holding srcdiff against the truth.


def has_single(arg: Any) -> bool:
    if isinstance(arg, tuple):
        return any(has_single(a) for a in arg)
    return getattr(arg, "dtype", None) == np.float32


def assert_near(
    got: Any, want: Any, rtol: float, atol: float, error: Any = 0.0, what: str = "gradient"
) -> None:
    """Number by number within `rtol` of each and a hundredth of that of the largest."""
    got, want, error = (np.asarray(a, np.float64) for a in (got, want, error))
    assert got.shape == want.shape, f"{what}: shape {got.shape}, should be {want.shape}"
    largest = np.max(np.abs(want), initial=0.0)
    allowed = rtol * (np.abs(want) + 0.01 * largest) + atol + error
    wrong = ~(np.abs(got - want) <= allowed) & ~(np.isnan(got) & np.isnan(want)) & ~(got == want)
    assert not wrong.any(), f"{what}: got {got.tolist()}, should be {want.tolist()}"


def assert_alike(got: Any, arg: Any, what: str) -> None:
    """The derivative has the type, dtype and shape of the argument."""
    if isinstance(arg, tuple):
        assert isinstance(got, tuple) and len(got) == len(arg), f"{what}: {type(got).__name__} for a tuple"
        for k, (g, a) in enumerate(zip(got, arg, strict=True)):
            assert_alike(g, a, f"{what}[{k}]")
    elif isinstance(arg, np.ndarray):
        assert isinstance(got, np.ndarray), f"{what}: {type(got).__name__} for an array"
        assert got.dtype == arg.dtype, f"{what}: {got.dtype} for {arg.dtype}"
        assert got.shape == arg.shape, f"{what}: shape {got.shape} for {arg.shape}"
    else:
        assert isinstance(got, float), f"{what}: {type(got).__name__} for a scalar"


def compare(got: Any, want: Any, error: Any, rtol: float, atol: float, what: str) -> None:
    if isinstance(want, tuple):
        for k, parts in enumerate(zip(got, want, error, strict=True)):
            compare(*parts, rtol, atol, f"{what}[{k}]")
    else:
        assert_near(got, want, rtol, atol, error, what)


def assert_gradient(
    f: Callable[..., Any],
    args: tuple,
    argnums: int | tuple[int, ...] = 0,
    rtol: float = 1e-7,
    atol: float = 1e-11,
    value_and_grad: Callable[..., Any] | None = None,
) -> None:
    """srcdiff's value and gradient of `f` are those of the plain function, and `args` stay as they were.

    Programs with float32 arguments are held to float32's accuracy. `value_and_grad` replaces srcdiff's own.
    """
    if value_and_grad is None:
        from srcdiff import value_and_grad
    single = has_single(args)
    value_rtol = 1e-5 if single else 1e-10
    rtol, atol = (max(rtol, 2e-4), max(atol, 1e-6)) if single else (rtol, atol)
    with np.errstate(all="ignore"):
        value = plain(f)(*copied(args))
    want, error = true_gradient(f, args, argnums)

    given = copied(args)
    got_value, got = value_and_grad(f, argnums=argnums)(*given)
    assert_unchanged(given, args)
    assert_near(got_value, value, value_rtol, atol, what="value")
    for k, part in zip(as_tuple(argnums), (got,) if isinstance(argnums, int) else got, strict=True):
        assert_alike(part, args[k], f"gradient of argument {k}")
    compare(got, want, error, rtol, atol, "gradient")


def assert_unchanged(given: Any, args: Any, what: str = "argument") -> None:
    if isinstance(args, tuple):
        for k, (g, a) in enumerate(zip(given, args, strict=True)):
            assert_unchanged(g, a, f"{what}[{k}]")
    elif isinstance(args, np.ndarray):
        assert given.tobytes() == args.tobytes(), f"{what} was changed by the gradient call"
