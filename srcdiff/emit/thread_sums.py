"""Device functions that sum a term over the threads of a block or of a warp, for each type of numbers.

    block_add(r_bar, 0, r_sum)        what all threads of the block pass, in one atomic addition

A sum over a block has a barrier in it, a sum over a warp has none. Reads: nothing.
"""

from __future__ import annotations

from ..ir import types as ty
from ..ir.types import Type
from .literals import zero_text

BLOCK_ADD = '''@cuda.jit(device=True)
def {name}(array, where, term):
    """Add the sum of a term over the block to an element, by one atomic addition. All its threads call this."""
    partial = cuda.shared.array(32, {dtype})
    rank = cuda.threadIdx.x + cuda.blockDim.x * (cuda.threadIdx.y + cuda.blockDim.y * cuda.threadIdx.z)
    ranks = cuda.blockDim.x * cuda.blockDim.y * cuda.blockDim.z
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


def named(name: str, type: Type) -> str:
    return name if type == ty.float64 else f"{name}_{type}"


def written(text: str, name: str, type: Type) -> str:
    return text.format(name=name, dtype=ty.dtype_spelling(type), zero=zero_text(type))


__all__ = ["block_add_name", "block_add_source", "warp_add_name", "warp_add_source"]
