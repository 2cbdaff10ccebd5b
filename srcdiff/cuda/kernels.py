"""Kernels with adjoints.

    @differentiate(target="cuda")
    def scale(a, x, y):
        i = cuda.grid(1)
        if i < x.shape[0]:
            y[i] = a[0] * x[i]

    scale[blocks, threads](a, x, y)
    scale.adjoint[blocks, threads](a, x, y, a_bar, x_bar, y_bar)

`adjoints.py` writes the adjoint of a kernel for a signature; here it is called.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from .. import pipeline
from ..analysis.threads import Atom, Threads
from ..analysis.uniform import check_barriers
from ..arguments import ArgNums, Signature
from ..emit.cuda import Kernel
from ..errors import NotDifferentiable, OverwriteError
from ..frontend.captures import fetched
from ..frontend.program import Program
from ..frontend.source import read_source
from ..ir import types as ty
from ..ir.core import Function, Value
from ..optimise.fold import simplified
from .adjoints import Adjoint, write_adjoint
from .arrays import Extent, dtype_of, extent_of, is_array, is_read_only, known_dtype
from .dependences import check_dependences, written_by
from .device import LaunchBounds, machine
from .inspection import Report, report_of
from .launch_checks import check_extent, check_shadows
from .launching import allocate_tapes, is_current, parted, raise_failure
from .received import is_on_device, observed, received

__all__ = ["CudaKernel", "kernel"]

MOST_CHOICES = 256  # kept for one adjoint
WAYS = {
    "plain": "plain: an element belongs to one thread",
    "block": "block: summed by thread, then by block, then one atomic addition",
    "gather": "gather: each thread collects for its element, if there is a thread for each; else atomic",
    "atomic": "atomic: several threads may add to an element",
}


def kernel(
    f: Any = None,
    argnums: ArgNums | None = None,
    max_trips: int | None = None,
    gather: bool = True,
    accumulate: bool = True,
    unique: str | Sequence[str] = (),
    retain_seeds: bool = False,
    launch_bounds: LaunchBounds = None,
) -> Any:
    """A CUDA kernel with its adjoint: a `CudaKernel`; without `f`, a decorator that makes one.

    Parameters
    ----------
    f : function, or an object made by `cuda.jit`, optional
    argnums : int, str or a sequence of those, optional
        The parameters to differentiate by; all that are floats by default.
    max_trips : int, optional
        The most trips that loops of unknown length make in any thread.
    gather : bool
        Whether a thread may collect what others would add to its element; see `optimise/gather.py`.
    accumulate : bool
        Whether the adjoint adds to the shadows of what the kernel only reads. Otherwise it overwrites what they hold,
        and moves less memory: they need not be zeros before, and where a thread has an element of its own they are not
        read. (A `Tape` adds in any case.)
    unique : names of parameters
        Arrays of indices that are promised to be different from each other, and not negative: what a thread adds to
        the element at its index nobody else adds to.
    retain_seeds : bool
        Whether the shadows of what the kernel only writes keep what they hold. Otherwise it is used up. (A `Tape` uses
        it up in any case.)
    launch_bounds : int, or a tuple of those, optional
        For the compiler of the adjoint: the most threads of a block, and the least blocks that a multiprocessor should
        hold. With fewer registers for each thread more of them run at once, until registers spill: see `report`.

    Examples
    --------
    A kernel of a module that begins with `from numba import cuda`:

    >>> from srcdiff.cuda import emulated, kernel
    >>> from tests.cuda.primals import rows_of_blocks
    >>> import numpy as np
    >>> x, x_bar = np.full((1, 32), 2.0), np.zeros((1, 32))
    >>> with emulated():
    ...     kernel(rows_of_blocks).adjoint[1, 32](x, np.zeros_like(x), x_bar, np.ones_like(x))
    >>> x_bar[0, 0]
    np.float64(12.0)
    """
    if f is None:
        return functools.partial(
            kernel,
            argnums=argnums,
            max_trips=max_trips,
            gather=gather,
            accumulate=accumulate,
            unique=unique,
            retain_seeds=retain_seeds,
            launch_bounds=launch_bounds,
        )
    return CudaKernel(f, argnums, max_trips, gather, accumulate, unique, retain_seeds, launch_bounds)


@dataclass(frozen=True, eq=False)
class Specialised:
    """A kernel for one signature.

    Attributes
    ----------
    shadowed : the arguments, by number, that have a shadow: those of `argnums`, and the floats that the kernel writes
    written : the arrays, by number, that it writes
    adjoints : its adjoints, by the arguments that are given a shadow, and whether seeds are left as they are
    """

    program: Program
    shadowed: tuple[int, ...]
    written: frozenset[int]
    adjoints: dict[tuple[tuple[int, ...], bool], Adjoint] = field(default_factory=dict)


class CudaKernel:
    """What `differentiate(target="cuda")` makes of a kernel.

    `self[blocks, threads](...)` runs it, `self.adjoint[blocks, threads](..., shadows...)` its adjoint: the arguments
    of the kernel, the arrays as they were before it ran, then a shadow for each of `shadows(...)`. A shadow is an array
    like the argument, for a number one of a single element, or None for what is not differentiated by. What is owed to
    an array that the kernel overwrites is used up: those elements of its shadow are zero afterwards, unless
    `retain_seeds`. To other shadows the adjoint adds.
    """

    def __init__(
        self,
        f: Any,
        argnums: ArgNums | None,
        max_trips: int | None,
        gather: bool,
        accumulate: bool,
        unique: str | Sequence[str],
        retain_seeds: bool,
        launch_bounds: LaunchBounds,
    ) -> None:
        self.__srcdiff_function__ = f
        self.source = read_source(getattr(f, "py_func", f))
        self.signature = Signature(self.source)
        self.argnums, self.max_trips, self.gather, self.accumulate = argnums, max_trips, gather, accumulate
        self.retain_seeds, self.launch_bounds = retain_seeds, launch_bounds
        self.unique = frozenset(self.signature.indices(unique) if unique else ())
        self.signatures: dict[Any, Specialised] = {}
        self.last: Adjoint | None = None
        functools.update_wrapper(self, self.source.function, updated=())  # type: ignore[arg-type]

    # ----------------------------------------------------------------------------------------- calls

    def __getitem__(self, configuration: Any) -> Launch:
        return Launch(self, configuration, self.start)

    @property
    def adjoint(self) -> AdjointLauncher:
        """The adjoint, to be given a configuration: `adjoint[blocks, threads](...)`."""
        return AdjointLauncher(self)

    def start(self, args: tuple[Any, ...], blocks: Extent, threads: Extent, stream: Any) -> None:
        at = machine()
        seen = [observed(x) for x in args]
        with at.ordered(seen, stream) as chosen:
            number = at.number(chosen)
            taken = [received(x, number) for x in seen]
            self.check_outputs(taken)
            # Arrays of NumPy go to Numba as they are: it copies back what is written.
            given = [at.passed(x, chosen) if is_on_device(x) else x for x in taken]
            at.run(self.__srcdiff_function__, self.signature.name, blocks, threads, given, chosen)

    def start_adjoint(self, args: tuple[Any, ...], blocks: Extent, threads: Extent, stream: Any) -> None:
        at = machine()
        seen = [observed(x) for x in args]
        with at.ordered(seen, stream) as chosen:
            number = at.number(chosen)
            self.start_adjoint_on(chosen, [received(x, number) for x in seen], blocks, threads)

    def start_adjoint_on(self, stream: Any, args: list[Any], blocks: Extent, threads: Extent) -> None:
        known, primals, shadows = self.split(args)
        wrt = tuple(k for k, s in zip(known.shadowed, shadows, strict=True) if s is not None)
        found = self.adjoint_by(known, wrt, self.retain_seeds)
        overwritten = sorted(found.needed & found.written)
        if overwritten:
            name = self.signature.names[overwritten[0]]
            raise OverwriteError(
                f"the adjoint of `{self.signature.name}` needs the values of `{name}`, which the kernel overwrites",
                definition=self.signature.definition,
                reason="they are gone when the adjoint runs",
                instead="a separate output, or `srcdiff.cuda.Tape`, which keeps a copy",
            )
        self.run_adjoint(found, primals, shadows, blocks, threads, stream, self.accumulate)

    def run_adjoint(
        self,
        found: Adjoint,
        primals: list[Any],
        shadows: list[Any],
        blocks: Extent,
        threads: Extent,
        stream: Any,
        accumulate: bool = True,
    ) -> None:
        """Run an adjoint on values that are those from before the kernel."""
        check_shadows(self.signature, found, primals, shadows)
        at = machine()
        hidden = [fetched(where) for where in found.program.fetch]
        given = [at.passed(x, stream) if is_array(x) else x for x in (*primals, *hidden)]
        tapes = []
        if found.placed.tapes:
            known = dict(zip(found.program.function.parameters, given, strict=True))
            known |= {value: size_of(atom, blocks, threads) for value, atom in found.placed.sizes.items()}
            tapes = allocate_tapes(
                found.placed, found.lengths, known, prod(blocks) * prod(threads), at, stream
            )
        status = [at.zeros((1,), np.int32, stream)] if found.kernel.failures else []
        bars = [at.passed(s, stream) for s in shadows if s is not None]
        chosen, cleared = self.choice(found, primals, blocks, threads, accumulate)
        for k, bar in zip(found.wrt, bars, strict=True):
            if k in cleared:
                at.clear(bar, stream)
        apart = [k in found.parted for k in found.wrt]
        with parted(bars, apart, prod(blocks), at, stream) as taken:
            arguments = [*given, *taken, *tapes, *status]
            for name in (chosen.name, chosen.clear) if chosen.clear else (chosen.name,):
                at.run(
                    chosen.text, name, blocks, threads, arguments, stream, launch_bounds=self.launch_bounds
                )
        if status:
            raise_failure(found.kernel, int(at.host(status[0], stream)[0]), self.signature)

    def choice(
        self, found: Adjoint, primals: list[Any], blocks: Extent, threads: Extent, accumulate: bool
    ) -> tuple[Kernel, frozenset[int]]:
        """The kernel for a grid, which is checked, and the shadows to clear first. Found once for the same lengths."""
        known = (
            x.shape if is_array(x) else int(x) if isinstance(x, (int, np.integer)) else None for x in primals
        )
        key = (blocks, threads, accumulate, *known)
        choice = found.choices.get(key)
        if choice is None:
            check_extent(self.signature, found, blocks, threads, self.launch_bounds)
            kernel, cleared = found.fitting(primals, blocks, threads), frozenset[int]()
            if not accumulate:
                cleared = frozenset(found.wrt) - found.written
                if found.storing is not None and found.stores_all(primals, blocks, threads):
                    kernel, cleared = found.storing, cleared - {*found.overwrites, *found.axes}
            if len(found.choices) == MOST_CHOICES:
                found.choices.clear()
            choice = found.choices[key] = kernel, cleared
        return choice

    # ---------------------------------------------------------------------------------------- reports

    def shadows(self, *args: Any) -> tuple[str, ...]:
        """The names of the arguments that have a shadow, in the order that the adjoint takes them."""
        known = self.specialised(list(map(received, args)))
        return tuple(self.signature.names[k] for k in known.shadowed)

    def gradient_source(self, *args: Any) -> str:
        """The text of the adjoint kernel, for arguments of these types or of those of the last call."""
        return self.shown(self.adjoint_of(args)).text

    def shown(self, found: Adjoint) -> Kernel:
        """The kernel of an adjoint that is run where the grid has a thread for each element."""
        return found.preferred if self.accumulate else found.storing or found.preferred

    def report(self, *args: Any) -> Report:
        """How the adjoint accumulates, where its tapes are, and what the compiler says."""
        found = self.adjoint_of(args)
        ways = {name: WAYS[how.way] for name, how in found.accumulation.items()}
        ways |= {self.signature.names[k]: WAYS["gather"] for k in found.axes}
        tapes = [f"{tape.name}: global, an element for each step and thread" for tape in found.placed.tapes]
        parameters = found.placed.function.parameters
        types = [p.type for p in parameters]
        first = len(found.program.function.parameters)
        for k, where in enumerate(found.wrt, first):
            if where in found.parted:
                types[k] = ty.array(types[k].dtype, types[k].ndim + 1)
        types = types[:-1] if found.placed.tapes else types
        types += [ty.array(ty.nb.int32, 1)] if found.kernel.failures else []
        return report_of(self.shown(found), ways, tapes, types, found.shared, self.launch_bounds)

    def adjoint_of(self, args: tuple[Any, ...]) -> Adjoint:
        if not args:
            if self.last is None:
                raise TypeError(f"{self.signature.name}: no arguments, and its adjoint has not run yet")
            return self.last
        known = self.specialised(list(map(received, self.signature.bind(args, {}))))
        return self.adjoint_by(known, known.shadowed, self.retain_seeds)

    # ------------------------------------------------------------------------------------------ plans

    def spec(self, value: Any, name: str) -> Any:
        if is_array(value):
            dtype = known_dtype(value, name, self.signature.definition)
            return ty.array(ty.from_dtype(dtype), len(value.shape))
        return self.signature.spec(value, name)

    def specialised(self, primals: list[Any]) -> Specialised:
        """The kernel for arguments of these types."""
        names = self.signature.names
        key = tuple(
            (dtype_of(v), len(v.shape)) if is_array(v) else self.signature.spec(v, name)
            for v, name in zip(primals, names, strict=True)
        )
        found = self.signatures.get(key)
        if found is None or not is_current(found.program):
            found = self.signatures[key] = self.made(
                [self.spec(v, n) for v, n in zip(primals, names, strict=True)]
            )
        return found

    def made(self, specs: list[Any]) -> Specialised:
        """Read the kernel for a signature."""
        program = pipeline.read_for_device(self.source, tuple(specs), is_kernel=True)
        if program.structure is not None:
            raise NotDifferentiable(
                f"`{self.signature.name}` returns a value",
                definition=self.signature.definition,
                reason="a kernel has no result but what it writes",
                instead="an array that it writes, or `srcdiff.cuda.batch` of the function",
            )
        simple = simplified(program.function)
        check_dependences(simple, self.distinct(simple))
        check_barriers(simple, Threads(simple))
        written = frozenset(written_by(program.function))
        return Specialised(program, self.shadowed(program, written), written)

    def distinct(self, function: Function) -> list[Value]:
        """The parameters whose elements are promised to differ."""
        return [function.parameters[k] for k in sorted(self.unique)]

    def shadowed(self, program: Program, written: frozenset[int]) -> tuple[int, ...]:
        parameters = program.function.parameters[: len(self.signature.names)]
        floats = [k for k, p in enumerate(parameters) if ty.is_differentiable(p.type)]
        if self.argnums is None:
            return tuple(floats)
        chosen = set(self.signature.indices(self.argnums))
        for k in chosen:
            self.signature.check_differentiable(parameters[k].type, self.signature.names[k])
        return tuple(k for k in floats if k in chosen or k in written)

    def split(self, args: list[Any]) -> tuple[Specialised, list[Any], list[Any]]:
        """The kernel for these arguments, they, and the shadows."""
        count = len(self.signature.names)
        primals = args[:count]
        if len(primals) < count:
            raise TypeError(f"{self.signature.name} takes {count} arguments, {len(args)} were given")
        known = self.specialised(primals)
        shadows = args[count:]
        if len(shadows) != len(known.shadowed):
            wanted = ", ".join(self.signature.names[k] for k in known.shadowed)
            raise TypeError(
                f"the adjoint of {self.signature.name} takes {len(known.shadowed)} shadows ({wanted}), "
                f"{len(shadows)} were given"
            )
        return known, primals, shadows

    def adjoint_by(self, known: Specialised, wrt: tuple[int, ...], retain_seeds: bool) -> Adjoint:
        """The adjoint by some of the arguments that have a shadow."""
        found = known.adjoints.get((wrt, retain_seeds))
        if found is None:
            found = known.adjoints[wrt, retain_seeds] = write_adjoint(
                known.program,
                wrt,
                self.signature,
                self.distinct(known.program.function),
                max_trips=self.max_trips,
                gather=self.gather,
                accumulate=self.accumulate,
                retain_seeds=retain_seeds,
            )
        self.last = found
        return found

    # ------------------------------------------------------------------------------------------ checks

    def check_outputs(self, args: list[Any]) -> None:
        """That no array on a GPU which must not be written is one that the kernel writes: Numba does not look."""
        fixed = [k for k, x in enumerate(args) if is_on_device(x) and is_read_only(x)]
        written = self.specialised(args).written if fixed else frozenset()
        for k in fixed:
            if k in written:
                raise TypeError(
                    f"the argument `{self.signature.names[k]}` is read-only, and the kernel writes it"
                )


def size_of(atom: Atom, blocks: Extent, threads: Extent) -> int:
    """A size of a grid, by what part of it is meant."""
    kind, axis = atom
    count, width = blocks[axis], threads[axis]
    return {"blocks": count, "blocksize": width, "gridsize": count * width, "ranks": prod(threads)}[kind]


class Launch:
    """A kernel with its configuration: blocks, threads of a block, and a stream."""

    def __init__(self, of: CudaKernel, configuration: Any, start: Any) -> None:
        if not isinstance(configuration, tuple) or not 2 <= len(configuration) <= 3:
            raise TypeError(
                "a kernel is started as `kernel[blocks, threads](...)`, or with a stream as third"
            )
        self.of = of
        blocks, threads, self.stream = (*configuration, 0)[:3]
        self.blocks, self.threads = extent_of(blocks), extent_of(threads)
        self._start = start

    def __call__(self, *args: Any) -> None:
        self._start(args, self.blocks, self.threads, self.stream)


class AdjointLauncher:
    """The adjoint of a kernel, before it has a configuration."""

    def __init__(self, of: CudaKernel) -> None:
        self.of = of

    def __getitem__(self, configuration: Any) -> Launch:
        return Launch(self.of, configuration, self.of.start_adjoint)
