"""What is checked before an adjoint kernel runs: its shadows, their memory, and the grid."""

from __future__ import annotations

from math import prod
from typing import Any

from ..arguments import Signature
from ..errors import AliasError, CrossThreadDependence
from .adjoints import Adjoint
from .arrays import Extent, are_apart, dtype_of, is_array, is_read_only, overlap
from .device import LaunchBounds, machine

__all__ = ["check_extent", "check_shadows"]


def check_shadows(signature: Signature, found: Adjoint, primals: list[Any], shadows: list[Any]) -> None:
    """That shadows are like their arguments, writable, and memory of their own."""
    at = machine()
    given = [s for s in shadows if s is not None]
    for k, shadow, dtype in zip(found.wrt, given, found.dtypes, strict=True):
        name = signature.names[k]
        primal = primals[k]
        if not is_array(shadow) or not at.can_write(shadow):
            raise TypeError(
                f"the shadow of `{name}` is a {type(shadow).__name__}: kernels write into arrays of the device"
            )
        if is_read_only(shadow):
            raise TypeError(f"the shadow of `{name}` is read-only")
        shape = tuple(primal.shape) if is_array(primal) else (1,)
        if tuple(shadow.shape) != shape or dtype_of(shadow) != dtype:
            raise TypeError(
                f"the shadow of `{name}` has shape {tuple(shadow.shape)} and dtype {dtype_of(shadow)}; "
                f"it needs {shape} and {dtype}"
            )
    check_memory(signature, found, primals, given)


def check_memory(signature: Signature, found: Adjoint, primals: list[Any], shadows: list[Any]) -> None:
    """That what is written shares no memory with anything else."""
    written = [primals[k] for k in found.written]
    others = [x for k, x in enumerate(primals) if is_array(x) and k not in found.written]
    if are_apart([*written, *shadows], others):
        return
    arrays = [(signature.names[k], v) for k, v in enumerate(primals) if is_array(v)]
    for k in found.written:
        for name, array in arrays:
            if name != signature.names[k] and overlap(array, primals[k]):
                raise AliasError(
                    f"`{signature.names[k]}`, which the kernel writes, shares memory with `{name}`",
                    definition=signature.definition,
                    instead="an array of its own",
                )
    for k, shadow in zip(found.wrt, shadows, strict=True):
        name = signature.names[k]
        for other, array in arrays:
            if overlap(shadow, array):
                raise AliasError(
                    f"the shadow of `{name}` shares memory with `{other}`",
                    definition=signature.definition,
                    instead="an array of its own",
                )
        arrays.append((f"the shadow of `{name}`", shadow))


def check_extent(
    signature: Signature, found: Adjoint, blocks: Extent, threads: Extent, launch_bounds: LaunchBounds
) -> None:
    """That the grid is as plain additions and sums of blocks rely on."""
    if found.alone is not None and prod(threads) > 1:
        raise CrossThreadDependence(
            "several threads of a block store into the same element",
            found.alone.location,
            "what is owed to it belongs to one thread",
            "`if cuda.threadIdx.x == 0:` around it",
        )
    most = launch_bounds[0] if isinstance(launch_bounds, tuple) else launch_bounds
    if most is not None and prod(threads) > most:
        raise ValueError(f"{signature.name} has launch bounds of {most} threads in a block")
    sizes = [b * t for b, t in zip(blocks, threads, strict=True)]
    for name, how in found.accumulation.items():
        for axis, size in enumerate(sizes):
            if how.way == "plain" and axis not in how.axes and size > 1:
                raise ValueError(
                    f"{signature.name} uses {len(how.axes)} axes of the grid, which has {size} threads along "
                    f"{'xyz'[axis]}: they would all add to the same elements of the shadow of `{name}`"
                )
    for axis, size in enumerate(threads):
        if size < found.threads.get(axis, 1):
            raise ValueError(
                f"{signature.name} reads a tile of {found.threads[axis]} elements in shared memory, of which "
                f"the {size} threads of a block along {'xyz'[axis]} fill only the first"
            )
    for what, sizes_of, axes in zip(("threads", "blocks"), (threads, blocks), found.apart, strict=True):
        for axis, size in enumerate(sizes_of):
            if axis not in axes and size > 1:
                raise ValueError(
                    f"{signature.name} does not tell apart the {size} {what} along {'xyz'[axis]}: they would "
                    "all store into the same elements"
                )
