"""Random trees of loops in a loop over rows: what `jam_nests` is for, or must refuse."""

from __future__ import annotations

import random

__all__ = ["random_tree"]


def random_tree(seed: int) -> str:
    """The text of a function of (x, c, n, m) where `x` has n rows of m elements, `c` has m, and n <= m."""
    draw = random.Random(seed)
    careless = draw.random() < 0.3  # the next trip may read what this one stores

    def row(*others: str) -> str:
        return draw.choice(("j", "j", "j + 1", "0", *others)) if careless else "j"

    def number(names: list[str]) -> str:
        kind = draw.randrange(5)
        if kind == 0:
            return f"w[{row('p')}, p]" if "g" not in names else f"g * {draw.choice(names)}"
        return draw.choice((*names, "c[p]", "0.3", f"y[{row('p')}, p]", "np.sin(c[p])"))

    def inner(names: list[str], at: str) -> list[str]:
        lines = [f"for r in range({draw.choice(('m', 'm', 'p, m', 'p + 1'))}):"]
        sums = draw.random() < 0.5
        for _ in range(draw.choice((1, 1, 2))):
            kind = draw.randrange(5)
            factor, other = draw.choice(names), draw.choice((f"x[{at}, r]", f"x[{at}, r]", "c[r]"))
            if kind == 0 and sums:
                lines.append(f"    u += y[{row('p')}, r] * {other}")
            elif kind == 1:
                lines.append(f"    z[{at}, r] += {factor} * y[j, r]")
            elif kind == 2:
                lines.append(f"    w[{row('p')}, r] = {factor} * {other} + 0.1")
            else:
                lines.append(f"    w[{row('p')}, r] += {factor} * {other}")
        if sums:
            lines = [
                "u = 0.0",
                *lines,
                draw.choice(("v[j] += u * u", "v[p] += u", "if u > 0.2:\n    v[p] += u")),
            ]
        return lines

    def indented(lines: list[str]) -> list[str]:
        return [f"    {line}" for text in lines for line in text.split("\n")]

    def middle() -> list[str]:
        names = ["c[p]", "0.5"]
        lines: list[str] = []
        if draw.random() < 0.7:
            lines.append(f"g = {number(names)} + {number(names)}")
            names.append("g")
        if draw.random() < 0.2 and "g" in names:
            lines.append("w[j, p] = g")
        if draw.random() < 0.5:
            lines += [f"for q in range({draw.choice(('2', 'p, n', 'n'))}):"]
            lines += indented(inner(names, draw.choice(("p", "q"))))
        else:
            lines += inner(names, "p")
        carries = draw.random() < 0.3
        if carries:
            lines.append(draw.choice(("t = 0.5 * t + y[j, p]", "t += c[p] * w[j, p]")))
        span = draw.choice(("n", "n", "n", "j", "j + 1, n", "1, n", "j + 1"))
        loop = [f"for p in range({span}):", *indented(lines)]
        return ["t = 0.2", *loop, "v[j] += t"] if carries else loop

    body: list[str] = []
    if draw.random() < 0.4:
        body += ["for r in range(m):", f"    w[{row()}, r] = 0.5 * c[r] + y[j, r]"]
    body += middle()
    if draw.random() < 0.3:
        body += middle()
    if draw.random() < 0.3:
        body += ["for r in range(m):", f"    z[0, r] += w[{row()}, r] * y[j, r]"]
    lines = ["s = 0.1", "w = x.copy()", "y = np.sin(x)", "z = np.zeros((n + 1, m))", "v = 0.5 * c"]
    outer = draw.choice(("n", "n", "n", "1, n", "2, n", "n - 1, -1, -1", "n - 1, 0, -1"))
    lines += [f"for j in range({outer}):", *indented(body)]
    lines += ["for j in range(n):", "    for r in range(m):"]
    lines += ["        s += w[j, r] * (0.3 + 0.1 * r - 0.2 * j) + z[j, r] * (0.2 - 0.1 * r)"]
    lines += ["for r in range(m):", "    s += v[r] * (0.1 + r)", "return s"]
    return "def f(x, c, n, m):\n" + "".join(f"    {line}\n" for line in lines)
