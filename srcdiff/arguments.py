"""The arguments of a call: bound to parameters, typed, flattened.

def f(x, pair, n=3): ...

f(a, (b, c))      bound: [a, (b, c), 3]      specs: [f64[:], (f64, f64), i64]      flat: [a, b, c, 3]

Lists, named tuples, dicts and dataclasses are opened like tuples; their types are a `Tree` (`frontend/trees.py`).
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .errors import AliasError, Location, NotDifferentiable, UnsupportedConstruct
from .frontend.program import Program
from .frontend.source import FunctionSource, location_of
from .frontend.things import Static
from .frontend.trees import Tree, all_leaves, closed, opened, parts_of, with_parts
from .ir import types as ty

ArgNums = int | str | Sequence[int | str]
NUMBERS = (np.ndarray, np.generic, float, int, bool, complex)


def has_own_operators(kind: type) -> bool:
    """Whether a class of arrays changes what operators do: `np.matrix`, arrays with units."""
    return any(
        getattr(kind, name) is not getattr(np.ndarray, name) for name in ("__mul__", "__array_ufunc__")
    )


class Signature:
    """The parameters of a function that was read.

    Attributes
    ----------
    name : str
        The name of the function.
    names : list of str
        All its parameters, in order.
    free : list of str
        Those that are not bound by `functools.partial`.
    definition : Location
        Where the function is defined.
    """

    def __init__(self, source: FunctionSource) -> None:
        spec = source.tree.args
        star = spec.vararg or spec.kwarg
        if star is not None:
            raise UnsupportedConstruct(
                f"`{'*' if spec.vararg else '**'}{star.arg}` in the signature",
                location_of(source, star),
                "the number of arguments must be known",
                "named parameters",
            )
        self.source = source
        self.name = source.name
        self.definition: Location = location_of(source, source.tree)
        self.names = [a.arg for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]
        self.free = [
            name for name in self.names[len(source.partial_args) :] if name not in source.partial_keywords
        ]

    @property
    def is_partial(self) -> bool:
        return bool(self.source.partial_args or self.source.partial_keywords)

    @property
    def binds_an_object(self) -> bool:
        """Whether what is bound is only the object of a method, of which nothing is passed on."""
        source = self.source
        bound = source.partial_args
        return len(bound) == 1 and not source.partial_keywords and isinstance(self.spec(bound[0], ""), Static)

    def bind(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> list[Any]:
        """The arguments in the order of the parameters, defaults and partial ones filled in."""
        source = self.source
        if len(args) == len(self.names) and not keywords and self.is_positional:
            return list(args)
        args = (*source.partial_args, *args)
        keywords = {**source.partial_keywords, **keywords}
        function = source.function
        spec: ast.arguments = source.tree.args
        positional = [a.arg for a in (*spec.posonlyargs, *spec.args)]
        if len(args) > len(self.names):
            raise TypeError(f"{self.name}() takes {len(self.names)} arguments, {len(args)} were given")
        if len(args) > len(positional):
            raise TypeError(
                f"{self.name}() takes {len(positional)} arguments by position, {len(args)} were given"
            )
        bound = dict(zip(self.names, args, strict=False))
        for name, value in keywords.items():
            if name not in self.names or name in bound:
                raise TypeError(f"{self.name}() got an unexpected or repeated argument '{name}'")
            bound[name] = value
        defaults = function.__defaults__ or ()
        for name, value in zip(positional[len(positional) - len(defaults) :], defaults, strict=True):
            bound.setdefault(name, value)
        for name, value in (function.__kwdefaults__ or {}).items():
            bound.setdefault(name, value)
        missing = [name for name in self.names if name not in bound]
        if missing:
            raise TypeError(f"{self.name}() is called without {', '.join(missing)}")
        return [bound[name] for name in self.names]

    def indices(self, argnums: ArgNums) -> tuple[int, ...]:
        """Positions of the parameters that `argnums` names."""
        chosen = argnums if isinstance(argnums, (list, tuple, range)) else (argnums,)
        found = []
        if not chosen:
            raise TypeError("argnums is empty: name at least one parameter")
        for item in chosen:  # type: ignore[union-attr]
            if isinstance(item, str):
                if item not in self.names:
                    raise TypeError(f"{self.name}() has no parameter '{item}'")
                found.append(self.names.index(item))
            elif not isinstance(item, (int, np.integer)):
                raise TypeError(f"argnums takes parameter numbers and names, not {item!r}")
            else:
                if not -len(self.free) <= item < len(self.free):
                    raise TypeError(f"{self.name}() has no parameter number {item}")
                found.append(self.names.index(self.free[item]))
        return tuple(found)

    def spec(self, value: Any, name: str) -> Any:
        """The type of an argument, or the argument itself where it is known to the compiler.

        `name` is how source text reaches it: `params["W"]`.
        """
        if isinstance(value, tuple) and type(value) is tuple:
            return tuple(self.spec(part, name) for part in value)
        if isinstance(value, np.ma.MaskedArray):
            raise NotDifferentiable(
                f"the argument `{name}` is a masked array",
                definition=self.definition,
                reason="Numba does not know masked arrays",
                instead="the array and its mask as two arguments",
            )
        if isinstance(value, np.ndarray) and has_own_operators(type(value)):
            raise NotDifferentiable(
                f"the argument `{name}` is a `{type(value).__name__}`",
                definition=self.definition,
                reason="its operators are not those of arrays",
                instead="`np.asarray(...)` of it",
            )
        if isinstance(value, NUMBERS):
            try:
                return ty.typeof(value)
            except (TypeError, NotImplementedError) as error:
                raise NotDifferentiable(
                    f"the argument `{name}` of type `{type(value).__name__}`"
                    + (f" and dtype {value.dtype}" if isinstance(value, np.ndarray) else ""),
                    definition=self.definition,
                    reason=str(error).splitlines()[0],
                ) from error
        tree = opened(value)
        if tree is not None:
            self.check_structure(tree, name)
            parts = zip(tree.names, tree.parts, strict=True)
            return with_parts(tree, [self.spec(part, tree.path(name, key)) for key, part in parts])
        if value is None or isinstance(value, str) or callable(value) or isinstance(value, np.dtype):
            return Static(value)
        if any(value is bound for bound in self.source.partial_args):
            return Static(value)
        raise NotDifferentiable(
            f"the argument `{name}` is a `{type(value).__name__}`",
            definition=self.definition,
            reason="only numbers, arrays, strings, functions, None, and tuples, lists, dicts and dataclasses "
            "of those can be passed",
            instead="separate arguments, or `np.array(...)`",
        )

    def check_structure(self, tree: Tree, name: str) -> None:
        if tree.is_dict:
            wrong = next((key for key in tree.names if type(key) not in (str, int)), None)
            if wrong is not None:
                raise NotDifferentiable(
                    f"the argument `{name}` is a dict with the key {wrong!r}",
                    definition=self.definition,
                    reason="keys are known to the compiler: strings and integers",
                    instead="a dict with such keys, or a tuple",
                )
        if tree.kind is list and tree.parts and all(isinstance(x, NUMBERS[1:]) for x in tree.parts):
            raise NotDifferentiable(
                f"the argument `{name}` is a list of numbers",
                definition=self.definition,
                reason="the length of a list is known to the compiler: it is for arrays and structures",
                instead="`np.array(...)`, or a tuple",
            )

    def specs(self, values: list[Any]) -> tuple[Any, ...]:
        """The types of bound arguments."""
        return tuple(self.spec(v, n) for v, n in zip(values, self.names, strict=True))

    def spec_in_compiled_code(self, type: Any, name: str) -> Any:
        """The same for an argument of which compiled code knows this type."""
        if isinstance(type, ty.nb.Omitted):
            return self.spec(type.value, name)
        if ty.is_scalar(type) or ty.is_array(type):
            return type
        if isinstance(type, (ty.nb.NamedTuple, ty.nb.NamedUniTuple)):
            parts = [self.spec_in_compiled_code(part, name) for part in type]
            return Tree(type.instance_class, type.fields, tuple(parts))
        if ty.is_tuple(type):
            return tuple(self.spec_in_compiled_code(part, name) for part in type)
        if isinstance(type, ty.nb.NoneType):
            return Static(None)
        if isinstance(type, ty.nb.StringLiteral):
            return Static(type.literal_value)
        if isinstance(type, ty.nb.Dispatcher):
            return Static(getattr(type.dispatcher, "owner", type.dispatcher))
        raise NotDifferentiable(
            f"the argument `{name}` is of type `{type}` in compiled code",
            definition=self.definition,
            reason="only numbers, arrays, tuples of those, compiled functions, None and literal strings can be passed",
            instead="separate arguments",
        )

    def bind_in_compiled_code(self, types: Sequence[Any]) -> tuple[list[Any], tuple[Any, ...]]:
        """For each parameter the type that compiled code gives, or the value that is bound or the default, and the type
        that this is for the program."""
        given = dict(zip(self.free, types, strict=False))
        bound = self.bind((), given)
        specs = tuple(
            self.spec_in_compiled_code(item, name) if name in given else self.spec(item, name)
            for name, item in zip(self.names, bound, strict=True)
        )
        return bound, specs

    def check_compiled_call(self, function: Around) -> None:
        """Compiled code gets what compiled code can return."""
        if function.structure is not None:
            raise returns_structure(self.name, self.definition)

    @property
    def for_numba(self) -> inspect.Signature:
        """The parameters that are not bound by `functools.partial`, with their defaults."""
        of_function = inspect.signature(self.source.function).parameters
        return inspect.Signature(
            [of_function[name].replace(annotation=inspect.Parameter.empty) for name in self.free]
        )

    @property
    def is_positional(self) -> bool:
        """Whether each parameter can be given by position, and none is bound by `functools.partial`."""
        return not self.is_partial and not self.source.tree.args.kwonlyargs

    def plan(self, specs: tuple[Any, ...], wrt: tuple[int, ...]) -> tuple[tuple[int, ...], list[Any]]:
        """The flat parameters to differentiate by, and how the derivatives by each of `wrt` nest."""
        places = []
        start = 0
        for spec in specs:
            indices, nesting, start = leaves(spec, start)
            places.append((indices, nesting))
        flat: list[int] = []
        nestings = []
        for k in wrt:
            indices, nesting = places[k]
            self.check_differentiable(specs[k], self.names[k])
            flat += indices
            nestings.append(nesting)
        return tuple(flat), nestings

    def moves(self, spec: Any) -> bool:
        """Whether an argument of this type can be differentiated by; of a structure, whether anything in it can."""
        if isinstance(spec, Tree):
            return any(map(self.moves, spec.parts))
        if isinstance(spec, tuple):
            return bool(spec) and all(map(self.moves, spec))
        return not isinstance(spec, Static) and ty.is_real(spec)

    def check_differentiable(self, spec: Any, name: str) -> None:
        if isinstance(spec, Tree):
            if all(isinstance(leaf, Static) for leaf in all_leaves(spec)):
                raise NotDifferentiable(
                    f"the argument `{name}` has no float in it: only floats can be differentiated",
                    definition=self.definition,
                    instead="other `argnums`",
                )
            for key, part in zip(spec.names, spec.parts, strict=True):
                if not all(isinstance(leaf, Static) for leaf in all_leaves(part)):
                    self.check_differentiable(part, spec.path(name, key))
            return
        if isinstance(spec, tuple) and spec:
            for part in spec:
                self.check_differentiable(part, name)
            return
        if not isinstance(spec, (Static, tuple)) and ty.is_complex(ty.element(spec)):
            raise NotDifferentiable(
                f"the argument `{name}` is {ty.name_of(spec)}: only floats can be differentiated",
                definition=self.definition,
                reason="derivatives are of real numbers by real numbers; complex ones may come in between",
                instead="its real and imaginary parts as arguments, and `x + 1j * y` in the function",
            )
        if isinstance(spec, (Static, tuple)) or not ty.is_real(spec):
            what = repr(spec.value) if isinstance(spec, Static) else ty.name_of(spec)
            raise NotDifferentiable(
                f"the argument `{name}` is {what}: only floats can be differentiated",
                definition=self.definition,
                reason="a derivative by an integer does not exist"
                if not isinstance(spec, (Static, tuple))
                else "only numbers can be varied",
                instead=f"pass a float (`float({name})`, `{name}.astype(float)`), or choose other `argnums`",
            )


def returns_structure(name: str, definition: Location) -> NotDifferentiable:
    """The refusal of a call in compiled code that would give a structure."""
    return NotDifferentiable(
        f"`{name}` is called in compiled code and returns a structure",
        definition=definition,
        reason="compiled code knows numbers, arrays and tuples",
        instead="results in a tuple",
    )


def leaves(spec: Any, start: int) -> tuple[list[int], Any, int]:
    """The flat parameters of one argument: their indices, their nesting, and where the next argument starts."""
    if isinstance(spec, Static):
        return [], None, start
    parts = parts_of(spec)
    if parts is None:
        return [start], "leaf", start + 1
    indices: list[int] = []
    nesting = []
    for part in parts:
        inner, shape, start = leaves(part, start)
        indices += inner
        nesting.append(part if isinstance(spec, Tree) and isinstance(part, Static) else shape)
    return indices, with_parts(spec, nesting), start


def flattened(values: Sequence[Any]) -> list[Any]:
    """The numbers and arrays among values, those in structures too."""
    found: list[Any] = []
    for value in values:
        if isinstance(value, NUMBERS):
            found.append(value)
        elif isinstance(value, tuple):
            found += flattened(value)
        elif (tree := opened(value)) is not None:
            found += flattened(tree.parts)
    return found


def matching(given: Any, primal: Any, what: str) -> list[Any]:
    """The flat parts of a tangent or cotangent, which must have the structure of its primal."""
    if isinstance(primal, NUMBERS):
        return [given]
    tree, own = opened(primal), opened(given)
    if tree is not None:
        if own is None or own.kind is not tree.kind or set(own.names) != set(tree.names):
            raise TypeError(f"{what} has not the structure of what it belongs to, a {tree.kind.__name__}")
        pairs = zip(tree.names, tree.parts, strict=True)
        return [
            leaf for name, part in pairs for leaf in matching(own.part(name), part, tree.path(what, name))
        ]
    if isinstance(primal, tuple):
        if type(given) is not tuple or len(given) != len(primal):
            raise TypeError(f"a tuple of {len(primal)} is needed for {what}, not {type(given).__name__}")
        return [leaf for pair in zip(given, primal, strict=True) for leaf in matching(*pair, what)]
    return []


def like(given: Any, primal: Any, what: str) -> Any:
    """A tangent or cotangent with the type and the shape of its primal."""
    if isinstance(given, np.ma.MaskedArray):
        raise TypeError(f"{what} is a masked array: what it is at the masked places must be said")
    kind = np.asarray(given).dtype
    if kind.kind not in "biufO":
        raise TypeError(f"{what} is of dtype {kind}, which is not that of real numbers")
    dtype = np.asarray(primal).dtype
    if isinstance(primal, np.ndarray):
        array = np.ascontiguousarray(given, dtype)
        if np.shape(given) != primal.shape:
            raise ValueError(f"{what} has the shape {np.shape(given)}, not {primal.shape}")
        return array
    if np.shape(given) != ():
        raise ValueError(f"{what} has the shape {np.shape(given)}, not that of a number")
    return dtype.type(given) if isinstance(primal, np.generic) else float(given)


def nested(nesting: Any, values: Iterator[Any]) -> Any:
    """Values in the nesting of a structure."""
    if nesting == "leaf":
        return next(values)
    if isinstance(nesting, Tree):
        return closed(with_parts(nesting, [nested(part, values) for part in nesting.parts]))
    if isinstance(nesting, tuple):
        return tuple([nested(part, values) for part in nesting])
    return nesting.value if isinstance(nesting, Static) else None


def restored(structure: Any, result: Any) -> Any:
    """What a compiled function returned, nested as it should be."""
    if structure == "leaf":
        return result
    return nested(structure, iter(result if type(result) is tuple else (result,)))


def fits_compiled_code(structure: Any) -> bool:
    """Whether compiled code can return such a structure: numbers, arrays and tuples of those."""
    if isinstance(structure, tuple):
        return all(map(fits_compiled_code, structure))
    return not isinstance(structure, Tree)


class Whole:
    """A result that is nested as it should be."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Around:
    """A compiled function, with what Python must do around a call of it.

    Arrays that it writes must not be the memory of other arguments; what no compiled code can return (dicts, named
    tuples, dataclasses, lists) is made of the numbers and arrays that it returns.
    """

    def __init__(self, function: Callable[..., Any], program: Program, signature: Signature) -> None:
        self.function, self.program, self.signature = function, program, signature
        self.definition = signature.definition
        self.written = program.written
        self.names = [parameter.name for parameter in program.function.parameters]
        self.places = [*range(program.arguments), *range(-len(program.fetch), 0)]
        self.structure = None if fits_compiled_code(program.structure) else program.structure

    def with_function(self, function: Callable[..., Any]) -> Around:
        """The same around another compiled function."""
        return Around(function, self.program, self.signature)

    def __call__(self, *args: Any) -> Any:
        for k in self.written:
            for other in self.places:
                if other != k and shares_memory(args[k], args[other]):
                    raise AliasError(
                        f"`{self.names[k]}` is written, and shares its memory with `{self.names[other]}`",
                        definition=self.definition,
                        reason="derivatives are made for arguments that are apart",
                        instead="a copy of one of them",
                    )
        result = self.function(*args)
        if type(result) is Whole:
            return result.value
        return result if self.structure is None else restored(self.structure, result)


def shares_memory(a: Any, b: Any) -> bool:
    if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)):
        return False
    try:
        return np.shares_memory(a, b, 1000)  # type: ignore[arg-type]  # any bound on the work
    except np.exceptions.TooHardError:
        return True


def nesting_of(spec: Any) -> Any:
    """How the numbers and arrays of an argument nest."""
    return leaves(spec, 0)[1]


__all__ = [
    "ArgNums",
    "Around",
    "Signature",
    "Whole",
    "fits_compiled_code",
    "flattened",
    "like",
    "matching",
    "nested",
    "nesting_of",
    "returns_structure",
]
