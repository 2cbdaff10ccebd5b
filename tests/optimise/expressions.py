"""Random array expressions over two axes, one after the other: nests that can be joined, and some that cannot."""

from __future__ import annotations

import random

__all__ = ["random_expressions"]


def random_expressions(seed: int) -> str:
    """The text of a function of (A, B, b) where `A` and `B` have n rows of n elements, and `b` has n."""
    draw = random.Random(seed)
    grids, rows, numbers = ["A", "B"], ["b"], ["0.5"]

    def factor() -> str:
        kind = draw.randrange(8)
        if kind <= 3:
            return draw.choice(grids)
        if kind == 4:
            return draw.choice(rows)
        if kind == 5:
            return f"{draw.choice(grids)}.T" if draw.random() < 0.4 else draw.choice(numbers)
        if kind == 6:
            return f"np.sin({draw.choice(grids)})"
        return f"{draw.choice(rows)}[:, None]"

    def grid() -> str:
        return f"{draw.choice(grids)} {draw.choice('+-*')} {factor()} {draw.choice('+*')} {factor()}"

    lines: list[str] = []
    for m in range(draw.randint(2, 6)):
        kind = draw.randrange(12)
        if kind <= 5:
            lines.append(f"C{m} = {grid()}")
            grids.append(f"C{m}")
        elif kind == 6:
            lines.append(f"r{m} = np.sum({grid()}, axis={draw.randrange(2)})")
            rows.append(f"r{m}")
        elif kind == 7:
            lines.append(f"s{m} = {draw.choice(('np.sum', 'np.mean'))}({grid()})")
            numbers.append(f"s{m}")
        elif kind == 8 and len(grids) > 2:
            lines.append(
                f"{draw.choice(grids[2:])}[1:, :] {draw.choice(('+=', '*='))} {draw.choice(grids)}[:-1, :]"
            )
        elif kind == 9 and len(grids) > 2:
            lines.append(f"{draw.choice(grids[2:])} {draw.choice(('+=', '-=', '*='))} {factor()}")
        elif kind == 10 and len(grids) > 2:
            lines.append(f"{draw.choice(grids[2:])}[:, 1:] -= {draw.choice(grids)}[:, :-1] * 0.5")
        else:
            lines.append(f"C{m} = np.empty((n, n))")
            lines.append("for i in range(n):")
            lines.append("    for j in range(n):")
            at = draw.choice(("i, j", "j, i", "i, j", "i, 0", "n - 1 - i, j"))
            lines.append(f"        C{m}[i, j] = {draw.choice(grids)}[{at}] * {draw.choice(rows)}[j]")
            grids.append(f"C{m}")
    total = " + ".join(f"0.{k + 1} * np.sum({name} * {name})" for k, name in enumerate(grids[-3:]))
    lines.append(f"return {total} + {draw.choice(numbers)} + np.sum({rows[-1]})")
    return "def f(A, B, b):\n    n = b.shape[0]\n" + "".join(f"    {line}\n" for line in lines)
