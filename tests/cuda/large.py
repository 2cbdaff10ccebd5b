"""The kernels of the tests at any size: `enlarged(case, factor)` repeats what lies along one axis of the grid."""

from dataclasses import replace

import numpy as np

from tests.cuda.primals import KernelCase

__all__ = ["enlarged", "factor_for"]

ONE_BLOCK = {"running_sum"}
ALL_PAIRS = {"forces", "bodies"}  # the work is the square of the size
ALONG = {  # the axis of each argument that is repeated, and that of the grid
    "duffing": ({0: 0, 2: 0}, 0),
    "chain": ({0: 0, 1: 0}, 0),
    "saxpy_loss": ({1: 0, 2: 0}, 0),
    "heat": ({0: 0, 2: 0}, 0),
    "heat_of_square": ({0: 0, 1: 0, 2: 0}, 0),
    "matvec": ({0: 0, 2: 0}, 0),
    "embedding": ({1: 0, 2: 0}, 0),
    "histogram": ({0: 0, 1: 0}, 0),
    "trajectories": ({0: 0, 4: 0}, 0),
    "segments": ({0: 0, 4: 0}, 0),
    "roots": ({0: 0, 2: 0}, 0),
    "polynomial": ({1: 0, 2: 0}, 0),
    "forces": ({0: 0, 1: 0, 3: 0}, 0),
    "rows_of_blocks": ({0: 0, 1: 0}, 0),
    "strided": ({0: 0, 2: 0}, 0),
    "heat_by_hand": ({0: 0, 2: 0}, 0),
    "block_sum": ({0: 0, 1: 0}, 0),
    "sum_of_pairs": ({0: 0}, 0),
    "rms_norm": ({0: 0, 2: 0}, 0),
    "softmax": ({0: 0, 1: 0, 2: 0}, 0),
    "product_of_block": ({0: 0, 1: 0}, 0),
    "moments": ({0: 0, 1: 0}, 0),
    "counted": ({0: 0, 1: 0}, 0),
    "product": ({0: 0, 2: 0}, 1),
    "bodies": ({0: 0, 1: 0, 3: 0}, 0),
    "smoothed": ({0: 0, 1: 0, 2: 0}, 0),
    "smoothed_square": ({0: 0, 1: 0}, 1),
    "relaxed": ({0: 0, 3: 0}, 0),
    "transposed": ({0: 0, 1: 1}, 1),
}


def factor_for(case: KernelCase, elements: int) -> int:
    """How often to repeat a case so that an array has so many elements."""
    if case.name in ONE_BLOCK:
        return 1
    repeated, _ = ALONG[case.name]
    most = 2**11 if case.name in ALL_PAIRS else elements
    return max(1, -(-most // max(case.args[k].size for k in repeated)))


def enlarged(case: KernelCase, factor: int) -> KernelCase:
    if case.name in ONE_BLOCK:
        return case
    repeated, axis = ALONG[case.name]
    args = tuple(
        np.concatenate([a] * factor, axis=repeated[k]) if k in repeated else a
        for k, a in enumerate(case.args)
    )
    blocks, threads = case.grid
    sizes = [blocks] if isinstance(blocks, int) else list(blocks)
    sizes[axis] *= factor
    return replace(case, args=args, grid=(tuple(sizes), threads))
