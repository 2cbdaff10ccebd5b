"""Memory that one call frees is there for the next one.

A gradient takes the same large blocks in each call: its work arrays, its tapes, what it returns. glibc takes blocks
above a threshold from the system and gives them back as soon as they are freed, and what is free at the end of its heap
as well, so that each call touches every page for the first time: that can take longer than the arithmetic. The
threshold follows the program: it becomes the size of the largest block that was freed, up to 32 MiB (mallopt(3),
M_MMAP_THRESHOLD). So one block is taken and freed, of which no page is touched. Where the user has set a threshold
(MALLOC_MMAP_THRESHOLD_ and its like) glibc keeps to it; in other C libraries nothing happens.
"""

from __future__ import annotations

import contextlib
import functools

import numpy as np

__all__ = ["keep_freed_blocks"]

LARGEST = 31 << 20  # bytes: glibc learns from none above 32 MiB


@functools.cache
def keep_freed_blocks() -> None:
    """Let malloc keep blocks up to `LARGEST` when they are freed, and twice as much at the end of its heap."""
    with contextlib.suppress(MemoryError):
        np.empty(LARGEST, np.uint8)
