"""Adjoints on a GPU: the bytes that they must move, over the time they take, as a share of what a copy reaches.

    python benchmarks/gpu.py [--gib 1.0] [--rounds 20]

The result is written beside this file, with the name of the GPU and the date. Without a GPU nothing is measured, and it
says so. Where JAX or PyTorch with a GPU are installed, they compute the same Black-Scholes gradients.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from srcdiff.cuda import CudaUnavailable, batch, kernel  # noqa: E402
from srcdiff.cuda.device import Gpu  # noqa: E402

TARGETS = {  # goals, as a share of the speed of a copy
    "chain adjoint": 0.85,
    "saxpy and loss adjoint": 0.85,
    "heat adjoint, gathered": 0.80,
    "Black-Scholes batch, float32": 0.70,
}


def timed(run: Callable[[], Any], rounds: int) -> float:
    """The median time of a run, in seconds."""
    from numba import cuda

    run()
    times = []
    for _ in range(rounds):
        start, stop = cuda.event(), cuda.event()
        start.record()
        run()
        stop.record()
        stop.synchronize()
        times.append(cuda.event_elapsed_time(start, stop) / 1e3)
    return statistics.median(times)


def measurements(gib: float, rounds: int) -> list[dict[str, Any]]:
    """Time and bytes of each contender."""
    rows: list[dict[str, Any]] = []

    def measure(name: str, moved: float, run: Callable[[], Any]) -> None:
        seconds = timed(run, rounds)
        rows.append({"name": name, "seconds": seconds, "bytes": moved, "bytes_per_second": moved / seconds})

    measure_kernels(measure, int(gib * 2**30 / 8))
    measure_batches(measure, int(gib * 2**30 / 4))
    return rows


def measure_kernels(measure: Callable[..., None], n: int) -> None:
    """Adjoint kernels in double precision, on arrays of `n` elements."""
    from numba import cuda

    from tests.cuda.primals import chain, heat, saxpy_loss

    grid = -(-n // 128), 128
    random = np.random.default_rng(0)
    x, y, x_bar, y_bar = (cuda.to_device(random.standard_normal(n)) for _ in range(4))
    one, one_bar, loss_bar = (cuda.to_device(np.ones(1)) for _ in range(3))

    measure("copy", 16 * n, lambda: y.copy_to_device(x))
    map_adjoint = kernel(chain).adjoint[grid]
    # Read: x, x_bar, y_bar; written: x_bar, y_bar.
    measure("chain adjoint", 40 * n, lambda: map_adjoint(x, y, 0.5, x_bar, y_bar, one_bar))
    loss_adjoint = kernel(saxpy_loss).adjoint[grid]
    # Read: x, y, x_bar, y_bar; written: x_bar, y_bar.
    measure(
        "saxpy and loss adjoint",
        48 * n,
        lambda: loss_adjoint(one, x, y, one, one_bar, x_bar, y_bar, loss_bar),
    )
    for name, gather in (("heat adjoint, gathered", True), ("heat adjoint, atomic", False)):
        adjoint = kernel(heat, gather=gather).adjoint[grid]
        # Read: u, u_bar, out_bar; written: u_bar, out_bar.
        measure(name, 40 * n, lambda adjoint=adjoint: adjoint(x, one, y, x_bar, one_bar, y_bar))


def measure_batches(measure: Callable[..., None], count: int) -> None:
    """Gradients of a formula in single precision, for `count` rows."""
    from numba import cuda

    from tests.cuda.functions import black_scholes

    columns = [cuda.to_device(np.full(count, v, np.float32)) for v in (100.0, 95.0, 0.5, 0.2)]
    greeks = batch(black_scholes, shared=("rate",))
    # Read: four columns; written: the value and four gradients.
    measure(
        "Black-Scholes batch, float32", 36 * count, lambda: greeks.value_and_grad(*columns, np.float32(0.03))
    )
    measure_others(measure, columns, count)


def measure_others(measure: Callable[..., None], columns: list[Any], count: int) -> None:
    """The same gradients from JAX and PyTorch, where they are installed with a GPU."""
    if importlib.util.find_spec("jax"):
        import jax

        if jax.default_backend() == "gpu":
            import jax.numpy as jnp
            from jax.scipy.special import erf

            def price(s, k, t, v, r):
                d1 = (jnp.log(s / k) + (r + 0.5 * v * v) * t) / (v * jnp.sqrt(t))
                d2 = d1 - v * jnp.sqrt(t)
                n1, n2 = (0.5 * (1 + erf(d / 2**0.5)) for d in (d1, d2))
                return s * n1 - k * jnp.exp(-r * t) * n2

            rows = jax.vmap(jax.value_and_grad(price, argnums=(0, 1, 2, 3, 4)), (0, 0, 0, 0, None))
            compiled = jax.jit(lambda *a: (lambda v, g: (v, (*g[:4], g[4].sum())))(*rows(*a)))
            given = [jnp.asarray(c.copy_to_host()) for c in columns]
            measure(
                "JAX jit(vmap(grad)), float32",
                36 * count,
                lambda: jax.block_until_ready(compiled(*given, 0.03)),
            )
    if importlib.util.find_spec("torch"):
        import torch

        if torch.cuda.is_available():

            def total(s, k, t, v, r):
                d1 = (torch.log(s / k) + (r + 0.5 * v * v) * t) / (v * torch.sqrt(t))
                d2 = d1 - v * torch.sqrt(t)
                n1, n2 = (0.5 * (1 + torch.erf(d / 2**0.5)) for d in (d1, d2))
                return s * n1 - k * torch.exp(-r * t) * n2

            forward = torch.compile(total)
            given = [torch.tensor(c.copy_to_host(), device="cuda", requires_grad=True) for c in columns]
            rate = torch.tensor(0.03, device="cuda", requires_grad=True)

            def run() -> None:
                torch.autograd.grad(forward(*given, rate).sum(), [*given, rate])

            measure("torch.compile, float32", 36 * count, run)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gib", type=float, default=1.0, help="size of an array, in GiB")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    try:
        Gpu()
    except CudaUnavailable as error:
        print(f"did not run: {error.problem}")
        return
    from numba import cuda

    name = cuda.get_current_device().name
    name = name.decode() if isinstance(name, bytes) else name
    rows = measurements(options.gib, options.rounds)
    copy = rows[0]["bytes_per_second"]
    print(f"{name}, arrays of {options.gib} GiB, copy {copy / 1e9:.0f} GB/s (read and written)")
    for row in rows:
        row["share_of_copy"] = row["bytes_per_second"] / copy
        goal = f"  (goal {TARGETS[row['name']]:.0%})" if row["name"] in TARGETS else ""
        print(f"{row['name']:32} {row['seconds'] * 1e3:9.3f} ms  {row['share_of_copy']:6.1%}{goal}")
    today = datetime.date.today().isoformat()
    file = HERE / f"gpu_{name.replace(' ', '_')}_{today}.json"
    file.write_text(
        json.dumps({"gpu": name, "date": today, "gib": options.gib, "rows": rows}, indent=2) + "\n"
    )
    print(f"written to {file.name}")


if __name__ == "__main__":
    main()
