"""Random programs on parts of arrays and whole ones: the constructs that tests/fuzz.py has not.

    generated_with_arrays(FromSeed(17))      the program of seed 17, with its arguments
    array_programs()                         a Hypothesis strategy for the same
    python -m tests.fuzz_arrays 17           prints it

Slices that are read, stored into and added to, also where both sides overlap; views held in names, written through,
and passed to callees that write; rows, columns and transposes; broadcasting; masks and arrays of indices; reductions
along an axis; products of matrices; arrays that an `if` chooses; loops that keep the best; nested functions that see
what is assigned later; `checkpoint`; float32, Fortran order and strides; results that are tuples.

Every other statement is one of tests/fuzz.py, so that these meet loops, exits and swaps.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from tests.fuzz import FILL, LEVELS, Author, Choices, FromHypothesis, FromSeed, Generated, Scope

__all__ = ["array_programs", "generated_with_arrays"]

Statement = Callable[[Scope], None]
UFUNCS = ("np.sin", "np.tanh", "np.cos", "np.arctan")


def generated_with_arrays(choices: Choices) -> Generated:
    return ArrayAuthor(choices).program()


@st.composite
def array_programs(draw: Callable[..., int]) -> Generated:
    return generated_with_arrays(FromHypothesis(draw))


class ArrayAuthor(Author):
    """Writes one program. A view is an array that is written but not renamed."""

    def __init__(self, choices: Choices) -> None:
        super().__init__(choices)
        self.array_callees: list[tuple[str, int, str]] = []  # name, length of its arrays, what it returns
        self.may_leave = True
        self.returns, self.result_length = "float", 0

    # Parts of arrays.

    def part(self, scope: Scope, length: int) -> str:
        """An array of this length that has memory: a name, or a slice of one, a row or a column."""
        options: list[str] = []
        for name, whole in scope.arrays.items():
            if whole == length:
                options += [name, name, f"{name}[::-1]"]
            elif whole > length:
                spare = whole - length
                options += [f"{name}[:{length}]", f"{name}[{spare}:]", f"{name}[-{length}:]"]
                options += [f"{name}[{spare // 2}:{spare // 2 + length}]", f"{name}[:-{spare}]"]
                options += [
                    f"{name}[{k}:{k} + {length}]" for k, (a, b) in scope.ints.items() if a >= 0 and b <= spare
                ]
                if (whole + 1) // 2 == length:
                    options += [f"{name}[::2]", f"{name}[::-2]"]
        for name, (rows, columns) in scope.grids.items():
            if columns == length:
                options.append(f"{name}[{self.index(scope, rows)}]")
            if rows == length:
                options.append(f"{name}[:, {self.index(scope, columns)}]")
            if columns == length + 1:
                options += [
                    f"{name}[{self.index(scope, rows)}, 1:]",
                    f"{name}[{self.index(scope, rows)}, :-1]",
                ]
            if rows == length + 1:
                options += [f"{name}[1:, {self.index(scope, columns)}]"]
        return self.pick(options)

    def length(self, scope: Scope) -> int:
        """A length that some part has."""
        whole = self.pick(
            sorted({*scope.arrays.values(), *(n for shape in scope.grids.values() for n in shape)})
        )
        if self.chance(40) and any(n == whole for n in scope.arrays.values()):
            return max(2, whole - self.choices.integer(0, 2))
        return whole

    def vector(self, scope: Scope, length: int, depth: int = 2) -> str:
        """An elementwise expression of this length."""
        kind = self.choices.integer(0, 15) if depth else 0
        if kind <= 3:
            return self.part(scope, length)
        if kind == 4:
            return self.made_vector(scope, length)
        a = self.vector(scope, length, depth - 1)
        if kind <= 6:
            return f"{self.pick(UFUNCS)}({a})"
        if kind == 7:
            return f"({a} * {self.leaf(scope)})"
        b = self.vector(scope, length, depth - 1)
        if kind == 8:
            return f"np.where({self.comparison(scope, length)}, {a}, {b})"
        if kind == 9:
            return f"{self.pick(('np.maximum', 'np.minimum'))}({a}, {b})"
        if kind <= 11:
            return f"({a} - {b})"
        if kind <= 13:
            return f"({a} + {b})"
        return f"{a} * {b}"

    def made_vector(self, scope: Scope, length: int) -> str:
        """An array of this length that some function makes."""
        options = [
            f"np.zeros({length}) + np.arange({length}) * 0.1",
            f"np.full({length}, {self.leaf(scope)})",
        ]
        for name, whole in scope.arrays.items():
            options.append(f"{name}[order[:{length}] % {whole}]" if length <= 5 else f"np.zeros({length})")
            if whole == length:
                options += [f"np.cumsum({name})", f"np.roll({name}, 1)", f"np.flip({name})"]
            if whole == length + 1:
                options.append(f"np.diff({name})")
        for name, (rows, columns) in scope.grids.items():
            if columns == length:
                options += [f"np.sum({name}, axis=0)", f"{name}.mean(axis=0)", f"np.max({name}, axis=0)"]
                options += [f"{self.part(scope, rows)} @ {name}"]
            if rows == length:
                options += [f"{name}.sum(axis=1)", f"np.min({name}, axis=1)", f"{name}.max(axis=1)"]
                options += [f"{name} @ {self.part(scope, columns)}"]
        return f"({self.pick(options)})"

    def comparison(self, scope: Scope, length: int) -> str:
        a = self.part(scope, length)
        return self.pick((f"{a} > {self.pick(LEVELS)}", f"{a} < {self.part(scope, length)} * 0.8 + 0.05"))

    def calm(self, scope: Scope, length: int) -> str:
        """A vector that does not grow when it is stored into what it reads."""
        kind = self.choices.integer(0, 3)
        if kind == 0:
            return f"{self.pick(UFUNCS)}({self.vector(scope, length)})"
        if kind == 1:
            return f"0.6 * {self.part(scope, length)} + 0.4 * {self.vector(scope, length, 1)}"
        if kind == 2:
            return f"{self.part(scope, length)} * np.cos({self.vector(scope, length, 1)})"
        return self.part(scope, length)

    def matrix(self, scope: Scope, shape: tuple[int, int], depth: int = 1) -> str:
        rows, columns = shape
        options = [name for name, its in scope.grids.items() if its == shape] * 3
        options += [f"{name}.T" for name, its in scope.grids.items() if its == (columns, rows)]
        if not options or not depth or self.chance(40):
            u, v = self.part_or_ones(scope, rows), self.part_or_ones(scope, columns)
            options += [f"np.outer({u}, {v})", f"({u})[:, None] * {v}"]
        if depth:
            a, b = self.matrix(scope, shape, depth - 1), self.matrix(scope, shape, depth - 1)
            v = self.part_or_ones(scope, columns)
            options += [
                f"np.sin({a})",
                f"({a} - {b})",
                f"{a} * {b}",
                f"({a} + {v})",
                f"{a} * {self.leaf(scope)}",
            ]
            options += [f"np.where({a} > {self.pick(LEVELS)}, {a}, {b})"]
            for name, (first, last) in scope.grids.items():
                if first == rows:
                    options.append(f"{name} @ {self.matrix(scope, (last, columns), 0)}")
        return self.pick(options)

    def part_or_ones(self, scope: Scope, length: int) -> str:
        has = any(n >= length for n in scope.arrays.values())
        return self.part(scope, length) if has else f"np.ones({length})"

    # Statements.

    def statement(self, scope: Scope) -> None:
        if scope.scalar_only or self.chance(45):
            return super().statement(scope)
        self.budget -= 1
        options: list[Statement] = [self.store_part, self.store_part, self.add_to_part, self.add_to_part]
        options += [self.hold_view, self.hold_view, self.store_masked, self.choose_array, self.new_array]
        options += [self.reduce_widely, self.gather, self.scatter, self.slide, self.define, self.fill_part]
        if scope.grids:
            options += [self.store_into_grid, self.store_into_grid, self.new_grid, self.swap_grids]
        if self.array_callees:
            options += [self.call, self.call]
        if scope.depth < 4 and self.budget > 0:
            options += [self.keep_best, self.over_order, self.checkpointed]
            options += [self.over_rows] * 2 if scope.grids else []
        return self.pick(options)(scope)

    def leave(self, scope: Scope) -> None:
        if self.may_leave:
            super().leave(scope)
        else:
            self.assign(scope)

    def store_part(self, scope: Scope) -> None:
        length = self.length(scope)
        place = self.part(scope, length)
        place = f"{place}[:]" if "[" not in place else place
        self.write(f"{place} = {self.leaf(scope) if self.chance(15) else self.calm(scope, length)}")

    def add_to_part(self, scope: Scope) -> None:
        length = self.length(scope)
        place = self.part(scope, length)
        a = self.vector(scope, length, 1)
        forms = (f"+= 0.3 * {a}", f"-= np.sin({a})", f"*= np.cos({a})", f"*= {self.leaf(scope)}")
        self.write(f"{place} {self.pick((*forms, f'/= 1.6 + np.cos({a})'))}")

    def slide(self, scope: Scope) -> None:
        """Both sides overlap."""
        name = self.some_array(scope)
        a, b = self.pick(
            ((f"{name}[1:]", f"{name}[:-1]"), (f"{name}[:-1]", f"{name}[1:]"), (name, f"{name}[::-1]"))
        )
        x = self.leaf(scope)
        forms = (
            f"= {b}",
            f"= 0.5 * {b} + 0.4 * {a}",
            f"+= 0.4 * {b}",
            f"*= np.cos({b})",
            f"= np.sin({b} * {x})",
        )
        a = f"{a}[:]" if a == name else a
        self.write(f"{a} {self.pick(forms)}")

    def hold_view(self, scope: Scope) -> None:
        if scope.grids and self.chance(25):
            grid = self.pick(list(scope.grids))
            rows, columns = scope.grids[grid]
            name = self.new_name("w")
            if self.chance(50):
                self.write(f"{name} = {grid}.T")
                scope.grids[name] = (columns, rows)
            else:
                self.write(f"{name} = {grid}[1:]" if rows > 2 else f"{name} = {grid}[::-1]")
                scope.grids[name] = (rows - 1 if rows > 2 else rows, columns)
            return
        length = self.length(scope)
        name = self.new_name("w")
        self.write(f"{name} = {self.part(scope, length)}")
        scope.arrays[name] = length
        scope.kept |= {name}

    def store_masked(self, scope: Scope) -> None:
        length = self.length(scope)
        name = self.part(scope, length)
        mask = self.comparison(scope, length)
        if self.chance(40):
            held = self.new_name("mask")
            self.write(f"{held} = {mask}")
            mask = held
        forms = (f"= {self.leaf(scope)}", f"*= {self.leaf(scope)}", f"+= {self.leaf(scope)}")
        others = (f"= {self.part(scope, length)}[{mask}]", f"-= 0.3 * {self.part(scope, length)}[{mask}]")
        self.write(f"{name}[{mask}] {self.pick((*forms, *others))}")

    def gather(self, scope: Scope) -> None:
        """Elements at an array of indices."""
        name = self.some_array(scope)
        new, index = self.new_name("h"), self.new_name("at")
        self.write(f"{index} = (order + {self.choices.integer(0, 3)}) % {scope.arrays[name]}")
        self.write(f"{new} = {name}[{index}]")
        scope.arrays[new] = 5

    def scatter(self, scope: Scope) -> None:
        """Stores at an array of indices, which may repeat."""
        name = self.some_array(scope)
        index = f"order % {scope.arrays[name]}"
        value = self.leaf(scope)
        if any(n == 5 for n in scope.arrays.values()) and self.chance(60):
            value = self.part(scope, 5)
        forms = (
            f"{name}[{index}] = {value}",
            f"{name}[{index}] += 0.3 * {value}",
            f"{name}[{index}] *= {value}",
        )
        self.write(self.pick((*forms, f"np.add.at({name}, {index}, {value})")))

    def choose_array(self, scope: Scope) -> None:
        """What an array is, is decided at run time."""
        model = self.some_array(scope)
        length, name = scope.arrays[model], self.new_name("h")
        condition = self.condition(scope)
        if self.chance(40):
            a, b = self.pick(self.alike(scope, model)), self.pick(self.alike(scope, model))
            copied = ".copy()" if self.chance(60) else " * 1.0"
            self.write(f"{name} = ({a} if {condition} else {b}){copied}")
        else:
            self.write(f"if {condition}:")
            self.write(f"    {name} = {self.made_or_calm(scope, length)}")
            self.write("else:")
            self.write(f"    {name} = {self.made_or_calm(scope, length)}")
        scope.arrays[name] = length

    def made_or_calm(self, scope: Scope, length: int) -> str:
        """A new array."""
        if self.chance(50):
            return f"1.0 * {self.made_vector(scope, length)}"
        return f"np.sin({self.vector(scope, length)})"

    def new_array(self, scope: Scope) -> None:
        length, name = self.length(scope), self.new_name("h")
        self.write(f"{name} = {self.made_or_calm(scope, length)}")
        scope.arrays[name] = length

    def reduce_widely(self, scope: Scope) -> None:
        length = self.length(scope)
        a, b = self.vector(scope, length), self.part(scope, length)
        options = [
            f"np.sum({a})",
            f"np.max({a})",
            f"np.min({b})",
            f"{b} @ {b}",
            f"np.dot({b}, {a})",
            f"sum({b})",
        ]
        options += [f"max({b})", f"np.prod({b})", f"np.sum({b}[{b} > 0.1])", f"{b}[np.argmax({b})]"]
        for grid in scope.grids:
            options += [f"np.sum({grid})", f"{grid}.max()", f"np.mean({grid} * {grid})"]
        total = self.pick(options)
        self.write(f"{self.pick(scope.floats)} += 0.2 * math.tanh({total})")

    def store_into_grid(self, scope: Scope) -> None:
        name = self.pick(list(scope.grids))
        rows, columns = shape = scope.grids[name]
        i, j = self.index(scope, rows), self.index(scope, columns)
        options = [
            f"{name}[:] = np.sin({self.matrix(scope, shape)})",
            f"{name} += 0.2 * {self.matrix(scope, shape)}",
        ]
        options += [f"{name} *= np.cos({self.matrix(scope, shape)})", f"{name}[1:] = {name}[:-1]"]
        options += [f"{name}[:, 1:] *= np.cos({name}[:, :-1])", f"{name}[{i}] = {self.leaf(scope)}"]
        options += [
            f"{name}[{i}] += 0.3 * {name}[{self.index(scope, rows)}]",
            f"{name}[:, {j}] = {name}[:, 0] * 0.5",
        ]
        options += [f"{name}[{name} > {self.pick(LEVELS)}] *= {self.leaf(scope)}"]
        options += [f"{name}[{i}], {name}[{i}] = {name}[{i}] * 1.0, {name}[0] * 0.5"]
        if any(n >= columns for n in scope.arrays.values()):
            options += [
                f"{name}[{i}] = {self.part(scope, columns)}",
                f"{name} += 0.2 * {self.part(scope, columns)}",
            ]
            options += [
                f"{name}[:] = {self.part(scope, columns)}",
                f"{name}[{i}] *= {self.part(scope, columns)}",
            ]
        if any(n >= rows for n in scope.arrays.values()):
            options += [f"{name}[:, {j}] -= 0.3 * {self.part(scope, rows)}"]
            options += [f"{name} *= np.cos({self.part(scope, rows)})[:, None]"]
        self.write(self.pick(options))

    def new_grid(self, scope: Scope) -> None:
        name = self.new_name("G")
        shape = scope.grids[self.pick(list(scope.grids))]
        shape = self.pick((shape, shape, shape[::-1], (2, 3)))
        if self.chance(25):
            self.write(f"{name} = np.zeros({shape})")
        else:
            self.write(f"{name} = np.sin({self.matrix(scope, shape)})")
        scope.grids[name] = shape

    def swap_grids(self, scope: Scope) -> None:
        free = [name for name in scope.grids if name[0] == "G"]
        pairs = [(a, b) for a in free for b in free if a < b and scope.grids[a] == scope.grids[b]]
        if not pairs or self.loops_over_rows(scope):
            return self.store_into_grid(scope)
        a, b = self.pick(pairs)
        return self.write(f"{a}, {b} = {b}, {a}")

    @staticmethod
    def loops_over_rows(scope: Scope) -> bool:
        return any(name in scope.kept for name in scope.grids)

    def fill_part(self, scope: Scope) -> None:
        """A callee writes through a view that has no name."""
        part = self.part(scope, self.length(scope))
        self.write(f"fill({part}, {self.leaf(scope)}, {self.choices.integer(0, 2)})")

    # Functions.

    def define(self, scope: Scope) -> None:
        """A nested function, which sees what its free names are when it is called."""
        name = self.new_name("inner")
        inner = scope.inner(floats=[*scope.floats, "z"], loop="")
        if self.chance(30):
            target = self.some_array(scope)
            self.write(f"def {name}(z):")
            self.write(f"    {target}[{self.index(scope, scope.arrays[target])}] = {self.bounded(inner)}")
            self.write(f"    return {target}[0] * z")
        elif self.chance(50):
            self.write(f"{name} = lambda z: {self.bounded(inner)}")
        else:
            self.write(f"def {name}(z):")
            self.write(f"    if z > {self.pick(LEVELS)}:")
            self.write(f"        return {self.bounded(inner)}")
            self.write(f"    return {self.bounded(inner)}")
        for _ in range(self.choices.integer(0, 1)):
            self.statement(scope)
        self.write(f"{self.pick(scope.floats)} = math.sin({name}({self.leaf(scope)}))")

    def array_callee(self, number: int, length: int) -> None:
        name, returns = f"work{number}", self.pick(("float", "array", "both", "nothing"))
        self.returns, self.result_length = returns, length
        scope = Scope(["x"], {"k": (0, 6)}, {"u": length, "v": length})
        self.function(name, "u, v, x, order, k", scope, 6)
        self.array_callees.append((name, length, returns))

    def call(self, scope: Scope) -> None:
        name, length, returns = self.pick(self.array_callees)
        if not any(n >= length for n in scope.arrays.values()):
            return self.store_part(scope)
        u, v = self.part(scope, length), self.part(scope, length)
        if u.partition("[")[0] == v.partition("[")[0] or self.chance(30):
            v = f"1.0 * {v}"  # the caller may write both
        k = self.pick(list(scope.ints)) if self.chance(30) else str(self.choices.integer(0, 6))
        call = f"{name}({u}, {v}, {self.leaf(scope)}, order, {k} % 7)"
        made = self.new_name("h")
        if returns == "nothing":
            return self.write(call)
        if returns == "float":
            return self.write(f"{self.pick(scope.floats)} += 0.3 * math.sin({call})")
        if returns == "array":
            self.write(f"{made} = {call}")
        else:
            self.write(f"{self.pick(scope.floats)}, {made} = {call}")
        scope.arrays[made] = length
        return None

    # Loops.

    def keep_best(self, scope: Scope) -> None:
        index, name = self.free_index(scope), self.some_array(scope)
        length = scope.arrays[name]
        inner = scope.inner(ints={**scope.ints, index: (0, length - 1)})
        best, kept, where = self.new_name("t"), self.new_name("t"), self.new_name("n")
        start = self.pick(("-1e30", f"{name}[0]", self.pick(scope.floats)))
        self.write(f"{best}, {kept}, {where} = {start}, 0.0, 0")
        self.write(f"for {index} in range({length}):")
        value = f"{name}[{index}]" if self.chance(50) else self.expression(inner, 1)
        self.write(f"    if {self.pick((f'{value} > {best}', f'{best} < {value}'))}:")
        self.write(f"        {best} = {value}")
        if self.chance(60):
            self.write(f"        {kept} = {self.bounded(inner)}")
        if self.chance(60):
            self.write(f"        {where} = {index}")
        scope.floats += [best, kept]
        scope.ints[where] = (0, length - 1)

    def over_rows(self, scope: Scope) -> None:
        grid, row, index = self.pick(list(scope.grids)), self.new_name("row"), self.free_index(scope)
        rows, columns = scope.grids[grid]
        numbered = self.chance(50)
        self.write(f"for {index}, {row} in enumerate({grid}):" if numbered else f"for {row} in {grid}:")
        ints = {**scope.ints, index: (0, rows - 1)} if numbered else dict(scope.ints)
        arrays = {**scope.arrays, row: columns}
        self.block(scope.inner(ints=ints, arrays=arrays, loop="for", kept=scope.kept | {grid, row}))

    def over_order(self, scope: Scope) -> None:
        index = self.free_index(scope)
        self.write(f"for {index} in order:")
        self.block(scope.inner(ints={**scope.ints, index: (0, 5)}, loop="for"))

    def checkpointed(self, scope: Scope) -> None:
        if scope.depth or not self.may_leave:
            return self.for_loop(scope)
        index, count = self.free_index(scope), self.choices.integer(0, 9)
        self.write(f"for {index} in checkpoint(range({count})):")
        self.may_leave = False
        inner = scope.inner(ints={**scope.ints, index: (0, max(count - 1, 0))})
        self.indent += 1
        for _ in range(self.choices.integer(1, 3)):
            self.statement(inner)
        self.indent -= 1
        self.may_leave = True
        return None

    # The whole.

    def returned(self, scope: Scope, value: str) -> str:
        if self.returns == "float":
            return value
        array = self.pick([name for name, length in scope.arrays.items() if length == self.result_length])
        array = f"1.0 * {array}"
        return {"array": array, "both": f"{value}, {array}", "nothing": ""}[self.returns]

    def program(self) -> Generated:
        head = ("import math", "", "import numpy as np", "", "from srcdiff import checkpoint", "", "")
        for line in (*head, *FILL.splitlines(), "", ""):
            self.write(line)
        length, other = self.choices.integer(3, 6), self.choices.integer(3, 6)
        other = length if self.chance(50) else other
        grid = (self.pick((length, 2, 3)), self.pick((length, other, 2, 3)))
        for k in range(self.choices.integer(0, 1)):
            self.callee(f"helper{k}")
        for k in range(self.choices.integer(0, 2)):
            self.array_callee(k, self.pick((length, length, 3)))
        several = self.chance(25)
        scope = Scope(["x", "y"], {"k": (0, 6)}, {"a": length, "b": other}, {"g": grid})
        parameters = "x, y, a, b, g, order, weights, k"
        self.write(f"def {'several' if several else 'f'}({parameters}):")
        self.indent += 1
        self.write(f"s = {self.pick(('0.0', 'x * y', '1.0'))}")
        scope.floats.append("s")
        self.budget, self.returns, self.result_length = 16, "both" if several else "float", length
        for _ in range(self.choices.integer(3, 8)):
            self.statement(scope)
        self.result(scope)
        if several:
            self.lines[-1] = f"    return {self.returned(scope, 'out')}"
            self.lines += ["", "", f"def f({parameters}):", f"    out, rest = several({parameters})"]
            self.lines += [f"    return out + np.sum(rest * weights[:{length}])"]
        program = self.with_arguments(length, other, grid)
        kind = self.choices.integer(0, 19)
        x, y, a, b, g, *rest = program.args
        if kind == 19:
            a, b, g = (array.astype(np.float32) for array in (a, b, g))
        elif kind >= 16:
            g = np.asfortranarray(g)
        elif kind >= 13:
            a, g = np.repeat(a, 2)[::2], np.repeat(g, 2, axis=1)[:, ::2]
        elif kind == 12:
            a = a[::-1].copy()[::-1]
        return replace(program, args=(x, y, a, b, g, *rest))


if __name__ == "__main__":
    for seed in sys.argv[1:]:
        print(generated_with_arrays(FromSeed(int(seed))))
