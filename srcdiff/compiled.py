"""A function of the IR for each signature it is called with, compiled: what all objects of this library are.

    gradient = Gradient(of=...)                       # a Compiled
    gradient(2.0, x)                                  # binds, types, reads, transforms, prints, loads; then calls
    gradient(3.0, y)                                  # calls, without any Python in between
    njit(lambda x: gradient(x, x))(2.0)               # Numba's compiler calls the same code, through an adapter

A subclass says where the program for a signature comes from and by which stages it is finished.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakSet

import numpy as np

from . import linking, pipeline
from .analysis.length_checks import checks_lengths
from .arguments import Around, Signature, Whole, fits_compiled_code, flattened, nested, nesting_of
from .backend.cpu import compiled_for, load_adapter, load_function
from .backend.dispatcher import MAKING, UNLIKE_ARRAYS, CompiledDispatcher, is_interpreted
from .backend.provenance import mark_linked, provenance
from .captured import passing, same_captured
from .emit.adapter import leaves_of, print_adapter, unused
from .frontend.captures import fetched, same_known
from .frontend.program import Program
from .frontend.things import Static
from .frontend.trees import all_leaves, mapped
from .ir import types as ty
from .ir.core import Function
from .pickling import reduced
from .repeating import Demands, Specs, retrying

KNOWN: WeakSet[Compiled] = WeakSet()  # all that there are
Entry = tuple[Any, Any, Any]  # a dispatcher (a plain function where Numba compiles nothing), fetch, statics


class Options:
    """How a function is differentiated and compiled."""

    def __init__(
        self, cache: bool = True, fastmath: Any = None, parallel: bool = False, optimise: bool = True
    ) -> None:
        self.cache, self.fastmath, self.parallel, self.optimise = cache, fastmath, parallel, optimise


class Compiled:
    """What can be called with numbers and arrays, and differentiated.

    Attributes
    ----------
    signature : Signature
    options : Options
    programs : the program for each signature so far.
    """

    # What a call of the object does is up to the object: with this slot in place of a method, Python calls what is in
    # it, which is compiled code as long as nothing is captured that must be looked at in each call.
    __slots__ = ("__call__", "__dict__", "__weakref__")

    if TYPE_CHECKING:

        def __call__(self, *args: Any, **keywords: Any) -> Any: ...

    def __new__(cls, *args: Any, **keywords: Any) -> Self:
        made = super().__new__(cls)
        made.made_with = cls, args, keywords
        return made

    made_with: tuple[Any, ...]  # the type and the arguments that make such an object in another process

    def __reduce__(self) -> Any:
        return reduced(self, self.made_with)

    def __init__(self, signature: Signature, options: Options) -> None:
        self.signature, self.options = signature, options
        self.programs: dict[Specs, Program] = {}
        self.compiled: dict[Specs, Entry] = {}
        self.demands = Demands()
        self.passes: list[Way] = []
        self.retries = False  # whether a call that fails because of lengths is made again, by another program
        self.looking: set[Specs] = (
            set()
        )  # what may have written when it fails: lengths are looked at in each call
        self.derived: dict[Any, Compiled] = {}  # derivatives that `jvp` and `vjp` made of it
        self.made_in = made_in()
        self.call_by(self.first_call)
        KNOWN.add(self)

    # ------------------------------------------------------------------------- what a subclass supplies

    def make_program(self, specs: Specs) -> Program:
        """The program for a signature, ready to be differentiated."""
        raise NotImplementedError

    def finish(self, program: Program) -> Function:
        """The program as it is printed and compiled."""
        raise NotImplementedError

    def title(self) -> str:
        """What the docstring of the generated function says."""
        raise NotImplementedError

    # --------------------------------------------------------------------------------------------- calls

    def bind(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> list[Any]:
        return self.signature.bind(args, keywords)

    def specs(self, values: list[Any]) -> Specs:
        """The types of bound arguments; with axes of length 1, where a program that knows no lengths would fail."""
        specs = self.signature.specs(values)
        arguments = flattened(values)
        if not any(1 in np.shape(argument) for argument in arguments):
            return specs
        return self.demands.refined(specs, self.program(specs), arguments)

    def program(self, specs: Specs) -> Program:
        """The program for a signature, made again where something taken as known has changed."""
        found = self.known_program(specs)
        if found is None:
            with MAKING:
                found = self.known_program(specs)
                if found is None:
                    self.compiled.pop(specs, None)
                    found = self.programs[specs] = self.make_program(specs)
        return found

    def known_program(self, specs: Specs) -> Program | None:
        found = self.programs.get(specs)
        is_valid = found and all(same_known(fetched(where), known) for where, known in found.statics)
        return found if is_valid else None

    def program_for(self, *args: Any, **keywords: Any) -> Program:
        return self.program(self.specs(self.bind(args, keywords)))

    def __srcdiff_bind__(
        self, args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[list[Any], list[Any]]:
        """The arguments of a call inside another function that is read, and the tangents among them."""
        return self.bind(args, keywords), []

    def text(self, program: Program) -> str:
        """The source text of the finished program."""
        return linking.print_function(self.finish(program), self.title(), returned(program.structure))

    def entry(self, specs: Specs) -> Entry:
        self.program(specs)
        found = self.compiled.get(specs)
        if found is None:
            with MAKING:
                program = self.program(specs)
                found = self.compiled.get(specs)
                if found is not None:
                    return found
                function = self.load(self.text(program), program.function.name, program)
                if program.written or not fits_compiled_code(program.structure):
                    function = Around(function, program, self.signature)
                if not self.retries and checks_lengths(program.function):
                    self.retries = True
                    self.call_by(self.short)
                if not pipeline.checks_come_first(program.function, self.options.optimise):
                    self.looking.add(specs)
                found = self.compiled[specs] = function, program.fetch, program.statics
        return found

    def load(self, text: str, name: str, program: Program) -> Callable[..., Any]:
        """The compiled function `name` of a generated module."""
        fastmath = self.options.fastmath
        if fastmath is None:
            fastmath = pipeline.freedoms(program) or False
        others = linking.other_functions(program)
        loaded: Callable[..., Any] = load_function(
            text,
            name,
            stem=name,
            # What others do is not seen from the text; of functions that call themselves Numba's cached code is unsafe.
            cache=self.options.cache and not others and not linking.calls_itself(program),
            fastmath=fastmath,
            parallel=self.options.parallel,
            depends=" ".join(str(id(other)) for other in others),
        )
        return loaded

    def call_by(self, callable: Callable[..., Any]) -> None:
        """Let calls from Python go there."""
        self.short = callable
        guarded = self.retries and callable not in (self.call, self.first_call)
        self.__call__ = retrying(callable, self.call) if guarded else callable  # type: ignore[method-assign]

    @property
    def underneath(self) -> Any:
        """The Python function with the parameters of a call by position."""
        return self.signature.source.function

    @property
    def dispatcher(self) -> Any:
        """How Numba sees it: a `CompiledDispatcher`."""
        with MAKING:
            found = self.__dict__.get("_dispatcher")
            if found is None:
                found = CompiledDispatcher(self, self.underneath, self.parameters)
                self.__dict__["_dispatcher"] = found
        return found

    @property
    def is_called_through_c(self) -> bool:
        """Whether Numba's C code can find the arguments of a call."""
        return self.signature.is_positional and not is_interpreted()

    def first_call(self, *args: Any, **keywords: Any) -> Any:
        """Choose how calls go, and call."""
        self.bind(args, keywords)  # C says less about a call that does not fit
        self.call_by(self.dispatcher if self.is_called_through_c else self.call)
        return self(*args, **keywords)

    def call(self, *args: Any, **keywords: Any) -> Any:
        """Call the object, whatever it is given and has captured."""
        values = self.bind(args, keywords)
        specs = self.specs(values)
        entry = function, fetch, _ = self.entry(specs)
        self.pass_on(specs, entry)
        return function(*flattened(values), *map(fetched, fetch))

    def resolve(self, *args: Any) -> Callable[..., Any]:
        """What to call with arguments of types that the dispatcher does not know."""
        if any(map(self.dispatcher.is_omitted, args)):
            return lambda *args: self.call(**self.dispatcher.given(args))
        with MAKING:
            return self.resolved(args)

    def resolved(self, args: tuple[Any, ...]) -> Callable[..., Any]:
        specs = self.specs(list(args))
        function, fetch, statics = self.entry(specs)
        if isinstance(function, Around) or fetch or statics or any(map(ty.single_axes, flat_leaves(specs))):
            return self.call
        if specs in self.looking:
            self.call_by(self.call)
            return self.call
        types = tuple(map(self.dispatcher.typeof_pyval, args))
        if types != specs and not all(map(said_by_type, specs)):
            return self.call
        if types != specs:
            function, _ = self.adapted(types)
            self.call_by(without_other_arrays(self.dispatcher, self.call))
        compiled: Callable[..., Any] = self.dispatcher.insert(function, types)
        return compiled

    def pass_on(self, specs: Specs, entry: Entry) -> None:
        """Let further calls with such arguments pass on their parts and what is captured, with no more Python than that
        takes."""
        if is_interpreted() or (self.signature.is_partial and not self.signature.binds_an_object):
            return
        if specs in self.looking:
            self.call_by(self.call)
            return
        with MAKING:
            if self.compiled.get(specs) is entry:  # else it was made anew meanwhile
                self.call_by(self.way(specs, entry).call)

    def way(self, specs: Specs, entry: Entry) -> Way:
        function, fetch, statics = entry
        around = function if isinstance(function, Around) else None
        compiled: Any = function if around is None else around.function
        directions = self.directions(specs)
        form = (  # of what a call gives: the object of a method is known
            tuple(map(structure_of, (*specs[len(self.signature.source.partial_args) :], *directions))),
            None if around is None else (around.written, around.structure),
            tuple(map(ty.single_axes, flat_leaves(specs))),
        )
        same = (way for way in self.passes if way.form == form and same_captured(way.captured, entry[1:]))
        way = next(same, None)
        if way is None:
            owner = PassedOn(self, form[0], around is not None)
            dispatcher = CompiledDispatcher(owner, compiled.py_func, inspect.signature(compiled))
            target = dispatcher if around is None else around.with_function(dispatcher)
            call = passing(target, form[0], fetch, statics, self.call)
            way = Way(form, (fetch, statics), dispatcher, call)
            self.passes = [way, *self.passes[:7]]
        given = [ty.owned(leaf) if ty.is_array(leaf) else leaf for leaf in flat_leaves(directions)]
        types = (*map(ty.plain, flat_leaves(specs)), *given, *(ty.typeof(fetched(where)) for where in fetch))
        if types not in way.dispatcher.inserted:
            way.dispatcher.insert(self.fitting(compiled, specs), types)
        return way

    def directions(self, specs: Specs) -> Specs:
        """The types of what a call takes besides the arguments."""
        return ()

    def fitting(self, compiled: Any, specs: Specs) -> Any:
        """The compiled function, which raises where what it takes besides the arguments does not fit them."""
        return compiled

    # ---------------------------------------------------------------------------- from compiled functions

    @property
    def parameters(self) -> inspect.Signature:
        """What a call in compiled code takes."""
        return self.signature.for_numba

    def seeds(self, specs: Sequence[Any], types: Sequence[Any]) -> tuple[list[str], list[tuple[str, str]]]:
        """What is passed on besides the arguments, given its types, and which arrays must have the same shape."""
        return [], []

    @property
    def _numba_type_(self) -> Any:
        return self.dispatcher._numba_type_

    def differentiated(self, program: Program) -> frozenset[Any]:
        """The functions whose rules the program is made by."""
        return program.differentiated

    def link(self, types: tuple[Any, ...]) -> Any:
        """The dispatcher that other compiled code calls with arguments of these types, compiled.

        That code keeps what it was linked against, so the functions that are differentiated get no other rules.
        """
        adapter, program = self.adapted(types)
        for function in self.differentiated(program):
            mark_linked(function, self.title().removesuffix("."))
        return adapter

    def adapted(self, types: tuple[Any, ...]) -> tuple[Any, Program]:
        """The dispatcher for arguments of these types, compiled, and its program.

        That is the generated function, or an adapter where the arguments are not its own. What is captured, and what
        `functools.partial` binds, is frozen as Numba freezes globals.
        """
        signature = self.signature
        bound, specs = signature.bind_in_compiled_code(types)
        count = min(len(signature.free), len(types))
        given = signature.free[:count]
        taken = [*self.parameters.parameters, *signature.names]
        arguments: list[str] = []
        frozen: dict[str, Any] = {}
        for name, item, spec in zip(signature.names, bound, specs, strict=True):
            if name in given:
                arguments += leaves_of(name, nesting_of(spec))
                continue
            for k, value in enumerate(flattened([item])):
                arguments.append(unused(f"{name}_{k}", taken))
                frozen[arguments[-1]] = value
        seeds, alike = self.seeds(specs, types[count:])
        function, fetch, statics = self.entry(specs)
        if isinstance(function, Around):
            signature.check_compiled_call(function)
            function = function.function
        captured = [*fetch, *(where for where, _ in statics)]
        program = self.program(specs)
        made_from = provenance({*program.files, self.made_in}, captured, self.differentiated(program))
        if types == specs and not fetch and all(map(ty.is_scalar_or_array, types)):
            return compiled_for(function, types, made_from), program
        called = unused(function.__name__, taken)
        hidden = list(inspect.signature(function).parameters)[len(arguments) + len(seeds) :]
        for parameter, where in zip(hidden, fetch, strict=True):
            name = unused(f"captured_{parameter}", taken)
            frozen[name] = fetched(where)
            seeds.append(name)
        text = print_adapter(called, list(self.parameters.parameters), arguments + seeds, alike)
        return compiled_for(load_adapter(text, called, function, frozen), types, made_from), program


