"""Several launches, backwards: the adjoint of a program of kernels, such as the steps of a simulation.

    with Tape() as tape:
        for _ in range(steps):
            tape.launch(heat[blocks, threads], u, c, u_next)
            u, u_next = u_next, u
    tape.backward(u)                 # or tape.backward(u, weights)
    tape.shadow(c)

An array that a later launch overwrites, and whose values the adjoint of an earlier one reads, is copied once, before it
is overwritten: the kernels know what they write and what their adjoints read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np

from ..errors import AliasError
from .adjoints import Adjoint
from .arrays import address, dtype_of, is_array, overlap
from .device import machine
from .kernels import CudaKernel, Launch
from .received import DeviceArray, observed, received

__all__ = ["Tape"]

Key = tuple[int, tuple[int, ...], str]


@dataclass(eq=False)
class Record:
    """One launch: its arguments, and copies of those that were overwritten since."""

    launch: Launch
    args: list[Any]
    adjoint: Adjoint
    stream: Any
    copies: dict[int, Any] = field(default_factory=dict)


class Tape:
    """Records launches of kernels, and runs their adjoints backwards.

    Attributes
    ----------
    snapshots : int
        How many copies of overwritten arrays were made.
    """

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.arrays: dict[Key, Any] = {}  # they are kept alive: another array must not get their address
        self.shadows: dict[Key, Any] = {}
        self.readers: dict[Key, list[tuple[Record, int]]] = {}  # whose adjoints read an array as it is now
        self.snapshots = 0

    def __enter__(self) -> Tape:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def launch(self, launch: Launch, *args: Any) -> None:
        """Run a kernel, and remember that it ran.

        Parameters
        ----------
        launch : a kernel with its configuration, `kernel[blocks, threads]`
        args : its arguments; what is in the arrays may be overwritten by later launches of this tape
        """
        at = machine()
        seen = [observed(x) for x in launch.of.signature.bind(args, {})]
        with at.ordered(seen, launch.stream) as stream:
            number = at.number(stream)
            self.launch_on(stream, launch, [received(x, number) for x in seen])

    def launch_on(self, stream: Any, launch: Launch, values: list[Any]) -> None:
        of: CudaKernel = launch.of
        known = of.specialised(values)
        found = of.adjoint_by(known, known.shadowed, retain_seeds=False)
        record = Record(launch, values, found, stream)
        for name, value in zip(of.signature.names, values, strict=True):
            if is_array(value) and not machine().can_write(value):
                raise TypeError(
                    f"the argument `{name}` is a {type(value).__name__}: a tape keeps arrays of the device"
                )
        keys = {k: self.key(value) for k, value in enumerate(values) if is_array(value)}
        for k in found.needed:
            if k in keys:
                self.readers.setdefault(keys[k], []).append((record, k))
        for k in found.written:
            if k in keys:
                self.keep(keys[k], stream)
        of.start(tuple(values), launch.blocks, launch.threads, stream)
        self.records.append(record)

    def keep(self, key: Key, stream: Any) -> None:
        """Copy an array that is about to be overwritten, for all adjoints that read it as it is."""
        readers = self.readers.pop(key, [])
        if readers:
            copy = machine().copy(self.arrays[key], stream)
            self.snapshots += 1
            for record, k in readers:
                record.copies[k] = copy

    def backward(self, result: Any, seed: Any = None) -> None:
        """Run the adjoints of all launches, the last first.

        Parameters
        ----------
        result : an array that a launch wrote
        seed : what is owed to it: an array like it; ones by default
        """
        at = machine()
        last = self.records[-1].stream if self.records else 0
        used = [result, seed, *self.arrays.values(), *self.shadows.values()]
        with at.ordered([x for x in used if x is not None], last) as stream:
            at.follow(stream, [record.stream for record in self.records])
            self.backward_on(stream, received(result), received(seed, at.number(stream)))

    def backward_on(self, stream: Any, result: Any, seed: Any) -> None:
        at = machine()
        shadow = self.shadow_on(stream, result)
        weights = np.ones(tuple(result.shape), dtype_of(result)) if seed is None else seed
        at.assign(shadow, weights, stream)
        for record in reversed(self.records):
            primals = [record.copies.get(k, value) for k, value in enumerate(record.args)]
            shadows = [self.shadow_of(record, k, stream) for k in record.adjoint.wrt]
            launch = record.launch
            launch.of.run_adjoint(record.adjoint, primals, shadows, launch.blocks, launch.threads, stream)

    def shadow(self, array: Any) -> Any:
        """What is owed to an array; after `backward`, to its values before the first launch that writes it."""
        shadow = self.shadow_on(0, received(array))
        return shadow.owner if isinstance(shadow, DeviceArray) else shadow

    def shadow_on(self, stream: Any, array: Any) -> Any:
        """The shadow of an array, made on a stream where there is none yet."""
        key = self.key(array)
        if key not in self.shadows:
            self.shadows[key] = observed(machine().zeros(tuple(array.shape), dtype_of(array), stream))
        return self.shadows[key]

    def shadow_of(self, record: Record, k: int, stream: Any) -> Any:
        """The shadow of an argument; what is owed to a number is dropped."""
        value = record.args[k]
        if is_array(value):
            return self.shadow_on(stream, value)
        return machine().zeros((1,), np.asarray(value).dtype, stream)

    def key(self, array: Any) -> Key:
        """By what an array is known: its memory and shape."""
        key = address(array), tuple(array.shape), str(dtype_of(array))
        if key not in self.arrays:
            for other in self.arrays.values():
                if overlap(array, other):
                    raise AliasError(
                        "two arrays of this tape share memory",
                        reason="what one launch writes through one of them, another reads through the other",
                        instead="one array for each piece of memory",
                    )
            self.arrays[key] = array
        return key
