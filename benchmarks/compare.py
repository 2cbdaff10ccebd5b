"""Compare gradients: srcdiff, hand-written Numba adjoints, JAX, PyTorch, Autograd.

    python benchmarks/compare.py [--suite npbench] [--kernels a,b] [--quick] [--json FILE] [--plot FILE]

The suite `kernels` are loops with an adjoint written by hand, `npbench` whole programs, each in NumPy slices and in
loops, some with such an adjoint. All contenders of a kernel must agree before any is timed. The table gives the time of
the primal (`numba.njit(primal, error_model="numpy")`), the ratios to it of the primal as srcdiff compiles it
(`forward`) and of every gradient, and srcdiff against the hand-written adjoint and JAX. `lapack` is JAX where a routine
of LAPACK stands for the whole program, whose own steps `jax` makes as the others do.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import math
import platform
import statistics
from pathlib import Path
from typing import Any

import numba
import numpy as np

from timing import (
    BUILDERS,
    SUITES,
    build_contenders,
    keep_freed_pages,
    keep_to_one_thread,
    kernel_names,
    load_kernel,
    median_ratio,
    pin_to_one_core,
    styles_of,
    time_interleaved,
    work_of,
)

# Ratios of two contenders that the table gives besides those to the primal.
PAIRS = {
    "srcdiff/hand": ("srcdiff", "hand"),
    "jax/srcdiff": ("jax", "srcdiff"),
    "lapack/srcdiff": ("lapack", "srcdiff"),
}
# What contenders look like in the plot: ours stands out, the yardstick is black.
MARKS = {
    "hand": ("black", "|", 160),
    "srcdiff": ("#d62728", "o", 60),
    "jax": ("#1f77b4", "s", 36),
    "lapack": ("#2ca02c", "D", 30),
    "torch": ("#ff7f0e", "^", 36),
    "autograd": ("#7f7f7f", "x", 36),
}


def measure(
    suite: str, name: str, style: str, size: Any, contenders: list[str], seconds: float
) -> dict[str, Any]:
    kernel = load_kernel(suite, name)
    args = kernel.make(size, np.random.default_rng(20_24))
    kept, refused = build_contenders(kernel, style, args, contenders)
    times = time_interleaved(kept, seconds)
    ratios = {key: median_ratio(times[key], times["primal"]) for key in times if key != "primal"}
    return {
        "kernel": name,
        "style": style,
        "size": list(size) if isinstance(size, tuple) else size,
        "rounds": len(times["primal"]),
        "primal_interpreted": kept[0].interpreted,
        "seconds": {key: statistics.median(values) for key, values in times.items()},
        "ratios": ratios,
        "pairs": {
            pair: median_ratio(times[over], times[under])
            for pair, (over, under) in PAIRS.items()
            if over in times and under in times
        },
        "compile_seconds": {contender.name: contender.compile_seconds for contender in kept},
        "refused": {refusal.name: refusal.reason for refusal in refused},
    }


def geometric_mean(values: list[float]) -> float:
    return math.exp(statistics.fmean(math.log(value) for value in values))


def columns_of(rows: list[dict[str, Any]]) -> list[str]:
    """The contenders that some row has, in the order of `BUILDERS`."""
    return [name for name in BUILDERS if any(name in row["ratios"] for row in rows)]


def table(rows: list[dict[str, Any]]) -> str:
    """The table as text, with a geometric mean and a median per column over the rows that have it."""
    width = max(len(label(row)) for row in rows)
    columns = columns_of(rows)
    pairs = [pair for pair in PAIRS if any(pair in row["pairs"] for row in rows)]
    lines = [" " * width + "".join(f"{cell:>16}" for cell in ["primal", *columns, *pairs])]

    def line(title: str, cells: list[str]) -> str:
        return title.ljust(width) + "".join(f"{cell:>16}" for cell in cells)

    def ratio(value: float | None) -> str:
        return "-" if value is None else f"{value:.2f}" if value < 100 else f"{value:,.0f}"

    for row in rows:
        cells = [ratio(row["ratios"].get(column)) for column in columns]
        cells += [ratio(row["pairs"].get(pair)) for pair in pairs]
        mark = "*" if row["primal_interpreted"] else ""
        lines.append(line(label(row), [f"{mark}{row['seconds']['primal'] * 1e6:,.1f} us", *cells]))
    measured = [row["ratios"] | row["pairs"] for row in rows]
    for title, mean in (("geometric mean", geometric_mean), ("median", statistics.median)):
        found = [[row[key] for row in measured if key in row] for key in (*columns, *pairs)]
        lines.append(line(title, ["", *(ratio(mean(values)) if values else "-" for values in found)]))
    if any(row["primal_interpreted"] for row in rows):
        lines.append("* under CPython: Numba refuses it")
    return "\n".join(lines)


def label(row: dict[str, Any]) -> str:
    size = row["size"]
    style = "" if row["style"] == "primal" else f" {row['style']}"
    return f"{row['kernel']}{style} {work_of(tuple(size) if isinstance(size, list) else size)}"


def compile_table(rows: list[dict[str, Any]]) -> str:
    lines = []
    for column in ["primal", *columns_of(rows)]:
        values = [row["compile_seconds"][column] for row in rows if column in row["compile_seconds"]]
        if values:
            lines.append(
                f"  {column:<10} median {statistics.median(values):6.2f} s   largest {max(values):6.2f} s"
            )
    return "\n".join(lines)


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    columns = [column for column in MARKS if any(column in row["ratios"] for row in rows)]
    order = sorted(rows, key=lambda row: row["ratios"].get(columns[0], 0.0), reverse=True)
    figure, axes = plt.subplots(figsize=(9.5, 0.36 * len(order) + 1.9))
    for place, row in enumerate(order):
        values = [row["ratios"][column] for column in columns if column in row["ratios"]]
        axes.plot([min(values), max(values)], [place, place], color="#e4e4e4", linewidth=3, zorder=1)
    for column in columns:
        places = [place for place, row in enumerate(order) if column in row["ratios"]]
        color, marker, area = MARKS[column]
        values = [order[place]["ratios"][column] for place in places]
        name = {
            "hand": "hand-written adjoint",
            "jax": "JAX",
            "lapack": "JAX with LAPACK",
            "torch": "PyTorch",
            "autograd": "Autograd",
        }
        linewidths = 2.5 if marker == "|" else 1.2
        axes.scatter(
            values, places, s=area, c=color, marker=marker, linewidths=linewidths,
            label=name.get(column, column), zorder=3 if column in ("hand", "srcdiff") else 2,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.axvline(1.0, color="#999999", linewidth=1, linestyle=":", zorder=0)
    axes.set_yticks(range(len(order)), [label(row).replace("_", " ") for row in order])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}x")
    axes.set_xlabel("time of value and gradient over time of the Numba primal (one core, lower is better)")
    axes.grid(axis="x", color="#eeeeee", zorder=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=5, frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=160)


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "numba": numba.__version__, "numpy": np.__version__}
    for package in ("srcdiff", "jax", "torch", "autograd"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--suite", choices=SUITES, default=SUITES[0], help="default %(default)s")
    parser.add_argument("--kernels", help="comma-separated names; default all")
    parser.add_argument("--contenders", default=",".join(BUILDERS), help="default %(default)s")
    parser.add_argument("--quick", action="store_true", help="the smallest size and short timings")
    parser.add_argument("--json", type=Path, help="write the numbers here")
    parser.add_argument("--plot", type=Path, help="write a plot here (needs matplotlib)")
    options = parser.parse_args()
    unknown = set(options.contenders.split(",")) - set(BUILDERS)
    if unknown:
        parser.error(f"unknown contenders: {', '.join(sorted(unknown))}")

    keep_to_one_thread()
    core = pin_to_one_core()
    keep_freed_pages()
    rows: list[dict[str, Any]] = []
    names = options.kernels.split(",") if options.kernels else kernel_names(options.suite)
    kernels = [(name, load_kernel(options.suite, name)) for name in names]
    for name, kernel, style in [(n, k, s) for n, k in kernels for s in styles_of(k)]:
        for size in kernel.SIZES[:1] if options.quick else kernel.REPORT_SIZES:
            seconds = 0.3 if options.quick else 3.0
            row = measure(options.suite, name, style, size, options.contenders.split(","), seconds)
            rows.append(row)
            shown = "  ".join(f"{key} {value:.2f}" for key, value in (row["ratios"] | row["pairs"]).items())
            print(f"{label(row)}: {shown}", flush=True)
            for contender, reason in row["refused"].items():
                print(f"    {contender} refused: {reason.splitlines()[0]}", flush=True)

    print("\nGradient time over primal time (value and gradient, compiled, contenders verified equal)\n")
    print(table(rows))
    print(f"\nCompile time, not in the table above\n{compile_table(rows)}")
    if options.json:
        document = {"versions": versions(), "processor": processor(), "core": core, "rows": rows}
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    if options.plot:
        plot(rows, options.plot)


if __name__ == "__main__":
    main()
