"""What `compare.py` and `scaling.py` share: contenders, their agreement, and interleaved timing.

A contender is a function without arguments that returns (value, gradients). All contenders of a kernel are
built from the same arguments, checked against one of them, and then timed in turns in one process, so that a
busy neighbour or a changing clock hits all of them alike. There are two suites: `kernels`, with an adjoint written
by hand and one function `primal`, and `npbench`, with one function a style.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import pkgutil
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numba
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

TOLERANCE = 1e-7

SUITES = ("kernels", "npbench")
STYLES = ("primal", "slices", "loops")

Gradient = tuple[float, tuple[Any, ...]]


@dataclass
class Contender:
    """One way to compute a kernel; `call` returns (value, gradients), the primal only a value."""

    name: str
    call: Callable[[], Any]
    compile_seconds: float
    result: Any
    # Turns this into (value, tuple of NumPy arrays) for the comparison; not timed.
    to_numpy: Callable[[Any], Gradient] = field(default=lambda result: result)
    # Runs under CPython, because Numba refuses it.
    interpreted: bool = False


@dataclass
class Refusal:
    """A contender that cannot be built or does not agree, and why."""

    name: str
    reason: str


def kernel_names(suite: str) -> list[str]:
    folder = importlib.import_module(suite)
    return sorted(module.name for module in pkgutil.iter_modules(folder.__path__))


def load_kernel(suite: str, name: str) -> ModuleType:
    return importlib.import_module(f"{suite}.{name}")


def styles_of(kernel: ModuleType) -> list[str]:
    """The ways in which a kernel's function is written."""
    return [style for style in STYLES if hasattr(kernel, style)]


def keep_to_one_thread() -> None:
    """Start anew with one thread for BLAS, which counts the cores when it is loaded."""
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        os.execv(sys.executable, [sys.executable, *sys.argv])


def pin_to_one_core() -> int | None:
    """Stay on one of the cores allowed to this process: contenders with threads get one core as well."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


def keep_freed_pages() -> bool:
    """Tell glibc's malloc to keep freed memory instead of returning it to the system after every call.

    Otherwise the first touch of fresh pages can cost more than the arithmetic, and by chance: which
    contender pays depends on the sizes that others freed before. Other C libraries are left alone.
    """
    trim_threshold, mmap_threshold, mmap_max = -1, -3, -4
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    settings = ((mmap_threshold, 1 << 30), (trim_threshold, 2**31 - 1), (mmap_max, 0))
    accepted = [mallopt(option, value) == 1 for option, value in settings]
    return all(accepted)


def work_of(size: int | tuple[int, ...]) -> str:
    return "x".join(f"{s:,}" for s in size) if isinstance(size, tuple) else f"{size:,}"


# --- contenders ---------------------------------------------------------------------------------


def first_call(name: str, call: Callable[[], Any], to_numpy: Callable[[Any], Gradient]) -> Contender:
    """Call once: that compiles; what a second call takes is not compile time."""
    start = time.perf_counter()
    result = call()
    first = time.perf_counter() - start
    start = time.perf_counter()
    result = call()
    second = time.perf_counter() - start
    return Contender(name, call, max(0.0, first - second), result, to_numpy)


def fresh_arguments(function: Callable[..., Any], args: tuple[Any, ...]) -> Callable[[], tuple[Any, ...]]:
    """What gives the arguments for a call of a primal: those that it writes into are copied each time."""
    given = tuple(arg.copy() if isinstance(arg, np.ndarray) else arg for arg in args)
    function(*given)
    written = [
        isinstance(arg, np.ndarray) and arg.tobytes() != after.tobytes()
        for arg, after in zip(args, given, strict=True)
    ]
    if not any(written):
        return lambda: args
    return lambda: tuple(arg.copy() if w else arg for arg, w in zip(args, written, strict=True))


def under_numba(function: FunctionType) -> Any:
    """A function under Numba, and those of its module that it calls."""
    names = {
        name: under_numba(thing)
        if isinstance(thing, FunctionType)
        and thing.__module__ == function.__module__
        and thing is not function
        else thing
        for name, thing in function.__globals__.items()
        if name in function.__code__.co_names
    }
    names["__name__"] = function.__module__
    twin = FunctionType(function.__code__, names, function.__name__, function.__defaults__)
    return numba.njit(twin, error_model="numpy")


def compiled_primal(kernel: ModuleType, style: str, args: tuple[Any, ...]) -> Callable[..., Any]:
    """The primal under Numba; as it stands where Numba does not know a function that it calls."""
    function: Callable[..., Any] = getattr(kernel, style)
    compiled = under_numba(function)
    try:
        compiled.compile(tuple(numba.typeof(arg) for arg in args))
    except numba.core.errors.TypingError:
        return function
    return compiled


def build_primal(kernel: ModuleType, style: str, args: tuple[Any, ...]) -> Contender:
    start = time.perf_counter()
    compiled = compiled_primal(kernel, style, args)
    compiling = time.perf_counter() - start
    fresh = fresh_arguments(compiled, args)
    contender = first_call("primal", lambda: compiled(*fresh()), lambda value: (float(value), ()))
    contender.compile_seconds += compiling
    contender.interpreted = not hasattr(compiled, "py_func")
    return contender


def build_forward(kernel: ModuleType, style: str, args: tuple[Any, ...]) -> Contender:
    """The primal as srcdiff compiles it."""
    import srcdiff

    compiled = srcdiff.differentiate(getattr(kernel, style))
    start = time.perf_counter()
    fresh = fresh_arguments(compiled, args)
    compiling = time.perf_counter() - start
    contender = first_call("forward", lambda: compiled(*fresh()), lambda value: (float(value), ()))
    contender.compile_seconds += compiling
    return contender


def build_hand(kernel: ModuleType, style: str, args: tuple[Any, ...]) -> Contender:
    compiled = numba.njit(kernel.hand, error_model="numpy")
    return first_call("hand", lambda: compiled(*args), as_arrays)


def build_srcdiff(kernel: ModuleType, style: str, args: tuple[Any, ...]) -> Contender:
    import srcdiff

    gradient = srcdiff.value_and_grad(getattr(kernel, style), argnums=kernel.ARGNUMS)
    return first_call("srcdiff", lambda: gradient(*args), as_arrays)


def build_jax(kernel: ModuleType, style: str, args: tuple[Any, ...], name: str = "jax") -> Contender:
    import jax

    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    counts = tuple(k for k, arg in enumerate(args) if isinstance(arg, int))
    gradient = jax.jit(
        jax.value_and_grad(getattr(kernel, NEEDS[name]), argnums=kernel.ARGNUMS), static_argnums=counts
    )
    inputs = [arg if k in counts else jax.numpy.asarray(arg) for k, arg in enumerate(args)]
    return first_call(name, lambda: jax.block_until_ready(gradient(*inputs)), as_arrays)


def build_lapack(kernel: ModuleType, style: str, args: tuple[Any, ...]) -> Contender:
    """JAX with a routine of LAPACK in place of the program's own steps."""
    return build_jax(kernel, style, args, "lapack")


