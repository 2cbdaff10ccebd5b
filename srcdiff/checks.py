"""Check derivatives against differences: `check_grads`.

check_grads(loss, (w, X, y))        # says nothing, or raises CheckError:

    loss: the derivative by `w` is wrong, in reverse mode
      w[3]: 0.25 is computed, differences give 0.5 (to 3e-11)
      the function has rules for `softplus`; without them its derivative is right:
    model.py, line 12
        defvjp(softplus, lambda g, ans, x: 0.5 * g / (1.0 + math.exp(-x)))
                         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

Random directions first; entry by entry where one of them disagrees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import linking, pipeline
from .arguments import flattened, nested, nesting_of
from .compiled import Compiled
from .derivatives import with_written
from .differentiable import differentiable
from .errors import CheckError, DifferentiationError, underlined
from .frontend.captures import fetched
from .frontend.program import Program
from .frontend.source import location_of, read_source
from .frontend.things import Static
from .frontend.trees import Tree, parts_of
from .ir import types as ty
from .ir.core import Function
from .ir.walk import ops_within
from .primitives.custom import Rules, Together
from .rules import with_rules
from .transform.custom import drop_rules

Flat = list[Any]
MODES = {"fwd": "forward mode", "rev": "reverse mode"}
Place = tuple[int, tuple[int, ...]]  # which argument or result, and where in it
LEVELS = 7  # of extrapolation
HALVINGS = 40
STARTS = (1.0, 1e-2, 1e-4)  # steps to start from, the next where differences do not settle
DIRECTIONS = 2


def check_grads(
    f: Any,
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = ("fwd", "rev"),
    *,
    rtol: float | None = None,
) -> None:
    """Check the derivatives of a function at a point against differences.

    Parameters
    ----------
    f : as for `grad`
        All its float results are checked, by all arguments that are floats; arguments that it writes are results too.
    args : sequence
        Its arguments: where it is smooth.
    order : int
        Up to which derivative; each is the derivative of each of the modes below it.
    modes : of "fwd" and "rev"
    rtol : float, optional
        How far computed and differences may be apart, beyond the error that extrapolation sees; 1e-6, and 1e-2 where
        an argument or result has single precision.

    Raises
    ------
    CheckError
        An `AssertionError` that names the argument and its worst entry, and the lines of rules that are wrong.

    Examples
    --------
    >>> import math
    >>> check_grads(lambda x, y: math.sin(x) * y, (0.3, 2.0))
    """
    if order < 1 or not modes or not set(modes) <= set(MODES):
        raise ValueError("check_grads takes an order from 1 on, and modes of 'fwd' and 'rev'")
    of = differentiable(f)
    values = of.bind(tuple(args), {})
    specs = of.specs(values)
    program = with_written(of.program(specs))
    wrt, names = [], []
    leaves = [leaf for pair in zip(specs, of.signature.names, strict=True) for leaf in leaf_names(*pair)]
    for k, name in enumerate(leaves):
        if ty.is_real(program.function.parameters[k].type):
            wrt.append(k)
            names.append(name)
    if not wrt:
        raise TypeError("no argument is a float: there is nothing to differentiate by")
    Check(of, f, values, program, wrt, names, tuple(modes), rtol).run(order)


def leaf_names(spec: Any, name: str) -> Iterator[str]:
    """What the numbers and arrays of an argument are called: `pair[0]`, `params["W"]`."""
    parts = parts_of(spec)
    if parts is None:
        yield from () if isinstance(spec, Static) else (name,)
        return
    for k, part in enumerate(parts):
        path = spec.path(name, spec.names[k]) if isinstance(spec, Tree) else f"{name}[{k}]"
        yield from leaf_names(part, path)


@dataclass(frozen=True)
class Level:
    """A function to check: the one that was given, or a derivative of it in a fixed direction.

    `program` has float results only, `values` are for its visible parameters, `evaluate` gives its results for such.
    """

    program: Program
    values: Flat
    evaluate: Callable[[Flat], Flat]
    said: str


@dataclass(frozen=True)
class Entry:
    """A derivative by one entry of an argument, of one entry of a result or of all weighted."""

    of: Place
    by: Place | None
    computed: float
    wanted: float
    error: float

    @property
    def off(self) -> float:
        return abs(self.computed - self.wanted)


class Check:
    def __init__(
        self,
        of: Compiled,
        f: Any,
        values: list[Any],
        program: Program,
        wrt: list[int],
        names: list[str],
        modes: tuple[str, ...],
        rtol: float | None,
    ) -> None:
        self.of, self.f, self.values, self.wrt, self.names, self.modes = of, f, values, wrt, names, modes
        function = program.function
        self.chosen = [k for k, r in enumerate(function.results) if ty.is_real(r.type)]
        self.program = replace(program, function=with_results(function, self.chosen))
        involved = [function.parameters[k] for k in wrt] + [function.results[k] for k in self.chosen]
        single = any(ty.numpy_dtype(v.type).itemsize < 8 for v in involved)
        self.rtol = rtol if rtol is not None else 1e-2 if single else 1e-6
        self.start, self.settled = (0.1, 1e-5) if single else (0.02, 1e-8)
        self.random = np.random.default_rng(0)

    def run(self, order: int) -> None:
        given = Level(self.program, flattened(self.values), self.as_called(), self.of.signature.name)
        self.level(given, order)

    def as_called(self) -> Callable[[Flat], Flat]:
        """The function as the caller has it, with what it writes behind what it returns."""
        written = [k if k >= 0 else None for k in self.of.program(self.of.specs(self.values)).written]
        nestings = [nesting_of(spec) for spec in self.of.specs(self.values)]

        def evaluate(flat: Flat) -> Flat:
            copies = [x.copy() if isinstance(x, np.ndarray) else x for x in flat]
            remaining = iter(copies)
            given = [
                value if nesting is None else nested(nesting, remaining)
                for value, nesting in zip(self.values, nestings, strict=True)
            ]
            found = flattened([self.f(*given) if not self.of.signature.is_partial else self.of(*given)])
            found += [copies[k] if k is not None else None for k in written]
            return [found[k] for k in self.chosen]

        return evaluate

    # ------------------------------------------------------------------------------------------ levels

    def level(self, level: Level, order: int) -> None:
        for mode in self.modes:
            program = self.derivative(level.program, mode)
            compiled = self.compiled(program)
            self.compare(level, mode, compiled)
            if order > 1:
                self.level(self.next_level(level, mode, program, compiled), order - 1)

    def derivative(self, program: Program, mode: str) -> Program:
        """The program of the tangents of the results, or of what is owed to the parameters."""
        program = with_rules(program, self.wrt, "jvp" if mode == "fwd" else "vjp")
        function, optimise = program.function, self.of.options.optimise
        if mode == "rev":
            return replace(program, function=pipeline.cotangents(function, self.wrt, optimise))
        tangent = pipeline.tangent(function, self.wrt, optimise)
        count = len(function.results)
        return replace(program, function=with_results(tangent, range(count, len(tangent.results))))

    def compiled(self, program: Program) -> Callable[[Flat], Flat]:
        function = pipeline.finish(program.function, self.of.options.optimise)
        text = linking.print_function(function, "A derivative that is checked.")
        loaded = self.of.load(text, function.name, program)

        def evaluate(flat: Flat) -> Flat:
            found = loaded(*flat, *map(fetched, program.fetch))
            return list(found) if isinstance(found, tuple) else [found]

        return evaluate

    def next_level(
        self, level: Level, mode: str, program: Program, compiled: Callable[[Flat], Flat]
    ) -> Level:
        """The derivative in a random direction, as a function of the same parameters."""
        of = [level.values[k] for k in self.wrt] if mode == "fwd" else level.evaluate(level.values)
        values = [*level.values, *self.directions(of)]
        said = f"{level.said}, differentiated in {MODES[mode]}"
        return Level(program, values, compiled, said)

    def directions(self, of: Flat) -> Flat:
        """Random tangents or cotangents; 1 for a single number."""
        if len(of) == 1 and np.shape(of[0]) == ():
            return [type_of(of[0])(1.0)]
        return [type_of(x)(self.random.normal(size=np.shape(x))) for x in of]

    # --------------------------------------------------------------------------------------- comparison

    def compare(self, level: Level, mode: str, compiled: Callable[[Flat], Flat]) -> None:
        for _ in range(DIRECTIONS):
            results = level.evaluate(level.values)
            weights = self.directions(results)
            directions = self.directions([level.values[k] for k in self.wrt])
            if mode == "fwd":
                computed = inner(compiled([*level.values, *directions]), weights)
            else:
                owed = compiled([*level.values, *weights])
                computed = inner(owed, directions)
            if not self.agree(computed, *self.slope(level, directions, weights)):
                self.report(level, mode, compiled, weights)

    def slope(self, level: Level, directions: Flat, weights: Flat) -> tuple[float, float]:
        """The derivative of the weighted results in a direction, by extrapolated central differences, and its error.

        C. J. F. Ridders, Accurate computation of F'(x) and F'(x)F''(x), Advances in Engineering Software 4 (1982).
        """

        def at(t: float) -> float:
            moved = list(level.values)
            for k, v in zip(self.wrt, directions, strict=True):
                moved[k] = type_of(level.values[k])(level.values[k] + t * v)
            try:
                return inner(level.evaluate(moved), weights)
            except (ArithmeticError, ValueError):  # outside of where the function is defined
                return np.nan

        size = np.sqrt(inner(directions, directions)) or 1.0
        scale = max(1.0, *(float(np.max(np.abs(level.values[k]), initial=0.0)) for k in self.wrt))
        best, error = np.nan, np.inf
        for start in STARTS:
            found, doubt = extrapolated(at, self.start * start * scale / size)
            if not doubt / (abs(found) + TINY) >= error / (abs(best) + TINY):
                best, error = found, doubt
            if error <= self.settled * abs(best):
                break
        return best, error

    def agree(self, computed: float, wanted: float, error: float) -> bool:
        """Whether a number agrees with differences; differences that do not settle prove nothing."""
        size = max(abs(computed), abs(wanted))
        return bool(abs(computed - wanted) <= self.rtol * size + 3.0 * error and self.settles(size, error))

    def settles(self, size: float, error: float) -> bool:
        return error <= 1e4 * self.settled * size + TINY

    def report(self, level: Level, mode: str, compiled: Callable[[Flat], Flat], weights: Flat) -> None:
        """Find the worst entry of all arguments, then of all results, and raise; unless no entry is wrong."""
        worst: Entry | None = None
        for n, k in enumerate(self.wrt):
            for place in np.ndindex(np.shape(level.values[k])):
                worst = self.worse(worst, level, mode, compiled, (n, place), weights)
        if worst is None:  # what cancels in the sum is right by itself
            return
        results = level.evaluate(level.values)
        if len(results) > 1 or np.size(results[0]) > 1:
            found: Entry | None = None
            for m, result in enumerate(results):
                for place in np.ndindex(np.shape(result)):
                    chosen = [np.zeros_like(r) for r in results]
                    chosen[m] = unit(result, place)
                    chosen = [type_of(r)(w) for r, w in zip(results, chosen, strict=True)]
                    found = self.worse(found, level, mode, compiled, worst.of, chosen, (m, place))
            worst = found or worst
        raise CheckError(self.message(level, mode, worst, len(results)))

    def worse(
        self,
        worst: Entry | None,
        level: Level,
        mode: str,
        compiled: Callable[[Flat], Flat],
        of: Place,
        weights: Flat,
        by: Place | None = None,
    ) -> Entry | None:
        """The derivative by one entry of the arguments, if it is further off than the worst so far."""
        n, place = of
        directions = [np.zeros_like(level.values[k]) for k in self.wrt]
        directions[n] = unit(level.values[self.wrt[n]], place)
        directions = [type_of(level.values[k])(d) for k, d in zip(self.wrt, directions, strict=True)]
        if mode == "rev":
            computed = inner(compiled([*level.values, *weights]), directions)
        else:
            computed = inner(compiled([*level.values, *directions]), weights)
        entry = Entry(of, by, computed, *self.slope(level, directions, weights))
        if self.agree(entry.computed, entry.wanted, entry.error):
            return worst
        return entry if worst is None or not entry.off <= worst.off else worst

    # ------------------------------------------------------------------------------------------- report

    def message(self, level: Level, mode: str, worst: Entry, results: int) -> str:
        name = self.names[worst.of[0]]
        result = ""
        if worst.by is not None:
            number = f" number {worst.by[0] + 1}" if results > 1 else ""
            at = f" at {index(worst.by[1])}" if worst.by[1] else ""
            result = f", for the result{number}{at}"
        lines = [
            f"{level.said}: the derivative by `{name}` is wrong, in {MODES[mode]}",
            f"  {name}{index(worst.of[1])}{result}: {worst.computed:.10g} is computed, differences give "
            f"{worst.wanted:.10g} (to {worst.error:.1g})",
        ]
        if not self.settles(max(abs(worst.computed), abs(worst.wanted)), worst.error):
            lines.append("  the differences do not settle: is the function smooth here?")
        else:
            lines += self.accused()
        return "\n".join(lines)

    def accused(self) -> list[str]:
        """What rules the function has, and which of them make it wrong."""
        found: dict[Rules, None] = {}
        for op in ops_within(self.program.function.body):
            if op.primitive == "custom" and op.attributes["call"].rules.callee is None:
                found[op.attributes["call"].rules] = None
        lines: list[str] = []
        certain = [rules for rules in found if self.is_right_without(rules)]
        for rules in certain or found:
            what = "without them its derivative is right" if certain else "one of them may be wrong"
            lines.append(f"  `{self.of.signature.name}` uses the rules of `{rules.name}`; {what}:")
            lines += said_rules(rules)
        return lines

    def is_right_without(self, rules: Rules) -> bool:
        """Whether the first derivative is right where it goes through what the function with these rules does."""
        function = drop_rules(self.program.function, lambda op: op.attributes["call"].rules is rules)
        try:
            other = Check.__new__(Check)
            other.__dict__.update(self.__dict__)
            other.program = replace(self.program, function=function)
            other.run(1)
        except (DifferentiationError, CheckError):
            return False
        return True


TINY = 1e-12


def with_results(function: Function, chosen: Sequence[int]) -> Function:
    results = tuple(function.results[k] for k in chosen)
    return replace(function, body=replace(function.body, results=results))


def inner(a: Flat, b: Flat) -> float:
    return float(sum(np.sum(np.asarray(x, float) * np.asarray(y, float)) for x, y in zip(a, b, strict=True)))


def extrapolated(f: Callable[[float], float], step: float) -> tuple[float, float]:
    """The slope of `f` at 0 and an estimate of its error, from central differences of halved steps."""
    best, error = np.nan, np.inf
    rows: list[list[float]] = []
    for _ in range(HALVINGS):
        row = [(f(step) - f(-step)) / (2.0 * step)]
        step /= 2.0
        if not np.isfinite(row[0]):
            rows.clear()
            continue
        for k in range(len(rows)):
            factor = 4.0 ** (k + 1)
            row.append((factor * row[k] - rows[-1][k]) / (factor - 1.0))
            doubt = max(abs(row[k + 1] - row[k]), abs(row[k + 1] - rows[-1][k]))
            if doubt <= error:
                best, error = row[k + 1], doubt
        rows.append(row)
        if len(rows) == LEVELS:
            break
    return best, error


def index(place: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, place))}]" if place else ""


def unit(like: Any, place: tuple[int, ...]) -> Any:
    found = np.zeros(np.shape(like), np.asarray(like).dtype)
    found[place] = 1.0
    return found


def type_of(value: Any) -> Callable[[Any], Any]:
    """What makes something of the type of a value, in C order."""
    if isinstance(value, np.ndarray):
        dtype = value.dtype
        return lambda x: np.ascontiguousarray(x, dtype)
    return type(value)


def said_rules(rules: Rules) -> list[str]:
    """The lines of the rules of a function."""
    lines = []
    for given in (rules.vjp, rules.jvp):
        for rule in (given.source,) if isinstance(given, Together) else given or ():
            if rule is not None:
                source = read_source(rule)
                location = location_of(source, source.tree)
                lines += [str(location), *underlined(location)]
    return lines


__all__ = ["check_grads"]
