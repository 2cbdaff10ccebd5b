"""Adjoints on a GPU: whether they are right, and what share of the speed of a copy they reach.

    python benchmarks/gpu.py [--gib 1.0] [--rounds 20] [--no-checks]

It says the versions; runs `pytest -m gpu`, which holds all adjoints at large sizes against the CPU in double precision,
takes arrays of CuPy, PyTorch and JAX, and asks compute-sanitizer; then it measures: the bytes that an adjoint must move
over the time it takes when several are started one after the other, and what the CPU needs to start one, beside Warp,
JAX and PyTorch where they are installed. The result is written beside this file, with the name of the GPU and the date.
Without a GPU nothing runs, and it says so.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import importlib.util
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from gpu_contenders import Missing, Run, jax_black_scholes, torch_black_scholes, warp_adjoint  # noqa: E402
from srcdiff.cuda import CudaUnavailable, batch, kernel  # noqa: E402
from srcdiff.cuda.device import Gpu, machine  # noqa: E402
from tests.cuda.functions import black_scholes  # noqa: E402
from tests.cuda.primals import chain, duffing, heat, saxpy_loss  # noqa: E402

GOALS = {  # as a share of the speed of a copy; the chain is bound by its arithmetic
    "map adjoint": 0.85,
    "saxpy and loss adjoint": 0.85,
    "heat adjoint, gathered": 0.80,
    "Black-Scholes batch, float32": 0.70,
}
PACKAGES = ("numba", "numba-cuda", "numpy", "cuda-bindings", "warp-lang", "jax", "torch", "cupy-cuda13x")
RATE = 0.03
TOGETHER = 10  # how many are started before the first is waited for
PATIENCE = 3.0  # seconds for all rounds of what takes long; there is one start in each at least


@dataclass(frozen=True)
class Contender:
    """What is measured: the bytes that it must move, and what prepares it; that may raise `Missing`."""

    name: str
    bytes: int
    prepare: Callable[[], Run]


# ------------------------------------------------------------------------------------------------ contenders


def kernels(n: int) -> Iterator[Contender]:
    """A copy, and adjoint kernels in double precision, on arrays of `n` elements."""
    at = machine()
    grid = -(-n // 256), 256
    strided = min(grid[0], at.blocks), 256
    random = np.random.default_rng(0)
    hosts = [random.standard_normal(n) for _ in range(2)]
    x, y, x_bar, y_bar = (at.array(a.copy(), 0) for a in (*hosts, *hosts))
    one, one_bar, loss, loss_bar = (at.array(np.ones(1), 0) for _ in range(4))

    yield Contender("copy", 16 * n, lambda: own(lambda: at.assign(y_bar, x, 0)))
    # Read: x, y_bar; written: x_bar.
    yield Contender("map adjoint", 24 * n, adjoint(duffing, grid, x, 0.5, y, x_bar, one_bar, y_bar))
    yield Contender("chain adjoint", 24 * n, adjoint(chain, grid, x, y, 0.5, x_bar, y_bar, one_bar))
    # Read: x, y; written: x_bar, y_bar.
    yield Contender(
        "saxpy and loss adjoint",
        32 * n,
        adjoint(saxpy_loss, strided, one, x, y, loss, one_bar, x_bar, y_bar, loss_bar),
    )
    for name, gather in (("heat adjoint, gathered", True), ("heat adjoint, atomic", False)):
        # Read: u, out_bar; written: u_bar.
        yield Contender(name, 24 * n, adjoint(heat, grid, x, one, y, x_bar, one_bar, y_bar, gather=gather))
    mapped = ("duffing", [hosts[0], np.full(1, 0.5)], hosts[1])
    chained = ("chain", [hosts[0], np.full(1, 0.5)], hosts[1])
    summed = ("saxpy_loss", [np.ones(1), *hosts], np.ones(1))
    heated = ("heat", [hosts[0], np.ones(1)], hosts[1])
    for title, moved, (name, inputs, output) in (
        ("map", 24 * n, mapped),
        ("chain", 24 * n, chained),
        ("saxpy and loss", 32 * n, summed),
        ("heat", 24 * n, heated),
    ):
        yield Contender(
            f"{title} adjoint, Warp",
            moved,
            lambda name=name, inputs=inputs, output=output: warp_adjoint(name, inputs, output, n),
        )


def own(start: Callable[[], Any]) -> Run:
    """A run of ours."""

    def wait(_: Any) -> None:
        from numba import cuda

        cuda.synchronize()

    return Run(start, wait)


def adjoint(function: Any, grid: Any, *args: Any, **options: Any) -> Callable[[], Run]:
    """An adjoint that overwrites shadows, as contenders do that begin with zeros, and leaves the seeds as they are."""
    launch = kernel(function, accumulate=False, retain_seeds=True, **options).adjoint[grid]
    return lambda: own(lambda: launch(*args))


def batches(count: int) -> Iterator[Contender]:
    """Values and gradients of a formula in single precision, for `count` rows."""
    hosts = [np.full(count, v, np.float32) for v in (100.0, 95.0, 0.5, 0.2)]
    greeks = batch(black_scholes, shared=("rate",))
    moved = 36 * count  # read: four columns; written: the value and four gradients

    def prepared() -> Run:
        columns = [machine().array(c, 0) for c in hosts]
        out = greeks.value_and_grad(*columns, np.float32(RATE))
        return own(lambda: greeks.value_and_grad(*columns, np.float32(RATE), out=out))

    rate = np.full(1, RATE, np.float32)
    yield Contender("Black-Scholes batch, float32", moved, prepared)
    yield Contender(
        "Black-Scholes, Warp",
        moved,
        lambda: warp_adjoint("black_scholes", [*hosts, rate], np.zeros(count, np.float32), count, True),
    )
    yield Contender("Black-Scholes, JAX jit(vmap(grad))", moved, lambda: jax_black_scholes(hosts, RATE))
    yield Contender("Black-Scholes, torch.compile", moved, lambda: torch_black_scholes(hosts, RATE))


# ----------------------------------------------------------------------------------------------- measurement


def timed(run: Run, rounds: int) -> tuple[float, float]:
    """The median time of a run among several, and of starting it, in seconds."""
    run()
    begin = time.perf_counter()
    run()
    together = min(TOGETHER, int(PATIENCE / rounds / (time.perf_counter() - begin)) + 1)
    whole, started = [], []
    for _ in range(rounds):
        begin = time.perf_counter()
        for _ in range(together):
            found = run.start()
        started.append((time.perf_counter() - begin) / together)
        run.wait(found)
        whole.append((time.perf_counter() - begin) / together)
    return statistics.median(whole), statistics.median(started)


def measured(
    contenders: Iterator[Contender], rounds: int, clock: Callable[[Run, int], tuple[float, float]]
) -> list[dict[str, Any]]:
    """Time and bytes of each contender, or why it did not run. The first is the copy that shares are of."""
    rows: list[dict[str, Any]] = []
    for each in contenders:
        row: dict[str, Any] = {"name": each.name}
        try:
            seconds, started = clock(each.prepare(), rounds)
        except Missing as reason:
            row["did_not_run"] = str(reason)
        else:
            speed = each.bytes / seconds
            row |= {"seconds": seconds, "seconds_to_start": started, "bytes": each.bytes}
            row["bytes_per_second"] = speed
            copy = rows[0]["bytes_per_second"] if rows else speed
            row["share_of_copy"] = speed / copy
        rows.append(row)
    return rows


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    lines = []
    for row in rows:
        if "did_not_run" in row:
            lines.append(f"{row['name']:36} did not run: {row['did_not_run']}")
            continue
        goal = f"  (goal {GOALS[row['name']]:.0%})" if row["name"] in GOALS else ""
        started = f"{row['seconds_to_start'] * 1e6:6.0f} us to start"
        lines.append(
            f"{row['name']:36} {row['seconds'] * 1e3:9.3f} ms  {row['share_of_copy']:6.1%}  {started}{goal}"
        )
    return lines


def versions() -> dict[str, str]:
    """Of Python and of the packages that are installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def checked() -> str:
    """What `pytest -m gpu` says in the end; with -rs it names what was left out."""
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", "-rs", "-p", "no:cacheprovider"]
    if importlib.util.find_spec("xdist"):  # most of the time compilers run
        command += ["-n", "8"]
    done = subprocess.run(
        [*command, "tests/cuda/test_gpu.py"], cwd=HERE.parent, capture_output=True, text=True
    )
    print(done.stdout, flush=True)
    return done.stdout.strip().splitlines()[-1]


