"""A function of the IR for each signature it is called with, compiled: what all objects of this library are.

    gradient = Gradient(of=...)                       # a Compiled
    gradient(2.0, x)                                  # binds, types, reads, transforms, prints, loads; then calls
    gradient(3.0, y)                                  # calls

A subclass says where the program for a signature comes from and by which stages it is finished.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from . import pipeline
from .arguments import PLAIN, Signature, fingerprint, flattened, restored
from .backend.cpu import load_function
from .frontend.build import Program
from .frontend.captures import fetched, same_known
from .ir.core import Function

Specs = tuple[Any, ...]
KNOWN: WeakSet[Compiled] = WeakSet()  # all that there are
Entry = tuple[Callable[..., Any], Any, Any, Any]  # compiled, structure, fetch, statics


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

    def __init__(self, signature: Signature, options: Options) -> None:
        self.signature, self.options = signature, options
        self.programs: dict[Specs, Program] = {}
        self.compiled: dict[Specs, Entry] = {}
        self.quick: dict[Any, Entry] = {}  # by what is cheap to see of the arguments
        self.derived: dict[Any, Compiled] = {}  # derivatives that `jvp` and `vjp` made of it
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
        return self.signature.specs(values)

    def program(self, specs: Specs) -> Program:
        """The program for a signature, made again where something taken as known has changed."""
        found = self.programs.get(specs)
        if found is None or not all(same_known(fetched(where), known) for where, known in found.statics):
            self.compiled.pop(specs, None)
            found = self.programs[specs] = self.make_program(specs)
        return found

    def program_for(self, *args: Any, **keywords: Any) -> Program:
        return self.program(self.specs(self.bind(args, keywords)))

    def __srcdiff_bind__(
        self, args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[list[Any], list[Any]]:
        """The arguments of a call inside another function that is read, and the tangents among them."""
        return self.bind(args, keywords), []

    def text(self, program: Program) -> str:
        """The source text of the finished program."""
        return pipeline.print_function(self.finish(program), self.title())

    def entry(self, specs: Specs) -> Entry:
        program = self.program(specs)
        found = self.compiled.get(specs)
        if found is None:
            function = self.load(self.text(program), program.function.name, program)
            found = function, program.structure, program.fetch, program.statics
            self.compiled[specs] = found
        return found

    def load(self, text: str, name: str, program: Program) -> Callable[..., Any]:
        """The compiled function `name` of a generated module."""
        fastmath = self.options.fastmath
        if fastmath is None:
            fastmath = {"reassoc"} if pipeline.reorders_sums(program) else False
        others = pipeline.other_functions(program)
        loaded: Callable[..., Any] = load_function(
            text,
            name,
            stem=name,
            # What others do is not seen from the text; of functions that call themselves Numba's cached code is unsafe.
            cache=self.options.cache and not others and not pipeline.calls_itself(program),
            fastmath=fastmath,
            parallel=self.options.parallel,
            depends=" ".join(str(id(other)) for other in others),
        )
        return loaded

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        if not keywords:
            quick = self.quick.get(fingerprint(args))
            if quick is not None:
                function, structure, fetch, statics = quick
                if not statics or all(fetched(where) is known for where, known in statics):
                    result = function(*args, *map(fetched, fetch)) if fetch else function(*args)
                    return restored(structure, result)
        values = self.bind(args, keywords)
        entry = function, structure, fetch, _ = self.entry(self.specs(values))
        if (
            not keywords
            and len(args) == len(values)
            and not self.signature.is_partial
            and all(type(x) in PLAIN for x in args)
        ):
            self.quick[fingerprint(args)] = entry
        result = function(*flattened(values), *map(fetched, fetch))
        return restored(structure, result)


def forget_programs() -> None:
    """Make all programs anew at their next call: a function was given rules."""
    for known in KNOWN:
        known.programs.clear()
        known.compiled.clear()
        known.quick.clear()


__all__ = ["Compiled", "Options", "forget_programs"]
