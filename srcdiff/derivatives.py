"""What a derivative is: a program made from the program of another function.

    ValueAndGradient, Gradient     of a function with one float as result
    Tangent                        values and tangents (jvp)
    Pullback                       what is owed to the arguments, for given cotangents of the results (vjp)
    Jacobian                       by tangents or by pullbacks
    HessianVector                  the tangent of a gradient

Each is again a `Compiled`, so that a derivative can be made of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import FunctionType
from typing import Any

import numpy as np

from . import pipeline
from .arguments import ArgNums, Around, flattened, matching, nesting_of
from .compiled import Compiled, Specs, flat_leaves, returned, without_masks
from .emit.adapter import leaves_of, unused
from .errors import NotDifferentiable
from .frontend.captures import fetched
from .frontend.program import Program
from .frontend.trees import Tree, all_leaves, closed, mapped, opened, parts_of, with_parts
from .ir import types as ty
from .ir.core import Function, Value
from .rules import with_rules


def with_written(program: Program) -> Program:
    """The program with the arguments that it writes among its results, after the value if there is one."""
    function, structure = program.function, program.structure
    if not function.written:
        return program
    written = ("leaf",) * function.written
    parts = written if structure is None else (structure, *written)
    return replace(
        program,
        function=replace(function, written=0),
        structure=parts[0] if len(parts) == 1 else parts,
    )


def spread(structure: Any, inner: Any) -> Any:
    """The structure with another one at each leaf."""
    return mapped(lambda leaf: inner if leaf == "leaf" else leaf, structure)


class Derived(Compiled):
    """What is made from the program of another function: called inside functions that are read, it is put in place."""

    def __srcdiff_program__(self, specs: Specs) -> Program:
        """The program for a call inside another function that is read."""
        program = self.program(specs)
        return replace(program, function=pipeline.as_primal(program.function))

    def differentiated(self, program: Program) -> frozenset[Any]:
        return program.called


class Derivative(Derived):
    """A derivative of a function by some of its parameters.

    Attributes
    ----------
    of : Compiled
        The function.
    argnums : int, str or a sequence of those
    wrt : positions of those parameters.
    single : whether `argnums` names one parameter, not a sequence of them.
    """

    kind = ""

    def __init__(self, of: Compiled, argnums: ArgNums) -> None:
        super().__init__(of.signature, of.options)
        self.of, self.argnums = of, argnums
        self.wrt = of.signature.indices(argnums)
        self.single = not isinstance(argnums, (list, tuple, range))
        self.__name__ = f"{of.signature.name}_{self.kind}"
        self.__doc__ = of.signature.source.function.__doc__
        self.__signature__ = self.parameters

    def __repr__(self) -> str:
        return f"<{self.kind} of {self.of.signature.name} by {self.argnums!r}>"

    @property
    def by(self) -> str:
        return ", ".join(self.signature.names[k] for k in self.wrt)

    def finish(self, program: Program) -> Function:
        return pipeline.finish(program.function, self.options.optimise)

    def one_or_all(self, nestings: Sequence[Any]) -> Any:
        """The structure of what there is for each parameter, as `argnums` was written."""
        return nestings[0] if self.single else tuple(nestings)

    def refuse_results(self, what: str, needs: str, reason: str, instead: str) -> Any:
        raise NotDifferentiable(
            f"`{self.signature.name}` returns {what}; its {needs}",
            definition=self.signature.definition,
            reason=reason,
            instead=instead,
        )


def said(program: Program) -> str:
    """What a function returns."""
    structure, results = program.structure, program.function.results
    if structure == "leaf" and ty.is_array(results[0].type):
        return f"an array of {results[0].type.ndim} dimensions"
    if structure == "leaf":
        return f"a value of type {ty.name_of(results[0].type)}"
    if isinstance(structure, Tree):
        return f"a `{structure.kind.__name__}`"
    return "nothing" if structure is None else "several values"


# ------------------------------------------------------------------------------------------- gradients


class ValueAndGradient(Derivative):
    """The value of a function with one float as result, and its gradient; with `has_aux` its first of two results."""

    kind = "value_and_grad"

    def __init__(self, of: Compiled, argnums: ArgNums, has_aux: bool = False) -> None:
        super().__init__(of, argnums)
        self.has_aux = has_aux

    def title(self) -> str:
        return f"{self.signature.name} and its gradient by {self.by}."

    def make_program(self, specs: Specs, optimise: bool | None = None) -> Program:
        program = self.of.program(specs)
        flat, nestings = self.signature.plan(specs, self.wrt)
        self.check_scalar(program)
        program = with_rules(program, flat, "vjp")
        optimised = self.options.optimise if optimise is None else optimise
        values = len(program.function.results) - program.function.written if self.has_aux else 1
        function = pipeline.adjoint(program.function, flat, optimised, values=values)
        return replace(program, function=function, structure=(program.structure, self.one_or_all(nestings)))

    def source_text(self, specs: Specs, optimise: bool) -> str:
        """The text with or without optimisation."""
        if optimise:
            return self.text(self.program(specs))
        program = self.make_program(specs, False)
        function = pipeline.finish(program.function, False)
        return pipeline.print_function(function, self.title(), returned(program.structure))

    def check_scalar(self, program: Program) -> None:
        structure, results = program.structure, program.function.results
        if self.has_aux:
            if isinstance(structure, tuple) and len(structure) == 2 and structure[0] == "leaf":
                structure = "leaf"
            elif structure == "leaf":
                structure = None
        if structure == "leaf" and ty.is_float(results[0].type):
            return
        of_complex = structure == "leaf" and ty.is_complex(ty.element(results[0].type))
        self.refuse_results(
            said(program),
            "gradient needs one float" + (" and something beside it" if self.has_aux else ""),
            "a gradient is the derivative of one number",
            "return its real part, or `abs(z)`" if of_complex else "return a sum, or one element",
        )


class Gradient(Derivative):
    """The gradient without the value, from the compiled program of both."""

    kind = "grad"

    def __init__(self, full: ValueAndGradient) -> None:
        super().__init__(full.of, full.argnums)
        self.full = full

    def title(self) -> str:
        return f"The gradient of {self.signature.name} by {self.by}."

    def make_program(self, specs: Specs) -> Program:
        program = self.full.program(specs)
        function, (value, gradients) = program.function, program.structure
        if not self.full.has_aux:
            body = replace(function.body, results=function.results[1:])
            return replace(program, function=replace(function, body=body), structure=gradients)
        count = leaf_count(value)
        body = replace(function.body, results=(*function.results[count:], *function.results[1:count]))
        return replace(program, function=replace(function, body=body), structure=(gradients, value[1]))

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        value, gradient = self.full(*args, **keywords)
        return (gradient, value[1]) if self.full.has_aux else gradient


def leaf_count(structure: Any) -> int:
    return all_leaves(structure).count("leaf")


# ------------------------------------------------------------------------------------ tangents, pullbacks


class Directional(Derivative):
    """A derivative in a direction: called with the arguments and tangents of the parameters."""

    def tangents(self) -> dict[int, str]:
        """The expression of the tangent of each of `wrt`, in terms of the last parameters of a call."""
        raise NotImplementedError

    @property
    def parameters(self) -> inspect.Signature:
        names = [p.name for p in super().parameters.parameters.values()]
        names += dict.fromkeys(expression.partition("[")[0] for expression in self.tangents().values())
        return inspect.Signature(
            [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names]
        )

    @property
    def underneath(self) -> Any:
        function = super().underneath
        bare = FunctionType(
            function.__code__, function.__globals__, function.__name__, None, function.__closure__
        )
        bare.__signature__ = self.parameters  # type: ignore[attr-defined]
        return bare

    def seeds(self, specs: Sequence[Any], types: Sequence[Any]) -> tuple[list[str], list[tuple[str, str]]]:
        seeds, alike = [], []
        given = types[0] if len(types) < len(self.wrt) else types
        for (k, expression), type in zip(self.tangents().items(), given, strict=True):
            name = self.signature.names[k]
            self.check_like(type, specs[k], name)
            nesting = nesting_of(specs[k])
            pairs = zip(leaves_of(expression, nesting), leaves_of(name, nesting), strict=True)
            for (tangent, primal), spec in zip(pairs, flat_leaves((specs[k],)), strict=True):
                seeds.append(tangent)
                if ty.is_array(spec):
                    alike.append((tangent, primal))
        return seeds, alike

    def check_like(self, type: Any, spec: Any, name: str) -> None:
        """A tangent in compiled code must have the type of its primal, but for the layout."""
        given = self.signature.spec_in_compiled_code(type, name)
        if nesting_of(given) == nesting_of(spec):
            pairs = list(zip(flat_leaves((given,)), flat_leaves((spec,)), strict=True))
            if all(ty.numpy_dtype(a) == ty.numpy_dtype(b) for a, b in pairs) and all(
                getattr(a, "ndim", 0) == getattr(b, "ndim", 0) for a, b in pairs
            ):
                return
        raise NotDifferentiable(
            f"the tangent of `{name}` is of type `{type}`",
            definition=self.signature.definition,
            reason="a tangent in compiled code has the type of what it is the tangent of",
            instead="floats and arrays of the same dtype and number of dimensions",
        )

    def split(self, args: tuple[Any, ...]) -> tuple[tuple[Any, ...], Sequence[Any]]:
        """The arguments, and one tangent for each of `argnums`."""
        count = len(self.wrt)
        return args[:-count], args[-count:]

    def __srcdiff_bind__(
        self, args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[list[Any], list[Any]]:
        given, tangents = self.split(args)
        return self.bind(given, keywords), list(tangents)

    @property
    def is_called_through_c(self) -> bool:
        has_defaults = any(p.default is not p.empty for p in super().parameters.parameters.values())
        return not has_defaults and super().is_called_through_c

    def first_call(self, *args: Any, **keywords: Any) -> Any:
        """Choose how calls go, and call."""
        given, _ = self.split(args)
        self.bind(given, keywords)
        self.call_by(self.dispatcher if self.is_called_through_c else self.call)
        return self(*args, **keywords)

    def call(self, *args: Any, **keywords: Any) -> Any:
        given, tangents = self.split(args)
        return self.at(self.bind(given, keywords), tangents)

    def resolve(self, *args: Any) -> Callable[..., Any]:
        """What to call with arguments and tangents of types that the dispatcher does not know.

        Compiled code takes tangents with the types of their primals; others are converted in Python.
        """
        given, _ = self.split(args)
        specs = self.specs(list(given))
        function, fetch, statics = self.entry(specs)
        if isinstance(function, Around) or fetch or statics or not all(map(ty.is_scalar_or_array, specs)):
            return self.call
        types = tuple(map(self.dispatcher.typeof_pyval, args))
        if not all(ty.is_scalar_or_array(type) or ty.is_tuple(type) for type in types):
            return self.call
        try:
            adapter, _ = self.adapted(types)
        except NotDifferentiable:
            return self.call
        if any(map(ty.is_tuple, types)):
            self.call_by(without_masks(self.dispatcher, self.call))
        compiled: Callable[..., Any] = self.dispatcher.insert(adapter, types)
        return compiled

    def at(self, values: list[Any], tangents: Sequence[Any]) -> Any:
        """The results for bound arguments and one tangent for each of `argnums`."""
        function, fetch, _ = self.entry(self.specs(values))
        seeds = [
            like(tangent, primal, f"the tangent of `{name}`")
            for k, given in zip(self.wrt, tangents, strict=True)
            for name in (self.signature.names[k],)
            for tangent, primal in zip(
                matching(given, values[k], f"the tangent of {name}"), flattened([values[k]]), strict=True
            )
        ]
        return function(*flattened(values), *seeds, *map(fetched, fetch))


class Tangent(Directional):
    """Results and their tangents; called with the arguments, then one tangent for each of `argnums`."""

    kind = "jvp"

    def title(self) -> str:
        return f"{self.signature.name} and its tangent for tangents of {self.by}."

    def make_program(self, specs: Specs) -> Program:
        program = with_written(self.of.program(specs))
        flat, _ = self.signature.plan(specs, self.wrt)
        check_floats(self, program)
        program = with_rules(program, flat, "jvp")
        function = pipeline.tangent(program.function, flat, self.options.optimise)
        return replace(program, function=function, structure=(program.structure, program.structure))

    def tangents(self) -> dict[int, str]:
        names = self.signature.names
        return {k: unused(f"{names[k]}_dot", names) for k in self.wrt}


class HessianVector(Directional):
    """The Hessian of a function with one float as result, times a vector: the tangent of its gradient.

    Called with the arguments, then the vector: like the parameter, or a tuple where `argnums` is a sequence.
    """

    kind = "hvp"

    def __init__(self, of: Compiled, argnums: ArgNums) -> None:
        super().__init__(of, argnums)
        self.gradient = Gradient(ValueAndGradient(of, argnums))

    def title(self) -> str:
        return f"The Hessian of {self.signature.name} by {self.by}, times a vector."

    def make_program(self, specs: Specs) -> Program:
        flat, nestings = self.signature.plan(specs, self.wrt)
        program = with_rules(self.gradient.program(specs), flat, "jvp")
        function = pipeline.tangent(program.function, flat, self.options.optimise)
        body = replace(function.body, results=function.results[len(flat) :])
        function = replace(function, name=f"{function.name.removesuffix('_grad_jvp')}_hvp", body=body)
        return replace(program, function=function, structure=self.one_or_all(nestings))

    def tangents(self) -> dict[int, str]:
        name = unused("vector", self.signature.names)
        if self.single:
            return {self.wrt[0]: name}
        return {k: f"{name}[{place}]" for place, k in enumerate(self.wrt)}

    def split(self, args: tuple[Any, ...]) -> tuple[tuple[Any, ...], Sequence[Any]]:
        *given, vector = args
        return tuple(given), [vector] if self.single else vector


def check_floats(derivative: Derivative, program: Program) -> None:
    """Every result must carry a derivative."""
    results: tuple[Value, ...] = program.function.results
    wrong = next((r for r in results if not ty.is_real(r.type)), None)
    if wrong is not None or not results:
        what = "nothing" if wrong is None else f"a value of type {ty.name_of(wrong.type)}"
        derivative.refuse_results(
            what, f"{derivative.kind} needs floats", "only floats have a derivative", "return floats alone"
        )


def like(given: Any, primal: Any, what: str) -> Any:
    """A tangent or cotangent with the type and the shape of its primal."""
    dtype = np.asarray(primal).dtype
    if isinstance(primal, np.ndarray):
        array = np.ascontiguousarray(given, dtype)
        if np.shape(given) != primal.shape:
            raise ValueError(f"{what} has the shape {np.shape(given)}, not {primal.shape}")
        return array
    if np.shape(given) != ():
        raise ValueError(f"{what} has the shape {np.shape(given)}, not that of a number")
    return dtype.type(given) if isinstance(primal, np.generic) else float(given)


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

    def make_program(self, specs: Specs) -> Program:
        program = with_written(self.of.program(specs))
        check_floats(self, program)
        flat, _ = self.signature.plan(specs, self.wrt)
        program = with_rules(program, flat, "vjp")
        forward, backward = pipeline.kept_pullback(program.function, flat, self.options.optimise)
        self.backward[specs] = backward
        self.pullback.programs.pop(specs, None)  # that of another forward sweep takes other residuals
        residuals = ("leaf",) * (len(forward.results) - len(program.function.results))
        return replace(program, function=forward, structure=(program.structure, residuals))

    def of_values(self, values: list[Any]) -> Any:
        """The results and the residuals for bound arguments."""
        function, fetch, _ = self.entry(self.specs(values))
        return function(*flattened(values), *map(fetched, fetch))


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


class Pullback:
    """What `vjp` returns: takes the cotangents of the results, gives what is owed to each argument."""

    def __init__(
        self,
        function: Callable[..., Any],
        residuals: Sequence[Any],
        results: Any,
        places: Sequence[int | None],
    ) -> None:
        self.function, self.residuals = function, residuals
        self.shapes = results
        self.places = places

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
                matching(cotangent, self.shapes, "the cotangent"), flattened([self.shapes]), strict=True
            )
        ]
        owed = self.function(*self.residuals, *seeds)
        return tuple(None if place is None else owed[place] for place in self.places)


def outline(results: Any) -> Any:
    """Something with the types and shapes of results, and no memory of its own."""
    tree = results if type(results) is tuple else opened(results)
    if tree is not None:
        outlined = with_parts(tree, list(map(outline, parts_of(tree) or ())))
        return closed(outlined) if isinstance(outlined, Tree) else outlined
    if isinstance(results, np.ndarray):
        return np.broadcast_to(np.zeros((), results.dtype), results.shape)
    return results


# --------------------------------------------------------------------------------------------- Jacobians


class Jacobian(Derivative):
    """The derivatives of all results by the parameters, by tangents or by pullbacks."""

    def __init__(self, of: Compiled, argnums: ArgNums, forward: bool) -> None:
        self.forward = forward
        self.kind = "jacfwd" if forward else "jacrev"
        super().__init__(of, argnums)

    def title(self) -> str:
        return f"The Jacobian of {self.signature.name} by {self.by}."

    def make_program(self, specs: Specs) -> Program:
        program = with_written(self.of.program(specs))
        check_floats(self, program)
        flat, nestings = self.signature.plan(specs, self.wrt)
        program = with_rules(program, flat, "jvp" if self.forward else "vjp")
        make = pipeline.forward_jacobian if self.forward else pipeline.reverse_jacobian
        function = make(program.function, flat, self.options.optimise)
        structure = spread(program.structure, self.one_or_all(nestings))
        return replace(program, function=function, structure=structure)


KNOWN_SIZES = 256


class EitherJacobian(Derivative):
    """The Jacobian by the mode that takes fewer sweeps, chosen by the sizes of arguments and results."""

    kind = "jacobian"

    def __init__(self, of: Compiled, argnums: ArgNums) -> None:
        super().__init__(of, argnums)
        self.by_tangents, self.by_pullbacks = Jacobian(of, argnums, True), Jacobian(of, argnums, False)
        self.known: dict[Any, Jacobian] = {}  # for types and sizes of arguments

    def title(self) -> str:
        return self.by_tangents.title()

    def make_program(self, specs: Specs) -> Program:
        """Where sizes are not known, in compiled code and inside other functions: by pullbacks for numbers of arrays,
        else by tangents."""
        numbers = not any(ty.is_array(r.type) for r in self.of.program(specs).function.results)
        arrays = any(parts_of(specs[k]) is not None or ty.is_array(specs[k]) for k in self.wrt)
        return (self.by_pullbacks if numbers and arrays else self.by_tangents).program(specs)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return self.chosen(args, keywords)(*args, **keywords)

    def chosen(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Jacobian:
        """The Jacobian for arguments of these sizes; that of the results is taken to follow from them."""
        values = self.bind(args, keywords)
        specs = self.of.specs(values)
        try:
            key = specs, tuple(map(np.shape, flattened(values)))
            found = self.known.get(key)
        except TypeError:  # something in it is not hashable
            return self.by_sizes(args, keywords)
        if found is None:
            if len(self.known) >= KNOWN_SIZES:
                self.known.clear()
            found = self.known[key] = self.by_sizes(args, keywords)
        return found

    def by_sizes(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Jacobian:
        """The mode that takes fewer sweeps; the function is called, should the sizes of its results be needed."""
        values = self.bind(args, keywords)
        function = self.of.program(self.of.specs(values)).function
        inputs = sum(np.size(x) for k in self.wrt for x in flattened([values[k]]))
        if inputs <= pipeline.WIDTH or function.written:
            return self.by_tangents
        if not any(ty.is_array(r.type) for r in function.results):
            return self.by_pullbacks
        outputs = sum(np.size(x) for x in flattened([self.of(*args, **keywords)]))
        return self.by_tangents if inputs <= pipeline.WIDTH * outputs else self.by_pullbacks


__all__ = [
    "Backward",
    "Cotangents",
    "Derivative",
    "EitherJacobian",
    "Forward",
    "Gradient",
    "HessianVector",
    "Jacobian",
    "Pullback",
    "Tangent",
    "ValueAndGradient",
    "outline",
]
