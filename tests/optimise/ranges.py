"""Random loops, one after the other, over ranges that differ by a trip or two: what `join_loops` is for."""

from __future__ import annotations

import random

__all__ = ["random_loops"]

ARRAYS = ("a", "b", "d")


def random_loops(seed: int) -> str:
    """The text of a function of (x, c, n)."""
    draw = random.Random(seed)
    behind = draw.choice((1, 1, 1, 2))

    def element(array: str, low: int) -> str:
        # One time in forty an index may be negative, or that of a later trip.
        if draw.random() < 1 / 40:
            return f"{array}[i {draw.choice(('- 2', '+ 1'))}]"
        away = draw.randint(0, min(behind, low))
        return f"{array}[i - {away}]" if away else f"{array}[i]"

    def term(low: int) -> str:
        kind = draw.randrange(6)
        if kind == 5:
            return "0.5 * t"
        if kind == 0:
            return f"x[i] * {element(draw.choice(ARRAYS), low)}"
        if kind == 1:
            return f"0.5 * {element(draw.choice(ARRAYS), low)}"
        if kind == 2:
            return f"np.sin({element(draw.choice(ARRAYS), low)})"
        if kind == 3:
            return f"{element('x', low)} * c[i]"
        return f"(c[i] - 0.25 * {element(draw.choice(ARRAYS), low)})"

    body: list[str] = []
    for _ in range(draw.randint(2, 4)):
        low = draw.choice((0, 1, 1, 1, 2))
        high = draw.choice(("n", "n", "n", "n", "n", "n - 1"))
        target = draw.choice(ARRAYS)
        for k in range(low):
            if draw.random() < 0.9:
                body.append(f"{target}[{k}] = x[{k}] - 0.5 * {draw.choice(ARRAYS)}[{k}]")
        body.append(f"for i in range({low}, {high}):")
        for _ in range(draw.choice((1, 1, 2))):
            kind = draw.randrange(6)
            value = f"{term(low)} {draw.choice('+-')} {term(low)}"
            if kind == 0:
                body.append(f"    s += {value}")
            elif kind == 5:
                body.append(f"    t = {value}")
            elif kind == 1:
                body.append(f"    {target}[i] += {value}")
            else:
                body.append(f"    {target}[i] = {value}")
    if draw.random() < 0.6:
        body = ["for sweep in range(2):", *(f"    {line}" for line in body)]
    lines = ["s, t = 0.1, 0.7 * c[0]"]
    for array in ARRAYS:
        lines.append(f"{array} = " + draw.choice(("x.copy()", "np.zeros(n)", "np.zeros(n)", "c * 0.5")))
    lines += body
    read = draw.sample(ARRAYS, draw.choice((1, 1, 1, 2)))
    lines += ["for i in range(n):"]
    lines += [f"    s += {array}[i] * (0.3 + 0.1 * i) * {array}[i]" for array in read]
    lines += ["return s + t"]
    return "def f(x, c, n):\n" + "".join(f"    {line}\n" for line in lines)
