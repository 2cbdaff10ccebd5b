"""What is owed to the arguments for given cotangents of the results.

    Forward         (x) -> y, residuals
    Backward        (residuals, y_bar) -> x_bar
    Cotangents      (x, y_bar) -> x_bar

`vjp` runs the first once and gives a `Pullback`, which runs the second for each cotangent, in Python and, being a value
of compiled code too (`backend/pullbacks.py`), there. The third is both in one, for calls inside functions that are
read.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import numpy as np

from .. import linking, pipeline
from ..arguments import ArgNums, Around, flattened, like, matching, returns_structure
from ..backend.cpu import load_adapter
from ..backend.pullbacks import PullbackType, typed_in_compiled_code
from ..compiled import Compiled, Specs
from ..emit.adapter import print_pullback, unused
from ..errors import Location, NotDifferentiable
from ..frontend.captures import fetched
from ..frontend.program import Program
from ..frontend.things import Static
from ..frontend.trees import Tree, closed, mapped, parts_of, with_parts
from ..ir import types as ty
from ..ir.core import Function
from ..rules import with_rules
from .derivative import Derivative, Derived, check_floats, with_written


class Cotangents(Derived):
    """What is owed to the parameters from number `first` on, for given cotangents of the results, in one piece.

    Called inside functions that are read, with the cotangents, then the arguments; gives a tuple, None for what has no
    derivative.
    """

    def __init__(self, of: Compiled, first: int) -> None:
        super().__init__(of.signature, of.options)
        self.of, self.first = of, first

    def __srcdiff_bind__(
        self, args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[list[Any], list[Any]]:
        return self.bind(args[1:], keywords), [args[0]]

    def make_program(self, specs: Specs) -> Program:
        moving = [k for k in range(self.first, len(specs)) if self.signature.moves(specs[k])]
        flat, nestings = self.signature.plan(specs, tuple(moving))
        program = with_rules(with_written(self.of.program(specs)), flat, "vjp")
        function = pipeline.cotangents(program.function, flat, self.options.optimise)
        nested = dict(zip(moving, nestings, strict=True))
        structure = tuple(nested.get(k) for k in range(self.first, len(specs)))
        return replace(program, function=function, structure=structure)


class Forward(Derivative):
    """The results of a function and what its pullback needs."""

    kind = "forward"

    def title(self) -> str:
        return f"{self.signature.name} and the residuals of its pullback by {self.by}."

    def __init__(self, of: Compiled, argnums: ArgNums) -> None:
        super().__init__(of, argnums)
        self.backward: dict[Specs, Function] = {}
        self.pullback = Backward(self)
        self.ways: dict[Specs, tuple[Program, WayBack]] = {}

    def make_program(self, specs: Specs) -> Program:
        program = with_written(self.of.program(specs))
        check_floats(self, program)
        flat, _ = self.signature.plan(specs, self.wrt)
        program = with_rules(program, flat, "vjp")
        forward, backward = linking.kept_pullback(program.function, flat, self.options.optimise)
        self.backward[specs] = backward
        self.pullback.programs.pop(specs, None)  # that of another forward sweep takes other residuals
        residuals = ("leaf",) * (len(forward.results) - len(program.function.results))
        return replace(program, function=forward, structure=(program.structure, residuals))

    def at(self, values: list[Any]) -> tuple[Any, Pullback]:
        """The results and the pullback for bound arguments."""
        specs = self.specs(values)
        function, fetch, _ = self.entry(specs)
        results, residuals = function(*flattened(values), *map(fetched, fetch))
        lengths = tuple(part.shape for part in flattened([results]) if isinstance(part, np.ndarray))
        return results, self.way_back(specs).restored(residuals, lengths)

    def way_back(self, specs: Specs) -> WayBack:
        """The pullback for arguments of these types, but for the residuals of a call."""
        program = self.program(specs)
        known = self.ways.get(specs)
        if known is None or known[0] is not program:
            backward, _, _ = self.pullback.entry(specs)
            primal = with_written(self.of.program(specs))
            types = iter(primal.function.results)
            results = mapped(lambda leaf: next(types).type if leaf == "leaf" else leaf, primal.structure)
            places = {k: n for n, k in enumerate(self.wrt)}
            free = map(self.signature.names.index, self.signature.free)
            way = WayBack(
                backward,
                results,
                tuple(map(places.get, free)),
                self.signature.name,
                self.signature.definition,
            )
            known = self.ways[specs] = program, way
        return known[1]


class Backward(Derivative):
    """What is owed to the parameters, from residuals and cotangents."""

    kind = "pullback"

    def __init__(self, forward: Forward) -> None:
        super().__init__(forward.of, forward.argnums)
        self.forward = forward

    def title(self) -> str:
        return f"What is owed to {self.by} of {self.signature.name}, for given cotangents of its results."

    def make_program(self, specs: Specs) -> Program:
        program = self.forward.program(specs)
        _, nestings = self.signature.plan(specs, self.wrt)
        return replace(
            program,
            function=self.forward.backward[specs],
            structure=tuple(nestings),
            fetch=(),
            statics=(),
            written=(),
        )


@dataclass(frozen=True)
class WayBack:
    """A compiled reverse sweep, with what is known of the results and the arguments: a pullback but for its residuals.

    Attributes
    ----------
    function : takes residuals, then cotangents; a dispatcher, or what Python puts around one.
    results : the type of each result, in their structure.
    owed : for each argument which part of what `function` gives is owed to it, None for what is no float.
    name, definition : of the function that is differentiated.
    """

    function: Any
    results: Any
    owed: tuple[int | None, ...]
    name: str
    definition: Location = field(compare=False)

    def __str__(self) -> str:
        return f"of {self.name}"

    def restored(self, residuals: tuple[Any, ...], lengths: tuple[Any, ...]) -> Pullback:
        """The pullback of a call."""
        return Pullback(self, residuals, lengths)

    def link(self, cotangent: Any) -> Any:
        """The dispatcher that compiled code calls with residuals, lengths, and cotangents of this type."""
        return adapter_of(self, cotangent)

    def lengths_of(self, text: str) -> str:
        """The text of the lengths of those results that are arrays."""
        shapes: list[str] = []

        def visit(result: Any, text: str) -> None:
            if ty.is_array(result):
                shapes.append(f"{text}.shape")
            elif isinstance(result, tuple):
                for k, part in enumerate(result):
                    visit(part, f"{text}[{k}]")

        visit(self.results, text)
        return f"({', '.join(shapes)}{',' * (len(shapes) == 1)})"

    def seeds(self, cotangent: Any) -> tuple[list[str], list[str]]:
        """What of a cotangent of this type is passed on, and which of that must have the lengths of results."""
        seeds: list[str] = []
        alike: list[str] = []

        def visit(result: Any, given: Any, text: str) -> None:
            parts = None if ty.is_scalar_or_array(result) else parts_of(result)
            if parts is not None:
                if not isinstance(result, tuple) or not ty.is_tuple(given) or len(given) != len(parts):
                    self.refuse(given)
                for k, part in enumerate(parts):
                    visit(part, given[k], f"{text}[{k}]")
            elif ty.is_array(result):
                if not ty.is_array(given) or given.ndim != result.ndim or not is_real_number(given.dtype):
                    self.refuse(given)
                if given.dtype != result.dtype:
                    seeds.append(f"{text}.astype(np.{result.dtype})")
                else:
                    seeds.append(text if given.layout == "C" else f"np.ascontiguousarray({text})")
                alike.append(text)
            elif not isinstance(result, Static) and result is not None:
                if not is_real_number(given):
                    self.refuse(given)
                seeds.append(text if given == result else f"np.{result}({text})")

        visit(self.results, cotangent, "cotangent")
        return seeds, alike

    def refuse(self, given: Any) -> NoReturn:
        raise NotDifferentiable(
            f"a cotangent of type `{given}` is given to the pullback of `{self.name}`",
            definition=self.definition,
            reason="the cotangents of results have their structure and their numbers of dimensions",
            instead="numbers and arrays like the results, in tuples like them",
        )


def is_real_number(type: Any) -> bool:
    return bool(ty.is_scalar(type)) and not ty.is_complex(type)


@functools.cache
def adapter_of(way: WayBack, cotangent: Any) -> Any:
    """The dispatcher that takes residuals, lengths and cotangents of this type."""
    if isinstance(way.function, Around):
        raise returns_structure(way.name, way.definition)
    seeds, alike = way.seeds(cotangent)
    called = unused(way.function.__name__, ["residuals", "lengths", "cotangent", "owed", "np"])
    residuals = list(inspect.signature(way.function.py_func).parameters)
    count = len(residuals) - len(seeds)
    text = print_pullback(called, count, seeds, alike, way.owed)
    return load_adapter(text, called, way.function, {})


class Pullback:
    """What `vjp` returns: takes the cotangents of the results, gives what is owed to each argument."""

    def __init__(self, way: WayBack, residuals: tuple[Any, ...], lengths: tuple[Any, ...]) -> None:
        self.way, self.residuals, self.lengths = way, residuals, lengths
        self.results = outline(way.results, iter(lengths))

    def __call__(self, cotangent: Any) -> tuple[Any, ...]:
        """
        Parameters
        ----------
        cotangent : like the result of the function

        Returns
        -------
        tuple
            One for each argument: like it, or None for one that is no float.
        """
        seeds = [
            like(given, primal, "the cotangent")
            for given, primal in zip(
                matching(cotangent, self.results, "the cotangent"), flattened([self.results]), strict=True
            )
        ]
        owed = self.way.function(*self.residuals, *seeds)
        return tuple(None if place is None else owed[place] for place in self.way.owed)


def outline(types: Any, lengths: Iterator[tuple[int, ...]]) -> Any:
    """Something with these types and lengths, and no memory of its own."""
    if types is None or isinstance(types, Static):
        return None if types is None else types.value
    if ty.is_array(types):
        return np.broadcast_to(np.zeros((), ty.numpy_dtype(types)), next(lengths))
    if ty.is_scalar(types):
        return 0.0 if types == ty.float64 else ty.numpy_dtype(types).type(0)
    outlined = with_parts(types, [outline(part, lengths) for part in parts_of(types) or ()])
    return closed(outlined) if isinstance(outlined, Tree) else outlined


def type_of(pullback: Pullback) -> PullbackType:
    """The type of a pullback as an argument of compiled code."""
    residuals, lengths = ty.typeof(pullback.residuals), ty.typeof(pullback.lengths)
    return PullbackType(pullback.way, residuals, lengths)


typed_in_compiled_code(Pullback, type_of)


__all__ = ["Backward", "Cotangents", "Forward", "Pullback", "WayBack"]