@dataclass(frozen=True)
class Way:
    """How calls with arguments and results of one form go, while the same is captured."""

    form: tuple[Any, ...]
    captured: tuple[Any, Any]
    dispatcher: CompiledDispatcher
    call: Callable[..., Any]


class PassedOn:
    """The owner of the dispatcher that takes the parts of arguments and what is captured; what that does not know goes
    the long way."""

    def __init__(self, of: Compiled, nestings: tuple[Any, ...], is_inside: bool) -> None:
        self.of, self.nestings = of, nestings
        self.is_inside = is_inside  # whether the dispatcher is called by an `Around`

    def resolve(self, *args: Any) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            leaves = iter(args)
            result = self.of.call(*[nested(nesting, leaves) for nesting in self.nestings])
            return Whole(result) if self.is_inside else result

        return call

    def link(self, types: tuple[Any, ...]) -> Any:
        raise NotImplementedError


def structure_of(spec: Any) -> Any:
    """The structure of an argument, with a mark for each number and array."""
    return mapped(lambda leaf: leaf if isinstance(leaf, Static) else "leaf", spec)


def flat_leaves(specs: Specs) -> list[Any]:
    """The types of the numbers and arrays of arguments."""
    return [leaf for leaf in all_leaves(specs) if not isinstance(leaf, Static)]