def build_torch(kernel: ModuleType, style: str, args: tuple[Any, ...]) -> Contender:
    import torch

    torch.set_num_threads(1)

    def as_tensor(k: int, arg: Any) -> Any:
        if isinstance(arg, int):
            return arg
        return torch.tensor(arg, dtype=torch.float64, requires_grad=k in kernel.ARGNUMS)

    inputs = [as_tensor(k, arg) for k, arg in enumerate(args)]
    active = [inputs[k] for k in kernel.ARGNUMS]

    def call() -> Any:
        value = kernel.torch_loss(*inputs)
        return value, torch.autograd.grad(value, active)

    def to_numpy(result: Any) -> Gradient:
        value, gradients = result
        return float(value.detach()), tuple(g.numpy() for g in gradients)

    return first_call("torch", call, to_numpy)


def build_autograd(kernel: ModuleType, style: str, args: tuple[Any, ...]) -> Contender:
    import autograd

    gradient = autograd.value_and_grad(kernel.autograd_loss, argnum=kernel.ARGNUMS)
    return first_call("autograd", lambda: gradient(*args), as_arrays)


def as_arrays(result: Any) -> Gradient:
    value, gradients = result
    return float(value), tuple(np.asarray(g) for g in gradients)


BUILDERS: dict[str, Callable[[ModuleType, str, tuple[Any, ...]], Contender]] = {
    "forward": build_forward,
    "hand": build_hand,
    "jax": build_jax,
    "lapack": build_lapack,
    "srcdiff": build_srcdiff,
    "torch": build_torch,
    "autograd": build_autograd,
}
# What a contender needs of the kernel's module.
NEEDS = {name: f"{name}_loss" for name in ("jax", "lapack", "torch", "autograd")} | {"hand": "hand"}


