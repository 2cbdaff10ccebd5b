"""Sparse Jacobians and Hessians: where they may be nonzero, columns found together, and the compressed evaluation.

    1  bits through the dependence program     the pattern, for any values of the floats
    2  a colouring of the columns              those of one colour share no row
    3  tangents, one for each colour           the sums of the columns of each colour
    4  a lookup                                each entry, from the sum that holds it alone

`Entries` does the last two in compiled code. The first two depend on sizes and integers alone; they are kept for each
of those.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np

from . import pipeline
from .arguments import ArgNums, flattened
from .backend.cpu import load_function
from .backend.dispatcher import refused_in_compiled_code
from .compiled import Compiled, Specs, flat_leaves
from .derivatives import Derivative, check_floats, with_written
from .errors import NotDifferentiable
from .frontend.captures import Where, fetched
from .frontend.program import Program
from .ir import types as ty
from .rules import with_rules
from .runtime import colouring

Array = np.ndarray[Any, Any]
WORD = 64  # bits that are carried at once


class Dependence(Derivative):
    """Which results may depend on the parameters that are given a bit."""

    kind = "dependence"

    def title(self) -> str:
        return f"What the results of {self.signature.name} may depend on, as bits of {self.by}."

    def make_program(self, specs: Specs) -> Program:
        program = with_written(self.of.program(specs))
        check_floats(self, program)
        flat, _ = self.signature.plan(specs, self.wrt)
        function = pipeline.dependence(program.function, flat)
        return replace(program, function=function, structure=("leaf",) * len(function.results))


class Compressed(Derivative):
    """The sums of the columns of each colour of the Jacobian; called with the arguments, colours, and their number."""

    kind = "compressed"

    def title(self) -> str:
        return f"Sums of columns of the Jacobian of {self.signature.name} by {self.by}."

    def make_program(self, specs: Specs) -> Program:
        program = with_written(self.of.program(specs))
        flat, _ = self.signature.plan(specs, self.wrt)
        program = with_rules(program, flat, "jvp")
        function = pipeline.compressed_jacobian(program.function, flat, self.options.optimise)
        return replace(program, function=function, structure=("leaf",) * len(function.results))


@dataclass(frozen=True)
class Plan:
    """How a Jacobian of one pattern is evaluated.

    Attributes
    ----------
    shape : rows and columns.
    starts, columns : the pattern, row by row, as in `scipy.sparse.csr_array`.
    colours : one array or number for each leaf of the parameters.
    count : how many colours there are, in whole chunks.
    sums : for each entry its place among the sums that were computed, colour by colour.
    results : the shape of each result.
    """

    shape: tuple[int, int]
    starts: Array
    columns: Array
    colours: list[Any]
    count: int
    sums: Array
    results: list[tuple[int, ...]]


class Entries(Derivative):
    """The entries of a Jacobian whose pattern is known, in its order; called with the arguments.

    Parameters
    ----------
    compressed, dependence : the programs that a `SparseJacobian` uses.
    specs : the types of the arguments at which the pattern was found.
    plan : the pattern.
    given : those arguments and what was captured, in which sizes and integers tell the pattern.
    """

    kind = "entries"

    def __init__(
        self, compressed: Compressed, dependence: Dependence, specs: Specs, plan: Plan, given: Sequence[Any]
    ) -> None:
        super().__init__(compressed.of, compressed.argnums)
        self.dependence, self.found_at, self.plan = dependence, specs, plan
        self.made_from = dependence.program(specs)
        self.sizes, self.tables = tables(plan, given)

    def title(self) -> str:
        return f"The entries of a sparse Jacobian of {self.signature.name} by {self.by}."

    def make_program(self, specs: Specs) -> Program:
        if self.dependence.program(self.found_at) is not self.made_from:
            self.refuse_pattern("what the function is has changed since its pattern was found")
        if list(map(kind_of, flat_leaves(specs))) != list(map(kind_of, flat_leaves(self.found_at))):
            self.refuse_pattern("the pattern was found for arguments of other types")
        program = with_written(self.of.program(specs))
        flat, _ = self.signature.plan(specs, self.wrt)
        known = len(program.fetch)
        program = with_rules(program, flat, "jvp")
        function = pipeline.entries(program.function, flat, known, self.options.optimise)
        first = [held("colour", colour) for colour in self.plan.colours]
        last = [held("sizes", self.sizes), *(held("table", table) for table in self.tables)]
        fetch = (*first, *program.fetch, *last)
        return replace(program, function=function, structure="leaf", fetch=fetch)

    def refuse_pattern(self, reason: str) -> NoReturn:
        raise NotDifferentiable(
            f"the entries of the sparse derivative of `{self.signature.name}`",
            definition=self.signature.definition,
            reason=reason,
            instead="`entries(...)` of the sparse derivative anew",
        )


def held(name: str, value: Any) -> Where:
    """The place of something that is itself what is read there."""
    return "object", value, name


def kind_of(type: Any) -> tuple[Any, int]:
    """What of a type a pattern may depend on."""
    return ty.element(type), getattr(type, "ndim", 0)


def tables(plan: Plan, given: Sequence[Any]) -> tuple[Array, list[Array]]:
    """The sizes and the tables by which the entries of a pattern are looked up (`transform/entries.py` says which)."""
    sizes = [plan.count, len(plan.sums)]
    found: list[Array] = []
    for value in given:
        sizes += np.shape(value)
        if depends_on_values(value) and isinstance(value, np.ndarray):
            found.append(np.ascontiguousarray(value, np.int64))
        elif depends_on_values(value):
            sizes.append(int(value))
    height = plan.shape[0]
    colours, rows = np.divmod(plan.sums, max(height, 1))
    start = 0
    for shape in plan.results:
        stop = start + int(np.prod(shape))
        places = np.flatnonzero((rows >= start) & (rows < stop))
        if len(plan.results) > 1:
            found.append(places)
        found += (
            [colours[places], *np.unravel_index(rows[places] - start, shape)] if shape else [colours[places]]
        )
        start = stop
    return np.array(sizes, np.int64), [np.ascontiguousarray(table, np.int64) for table in found]


class SparseJacobian:
    """The Jacobian as a sparse matrix.

    Its rows are the numbers of all results in order, its columns those of the parameters.
    """

    def __init__(self, of: Compiled, argnums: ArgNums, symmetric: bool = False) -> None:
        self.of, self.argnums, self.symmetric = of, argnums, symmetric
        self.dependence, self.compressed = Dependence(of, argnums), Compressed(of, argnums)
        self.plans: dict[Any, tuple[Program, Plan]] = {}
        self.last: tuple[Program, list[Any], Plan] | None = None  # of the last call, and the values that told
        self.__name__ = f"{of.signature.name}_sparse_{'hessian' if symmetric else 'jacobian'}"
        self.__doc__ = of.signature.source.function.__doc__

    def __repr__(self) -> str:
        return f"<{self.__name__} by {self.argnums!r}>"

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        from scipy.sparse import csr_matrix

        values = self.of.bind(args, keywords)
        specs = self.of.specs(values)
        plan = self.plan(values, specs)
        sums = run(self.compressed, specs, values, [*plan.colours, plan.count])
        parts = [np.reshape(part, (plan.count, part.size // max(plan.count, 1))) for part in sums]
        table = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        entries = np.take(np.ravel(table), plan.sums)
        return csr_matrix((entries, plan.columns, plan.starts), plan.shape, copy=False)

    def entries(self, *args: Any, **keywords: Any) -> Entries:
        """The evaluation alone, for the pattern at these arguments, which compiled code can call too.

        Returns
        -------
        callable
            Takes the arguments of `f`; gives the entries in the order of `pattern(...)`, an array. Arguments of other
            sizes, or with other integers, raise a `ValueError`.

        Examples
        --------
        >>> import numpy as np
        >>> from srcdiff import sparse_jacobian
        >>> x = np.array([1.0, 2.0, 3.0])
        >>> sparse_jacobian(lambda x: x[1:] * x[:-1]).entries(x)(2.0 * x)
        array([4., 2., 6., 4.])
        """
        values = self.of.bind(args, keywords)
        specs = self.of.specs(values)
        plan = self.plan(values, specs)
        program = self.dependence.program(specs)
        given = [*flattened(values), *map(fetched, program.fetch)]
        return Entries(self.compressed, self.dependence, specs, plan, given)

    def pattern(self, *args: Any, **keywords: Any) -> Any:
        """Where the Jacobian may be nonzero: a sparse matrix of booleans."""
        from scipy.sparse import csr_matrix

        plan = self.plan_for(args, keywords)
        return csr_matrix((np.ones(len(plan.columns), bool), plan.columns, plan.starts), plan.shape)

    def sweeps(self, *args: Any, **keywords: Any) -> int:
        """How many tangents an evaluation takes (a dense Jacobian takes one for each column)."""
        return self.plan_for(args, keywords).count

    # ------------------------------------------------------------------------------------- the plan

    def plan_for(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Plan:
        values = self.of.bind(args, keywords)
        return self.plan(values, self.of.specs(values))

    def plan(self, values: list[Any], specs: Specs) -> Plan:
        """The plan for bound arguments."""
        program = self.dependence.program(specs)
        given = [*flattened(values), *map(fetched, program.fetch)]
        last = self.last
        if last is not None and last[0] is program and all(map(is_known, last[1], given)):
            return last[2]
        key = (specs, *map(known_of, given))
        made_from, plan = self.plans.get(key, (None, None))
        if plan is None or made_from is not program:  # something taken as known has changed
            plan = self.make_plan(values, specs)
            self.plans[key] = program, plan
        self.last = program, list(map(copied, given)), plan
        return plan

    def make_plan(self, values: list[Any], specs: Specs) -> Plan:
        like = [leaf for k in self.dependence.wrt for leaf in flattened([values[k]])]
        sizes = [int(np.size(leaf)) for leaf in like]
        width = sum(sizes)
        shapes: list[tuple[int, ...]] = []

        def spread(numbers: Array) -> list[Any]:
            """A number for each column, in the shapes of the parameters."""
            parts = np.split(numbers, np.cumsum(sizes)[:-1])
            return [
                np.ascontiguousarray(part.reshape(leaf.shape))
                if isinstance(leaf, np.ndarray)
                else int(part[0])
                for part, leaf in zip(parts, like, strict=True)
            ]

        def depends(bits: Array) -> Array:
            found = run(self.dependence, specs, values, spread(bits.view(np.int64)))
            shapes[:] = map(np.shape, found)
            words = [np.ravel(np.asarray(part, np.int64)) for part in found]
            return np.concatenate(words).view(np.uint64)

        rows, columns = probed(depends, width)
        height = len(depends(np.zeros(width, np.uint64)))
        if self.symmetric:
            rows, columns = mirrored(rows, columns, width)
        starts, columns = by_row(rows, columns, height)
        colours = coloured(starts, columns, width, self.symmetric)
        count = int(colours.max(initial=-1)) + 1
        rows = np.repeat(np.arange(height), np.diff(starts))
        at, of = rows, colours[columns] if len(columns) else columns
        if self.symmetric and len(columns):
            # An entry that is not alone in its sum is so in that of its mirror image: that is a star colouring.
            sums = rows * count + of
            alone = np.bincount(sums, minlength=height * count)[sums] == 1
            at, of = np.where(alone, rows, columns), np.where(alone, of, colours[rows])
        chunks = -(-count // pipeline.WIDTH) * pipeline.WIDTH
        index = starts.dtype
        sums = of * height + at
        return Plan((height, width), starts, columns.astype(index), spread(colours), chunks, sums, shapes)


def refusal(sparse: SparseJacobian) -> NotDifferentiable:
    """Why a sparse derivative is not called in compiled code."""
    return NotDifferentiable(
        f"the sparse derivative of `{sparse.of.signature.name}` in compiled code",
        definition=sparse.of.signature.definition,
        reason="its pattern is found in Python, and compiled code knows no sparse matrices",
        instead="`entries(...)` of it, made outside for arguments like those there: it gives the entries",
    )


refused_in_compiled_code(SparseJacobian, refusal)


def run(derivative: Derivative, specs: Specs, values: list[Any], further: Sequence[Any]) -> tuple[Any, ...]:
    """A compiled program for bound arguments, with further ones before those that are captured."""
    function, fetch, _ = derivative.entry(specs)
    found = function(*flattened(values), *further, *map(fetched, fetch))
    return found if isinstance(found, tuple) else (found,)


def depends_on_values(value: Any) -> bool:
    """Whether a pattern depends on more of an argument than its sizes."""
    return np.asarray(value).dtype.kind not in "fc"


def known_of(value: Any) -> Any:
    """What a pattern depends on: the sizes of floats, the values of all else."""
    array = np.asarray(value)
    if not depends_on_values(array):
        return array.shape
    return array.shape, hashlib.blake2b(np.ascontiguousarray(array).data, digest_size=16).digest()


def copied(value: Any) -> Any:
    """The same, to be compared with what the next call is given: an array, or the sizes of floats."""
    return np.array(value) if depends_on_values(value) else np.shape(value)


def is_known(before: Any, value: Any) -> bool:
    """Whether a pattern is the same as for the value that was copied."""
    if depends_on_values(value):
        return isinstance(before, np.ndarray) and np.array_equal(before, value)
    return isinstance(before, tuple) and before == np.shape(value)


def probed(depends: Callable[[Array], Array], width: int) -> tuple[Array, Array]:
    """The places of a pattern, found by bits that stand for ever smaller blocks of columns.

    Blocks that meet in no row may share bits, as columns of one colour share a tangent.
    """
    blocks = np.arange(width) * min(WORD, width) // max(width, 1)  # the block of each column
    words = depends(np.uint64(1) << blocks.astype(np.uint64))
    rows, found = members(words, min(WORD, width))
    while (count := int(blocks[-1]) + 1 if width else 0) < width:
        starts, columns = by_row(rows, found, len(words))
        colours = coloured(starts, columns, count, False)
        parts = max(2, WORD // (int(colours.max()) + 1))  # each block is cut into so many
        together = WORD // parts  # colours in one word
        first = np.searchsorted(blocks, np.arange(count))
        sizes = np.diff(np.append(first, width))
        inner = (np.arange(width) - first[blocks]) * parts // sizes[blocks]
        slot = (colours[blocks] % together) * parts + inner
        bits = np.uint64(1) << slot.astype(np.uint64)
        turns = colours[blocks] // together
        pieces = []
        for turn in range(int(turns.max()) + 1):
            words = depends(np.where(turns == turn, bits, np.uint64(0)))
            here = colours[found] // together == turn
            shift = ((colours[found[here]] % together) * parts).astype(np.uint64)
            pairs = members(words[rows[here]] >> shift, parts)
            pieces.append((rows[here][pairs[0]], found[here][pairs[0]] * parts + pairs[1]))
        pieces_of = blocks * parts + inner  # in order
        new = np.diff(pieces_of, prepend=-1) != 0
        names, blocks = pieces_of[new], np.cumsum(new) - 1
        rows = np.concatenate([piece[0] for piece in pieces])
        all_found = np.concatenate([piece[1] for piece in pieces])
        found = np.searchsorted(names, all_found)
    return rows, found


def members(words: Array, count: int) -> tuple[Array, Array]:
    """The pairs (place of a word, bit that is set in it)."""
    pairs = [np.flatnonzero(words >> np.uint64(bit) & np.uint64(1)) for bit in range(count)]
    bits = np.repeat(np.arange(count), [len(places) for places in pairs])
    return (np.concatenate(pairs) if pairs else np.zeros(0, np.int64)), bits


def by_row(rows: Array, columns: Array, height: int) -> tuple[Array, Array]:
    """A pattern row by row, the columns of each in order."""
    order = np.lexsort((columns, rows))
    starts = np.zeros(height + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=height), out=starts[1:])
    small = len(columns) < np.iinfo(np.int32).max
    return starts.astype(np.int32) if small else starts, columns[order]


def mirrored(rows: Array, columns: Array, width: int) -> tuple[Array, Array]:
    """The places that have a mirror image in the pattern, and the diagonal."""
    both = np.intersect1d(rows * width + columns, columns * width + rows, assume_unique=True)
    rows, columns = both // width, both % width
    apart, diagonal = rows != columns, np.arange(width)
    return np.concatenate([rows[apart], diagonal]), np.concatenate([columns[apart], diagonal])


def coloured(starts: Array, columns: Array, width: int, symmetric: bool) -> Array:
    """Colours of columns, those with most entries first."""
    height = len(starts) - 1
    rows = np.repeat(np.arange(height), np.diff(starts))
    order = np.argsort(columns, kind="stable")
    lengths = np.bincount(columns, minlength=width)
    column_starts = np.concatenate([[0], np.cumsum(lengths)])
    largest = np.argsort(-lengths, kind="stable")
    name = "colour_symmetric" if symmetric else "colour_columns"
    colour = load_function(inspect.getsource(colouring), name, stem=name)
    found: Array = colour(
        starts.astype(np.int64),
        columns.astype(np.int64),
        column_starts,
        rows[order].astype(np.int64),
        largest,
    )
    return found


__all__ = ["Entries", "SparseJacobian"]