def written(folder: Path, gpu: str, result: dict[str, Any]) -> Path:
    """The file of a result, named by GPU and date."""
    today = datetime.date.today().isoformat()
    file = folder / f"gpu_{gpu.replace(' ', '_')}_{today}.json"
    file.write_text(json.dumps({"gpu": gpu, "date": today, **result}, indent=2) + "\n")
    return file


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gib", type=float, default=1.0, help="size of an array, in GiB")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--no-checks", action="store_true", help="measure only")
    options = parser.parse_args(arguments)
    try:
        Gpu()
    except CudaUnavailable as error:
        print(f"did not run: {error.problem}")
        return
    from numba import cuda

    name = cuda.get_current_device().name
    gpu = name.decode() if isinstance(name, bytes) else name
    found = versions()
    print(gpu, *(f"{package} {version}" for package, version in found.items()), sep="\n  ", flush=True)
    checks = "left out" if options.no_checks else checked()
    rows = measured(kernels(int(options.gib * 2**30 / 8)), options.rounds, timed)
    copy = rows[0]["bytes_per_second"]
    formula = measured(batches(int(options.gib * 2**30 / 4)), options.rounds, timed)
    for row in (row for row in formula if "seconds" in row):
        row["share_of_copy"] = row["bytes_per_second"] / copy
    rows += formula
    print(f"arrays of {options.gib} GiB, copy {copy / 1e9:.0f} GB/s (read and written)")
    print("\n".join(table(rows)))
    result = {"gib": options.gib, "versions": found, "checks": checks, "rows": rows}
    print(f"written to {written(HERE, gpu, result).name}")


if __name__ == "__main__":
    main()