def returned(structure: Any) -> str | None:
    """How results nest in a `return`: `{}, ({}, {})`.

    >>> returned(("leaf", ("leaf", ("leaf",))))
    '{}, ({}, ({},))'
    """
    if structure is None or not fits_compiled_code(structure):
        return None
    text = layout(structure)
    many = isinstance(structure, tuple) and len(structure) > 1
    return text[1:-1] if many else text


def layout(structure: Any) -> str:
    if structure == "leaf":
        return "{}"
    if structure is None:
        return "None"
    return f"({', '.join(map(layout, structure))}{',' * (len(structure) == 1)})"


def without_other_arrays(dispatcher: Callable[..., Any], otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """Calls with tuples in them: C takes a masked array or a matrix inside one for a plain array."""

    def call(*args: Any, **keywords: Any) -> Any:
        if holds_other_arrays(args) or (keywords and holds_other_arrays(tuple(keywords.values()))):
            return otherwise(*args, **keywords)
        return dispatcher(*args, **keywords)

    return call


def holds_other_arrays(values: tuple[Any, ...]) -> bool:
    for value in values:
        if type(value) is tuple:
            if holds_other_arrays(value):
                return True
        elif isinstance(value, UNLIKE_ARRAYS):
            return True
    return False


def said_by_type(spec: Any) -> bool:
    """Whether Numba's type of an argument says all that the compiler has to know of it."""
    if isinstance(spec, tuple):
        return all(map(said_by_type, spec))
    return bool(ty.is_scalar_or_array(spec)) or spec == Static(None)


def made_in() -> str:
    """The file of the code outside this package that is making an object."""
    package = os.path.join(os.path.dirname(__file__), "")
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(package):
        frame = frame.f_back
    return frame.f_code.co_filename


def forget_programs() -> None:
    """Make all programs anew at their next call: a function was given rules."""
    for known in list(KNOWN):
        known.programs.clear()
        known.compiled.clear()
        known.demands = Demands()
        known.retries = False
        known.passes = []
        known.__dict__.pop("_dispatcher", None)
        known.call_by(known.first_call)


__all__ = [
    "Compiled",
    "Options",
    "Specs",
    "flat_leaves",
    "forget_programs",
    "returned",
    "without_other_arrays",
]
