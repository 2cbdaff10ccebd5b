"""Derivatives on a GPU: functions over the rows of columns, and kernels.

Nothing of CUDA is imported before a kernel is compiled or run.
"""

from ..errors import CudaUnavailable
from .batches import Batch, batch
from .device import emulated
from .kernels import CudaKernel, kernel
from .tape import Tape

__all__ = ["Batch", "CudaKernel", "CudaUnavailable", "Tape", "batch", "emulated", "kernel"]
