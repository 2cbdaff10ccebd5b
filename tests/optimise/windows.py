"""Random loops over neighbouring elements of an array: what `rotate_elements` is for, and what it must refuse."""

from __future__ import annotations

import random
from dataclasses import dataclass

__all__ = ["Sweep", "random_sweep"]

INDEX_FORMS = ("i{o:+d}", "i{o:+d}", "i{o:+d}", "{o} + i", "n - 1 - i{r:+d}", "i + k{o:+d}")
RANGES = (
    "range({low}, n - {high})",
    "range({low}, n - {high})",
    "range(n - 1 - {high}, {low} - 1, -1)",
    "range({low}, n - {high}, 2)",
    "range({low}, {fixed})",
)


@dataclass(frozen=True)
class Sweep:
    """A function of (x, c, n, k) that sweeps over a copy of `x`; `gaps` if an element may be skipped."""

    text: str
    gaps: bool


def random_sweep(seed: int) -> Sweep:
    """One of the functions."""
    draw = random.Random(seed)
    axes = draw.choice((1, 1, 2, 2))
    reach = draw.choice((1, 1, 2))
    # One time in six an index may be negative and wraps around.
    low = reach - 1 if draw.random() < 1 / 6 else reach
    loop = draw.choice(RANGES).format(low=low, high=reach, fixed=f"min(n - {reach}, 4)")
    form = draw.choice(INDEX_FORMS)
    offsets: set[int] = set()

    def place(written: bool) -> str:
        o = draw.randint(-reach, reach)
        if "k" in form and o < 0 and low + o < 0:
            o = 0
        shape = form if draw.random() < 0.9 else INDEX_FORMS[0]
        offsets.add(o)
        moving = shape.format(o=o, r=-o)
        if axes == 1:
            return f"u[{moving}]"
        row = draw.choice(("j", "j", "j", "j - 1", "j + 1", "0"))
        if draw.random() < 0.05:
            row = "k"
        return f"u[{row}, {moving}]" if not turned else f"u[{moving}, {row}]"

    turned = draw.random() < 0.3
    names = ["t"]

    def term() -> str:
        kind = draw.randrange(6)
        if kind == 0:
            return draw.choice(names)
        if kind == 1:
            return "c[i]"
        if kind == 2:
            return f"0.5 * {place(False)}"
        if kind == 3:
            return f"{draw.choice(names)} * c[i]"
        if kind == 4:
            return f"(0.25 * {place(False)} - {draw.choice(names)})"
        return f"math.sin({place(False)})"

    body = []
    for m in range(draw.randint(2, 5)):
        kind = draw.randrange(6)
        value = f"{term()} {draw.choice('+-')} {term()}"
        if kind <= 1:
            body.append(f"v{m} = {value}")
            names.append(f"v{m}")
        elif kind <= 3:
            body.append(f"{place(True)} {draw.choice(('+=', '-='))} {value}")
        elif kind == 4:
            body.append(f"{place(True)} = {value}")
        else:
            body.append(f"t = 0.5 * t + {value}")
    if draw.random() < 0.05:
        body.append(f"if c[i] > 0.0:\n    {place(True)} = t")
    lines = ["def f(x, c, n, k):", "    u = x.copy()", "    t = 0.1"]
    inner = [f"for i in {loop}:", *(f"    {line}" for text in body for line in text.split("\n"))]
    if axes == 2:
        rows = draw.choice(("range(1, 3)", "range(2, 0, -1)"))
        inner = [f"for j in {rows}:", *(f"    {line}" for line in inner)]
    if draw.random() < 0.4:
        inner = ["for sweep in range(2):", *(f"    {line}" for line in inner)]
        if draw.random() < 0.4:  # a second array, which each sweep fills anew or adds to
            filled = draw.choice(("w[i] = u[{}] * c[i]", "w[i] += 0.1 * u[{}]", "w[i] = u[{}] - 0.5 * w[i]"))
            at = "i" if axes == 1 else "i, 1" if turned else "1, i"
            inner += ["    for i in range(n):", f"        {filled.format(at)}"]
            inner += ["    for i in range(1, n):", f"        u[{at}] += 0.25 * w[i - 1] * w[i]"]
            lines += ["    w = np.zeros(n)"]
    lines += [f"    {line}" for line in inner]
    lines += ["    s = t"]
    if axes == 2:
        lines += [
            "    for j in range(u.shape[0]):",
            "        for i in range(u.shape[1]):",
            "            s += u[j, i] * (0.3 + 0.1 * i - 0.07 * j) * u[j, i]",
        ]
    else:
        lines += ["    for i in range(u.shape[0]):", "        s += u[i] * (0.3 + 0.1 * i) * u[i]"]
    lines += ["    return s"]
    return Sweep(
        "\n".join(lines) + "\n", offsets != set(range(min(offsets, default=0), max(offsets, default=-1) + 1))
    )
