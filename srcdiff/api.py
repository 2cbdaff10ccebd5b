"""What people call: `differentiate`, `grad`, `value_and_grad`.

value, slope = value_and_grad(loss)(w, X, y)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import pipeline
from .backend.cpu import load_function
from .emit.show import show
from .errors import NotDifferentiable, UnsupportedConstruct
from .frontend.build import Program
from .frontend.source import FunctionSource, location_of, read_source
from .frontend.things import Static
from .ir import types as ty
from .ir.core import Function, Value

ArgNums = int | str | Sequence[int | str]


class Options:
    """How a function is differentiated and compiled."""

    def __init__(
        self, cache: bool = True, fastmath: Any = None, parallel: bool = False, optimise: bool = True
    ) -> None:
        self.cache, self.fastmath, self.parallel, self.optimise = cache, fastmath, parallel, optimise


class Specialisation:
    """One function for one signature: the program read, and what was compiled from it."""

    def __init__(self, source: FunctionSource, specs: tuple[Any, ...], options: Options) -> None:
        self.source, self.specs, self.options = source, specs, options
        self.program: Program = pipeline.read(source, specs)
        self._gradients: dict[tuple[int, ...], Function] = {}

    def gradient(self, wrt: tuple[int, ...], optimise: bool = True) -> Function:
        if not optimise:
            return pipeline.gradient(self.program, wrt, False)
        if wrt not in self._gradients:
            self._gradients[wrt] = pipeline.gradient(self.program, wrt, self.options.optimise)
        return self._gradients[wrt]


class Differentiable:
    """A function that was read, with its compiled forms for each signature."""

    def __init__(self, function: Any, options: Options | None = None) -> None:
        self.__srcdiff_function__ = function
        self.options = options or Options()
        self.source = read_source(function)
        spec = self.source.tree.args
        star = spec.vararg or spec.kwarg
        if star is not None:
            raise UnsupportedConstruct(
                f"`{'*' if spec.vararg else '**'}{star.arg}` in the signature",
                location_of(self.source, star),
                "the number of arguments must be known",
                "named parameters",
            )
        self.names = [a.arg for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]
        self.free = [
            name
            for name in self.names[len(self.source.partial_args) :]
            if name not in self.source.partial_keywords
        ]
        self.specialisations: dict[Any, Specialisation] = {}
        self.compiled: dict[Any, Callable[..., Any]] = {}
        self.quick: dict[
            Any, tuple[Callable[..., Any], Any, Any]
        ] = {}  # by what is cheap to see of the arguments

    # ------------------------------------------------------------------------------------ arguments

    def arguments(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> list[Any]:
        """The arguments in the order of the parameters, defaults and partial ones filled in."""
        source = self.source
        if (
            len(args) == len(self.names)
            and not keywords
            and not source.partial_args
            and not source.partial_keywords
        ):
            return list(args)
        args = (*source.partial_args, *args)
        keywords = {**source.partial_keywords, **keywords}
        if len(args) > len(self.names):
            raise TypeError(f"{source.name}() takes {len(self.names)} arguments, {len(args)} were given")
        bound = dict(zip(self.names, args, strict=False))
        for name, value in keywords.items():
            if name not in self.names or name in bound:
                raise TypeError(f"{source.name}() got an unexpected or repeated argument '{name}'")
            bound[name] = value
        function = source.function
        spec = source.tree.args
        positional = [a.arg for a in (*spec.posonlyargs, *spec.args)]
        defaults = function.__defaults__ or ()
        for name, value in zip(positional[len(positional) - len(defaults) :], defaults, strict=True):
            bound.setdefault(name, value)
        for name, value in (function.__kwdefaults__ or {}).items():
            bound.setdefault(name, value)
        missing = [name for name in self.names if name not in bound]
        if missing:
            raise TypeError(f"{source.name}() is called without {', '.join(missing)}")
        return [bound[name] for name in self.names]

    def spec(self, value: Any, name: str) -> Any:
        """The type of an argument, or the argument itself where it is known to the compiler."""
        if isinstance(value, tuple) and type(value) is tuple:
            return tuple(self.spec(part, name) for part in value)
        if isinstance(value, np.ma.MaskedArray):
            raise NotDifferentiable(
                f"the argument `{name}` is a masked array",
                definition=self.definition(),
                reason="Numba does not know masked arrays",
                instead="the array and its mask as two arguments",
            )
        if isinstance(value, (np.ndarray, np.generic, float, int, bool, complex)):
            try:
                return ty.typeof(value)
            except (TypeError, NotImplementedError) as error:
                raise NotDifferentiable(
                    f"the argument `{name}` of type `{type(value).__name__}`"
                    + (f" and dtype {value.dtype}" if isinstance(value, np.ndarray) else ""),
                    definition=self.definition(),
                    reason=str(error).splitlines()[0],
                ) from error
        if value is None or isinstance(value, str) or callable(value) or isinstance(value, np.dtype):
            return Static(value)
        raise NotDifferentiable(
            f"the argument `{name}` is a `{type(value).__name__}`",
            definition=self.definition(),
            reason="only numbers, arrays, tuples of those, strings, functions and None can be passed",
            instead="separate arguments, or `np.array(...)`",
        )

    def definition(self) -> Any:
        return location_of(self.source, self.source.tree)

    def flat(self, values: list[Any]) -> list[Any]:
        found: list[Any] = []
        for value in values:
            if isinstance(value, tuple):
                found += self.flat(list(value))
            elif isinstance(value, (np.ndarray, np.generic, float, int, bool, complex)):
                found.append(value)
        return found

    def specialise(self, values: list[Any]) -> tuple[Any, Specialisation]:
        specs = tuple(self.spec(v, n) for v, n in zip(values, self.names, strict=True))
        found = self.specialisations.get(specs)
        if found is not None and not self.is_current(found):
            self.compiled = {k: v for k, v in self.compiled.items() if k[0] != specs}
            found = None
        if found is None:
            found = self.specialisations[specs] = Specialisation(self.source, specs, self.options)
        return specs, found

    def is_current(self, found: Specialisation) -> bool:
        """Whether the things taken as known are still the same."""
        return all(same_known(fetched(where), value) for where, value in found.program.statics)

    # ---------------------------------------------------------------------------------- derivatives

    def indices(self, argnums: ArgNums) -> tuple[int, ...]:
        """Positions of the parameters that `argnums` names."""
        chosen = argnums if isinstance(argnums, (list, tuple, range)) else (argnums,)
        found = []
        if not chosen:
            raise TypeError("argnums is empty: name at least one parameter")
        for item in chosen:  # type: ignore[union-attr]
            if isinstance(item, str):
                if item not in self.names:
                    raise TypeError(f"{self.source.name}() has no parameter '{item}'")
                found.append(self.names.index(item))
            elif not isinstance(item, (int, np.integer)):
                raise TypeError(f"argnums takes parameter numbers and names, not {item!r}")
            else:
                if not -len(self.free) <= item < len(self.free):
                    raise TypeError(f"{self.source.name}() has no parameter number {item}")
                found.append(self.names.index(self.free[item]))
        return tuple(found)

    def leaves(self, spec: Any, start: int) -> tuple[list[int], Any, int]:
        """The flat parameters of one argument: their indices, their nesting, and where the next argument starts."""
        if isinstance(spec, Static):
            return [], None, start
        if isinstance(spec, tuple):
            indices: list[int] = []
            nesting = []
            for part in spec:
                inner, shape, start = self.leaves(part, start)
                indices += inner
                nesting.append(shape)
            return indices, tuple(nesting), start
        return [start], "leaf", start + 1

    def plan(self, specs: tuple[Any, ...], wrt: tuple[int, ...]) -> tuple[list[int], list[Any]]:
        """The flat parameters to differentiate by, and how the gradients nest."""
        places = []
        start = 0
        for spec in specs:
            indices, nesting, start = self.leaves(spec, start)
            places.append((indices, nesting))
        flat: list[int] = []
        nestings = []
        for k in wrt:
            indices, nesting = places[k]
            self.check_differentiable(specs[k], self.names[k])
            flat += indices
            nestings.append(nesting)
        return flat, nestings

    def check_differentiable(self, spec: Any, name: str) -> None:
        if isinstance(spec, tuple) and spec:
            for part in spec:
                self.check_differentiable(part, name)
            return
        if not isinstance(spec, (Static, tuple)) and ty.is_complex(ty.element(spec)):
            raise NotDifferentiable(
                f"the argument `{name}` is {ty.name_of(spec)}: only floats can be differentiated",
                definition=self.definition(),
                reason="derivatives are of real numbers by real numbers; complex ones may come in between",
                instead="its real and imaginary parts as arguments, and `x + 1j * y` in the function",
            )
        if isinstance(spec, (Static, tuple)) or not ty.is_differentiable(spec):
            what = repr(spec.value) if isinstance(spec, Static) else ty.name_of(spec)
            raise NotDifferentiable(
                f"the argument `{name}` is {what}: only floats can be differentiated",
                definition=self.definition(),
                reason="a derivative by an integer does not exist",
                instead=f"pass a float (`float({name})`, `{name}.astype(float)`), or choose other `argnums`",
            )

    def value_and_gradients(
        self, wrt: tuple[int, ...], args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Any:
        if not keywords:
            quick = self.quick.get((wrt, fingerprint(args)))
            if quick is not None:
                function, fetch, statics = quick
                if not statics or all(fetched(where) is known for where, known in statics):
                    results = function(*args, *map(fetched, fetch)) if fetch else function(*args)
                    return results[0], results[1:]
        values = self.arguments(args, keywords)
        specs, found = self.specialise(values)
        key = (specs, wrt)
        entry = self.compiled.get(key)
        if entry is None:
            entry = self.compiled[key] = self.compile_gradient(found, specs, wrt)
        function, nestings, fetch = entry  # type: ignore[misc]
        if not keywords and len(args) == len(values):
            plain = all(type(x) in PLAIN for x in args) and all(nesting == "leaf" for nesting in nestings)
            if plain and not self.source.partial_args:
                self.quick[wrt, fingerprint(args)] = (function, fetch, found.program.statics)
        hidden = [fetched(where) for where in fetch]
        value, *gradients = function(*self.flat(values), *hidden)
        gradients_iterator = iter(gradients)
        return value, tuple(nested(nesting, gradients_iterator) for nesting in nestings)

    def compile_gradient(self, found: Specialisation, specs: tuple[Any, ...], wrt: tuple[int, ...]) -> Any:
        text, nestings = self.gradient_text(found, specs, wrt)
        function = self.load(text, f"{found.program.function.name}_grad", found.program)
        return function, nestings, found.program.fetch

    def load(self, text: str, name: str, program: Program) -> Callable[..., Any]:
        """The compiled function `name` of a generated module."""
        fastmath = self.options.fastmath
        if fastmath is None:
            fastmath = {"reassoc"} if pipeline.reorders_sums(program) else False
        loaded: Callable[..., Any] = load_function(
            text,
            name,
            stem=name,
            cache=self.options.cache,
            fastmath=fastmath,
            parallel=self.options.parallel,
        )
        return loaded

    def gradient_text(
        self, found: Specialisation, specs: tuple[Any, ...], wrt: tuple[int, ...], optimise: bool = True
    ) -> tuple[str, list[Any]]:
        self.check_scalar(found)
        flat, nestings = self.plan(specs, wrt)
        function = found.gradient(tuple(flat), optimise)
        names = ", ".join(self.names[k] for k in wrt)
        return pipeline.print_function(function, f"{self.source.name} and its gradient by {names}."), nestings

    def check_scalar(self, found: Specialisation) -> None:
        structure = found.program.structure
        results: tuple[Value, ...] = found.program.function.results
        if structure == "leaf" and ty.is_float(results[0].type):
            return
        if structure == "leaf" and ty.is_array(results[0].type):
            what = f"an array of {results[0].type.ndim} dimensions"
        elif structure == "leaf":
            what = f"a value of type {ty.name_of(results[0].type)}"
        else:
            what = "nothing" if structure is None else "several values"
        raise NotDifferentiable(
            f"`{self.source.name}` returns {what}; its gradient needs one float",
            definition=self.definition(),
            reason="a gradient is the derivative of one number",
            instead="return a sum, or one element"
            if not (structure == "leaf" and ty.is_complex(ty.element(results[0].type)))
            else "its real part, or `abs(z)`",
        )


PLAIN = (np.ndarray, float, int, bool, np.float64, np.float32, np.int64)


def fingerprint(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """What decides the types of arguments, for those that are plain numbers and arrays."""
    return tuple([(x.dtype, x.ndim, x.flags.num) if type(x) is np.ndarray else type(x) for x in args])


def nested(nesting: Any, gradients: Any) -> Any:
    if nesting == "leaf":
        return next(gradients)
    if nesting is None:
        return None
    return tuple(nested(part, gradients) for part in nesting)


def fetched(where: tuple[str, Any, str]) -> Any:
    """The present value of something captured."""
    kind, owner, name = where
    if kind == "global":
        return owner.__globals__[name]
    if kind == "closure":
        return owner.__closure__[owner.__code__.co_freevars.index(name)].cell_contents
    if kind == "module":
        return getattr(owner, name)
    return owner


def same_known(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and isinstance(a, (bool, str, tuple, int, float)) and a == b)


class Gradient:
    """The callable that `grad` and `value_and_grad` return."""

    def __init__(self, of: Differentiable, argnums: ArgNums, with_value: bool) -> None:
        self.of, self.argnums, self.with_value = of, argnums, with_value
        self.wrt = of.indices(argnums)
        self.single = not isinstance(argnums, (list, tuple, range))
        self.__name__ = getattr(of.source, "name", "function") + "_grad"
        self.__doc__ = of.source.function.__doc__

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        value, gradients = self.of.value_and_gradients(self.wrt, args, keywords)
        result = gradients[0] if self.single else gradients
        return (value, result) if self.with_value else result

    def __repr__(self) -> str:
        kind = "value_and_grad" if self.with_value else "grad"
        return f"<{kind} of {self.of.source.name} by {self.argnums!r}>"


class Differentiated(Differentiable):
    """What the decorator `differentiate` makes of a function: the compiled primal, with its derivatives.

    Attributes
    ----------
    grad, value_and_grad : callables with the arguments of the function
    """

    def __init__(self, function: Any, argnums: ArgNums | None, options: Options) -> None:
        super().__init__(function, options)
        self.argnums: ArgNums = 0 if argnums is None else argnums
        functools.update_wrapper(self, self.source.function, updated=())
        self.grad = Gradient(self, self.argnums, False)
        self.value_and_grad = Gradient(self, self.argnums, True)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """The function itself, compiled."""
        values = self.arguments(args, keywords)
        specs, found = self.specialise(values)
        entry = self.compiled.get((specs, None))
        if entry is None:
            entry = self.compiled[specs, None] = self.compile_primal(found)
        function, structure, fetch = entry  # type: ignore[misc]
        result = function(*self.flat(values), *(fetched(where) for where in fetch))
        return nested(structure, iter(result if isinstance(structure, tuple) else (result,)))

    def compile_primal(self, found: Specialisation) -> Any:
        program = found.program
        function = pipeline.primal(program, self.options.optimise)
        text = pipeline.print_function(function, f"{self.source.name}.")
        loaded = self.load(text, function.name, program)
        return loaded, program.structure, program.fetch

    def gradient_source(self, *args: Any, optimise: bool = True, **keywords: Any) -> str:
        """The source text of the gradient for arguments of these types: a module to read, keep or compile."""
        specs, found = self.specialise(self.arguments(args, keywords))
        return self.gradient_text(found, specs, self.indices(self.argnums), optimise)[0]

    def ir(self, *args: Any, **keywords: Any) -> str:
        """The dump of the function in the IR, as it was read."""
        return show(self.specialise(self.arguments(args, keywords))[1].program.function)

    def gradient_ir(self, *args: Any, optimise: bool = True, **keywords: Any) -> str:
        """The dump of the gradient in the IR, as it is printed."""
        specs, found = self.specialise(self.arguments(args, keywords))
        flat, _ = self.plan(specs, self.indices(self.argnums))
        return show(found.gradient(tuple(flat), optimise))

    def tape_report(self, *args: Any, **keywords: Any) -> TapeReport:
        """What the gradient records between its sweeps, and how many bytes that takes for these arguments."""
        values = self.arguments(args, keywords)
        specs, found = self.specialise(values)
        flat, _ = self.plan(specs, self.indices(self.argnums))
        function, names = pipeline.tape_sizes(found.gradient(tuple(flat)))
        if not names:
            return TapeReport({})
        text = pipeline.print_function(function)
        sizes = self.load(text, function.name, found.program)(
            *self.flat(values), *(fetched(w) for w in found.program.fetch)
        )
        listed = sizes if isinstance(sizes, tuple) else (sizes,)
        tapes: dict[str, int] = {}
        for name, size in zip(names, listed, strict=True):
            count = sum(known.split(" ")[0] == name for known in tapes)
            tapes[f"{name} ({count + 1})" if count else name] = int(size)
        return TapeReport(tapes)


@dataclass(frozen=True)
class TapeReport:
    """The tapes of a gradient by name, in bytes."""

    tapes: dict[str, int]

    @property
    def bytes(self) -> int:
        return sum(self.tapes.values())

    def __str__(self) -> str:
        if not self.tapes:
            return "no tape"
        width = max(map(len, self.tapes))
        lines = [f"{name:<{width}}  {size:>12,} bytes" for name, size in self.tapes.items()]
        return "\n".join([*lines, f"{'total':<{width}}  {self.bytes:>12,} bytes"])


def differentiable(function: Any) -> Differentiable:
    return function if isinstance(function, Differentiable) else Differentiable(function)


def differentiate(
    f: Any = None,
    *,
    argnums: ArgNums | None = None,
    cache: bool = True,
    fastmath: Any = None,
    parallel: bool = False,
    target: str = "cpu",
    optimise: bool = True,
) -> Any:
    """Compile a function and give it derivatives.

    Parameters
    ----------
    f : function, lambda, closure, `functools.partial` or Numba dispatcher
    argnums : int, str or a sequence of those
        The parameters that `.grad` and `.value_and_grad` differentiate by; the first one by default.
    cache : bool
        Keep compiled code on disk, for the next process.
    fastmath : bool or set of str, optional
        Passed to Numba. By default the compiler may reorder sums, unless the function does compensated arithmetic;
        `False` keeps every operation as written.
    parallel, target
        Only False and "cpu" for now.
    optimise : bool
        Fuse, fold and combine; switch off to read the plain adjoint.

    Returns
    -------
    Differentiated

    Raises
    ------
    DifferentiationError
        Here if the source cannot be read; at the first call with given types if something in it is not supported.

    Examples
    --------
    >>> import math
    >>> @differentiate
    ... def f(x):
    ...     return x * math.sin(x)
    >>> f(2.0), f.grad(2.0)
    (1.8185948536513634, 0.0770037537313969)
    """
    if parallel or target != "cpu":
        raise NotDifferentiable("`parallel=True` and other targets than the CPU are not supported yet")
    options = Options(cache, fastmath, parallel, optimise)
    if f is None:
        return lambda function: Differentiated(function, argnums, options)
    return Differentiated(f, argnums, options)


def grad(f: Any, argnums: ArgNums = 0) -> Gradient:
    """The gradient of a function with one float as result.

    Parameters
    ----------
    f : function, lambda, closure, `functools.partial`, Numba dispatcher, or what `differentiate` made
    argnums : int, str or a sequence of those
        The parameters to differentiate by.

    Returns
    -------
    callable
        Takes the arguments of `f`; gives a float for a float and an array of the same shape and dtype for an array;
        a tuple of those if `argnums` is a sequence.

    Examples
    --------
    >>> grad(lambda x: x**3)(2.0)
    12.0
    """
    return Gradient(differentiable(f), argnums, False)


def value_and_grad(f: Any, argnums: ArgNums = 0) -> Gradient:
    """The value of a function and its gradient, from one run.

    Parameters
    ----------
    f, argnums
        As for `grad`.

    Returns
    -------
    callable
        Gives `(value, gradient)`.

    Examples
    --------
    >>> value_and_grad(lambda x, y: x * y, argnums=(0, "y"))(2.0, 5.0)
    (10.0, (5.0, 2.0))
    """
    return Gradient(differentiable(f), argnums, True)


__all__ = ["Differentiated", "TapeReport", "differentiate", "grad", "value_and_grad"]
