"""One function for each row of columns, on a GPU: values and gradients, one thread for each row.

    price = lambda S, K, r: ...                      # numbers in, one number out
    value, (dS, dK, dr) = batch(price, shared=("r",)).value_and_grad(S, K, 0.03)

The gradient of the function is that of `pipeline.threaded`; around it `emit/row_kernels.py` prints a kernel with a
loop over the rows. The sizes of small arrays are put in as constants; what is owed to a shared argument is summed over
the rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any

import numpy as np

from .. import pipeline
from ..analysis.threads import Threads
from ..arguments import ArgNums, Signature
from ..emit.cuda import Kernel
from ..emit.row_kernels import FEW, Rows, print_rows
from ..errors import AliasError, InternalError, NotDifferentiable
from ..frontend.captures import fetched
from ..frontend.program import Program
from ..frontend.source import read_source
from ..frontend.things import Static
from ..ir import types as ty
from ..ir.core import Function, Value
from ..optimise.fold import simplified
from ..optimise.specialise import with_known
from ..optimise.thread_arrays import ThreadTapes, place_thread_arrays
from .arrays import are_apart, dtype_of, is_array, is_read_only, known_dtype
from .device import machine
from .dlpack import NOT_ORDERED
from .inspection import Report, report_of
from .launching import allocate_tapes, host_function, is_current, parted, raise_failure
from .received import is_on_device, observed, received

__all__ = ["Batch", "batch"]


def batch(
    f: Any,
    shared: Sequence[str] = (),
    *,
    argnums: ArgNums | None = None,
    max_trips: int | None = None,
    threads: int = 128,
) -> Batch:
    """A function over the rows of columns, on a GPU.

    Parameters
    ----------
    f : function, lambda, closure, Numba dispatcher, or what `differentiate` made
        Takes numbers and small arrays of fixed size, returns one float.
    shared : names of parameters
        These have one value for all rows; the others have a column each: an array of as many elements as there are
        rows, or for a parameter that is an array, of as many parts.
    argnums : int, str or a sequence of those, optional
        The parameters to differentiate by; all that are floats by default.
    max_trips : int, optional
        The most trips that loops of unknown length make in any row.
    threads : int
        Threads of a block, a multiple of 32.

    Examples
    --------
    >>> import numpy as np
    >>> from srcdiff.cuda import emulated
    >>> squares = batch(lambda x, a: a * x * x, shared=("a",))
    >>> with emulated():
    ...     squares.value_and_grad(np.array([1.0, 2.0]), 3.0)
    (array([ 3., 12.]), (array([ 6., 12.]), 5.0))
    """
    return Batch(f, tuple(shared), argnums, max_trips, threads)


@dataclass(frozen=True)
class Plan:
    """A kernel for one signature.

    Attributes
    ----------
    lengths : a function of the shared arguments that gives the lengths of the tapes
    wrt : the arguments, by number, that it gives gradients by
    places : the arguments, by number, that are passed to it
    """

    program: Program
    kernel: Kernel
    placed: ThreadTapes
    lengths: Any
    wrt: tuple[int, ...]
    places: list[int]
    accumulation: dict[str, str]


class Batch:
    """What `batch` makes of a function."""

    def __init__(
        self, f: Any, shared: tuple[str, ...], argnums: ArgNums | None, max_trips: int | None, threads: int
    ) -> None:
        self.source = read_source(f)
        self.signature = Signature(self.source)
        unknown = [name for name in shared if name not in self.signature.names]
        if unknown:
            raise TypeError(f"{self.signature.name}() has no parameter '{unknown[0]}'")
        if threads % 32 or not 0 < threads <= 1024:
            raise ValueError(f"{threads} threads in a block: it takes a multiple of 32, and at most 1024")
        self.shared, self.argnums, self.max_trips, self.threads = (
            frozenset(shared),
            argnums,
            max_trips,
            threads,
        )
        self.plans: dict[Any, Plan] = {}

    # ----------------------------------------------------------------------------------------- calls

    # Arrays on a GPU, of whatever library, are used where they are, on `stream` or else on the stream that their
    # owner works on; results are then arrays of `numba.cuda`, which CuPy, PyTorch and JAX take.

    def value(self, *args: Any, stream: Any = 0) -> Any:
        """The values of all rows."""
        return self.run(args, stream, False)[0]

    def grad(self, *args: Any, stream: Any = 0) -> Any:
        """The gradients: a column for each column, for a shared argument the sum over the rows."""
        return self.run(args, stream, True)[1]

    def value_and_grad(self, *args: Any, stream: Any = 0, out: Any = None) -> Any:
        """Both, from one kernel.

        `out` is what an earlier call returned: its arrays, on the device, are filled again instead of new ones.
        """
        return self.run(args, stream, True, out)

    def gradient_source(self, *args: Any) -> str:
        """The text of the kernel for arguments of these types."""
        return self.plan(self.bound(args), True).kernel.text

    def report(self, *args: Any) -> Report:
        """How the gradients of these arguments are summed, where tapes are, and what the compiler says."""
        values = self.bound(args)
        plan = self.plan(values, True)
        return report_of(plan.kernel, plan.accumulation, tapes_of(plan), self.kernel_types(plan, values))

    # ------------------------------------------------------------------------------------- arguments

    def bound(self, args: tuple[Any, ...], stream: int = NOT_ORDERED) -> list[Any]:
        """The arguments in order. What has a default, or was bound before, has that for all rows.

        `stream` is the number of the one that they are used on.
        """
        values = [received(value, stream) for value in self.signature.bind(args, {})]
        given = set(self.signature.free[: len(args)]) - self.shared
        return [
            self.checked(value, name) if name in given or is_array(value) else value
            for name, value in zip(self.signature.names, values, strict=True)
        ]

    def checked(self, value: Any, name: str) -> Any:
        """An array argument, of a type that kernels know."""
        if not is_array(value):
            raise TypeError(
                f"the argument `{name}` has one value for all rows: name it in `shared`, or pass a column"
            )
        known_dtype(value, name, self.signature.definition)
        return value

    def is_column(self, name: str, value: Any) -> bool:
        return is_array(value) and name not in self.shared

    def rows_of(self, values: list[Any]) -> int:
        """How many rows there are."""
        counts = {
            name: value.shape[0] if value.shape else None
            for name, value in zip(self.signature.names, values, strict=True)
            if self.is_column(name, value)
        }
        if not counts:
            raise TypeError(f"all arguments of {self.signature.name}() are shared: there are no rows")
        if len(set(counts.values())) > 1 or None in counts.values():
            listed = ", ".join(f"{name} {count}" for name, count in counts.items())
            raise ValueError(f"the columns differ in their number of rows: {listed}")
        return int(next(iter(counts.values())) or 0)

    def kind(self, value: Any, name: str) -> Any:
        """What a kernel depends on of an argument."""
        return (
            (dtype_of(value), self.shape(value, name))
            if is_array(value)
            else self.signature.spec(value, name)
        )

    def shape(self, value: Any, name: str) -> tuple[int, ...]:
        """The shape of what one row sees of an array."""
        return tuple(value.shape) if name in self.shared else tuple(value.shape[1:])

    def spec(self, value: Any, name: str) -> tuple[Any, tuple[int, ...]]:
        """The type of what one row sees of an argument, and its shape."""
        if not is_array(value):
            return self.signature.spec(value, name), ()
        shape = self.shape(value, name)
        scalar = ty.from_dtype(dtype_of(value))
        if not shape:
            return scalar, ()
        return ty.array(scalar, len(shape)), shape

    # ------------------------------------------------------------------------------------------ plans

    def plan(self, values: list[Any], with_gradient: bool) -> Plan:
        names = self.signature.names
        key = (*(self.kind(v, n) for v, n in zip(values, names, strict=True)), with_gradient)
        found = self.plans.get(key)
        if found is None or not is_current(found.program):
            specs = [self.spec(value, name) for value, name in zip(values, names, strict=True)]
            columns = {n for n, v in zip(names, values, strict=True) if self.is_column(n, v)}
            found = self.plans[key] = self.made(specs, columns, with_gradient)
        return found

    def wrt(self, specs: list[Any]) -> tuple[int, ...]:
        """The numbers of the arguments to differentiate by."""
        if self.argnums is None:
            free = set(self.signature.free)
            names = self.signature.names
            floats = (k for k, s in enumerate(specs) if not isinstance(s, Static) and ty.is_differentiable(s))
            return tuple(k for k in floats if names[k] in free)
        chosen = self.signature.indices(self.argnums)
        for k in chosen:
            self.signature.check_differentiable(specs[k], self.signature.names[k])
        return chosen

    def made(self, typed: list[tuple[Any, tuple[int, ...]]], columns: set[str], with_gradient: bool) -> Plan:
        """Read the function, write its adjoint, print the kernel."""
        specs = [spec for spec, _ in typed]
        program = pipeline.read_for_device(self.source, specs)
        self.check_result(program)
        function = program.function
        parameters = function.parameters
        # What is no number and no array is put into the program, and is no parameter.
        places = [k for k, spec in enumerate(specs) if not isinstance(spec, Static)]
        of_argument = dict(zip(places, parameters, strict=False))
        sizes = {p: typed[k][1] for k, p in of_argument.items() if typed[k][1]}
        for p, where in zip(parameters[len(places) :], program.fetch, strict=True):
            if ty.is_array(p.type):
                sizes[p] = np.shape(fetched(where))
        rows = [p for k, p in of_argument.items() if self.signature.names[k] in columns]
        chosen = self.wrt(specs) if with_gradient else ()
        wrt = tuple(places.index(k) for k in chosen)
        function = with_known(function, sizes)
        if with_gradient:
            threaded = pipeline.threaded(function, wrt, in_place=False)
        else:
            threaded = pipeline.threaded_primal(function)
        shadows = dict(
            zip([parameters[k] for k in wrt if ty.is_array(parameters[k].type)],
                threaded.parameters[len(parameters) :], strict=True)
        )  # fmt: skip
        sizes |= {shadow: sizes[p] for p, shadow in shadows.items()}
        threaded = simplified(with_known(threaded, sizes))
        self.check_sums(threaded, [s for p, s in shadows.items() if p not in rows])
        uniform = {p for p in parameters if p not in rows and not ty.is_array(p.type)}
        placed = place_thread_arrays(threaded, uniform, self.max_trips)
        owners = tuple(parameters[k] for k in wrt if not ty.is_array(parameters[k].type))
        layout = Rows(placed.function, frozenset(rows), shadows, owners, placed.tapes, sizes)
        names = ", ".join(self.signature.names[k] for k in chosen)
        doc = f"{self.signature.name}{f' and its gradient by {names}' if wrt else ''}."
        kernel = print_rows(layout, doc)
        accumulation = {parameters[k].name: summed(parameters[k], layout) for k in wrt}
        lengths = host_function(placed.lengths) if placed.tapes else None
        return Plan(program, kernel, placed, lengths, chosen, places, accumulation)

    def check_sums(self, function: Function, shadows: Sequence[Value]) -> None:
        """That what all rows add to is only added to."""
        threads = Threads(function)
        for shadow in shadows:
            uses = threads.uses(shadow)
            if uses.loads or uses.stores:
                raise InternalError(
                    f"`{shadow.name}` is not only added to", definition=self.signature.definition
                )

    def check_result(self, program: Program) -> None:
        results = program.function.results
        if program.structure != "leaf" or not ty.is_float(results[0].type):
            raise NotDifferentiable(
                f"`{self.signature.name}` does not return one float",
                definition=self.signature.definition,
                reason="a row has one value",
                instead="return a float",
            )

    # -------------------------------------------------------------------------------------- launching

    def run(self, args: tuple[Any, ...], stream: Any, with_gradient: bool, out: Any = None) -> Any:
        at = machine()
        value, gradients = (None, ()) if out is None else out
        earlier = [value, *(gradients if isinstance(gradients, tuple) else (gradients,))]
        seen, filled = [observed(x) for x in args], [observed(x) for x in earlier]
        with at.ordered((*seen, *filled), stream) as chosen:
            return self.run_on(chosen, self.bound(tuple(seen), at.number(chosen)), with_gradient, filled)

    def run_on(self, stream: Any, values: list[Any], with_gradient: bool, earlier: list[Any]) -> Any:
        plan = self.plan(values, with_gradient)
        at = machine()
        rows = self.rows_of(values)
        passed = [values[k] for k in plan.places]
        given = [at.passed(v, stream) if is_array(v) else v for v in passed]
        hidden = [fetched(where) for where in plan.program.fetch]
        given += [at.array(h, stream) if isinstance(h, np.ndarray) else h for h in hidden]
        parameters = plan.program.function.parameters
        dtype = ty.numpy_dtype(plan.program.function.results[0].type)
        again = dict(zip((None, *plan.wrt), earlier, strict=False))
        # What was a number before, or was not asked for, is made anew.
        again = {k: x for k, x in again.items() if not isinstance(x, (float, NoneType))}
        made: dict[int | None, tuple[tuple[int, ...], Any]] = {None: ((rows,), dtype)}
        assigned: set[int | None] = {None}
        for k in sorted(plan.wrt):
            parameter = parameters[plan.places.index(k)]
            shape = tuple(values[k].shape) if is_array(values[k]) else (1,)
            made[k] = shape, ty.numpy_dtype(parameter.type)
            if self.is_column(self.signature.names[k], values[k]) and not ty.is_array(parameter.type):
                assigned.add(k)
        for where, x in again.items():
            self.check_output(x, *made[where])
        self.check_memory(list(again.values()), passed)

        def output(k: int | None) -> Any:
            zeros = k not in assigned
            if k not in again:
                return (at.zeros if zeros else at.empty)(*made[k], stream)
            found = at.array(again[k], stream)
            if zeros:
                at.clear(found, stream)
            return found

        value, *summed = map(output, made)
        outputs = dict(zip(sorted(plan.wrt), summed, strict=True))
        most = at.resident if plan.placed.tapes else at.blocks
        blocks = max(1, min(math.ceil(rows / self.threads), most))
        tapes = []
        if plan.placed.tapes:
            known = dict(zip(parameters, given, strict=True))
            tapes = allocate_tapes(plan.placed, plan.lengths, known, blocks * self.threads, at, stream)
        status = [at.zeros((1,), np.int32, stream)] if plan.kernel.failures else []
        apart = [not self.is_column(self.signature.names[k], values[k]) for k in outputs]
        with parted(list(outputs.values()), apart, blocks, at, stream) as taken:
            arguments = [rows, *given, value, *taken, *tapes, *status]
            if rows:
                name = plan.kernel.name
                at.run(plan.kernel.text, name, blocks, self.threads, arguments, stream, wraparound=True)
        if status:
            raise_failure(plan.kernel, int(at.host(status[0], stream)[0]), self.signature)
        on_device = any(is_on_device(v) for v in values)

        def given_back(x: Any) -> Any:
            return x if on_device else at.host(x, stream)

        gradients = []
        for k in plan.wrt:
            found = given_back(outputs[k])
            number = not is_array(values[k]) and not on_device
            gradients.append(found[0].item() if number else found)
        single = self.argnums is not None and not isinstance(self.argnums, (list, tuple, range))
        return given_back(value), gradients[0] if single and gradients else tuple(gradients)

    def check_output(self, array: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """That an array of the caller can be filled."""
        if not is_array(array) or not machine().can_write(array) or is_read_only(array):
            raise TypeError("`out` takes what an earlier call returned on the device")
        if tuple(array.shape) != shape or dtype_of(array) != dtype:
            raise TypeError(
                f"an array of `out` has shape {tuple(array.shape)} and dtype {dtype_of(array)}; it needs {shape} "
                f"and {dtype}"
            )

    def check_memory(self, outputs: list[Any], passed: list[Any]) -> None:
        """That arrays of the caller that are filled share no memory with others of this call."""
        if not are_apart(outputs, [x for x in passed if is_array(x)]):
            raise AliasError(
                "an array of `out` shares memory with another array of this call",
                definition=self.signature.definition,
                instead="an array of its own",
            )

    def kernel_types(self, plan: Plan, values: list[Any]) -> list[Any]:
        """The types of the kernel's parameters, for the compiler."""
        parameters = plan.program.function.parameters
        passed = [values[k] for k in plan.places]
        given = [
            ty.array(ty.from_dtype(dtype_of(v)), len(v.shape)) if is_array(v) else p.type
            for v, p in zip(passed, parameters, strict=False)
        ]
        given += [p.type for p in parameters[len(passed) :]]
        result = plan.program.function.results[0].type
        outputs = []
        for k in sorted(plan.wrt):
            type = given[plan.places.index(k)]
            shadow = type if ty.is_array(type) else ty.array(type, 1)
            is_column = self.is_column(self.signature.names[k], values[k])
            outputs.append(shadow if is_column else ty.array(shadow.dtype, shadow.ndim + 1))
        status = [ty.array(ty.nb.int32, 1)] if plan.kernel.failures else []
        tapes = [t.type for t in plan.placed.tapes]
        return [ty.int64, *given, ty.array(result, 1), *outputs, *tapes, *status]


def summed(parameter: Value, layout: Rows) -> str:
    """How what is owed to a parameter is summed, in a word."""
    if parameter in layout.rows:
        return "plain: each row has its own"
    if ty.is_array(parameter.type) and math.prod(layout.shapes[parameter]) > FEW:
        return "atomic: every row adds to the elements that it reads"
    return "block: summed by thread, then by block, then one atomic addition"


def tapes_of(plan: Plan) -> list[str]:
    return [f"{tape.name}: global, an element for each step and thread" for tape in plan.placed.tapes]
