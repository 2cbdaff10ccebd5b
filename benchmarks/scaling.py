"""Does the gradient's cost grow as the primal's does?

    python benchmarks/scaling.py [--suite npbench] [--kernels a,b] [--hand] [--json FILE]

Doubles the work of each kernel over four sizes and prints gradient over primal at each, the largest over the
smallest of those (at most 1.3 is wanted), and the bytes of tape at each size. The primal is the one that srcdiff
compiles, under the options of the gradient: plain `njit` keeps the order of a sum, so that its time per element stays
the same where that of vectorised sums falls with their length.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from timing import (
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

LIMIT = 1.3


def tape_bytes(kernel: Any, style: str, args: tuple[Any, ...]) -> int | str:
    """What srcdiff's gradient records at these arguments, or why that is not known."""
    try:
        import srcdiff

        return srcdiff.differentiate(getattr(kernel, style), argnums=kernel.ARGNUMS).tape_report(*args).bytes
    # The report is a side dish: a refusal is shown in its place.
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]


def measure(suite: str, name: str, style: str, contender: str, seconds: float) -> dict[str, Any]:
    kernel = load_kernel(suite, name)
    title = name if style == "primal" else f"{name} {style}"
    ratios, tapes = [], []
    for size in kernel.SIZES:
        args = kernel.make(size, np.random.default_rng(20_24))
        kept, refused = build_contenders(kernel, style, args, ["forward", contender])
        if refused:
            return {"kernel": title, "refused": refused[0].reason}
        times = time_interleaved(kept, seconds)
        ratios.append(median_ratio(times[contender], times["forward"]))
        tapes.append(tape_bytes(kernel, style, args) if contender == "srcdiff" else 0)
    sizes = [list(size) if isinstance(size, tuple) else size for size in kernel.SIZES]
    return {
        "kernel": title,
        "sizes": sizes,
        "ratios": ratios,
        "spread": max(ratios) / min(ratios),
        "tape_bytes": tapes,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--suite", choices=SUITES, default=SUITES[0], help="default %(default)s")
    parser.add_argument("--kernels", help="comma-separated names; default all")
    parser.add_argument("--hand", action="store_true", help="measure the hand-written adjoints instead")
    parser.add_argument("--seconds", type=float, default=0.5, help="per kernel and size; default %(default)s")
    parser.add_argument("--json", type=Path, help="write the numbers here")
    options = parser.parse_args()

    keep_to_one_thread()
    pin_to_one_core()
    keep_freed_pages()
    contender = "hand" if options.hand else "srcdiff"
    rows: list[dict[str, Any]] = []
    print(f"{contender} over primal at four sizes, each doubling the work; largest over smallest\n")
    names = options.kernels.split(",") if options.kernels else kernel_names(options.suite)
    kernels = [(name, load_kernel(options.suite, name)) for name in names]
    for name, kernel, style in [(n, k, s) for n, k in kernels for s in styles_of(k)]:
        row = measure(options.suite, name, style, contender, options.seconds)
        rows.append(row)
        if "refused" in row:
            print(f"{row['kernel']:<20} refused: {row['refused'].splitlines()[0]}", flush=True)
            continue
        cells = "  ".join(f"{work_of(s)}: {r:.2f}" for s, r in zip(kernel.SIZES, row["ratios"], strict=True))
        verdict = "" if row["spread"] <= LIMIT else f"  over {LIMIT}"
        print(f"{row['kernel']:<20} {row['spread']:.2f}{verdict}   {cells}", flush=True)
        if contender == "srcdiff":
            shown = "  ".join(f"{b:,}" if isinstance(b, int) else b for b in row["tape_bytes"])
            print(f"{'':<20} tape bytes: {shown}", flush=True)
    flat = [row for row in rows if row.get("spread", LIMIT + 1.0) <= LIMIT]
    print(f"\n{len(flat)} of {len(rows)} kernels within {LIMIT}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
