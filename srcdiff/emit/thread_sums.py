"""Device functions that sum a term over the threads of a block or of a warp, for each type of numbers.

    block_add(r_bar, 0, r_sum)        what all threads of the block pass, in one atomic addition

A sum over a block has a barrier in it, a sum over a warp has none. A million blocks that add to one element stand in a
queue for a millisecond: `r_bar` has a first axis of partial sums, of which each block adds to one, and a second kernel,
`add_parts`, adds those up. Reads: nothing.
"""

from __future__ import annotations

import functools

from ..ir import types as ty
from ..ir.types import Type
from .literals import zero_text

BLOCK_ADD = '''@cuda.jit(device=True)
def {name}(parts, where, term):
    """Add the sum of a term over the block to an element of a partial sum. All its threads call this."""
    partial = cuda.shared.array(32, {dtype})
    rank = cuda.threadIdx.x + cuda.blockDim.x * (cuda.threadIdx.y + cuda.blockDim.y * cuda.threadIdx.z)
    ranks = cuda.blockDim.x * cuda.blockDim.y * cuda.blockDim.z
    block = cuda.blockIdx.x + cuda.gridDim.x * (cuda.blockIdx.y + cuda.gridDim.y * cuda.blockIdx.z)
    array = parts[block % parts.shape[0]]
    if ranks & 31:  # a warp is not full
        cuda.atomic.add(array, where, term)
        return
    warps = ranks >> 5
    offset = 16
    while offset > 0:
        term += cuda.shfl_down_sync(np.uint32(0xFFFFFFFF), term, offset)
        offset >>= 1
    cuda.syncthreads()  # the call before may still be reading
    if rank & 31 == 0:
        partial[rank >> 5] = term
    cuda.syncthreads()
    if rank < 32:
        term = partial[rank] if rank < warps else {zero}
        offset = 16
        while offset > 0:
            term += cuda.shfl_down_sync(np.uint32(0xFFFFFFFF), term, offset)
            offset >>= 1
        if rank == 0:
            cuda.atomic.add(array, where, term)
'''
ADD_PARTS = '''def add_parts(parts, array):
    """Add partial sums to the elements of an array, by a warp for each."""
    {places} = {unravelled}
    term = {zero}
    for part in range(cuda.threadIdx.x, parts.shape[0], 32):
        term += parts[part, {places}]
    offset = 16
    while offset > 0:
        term += cuda.shfl_down_sync(np.uint32(0xFFFFFFFF), term, offset)
        offset >>= 1
    if cuda.threadIdx.x == 0:
        array[{places}] += term
'''
WARP_ADD = '''@cuda.jit(device=True)
def {name}(array, where, term):
    """Add the sum of a term over each warp to an element, by one atomic addition. All threads of a block call this.

    The element need not exist where no thread has a term.
    """
    rank = cuda.threadIdx.x + cuda.blockDim.x * (cuda.threadIdx.y + cuda.blockDim.y * cuda.threadIdx.z)
    if (cuda.blockDim.x * cuda.blockDim.y * cuda.blockDim.z) & 31:  # a warp is not full
        if term != {zero}:
            cuda.atomic.add(array, where, term)
        return
    offset = 16
    while offset > 0:
        term += cuda.shfl_down_sync(np.uint32(0xFFFFFFFF), term, offset)
        offset >>= 1
    if rank & 31 == 0 and term != {zero}:
        cuda.atomic.add(array, where, term)
'''


def block_add_name(type: Type) -> str:
    return named("block_add", type)


def warp_add_name(type: Type) -> str:
    return named("warp_add", type)


def block_add_source(type: Type) -> str:
    return written(BLOCK_ADD, block_add_name(type), type)


def warp_add_source(type: Type) -> str:
    return written(WARP_ADD, warp_add_name(type), type)


@functools.cache
def add_parts_source(type: Type, ndim: int) -> str:
    """The module of the kernel that adds up partial sums, with a block of 32 threads for each element."""
    places = [f"i{axis}" for axis in range(ndim)] if ndim > 1 else ["i"]
    unravelled = []
    for axis in range(ndim):
        size = " * ".join(f"array.shape[{k}]" for k in range(axis + 1, ndim))
        index = f"cuda.blockIdx.x // ({size})" if size else "cuda.blockIdx.x"
        unravelled.append(f"{index} % array.shape[{axis}]" if axis else index)
    text = ADD_PARTS.format(places=", ".join(places), unravelled=", ".join(unravelled), zero=zero_text(type))
    return f"import numpy as np\nfrom numba import cuda\n\n\n{text}"


def named(name: str, type: Type) -> str:
    return name if type == ty.float64 else f"{name}_{type}"


def written(text: str, name: str, type: Type) -> str:
    return text.format(name=name, dtype=ty.dtype_spelling(type), zero=zero_text(type))


__all__ = ["add_parts_source", "block_add_name", "block_add_source", "warp_add_name", "warp_add_source"]
