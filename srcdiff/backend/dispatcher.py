"""Numba's door to an object of ours: its C code finds the compiled function, its compiler may link against it.

    slope = f.grad                  slope.dispatcher is a `CompiledDispatcher`
    slope(2.0)                      C types the argument and calls; for a type not seen yet it asks `resolve`
    njit(lambda x: slope(x))(2.0)   the compiler asks `link` for code that takes a float64

An object's own attributes that are such objects (`f.grad`) can be read in compiled code too, its methods `jvp` and
`vjp` and functions that make such objects (`grad(f)`) called.

Reads: nothing of the rest of the package; what code there is for which types is the owner's business.
"""

from __future__ import annotations

import inspect
import types as python_types
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numba.core import config, sigutils
from numba.core.compiler_lock import global_compiler_lock
from numba.core.datamodel import models, register_default
from numba.core.dispatcher import Dispatcher, OmittedArg
from numba.core.errors import NumbaTypeError, NumbaValueError, TypingError
from numba.core.imputils import lower_builtin, lower_getattr_generic
from numba.core.registry import cpu_target
from numba.core.typing.templates import (
    AbstractTemplate,
    AttributeTemplate,
    fold_arguments,
    infer_getattr,
    make_concrete_template,
)
from numba.extending import overload, typeof_impl

from ..errors import DifferentiationError
from ..ir.types import nb as types

__all__ = [
    "MAKING",
    "UNLIKE_ARRAYS",
    "CompiledDispatcher",
    "Owner",
    "another_object",
    "called_as_method",
    "called_in_compiled_code",
    "is_interpreted",
    "made_in_compiled_code",
    "owner_of",
    "refused_in_compiled_code",
]

# Numba's compiler holds it when it asks for programs: beside another lock, two threads could wait for each other.
MAKING = global_compiler_lock

# Arrays whose operators mean something else. Numba refuses masked ones only, and its C code takes either for the array
# below where code for that is there already.
UNLIKE_ARRAYS = (np.ma.MaskedArray, np.matrix)
for kind in UNLIKE_ARRAYS:
    setattr(kind, "__numba_array_subtype_dispatch__", True)  # noqa: B010 (unknown to type checkers)


def is_interpreted() -> bool:
    """Whether Numba compiles nothing (NUMBA_DISABLE_JIT=1)."""
    return bool(config.DISABLE_JIT)


class Owner(Protocol):
    """What a dispatcher asks."""

    def resolve(self, *args: Any) -> Callable[..., Any]:
        """What to call with these arguments; it may have put compiled code in before."""

    def link(self, types: tuple[Any, ...]) -> Any:
        """The dispatcher that other compiled code calls with arguments of these types, compiled."""


