"""Random programs as source text: loops, branches, exits, stores, swaps, callees, all of them safe to run.

    generated(FromSeed(17))      the program of seed 17, with its arguments
    programs()                   a Hypothesis strategy for the same: every decision is drawn, so it shrinks
    python -m tests.fuzz 17      prints it

Every program ends, keeps its indices in range, and is smooth but for its branches. What is known of a name
is known for all its life: an integer has a fixed range, an array a fixed length.
"""

from __future__ import annotations

import hashlib
import importlib.util
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TypeVar

import numpy as np
from hypothesis import strategies as st

__all__ = ["Choices", "FromSeed", "Generated", "generated", "loaded", "programs"]

T = TypeVar("T")


class Choices(Protocol):
    """Where decisions come from. The lowest integer is the simplest program."""

    def integer(self, low: int, high: int) -> int: ...


class FromSeed:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def integer(self, low: int, high: int) -> int:
        return self.random.randint(low, high)


class FromHypothesis:
    def __init__(self, draw: Callable[..., int]) -> None:
        self.draw = draw

    def integer(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))


@dataclass(frozen=True, repr=False)
class Generated:
    """A module's text with a function `f`, the arguments to call it with, and what to differentiate it by."""

    source: str
    args: tuple[Any, ...]
    argnums: tuple[int, ...]

    def __repr__(self) -> str:
        with np.printoptions(floatmode="unique"):
            return f"\n{self.source}\nargs = {self.args!r}\nargnums = {self.argnums!r}\n"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Hypothesis prints a failing program as text."""
        printer.text(repr(self))


def generated(choices: Choices) -> Generated:
    return Author(choices).program()


@st.composite
def programs(draw: Callable[..., int]) -> Generated:
    return generated(FromHypothesis(draw))


def loaded(program: Generated, folder: Path) -> Callable[..., float]:
    """The function `f` of the program, imported from a file of its own so that its source can be read."""
    name = "fuzz_" + hashlib.sha256(program.source.encode()).hexdigest()[:16]
    path = folder / f"{name}.py"
    path.write_text(program.source)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module.f


@dataclass
class Scope:
    """The names that are surely bound here."""

    floats: list[str]
    ints: dict[str, tuple[int, int]] = field(default_factory=dict)
    arrays: dict[str, int] = field(default_factory=dict)
    grids: dict[str, tuple[int, int]] = field(default_factory=dict)
    views: dict[str, int] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()  # arrays that are iterated over, which may be written but not renamed
    depth: int = 0
    loop: str = ""  # kind of the innermost loop
    scalar_only: bool = False

    def inner(self, **changes: Any) -> Scope:
        own = {"floats": list(self.floats), "ints": dict(self.ints), "arrays": dict(self.arrays)}
        own |= {"grids": dict(self.grids), "views": dict(self.views), "depth": self.depth + 1}
        return replace(self, **{**own, **changes})


INDICES = ("i", "j", "l", "m", "p", "q")
WAVES = ("math.sin", "math.tanh", "math.cos", "np.sin", "np.tanh", "math.atan")
COEFFICIENTS = ("0.5", "0.9", "-0.8", "1.3", "-1.1", "1.2")
LEVELS = ("0.1", "0.4", "-0.2", "0.75", "-0.6")


class Author:
    """Writes one program, a line at a time."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self.lines: list[str] = []
        self.indent = 0
        self.fresh = 0
        self.callees: list[str] = []
        self.budget = 0

    # Decisions.

    def chance(self, percent: int) -> bool:
        return self.choices.integer(0, 99) >= 100 - percent

    def pick(self, options: Sequence[T]) -> T:
        return options[self.choices.integer(0, len(options) - 1)]

    def write(self, line: str) -> None:
        self.lines.append("    " * self.indent + line)

    def new_name(self, stem: str) -> str:
        self.fresh += 1
        return f"{stem}{self.fresh}"

    # Expressions.

    def index(self, scope: Scope, length: int, of: str = "") -> str:
        """An expression that is an index of an array of this length, from either end."""
        options = [str(k) for k in range(-2, min(length, 3)) if k >= -length]
        size = f"len({of})" if of and self.chance(50) else str(length)
        for name, (low, high) in scope.ints.items():
            shifted = [
                (name, low, high),
                (f"{name} - 1", low - 1, high - 1),
                (f"{name} + 1", low + 1, high + 1),
            ]
            shifted += [(f"{size} - 1 - {name}", length - 1 - high, length - 1 - low)]
            shifted += [(f"-{name} - 1", -high - 1, -low - 1)]
            options += [text for text, least, most in shifted if -length <= least and most < length]
            options += [f"({name} * 2 + 1) % {size}", f"order[{name} % len(order)] % {size}"]
            if scope.depth > 1:
                other = self.pick(list(scope.ints))
                options.append(f"({name} + {other}) % {size}")
        return self.pick(options)

    def element(self, scope: Scope) -> str:
        options = [*scope.arrays, *scope.views, *scope.grids]
        name = self.pick(options)
        if name in scope.grids:
            rows, columns = scope.grids[name]
            return f"{name}[{self.index(scope, rows)}, {self.index(scope, columns)}]"
        length = scope.arrays.get(name) or scope.views[name]
        return f"{name}[{self.index(scope, length, name)}]"

    def leaf(self, scope: Scope) -> str:
        kind = self.choices.integer(0, 9)
        if kind >= 8:
            return self.pick(COEFFICIENTS)
        if kind == 7 and scope.ints:
            return f"0.1 * {self.pick(list(scope.ints))}"
        if kind >= 4 and scope.arrays:
            return self.element(scope)
        return self.pick(scope.floats)

    def expression(self, scope: Scope, depth: int = 2) -> str:
        """A smooth expression of modest size."""
        kind = self.choices.integer(0, 15) if depth else 0
        if kind <= 2:
            return self.leaf(scope)
        a = self.expression(scope, depth - 1)
        if kind == 3:
            return f"{self.pick(WAVES)}({a})"
        if kind == 4:
            return self.pick(
                (
                    f"math.exp(math.sin({a}))",
                    f"math.sqrt(1.5 + math.cos({a}))",
                    f"math.log(2.0 + np.cos({a}))",
                    f"np.exp(-abs(math.sin({a})))",
                    f"-({a})",
                    f"math.tanh({a}) ** 2",
                    f"abs({a})",
                )
            )
        b = self.expression(scope, depth - 1)
        if kind <= 7:
            return f"({a} + {b})"
        if kind <= 9:
            return f"({a} - {b})"
        if kind <= 12:
            return f"{a} * {b}" if self.simple(a) and self.simple(b) else f"({a}) * ({b})"
        if kind == 13:
            return f"({a}) / (2.0 + math.cos({b}))"
        if kind == 14:
            return self.pick(
                (f"max({a}, {b})", f"min({a}, {b})", f"({a} if {self.condition(scope)} else {b})")
            )
        if self.callees:
            return f"{self.pick(self.callees)}({a}, {b})"
        return f"math.sin({a}) * {b}" if self.simple(b) else f"math.sin({a}) * ({b})"

    @staticmethod
    def simple(text: str) -> bool:
        return " " not in text and not text.startswith("-")

    def bounded(self, scope: Scope) -> str:
        """An expression that does not grow when it is stored into what it reads, again and again."""
        kind = self.choices.integer(0, 3)
        a = self.leaf(scope)
        if kind == 0:
            return f"{self.pick(WAVES)}({self.expression(scope)})"
        if kind == 1:
            return f"{self.pick(COEFFICIENTS)} * {a} + 0.4 * {self.leaf(scope)}"
        if kind == 2:
            return f"{a} * {self.leaf(scope)} * {self.pick(COEFFICIENTS)}"
        return f"{a} * math.cos({self.expression(scope, 1)})"

    def condition(self, scope: Scope) -> str:
        kind = self.choices.integer(0, 8)
        if kind >= 6 and scope.ints:
            name = self.pick(list(scope.ints))
            return self.pick((f"{name} % 2 == 0", f"{name} > 1", f"{name} != 2", f"{name} % 3"))
        if kind == 5 and scope.depth < 6:
            deeper = scope.inner()
            joint = self.pick(("and", "or", "and not"))
            other = self.condition(deeper)
            other = f"({other})" if " and " in other or " or " in other or " < " in other else other
            return f"{self.plain_condition(scope)} {joint} {other}"
        return self.plain_condition(scope)

    def plain_condition(self, scope: Scope) -> str:
        a = self.leaf(scope)
        kind = self.choices.integer(0, 3)
        if kind == 0:
            return f"{a} > {self.pick(LEVELS)}"
        if kind == 1:
            return f"{a} < {self.leaf(scope)} * 0.8 + 0.05"
        if kind == 2:
            return f"-0.45 < {a} < 0.85"
        return f"{a} * {self.leaf(scope)} >= {self.pick(LEVELS)}"

    # Statements.

    def block(self, scope: Scope, most: int = 3) -> None:
        """One to `most` statements, indented."""
        self.indent += 1
        for _ in range(self.choices.integer(1, most)):
            self.statement(scope)
        if scope.loop and self.chance(8):
            self.write(self.pick(("continue", "break")))
        self.indent -= 1

    def statement(self, scope: Scope) -> None:
        self.budget -= 1
        small: list[Callable[[Scope], None]] = [self.assign, self.augment, self.assign, self.pair, self.bind]
        arrays: list[Callable[[Scope], None]] = [self.store, self.augmented_store, self.shifted_store]
        arrays += [self.shifted_store, self.swap_elements, self.store_grid, self.swap_arrays, self.make_array]
        arrays += [self.whole_array, self.renew_array, self.reduce, self.view, self.fill]
        nested: list[Callable[[Scope], None]] = [self.branch, self.for_loop, self.for_loop, self.while_loop]
        nested += [self.each]
        if scope.ints and not scope.scalar_only:
            small.append(self.step_integer)
        options = small + ([] if scope.scalar_only else arrays)
        if scope.depth < 4 and self.budget > 0:
            options = options + nested * (4 if scope.depth < 2 else 2)
        if scope.depth:
            options = options + [self.leave] * (4 if scope.loop else 1)
        self.pick(options)(scope)

    def assign(self, scope: Scope) -> None:
        self.write(f"{self.pick(scope.floats)} = {self.bounded(scope)}")

    def bind(self, scope: Scope) -> None:
        name = self.new_name("t")
        self.write(f"{name} = {self.bounded(scope)}")
        scope.floats.append(name)

    def augment(self, scope: Scope) -> None:
        name = self.pick(scope.floats)
        kind = self.choices.integer(0, 4)
        if kind <= 1:
            self.write(f"{name} += 0.3 * {self.leaf(scope)}")
        elif kind == 2:
            self.write(f"{name} -= math.sin({self.expression(scope, 1)})")
        elif kind == 3:
            self.write(f"{name} *= {self.pick(WAVES)}({self.expression(scope, 1)})")
        else:
            self.write(f"{name} /= 1.6 + math.cos({self.expression(scope, 1)})")

    def pair(self, scope: Scope) -> None:
        a, b = self.pick(scope.floats), self.pick(scope.floats)
        if a == b:
            return self.assign(scope)
        if self.chance(50):
            return self.write(f"{a}, {b} = {b}, {self.bounded(scope)}")
        return self.write(f"{a}, {b} = {b}, {a}")

    def step_integer(self, scope: Scope) -> None:
        other = self.pick(list(scope.ints))
        self.write(self.pick(("k = (k * 3 + 1) % 7", f"k = ({other} + 2) % 5", f"k = k // 2 + {other} % 3")))

    def some_array(self, scope: Scope) -> str:
        return self.pick(list(scope.arrays))

    def store(self, scope: Scope) -> None:
        name = self.some_array(scope)
        self.write(f"{name}[{self.index(scope, scope.arrays[name], name)}] = {self.bounded(scope)}")

    def augmented_store(self, scope: Scope) -> None:
        name = self.some_array(scope)
        place = f"{name}[{self.index(scope, scope.arrays[name], name)}]"
        kind = self.choices.integer(0, 3)
        value = self.expression(scope, 1)
        forms = (
            f"+= 0.3 * ({value})",
            f"*= math.cos({value})",
            f"-= math.sin({value})",
            f"/= 1.7 + math.sin({value})",
        )
        self.write(f"{place} {forms[kind]}")

    def shifted_store(self, scope: Scope) -> None:
        """`a[i] = f(a[i - 1], a[i])` and its kin: the same array read and written at two places."""
        name = self.some_array(scope)
        length = scope.arrays[name]
        there, here = self.index(scope, length, name), self.index(scope, length, name)
        forms = (
            f"math.sin({name}[{there}]) * {name}[{here}]",
            f"0.6 * {name}[{there}] + 0.5 * {name}[{here}]",
            f"{name}[{there}] * {name}[{there}] * 0.4",
            f"math.tanh({name}[{here}] * {name}[{there}])",
        )
        self.write(f"{name}[{here}] = {self.pick(forms)}")

    def swap_elements(self, scope: Scope) -> None:
        name = self.some_array(scope)
        a, b = (f"{name}[{self.index(scope, scope.arrays[name], name)}]" for _ in range(2))
        self.write(f"{a}, {b} = {b}, {a}")

    def store_grid(self, scope: Scope) -> None:
        if not scope.grids:
            return self.store(scope)
        name = self.pick(list(scope.grids))
        rows, columns = scope.grids[name]
        place = f"{name}[{self.index(scope, rows)}, {self.index(scope, columns)}]"
        return self.write(
            self.pick(
                (
                    f"{place} = {self.bounded(scope)}",
                    f"{place} *= math.cos({self.leaf(scope)})",
                    f"{place} += 0.3 * {self.leaf(scope)}",
                )
            )
        )

    def alike(self, scope: Scope, name: str) -> list[str]:
        return [other for other in scope.arrays if scope.arrays[other] == scope.arrays[name]]

    def swap_arrays(self, scope: Scope) -> None:
        free = [name for name in scope.arrays if name not in scope.kept]
        if not free:
            return self.store(scope)
        a = self.pick(free)
        b = self.pick([name for name in self.alike(scope, a) if name in free])
        return self.store(scope) if a == b else self.write(f"{a}, {b} = {b}, {a}")

    def make_array(self, scope: Scope) -> None:
        model = self.some_array(scope)
        length = scope.arrays[model]
        name = self.new_name("h")
        kind = self.choices.integer(0, 5)
        if kind == 0:
            self.write(f"{name} = {model}.copy()")
        elif kind == 1:
            self.write(f"{name} = np.zeros({length})")
        elif kind == 2:
            term = f"{self.leaf(scope)} * {self.pick(COEFFICIENTS)} + o"
            self.write(f"{name} = np.array([{term} for o in range({length})])")
        elif kind == 3:
            self.write(f"{name} = {self.pick(('np.zeros_like', 'np.ones_like'))}({model})")
        else:
            index = self.free_index(scope)
            self.write(f"{name} = {self.pick((f'np.empty(len({model}))', f'np.empty_like({model})'))}")
            self.write(f"for {index} in range({length}):")
            inner = scope.inner(ints={**scope.ints, index: (0, length - 1)})
            self.indent += 1
            self.write(f"{name}[{index}] = {self.bounded(inner)}")
            self.indent -= 1
        scope.arrays[name] = length

    def whole(self, scope: Scope, name: str) -> str:
        a, b = self.pick(self.alike(scope, name)), self.pick(self.alike(scope, name))
        x = self.pick(scope.floats)
        return self.pick(
            (
                f"np.sin({a}) * {b}",
                f"0.6 * {a} + 0.4 * {b}",
                f"np.tanh({a} * {x} - {b})",
                f"{a} * {x} * 0.7",
                f"{a} / (1.5 + np.cos({b}))",
            )
        )

    def whole_array(self, scope: Scope) -> None:
        """A new array by an elementwise expression, or an old one changed in place by one."""
        name = self.some_array(scope)
        if self.chance(50):
            return self.write(f"{name} {self.pick(('+=', '-='))} 0.2 * {self.pick(self.alike(scope, name))}")
        new = self.new_name("h")
        self.write(f"{new} = {self.whole(scope, name)}")
        scope.arrays[new] = scope.arrays[name]
        return None

    def renew_array(self, scope: Scope) -> None:
        free = [name for name in scope.arrays if name not in scope.kept]
        if not free:
            return self.whole_array(scope)
        name = self.pick(free)
        return self.write(f"{name} = {self.whole(scope, name)}")

    def reduce(self, scope: Scope) -> None:
        a = self.some_array(scope)
        b = self.pick(self.alike(scope, a))
        total = self.pick(
            (f"np.sum({a})", f"np.sum({a} * {b})", f"np.dot({a}, {b})", f"np.mean({a})", f"{a}.sum()")
        )
        self.write(f"{self.pick(scope.floats)} += 0.2 * math.tanh({total})")

    def view(self, scope: Scope) -> None:
        if not scope.grids:
            return self.reduce(scope)
        grid = self.pick(list(scope.grids))
        rows, columns = scope.grids[grid]
        name = self.new_name("row")
        self.write(f"{name} = {grid}[{self.index(scope, rows)}]")
        scope.views[name] = columns
        return None

    def fill(self, scope: Scope) -> None:
        self.write(f"fill({self.some_array(scope)}, {self.leaf(scope)}, {self.choices.integer(0, 2)})")

    # Control flow.

    def free_index(self, scope: Scope) -> str:
        return next(name for name in INDICES if name not in scope.ints)

    def leave(self, scope: Scope) -> None:
        """Leave early under a condition, here or in the middle of an arm with an else."""
        ways = ["continue", "break"] * 3 if scope.loop else []
        value = f"{self.pick(scope.floats)} * {self.leaf(scope)} + {self.pick(scope.floats)}"
        ways.append(f"return {self.returned(scope, value)}".rstrip())
        self.write(f"if {self.condition(scope)}:")
        self.indent += 1
        if self.chance(40):
            self.assign(scope)
        self.write(self.pick(ways))
        self.indent -= 1
        if self.chance(25):
            self.write("else:")
            self.block(scope.inner(), 2)

    def branch(self, scope: Scope) -> None:
        self.write(f"if {self.condition(scope)}:")
        joint = self.new_name("t") if self.chance(30) else ""
        self.arm(scope, joint)
        if self.chance(30):
            self.write(f"elif {self.condition(scope)}:")
            self.arm(scope, joint)
        if joint or self.chance(50):
            self.write("else:")
            self.arm(scope, joint)
        if joint:
            scope.floats.append(joint)

    def arm(self, scope: Scope, joint: str) -> None:
        inner = scope.inner()
        if joint:
            self.indent += 1
            self.write(f"{joint} = {self.bounded(inner)}")
            self.indent -= 1
        self.block(inner)

    def range_of(self, scope: Scope) -> tuple[str, int, int, bool]:
        """A `range(...)`, the least and greatest index, and whether it surely runs."""
        kind = self.choices.integer(0, 11)
        if kind == 1 and scope.arrays:
            name = self.some_array(scope)
            return f"range(len({name}))", 0, scope.arrays[name] - 1, True
        if kind == 2:
            low, count = self.choices.integer(0, 2), self.choices.integer(0, 3)
            return f"range({low}, {low + count})", low, low + max(count - 1, 0), count > 0
        if kind == 3:
            high, low = self.choices.integer(1, 5), self.choices.integer(-1, 1)
            return f"range({high}, {low}, -1)", min(low + 1, high), high, high > low
        if kind == 4:
            step, low, high = (
                self.choices.integer(2, 3),
                self.choices.integer(-2, 2),
                self.choices.integer(0, 5),
            )
            return f"range({low}, {high}, {step})", low, max(low, high - 1), high > low
        if kind == 5:
            step, high, low = (
                self.choices.integer(2, 3),
                self.choices.integer(1, 5),
                self.choices.integer(-2, 1),
            )
            return f"range({high}, {low}, -{step})", min(low + 1, high), high, high > low
        if kind >= 7 and scope.ints:
            name = list(scope.ints)[-1] if self.chance(70) else self.pick(list(scope.ints))
            least, most = scope.ints[name]
            forms = [(f"range({name})", 0, max(most - 1, 0)), (f"range({name}, 4)", least, max(most, 3))]
            forms += [(f"range({name} + 1, 5)", least + 1, max(most + 1, 4))]
            forms += [(f"range({name} - 1, -1, -1)", min(least - 1, 0), max(most - 1, 0))]
            forms += [(f"range({name}, -2, -2)", min(least, -1), max(most, -1))]
            return *self.pick(forms), False
        count = self.choices.integer(0, 4)
        if kind == 6:
            return f"reversed(range({count}))", 0, max(count - 1, 0), count > 0
        return f"range({count})", 0, max(count - 1, 0), count > 0

    def for_loop(self, scope: Scope) -> None:
        index = self.free_index(scope)
        text, low, high, runs = self.range_of(scope)
        self.write(f"for {index} in {text}:")
        self.block(scope.inner(ints={**scope.ints, index: (low, high)}, loop="for"))
        self.otherwise(scope)
        if runs and self.chance(20):
            self.write(f"{self.pick(scope.floats)} += 0.1 * {index}")

    def each(self, scope: Scope) -> None:
        """Over the elements of arrays."""
        if scope.scalar_only:
            return self.for_loop(scope)
        a = self.some_array(scope)
        b = self.pick(self.alike(scope, a))
        index, u, v = self.free_index(scope), self.new_name("u"), self.new_name("v")
        ints, floats = {**scope.ints, index: (0, scope.arrays[a] - 1)}, [*scope.floats, u]
        kind = self.choices.integer(0, 3)
        if kind == 0:
            head, ints = f"for {u} in {a}:", dict(scope.ints)
        elif kind == 1:
            head = f"for {index}, {u} in enumerate({a}):"
        elif kind == 2:
            head, ints, floats = f"for {u}, {v} in zip({a}, {b}):", dict(scope.ints), [*floats, v]
        else:
            head, floats = f"for {index}, ({u}, {v}) in enumerate(zip({a}, {b})):", [*floats, v]
        self.write(head)
        self.block(scope.inner(ints=ints, floats=floats, loop="for", kept=scope.kept | {a, b}))
        return self.otherwise(scope)

    def while_loop(self, scope: Scope) -> None:
        counter = self.new_name("c")
        most = self.choices.integer(0, 4)
        extra = f" and {self.condition(scope)}" if self.chance(50) else ""
        extra = f" and ({extra[5:]})" if " or " in extra else extra
        self.write(f"{counter} = 0")
        self.write(f"while {counter} < {most}{extra}:")
        self.write(f"    {counter} += 1")
        self.block(scope.inner(ints={**scope.ints, counter: (1, max(most, 1))}, loop="while"))
        self.otherwise(scope)

    def otherwise(self, scope: Scope) -> None:
        if self.chance(20):
            self.write("else:")
            self.block(scope.inner(), 2)

    # The whole.

    def returned(self, scope: Scope, value: str) -> str:
        """What a `return` in this function gives, where a number is wanted."""
        return value

    def callee(self, name: str) -> None:
        self.function(name, "x, y", Scope(["x", "y"], scalar_only=True), 4)
        self.callees.append(name)

    def function(self, name: str, parameters: str, scope: Scope, budget: int) -> None:
        self.write(f"def {name}({parameters}):")
        self.budget = budget
        self.block(scope)
        self.indent += 1
        self.write(f"return {self.returned(scope, self.bounded(scope))}".rstrip())
        self.indent -= 1
        self.write("")
        self.write("")

    def program(self) -> Generated:
        for line in ("import math", "", "import numpy as np", "", "", *FILL.splitlines(), "", ""):
            self.write(line)
        for k in range(self.choices.integer(0, 2)):
            self.callee(f"helper{k}")
        length, other = self.choices.integer(3, 6), self.choices.integer(3, 6)
        other = length if self.chance(60) else other
        grid = (self.choices.integer(2, 4), self.choices.integer(2, 4)) if self.chance(50) else None
        scope = Scope(["x", "y"], {"k": (0, 6)}, {"a": length, "b": other})
        if grid:
            scope.grids["g"] = grid
        self.write("def f(x, y, a, b, g, order, weights, k):")
        self.indent += 1
        self.write(f"s = {self.pick(('0.0', '0', 'x * y', '1.0'))}")
        scope.floats.append("s")
        self.budget = 18
        for _ in range(self.choices.integer(3, 9)):
            self.statement(scope)
        self.result(scope)
        return self.with_arguments(length, other, grid or (2, 2))

    def result(self, scope: Scope) -> None:
        total = " + ".join(f"{name} * weights[{k % 8}]" for k, name in enumerate(scope.floats))
        self.write(f"out = {total}")
        for name, length in scope.arrays.items():
            self.write(f"for i in range({length}):")
            self.write(f"    out += {name}[i] * weights[i]")
        for name, (rows, columns) in scope.grids.items():
            self.write(f"for i in range({rows}):")
            self.write(f"    for j in range({columns}):")
            self.write(
                f"        out += {name}[i, j] * weights[{'i + j' if rows + columns < 10 else '(i + j) % 8'}]"
            )
        self.write("return out")

    def with_arguments(self, length: int, other: int, grid: tuple[int, int]) -> Generated:
        numbers = np.random.default_rng(self.choices.integer(0, 2**32 - 1))
        x, y = numbers.uniform(-1.3, 1.3, 2)
        a, b, g = (numbers.uniform(-1.3, 1.3, shape) for shape in (length, other, grid))
        order = numbers.integers(0, 6, 5)
        args = (float(x), float(y), a, b, g, order, numbers.uniform(-1.0, 1.0, 8), self.choices.integer(0, 6))
        argnums = self.pick(((0, 1, 2, 3, 4), (0, 2, 3), (2,), (0, 1), (3, 4, 6), (0, 1, 2, 3, 4, 6)))
        return Generated("\n".join(self.lines) + "\n", args, argnums)


FILL = """\
def fill(t, x, start):
    for i in range(start, len(t)):
        t[i] = math.sin(t[i] + x) * t[i - 1]"""


if __name__ == "__main__":
    for seed in sys.argv[1:]:
        print(generated(FromSeed(int(seed))))