def build_contenders(
    kernel: ModuleType, style: str, args: tuple[Any, ...], names: Sequence[str]
) -> tuple[list[Contender], list[Refusal]]:
    """The primal and those of `names` that have this kernel, are installed and agree.

    Gradients must agree with the first one in the order of `BUILDERS`; ours, if it is the first, with differences.
    """
    primal = build_primal(kernel, style, args)
    value = primal.to_numpy(primal.result)[0]
    kept: list[Contender] = [primal]
    refused: list[Refusal] = []
    reference: Gradient | None = None
    for name in BUILDERS:
        if name not in names or (name in NEEDS and not hasattr(kernel, NEEDS[name])):
            continue
        try:
            contender = BUILDERS[name](kernel, style, args)
            found = contender.to_numpy(contender.result)
        # A contender may fail in any way of its own; the table says which and why, and goes on.
        except Exception as error:
            refused.append(Refusal(name, f"{type(error).__name__}: {error}"))
            continue
        worst = distance(found[0], value)
        if name != "forward":
            if reference is not None:
                worst = max(worst, disagreement(found, reference))
            elif name == "srcdiff":
                worst = max(worst, slope_disagreement(kernel, style, args, found))
        if worst > TOLERANCE:
            refused.append(Refusal(name, f"differs from the others by {worst:.1e}; not timed"))
            continue
        kept.append(contender)
        if name != "forward" and reference is None:
            reference = found
    return kept, refused


# --- agreement ----------------------------------------------------------------------------------


def distance(a: Any, b: Any) -> float:
    """Largest difference relative to the largest element; infinite for other shapes and for NaN."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape != b.shape:
        return float("inf")
    if a.size == 0:
        return 0.0
    apart = float(np.max(np.abs(a - b)))
    scale = float(np.max(np.abs(b)))
    if not np.isfinite(apart):
        return float("inf")
    return apart / scale if scale > 0.0 else apart


def disagreement(found: Gradient, reference: Gradient) -> float:
    if len(found[1]) != len(reference[1]):
        return float("inf")
    gaps = [distance(a, b) for a, b in zip(found[1], reference[1], strict=True)]
    return max(distance(found[0], reference[0]), *gaps)


def slope_disagreement(kernel: ModuleType, style: str, args: tuple[Any, ...], found: Gradient) -> float:
    """How far a gradient's slope along a random direction is from differences of the primal, beyond their error."""
    compiled = compiled_primal(kernel, style, args)
    rng = np.random.default_rng(11)
    towards = {k: rng.standard_normal(np.shape(args[k])) for k in kernel.ARGNUMS}

    def at(step: float) -> float:
        moved = [arg.copy() if isinstance(arg, np.ndarray) else arg for arg in args]
        for k, direction in towards.items():
            moved[k] = moved[k] + step * (direction if np.ndim(args[k]) else float(direction))
        return float(compiled(*moved))

    slope = sum(float(np.sum(g * towards[k])) for k, g in zip(kernel.ARGNUMS, found[1], strict=True))
    differences = [(at(h) - at(-h)) / (2.0 * h) for h in (4e-5, 2e-5, 1e-5)]
    error = 4.0 * (max(differences) - min(differences)) + 1e-5 * abs(slope)
    return max(0.0, abs(slope - differences[-1]) - error) / max(abs(slope), 1e-300)


# --- timing -------------------------------------------------------------------------------------


def time_interleaved(contenders: Sequence[Contender], seconds: float) -> dict[str, list[float]]:
    """Seconds per call of every contender, one number per round; rounds take turns.

    Short calls are repeated within a round to at least half a millisecond. About `seconds` are spent in
    total, on no fewer than 3 rounds and no more than 101.
    """
    # Results are dropped before timing: keeping large ones alive changes which pages are reused.
    for contender in contenders:
        contender.result = None
    repeats = []
    round_seconds = 0.0
    for contender in contenders:
        start = time.perf_counter()
        contender.call()
        once = time.perf_counter() - start
        repeats.append(max(1, int(5e-4 / once)))
        round_seconds += repeats[-1] * once
    rounds = min(101, max(3, int(seconds / round_seconds)))
    times: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        for contender, repeat in zip(contenders, repeats, strict=True):
            call = contender.call
            start = time.perf_counter()
            for _ in range(repeat):
                call()
            times[contender.name].append((time.perf_counter() - start) / repeat)
    return times


def median_ratio(over: Sequence[float], under: Sequence[float]) -> float:
    """Median of the ratios round by round: contenders of one round saw the same machine."""
    return statistics.median(a / b for a, b in zip(over, under, strict=True))