class CompiledDispatcher(Dispatcher):
    """A dispatcher whose compiled forms are supplied by its owner.

    Parameters
    ----------
    owner : Owner
    function : function
        The Python function underneath, for its name and its place.
    signature : inspect.Signature
        The parameters; positional ones, if Python code is to call through this dispatcher.
    """

    targetdescr = cpu_target

    def __init__(
        self, owner: Owner, function: python_types.FunctionType, signature: inspect.Signature
    ) -> None:
        self.owner = owner
        super().__init__(function, targetoptions={"nopython": True})
        self.parameters = signature
        self.inserted: set[tuple[Any, ...]] = set()
        self.kept: list[Any] = []  # what they compiled lives as long as they do
        self._type = self._numba_type_

    def __repr__(self) -> str:
        return repr(self.owner)

    @property
    def _numba_type_(self) -> types.Dispatcher:
        return CompiledType(self)

    def __reduce__(self) -> Any:
        # Only Numba pickles it, in the signature of a cached function that was given it as an argument: what is in the
        # cache for another process's object must never be taken for this one's, so that function is compiled again.
        return another_object, ()

    def _make_finalizer(self) -> Callable[[], None]:
        # The compiled forms belong to the generated functions, which outlive this.
        return lambda: None

    def _compile_for_args(self, *args: Any, **keywords: Any) -> Any:
        self._compilation_chain_init_hook()
        return self.owner.resolve(*args)

    def typeof_pyval(self, value: Any) -> Any:
        """The type of an argument that C does not know at sight."""
        if isinstance(value, UNLIKE_ARRAYS):
            return types.pyobject
        try:
            return super().typeof_pyval(value)
        except (NumbaTypeError, NumbaValueError):  # an array of long doubles
            return types.pyobject

    def insert(self, function: Any, args: tuple[Any, ...]) -> Callable[..., Any]:
        """Compile a function for these types, and let C find it; the compiled function."""
        with global_compiler_lock:
            entry: Callable[..., Any] = function.compile(args)
            if args not in self.inserted:
                self.inserted.add(args)
                self.kept.append(function)
                self._insert([arg._code for arg in args], entry, False)
        return entry

    @staticmethod
    def is_omitted(argument: Any) -> bool:
        """Whether C put this in place of an argument that was not given."""
        return isinstance(argument, OmittedArg)

    def given(self, args: tuple[Any, ...]) -> dict[str, Any]:
        """The arguments that were given; C knows the defaults of others as they were when it was told."""
        named = zip(self.parameters.parameters, args, strict=True)
        return {name: argument for name, argument in named if not isinstance(argument, OmittedArg)}

    # ------------------------------------------------------------------ called from other compiled code

    def compile(self, signature: Any) -> Any:
        """The entry point for other compiled code."""
        args, _ = sigutils.normalize_signature(signature)
        with global_compiler_lock, self._compiling_counter:
            if args not in self.overloads:
                try:
                    adapter = self.owner.link(args)
                except DifferentiationError as error:
                    raise TypingError(f"\n{error}") from error
                self.kept.append(adapter)
                self.overloads[args] = adapter.overloads[args]
            return self.overloads[args].entry_point

    def get_call_template(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """How Numba's type inference asks: a template with the signature for these argument types."""
        try:
            folded = fold_arguments(
                self.parameters,
                args,
                keywords,
                lambda index, parameter, type: type,
                lambda index, parameter, default: types.Omitted(default),
                lambda index, parameter, found: types.StarArgTuple(found),
            )
        except TypeError as error:
            raise TypingError(f"{self.py_func.__name__}() in compiled code: {error}") from error
        # A string is known where it is literal; other literals are values like any other.
        plain = tuple(a if isinstance(a, types.StringLiteral) else types.unliteral(a) for a in folded)
        self.compile(plain)
        name = self.py_func.__name__
        signatures = [self.overloads[plain].signature]
        return make_concrete_template(f"call of {name}", name, signatures), self.parameters, plain, {}


class AnotherObject:
    """What a dispatcher of another process is here: not equal to any."""


ANOTHER = AnotherObject()


def another_object() -> AnotherObject:
    return ANOTHER


class CompiledType(types.Dispatcher):
    """The type of such an object in compiled code."""


register_default(CompiledType)(models.OpaqueModel)


def called_in_compiled_code(
    function: Callable[..., Any], choose: Callable[[Any, tuple[Any, ...], tuple[Any, ...]], Any]
) -> None:
    """Let compiled code call `function(f, primals, tangents)`.

    `choose` gives, for `f` and the types of both tuples, an object of ours and the texts of what it is called with.
    """

    def implementation(f, primals, tangents):  # type: ignore[no-untyped-def]  # Numba compares the signatures
        if not isinstance(f, types.Dispatcher) or not all(
            isinstance(given, types.BaseTuple) for given in (primals, tangents)
        ):
            return None
        try:
            chosen, arguments = choose(owner_of(f), (*primals,), (*tangents,))
        except (DifferentiationError, TypeError) as error:
            raise TypingError(f"\n{error}") from error
        space = {"chosen": chosen}
        exec(f"def call(f, primals, tangents):\n    return chosen({', '.join(arguments)})\n", space)
        return space["call"]

    overload(function)(implementation)
    called_as_method(function)


METHODS: dict[str, Callable[..., Any]] = {}  # of objects of ours, functions that take the object first


def called_as_method(function: Callable[..., Any]) -> None:
    """Let compiled code call `function(f, ...)` as a method of `f`, an object of ours."""
    METHODS[function.__name__] = function

    @lower_builtin(function.__name__, CompiledType, types.VarArg(types.Any))  # type: ignore[untyped-decorator]
    def lower_method(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        called = context.typing_context.resolve_value_type(function)
        *taken, last = signature.args
        taken += last if isinstance(last, (types.StarArgTuple, types.StarArgUniTuple)) else [last]
        as_function = called.get_call_type(context.typing_context, tuple(taken), {})
        call = context.get_function(called, as_function)
        context.add_linking_libs(getattr(call, "libs", ()))
        return call(builder, args)


def method_type(type: CompiledType, name: str) -> Any:
    """The type of `f.jvp` in compiled code."""

    class Method(AbstractTemplate):
        key = name

        def generic(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
            called = self.context.resolve_value_type(METHODS[name])
            return called.get_call_type(self.context, (type, *args), keywords).as_method()

    return types.BoundFunction(Method, type)


def made_in_compiled_code(maker: Callable[..., Any], make: Callable[..., Any]) -> None:
    """Let compiled code call `maker(f, ...)`, where `f` and all else is known to the compiler.

    `make` is called with `f` and what is known, and gives an object of ours.
    """
    parameters = list(inspect.signature(maker).parameters.values())
    names = [parameter.name for parameter in parameters]
    taken = ", ".join(p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters)

    def choose(f: Any, *others: Any) -> Any:
        if not isinstance(f, types.Dispatcher):
            return None
        try:
            made = make(owner_of(f), *map(known_as, others))
        except (DifferentiationError, TypeError) as error:
            raise TypingError(f"\n{error}") from error
        space = {"made": made}
        exec(f"def give({taken}):\n    return made\n", space)
        return space["give"]

    space: dict[str, Any] = {"choose": choose}
    text = f"def implementation({taken}):\n    return choose({', '.join(names)})\n"
    exec(compile(text, __file__, "exec"), space)  # what is made there is made in this file, as others see it
    overload(maker, prefer_literal=True)(space["implementation"])


def refused_in_compiled_code(kind: type, refusal: Callable[[Any], DifferentiationError]) -> None:
    """Say why compiled code cannot have objects of a class."""

    @typeof_impl.register(kind)  # type: ignore[untyped-decorator]
    def typed(value: Any, context: Any) -> Any:
        raise ValueError(f"\n{refusal(value)}")  # which Numba makes an error of its own of


def owner_of(type: types.Dispatcher) -> Any:
    """The object of ours that has this type in compiled code, or Numba's dispatcher."""
    return getattr(type.dispatcher, "owner", type.dispatcher)


def known_as(type: Any) -> Any:
    """The value that the compiler knows of an argument."""
    if isinstance(type, types.Omitted):
        return type.value
    if isinstance(type, types.BaseTuple):
        return tuple(known_as(part) for part in type)
    if isinstance(type, types.Type) and not isinstance(type, types.Literal):
        raise TypeError("which parameters to differentiate by must be known when this is compiled")
    return type.literal_value if isinstance(type, types.Literal) else type


@infer_getattr
class OwnedAttributes(AttributeTemplate):
    """`f.grad` in compiled code, where `f.grad` is an object of ours."""

    key = CompiledType

    def generic_resolve(self, type: CompiledType, name: str) -> Any:
        if name.startswith("_"):
            return None
        attribute = getattr(type.dispatcher.owner, name, None)
        if name in METHODS and attribute is not None:
            return method_type(type, name)
        return getattr(attribute, "_numba_type_", None)


@lower_getattr_generic(CompiledType)
def lower_owned_attribute(context: Any, builder: Any, type: Any, value: Any, name: str) -> Any:
    """It is known to the compiler; nothing is there at run time."""
    return context.get_dummy_value()
