"""Random nests of two loops in a third, over rectangles and triangles: what `jam_loops` is for, or must refuse."""

from __future__ import annotations

import random

__all__ = ["random_nest"]

RANGES = ("m", "m", "j", "j + 1", "j + 1, m", "j, m", "m - j", "2, m", "m - 1, -1, -1", "j + 2, m")


def random_nest(seed: int) -> str:
    """The text of a function of (x, c, n, m) where `x` has n rows of m elements, `c` has m, and n <= m."""
    draw = random.Random(seed)
    inner = draw.choice(RANGES)

    def row() -> str:
        return draw.choice(("j", "j", "j", "j", "j + 1", "0", "1") if draw.random() < 0.15 else ("j",))

    def element(array: str, at: str) -> str:
        if array == "w":
            return f"w[{row()}, {at}]"
        if array == "z":
            near = draw.choice((at, at, at, at, f"{at} + 1", f"{at} - 1")) if draw.random() < 0.2 else at
            return f"z[{near}]"
        return f"v[{row()}]"

    def term(at: str, names: list[str]) -> str:
        kind = draw.randrange(6)
        if kind == 0:
            return f"c[{at}] * {element('w', at)}"
        if kind == 1:
            return f"0.5 * {element('z', at)}"
        if kind == 2:
            return f"np.sin({element('w', at)})"
        if kind == 3:
            return f"{draw.choice(names)} * x[j, {at}]"
        if kind == 4:
            return f"{draw.choice(names)} * {element('z', at)}"
        return f"c[{at}] - 0.25 * {element('v', at)}"

    names = ["0.3"]
    body: list[str] = []
    if draw.random() < 0.6:
        body.append("t = " + draw.choice(("v[j]", "x[j, 1]", "z[j] * 0.5", "0.0", "0.0")))
        names.append("t")
    if draw.random() < 0.2:
        body.append("v[j] = c[j] * 0.5")
    body.append(f"for r in range({inner}):")
    for _ in range(draw.choice((1, 1, 2, 3))):
        kind = draw.randrange(6)
        value = f"{term('r', names)} {draw.choice('+-')} {term('r', names)}"
        if kind == 0 and "t" in names:
            body.append(f"    t += {value}")
        elif kind == 1:
            body.append(f"    s += {value}")
        elif kind == 2:
            body.append(f"    {element('z', 'r')} += {value}")
        elif kind == 3:
            body.append(f"    {element('w', 'r')} = {value}")
        elif kind == 4 and "t" in names:
            body.append(f"    t = 0.5 * t + {value}")
        else:
            body.append(f"    {element('v', 'r')} += {value}")
    if "t" in names and draw.random() < 0.7:
        body.append(
            draw.choice(("v[j] = t", "v[j] += t * t", "if t > best:\n    best = t", "s += t", "z[j] = t"))
        )
    lines = ["s = 0.1", "best = -1.0", "w = x.copy()", "z = c.copy()", "v = 0.5 * c"]
    outer = draw.choice(("n", "n", "n", "1, n", "2, n", "n - 1, 0, -1"))
    lines += ["for _ in range(2):", f"    for j in range({outer}):"]
    lines += [f"        {line}" for text in body for line in text.split("\n")]
    lines += [
        "for j in range(n):",
        "    for r in range(m):",
        "        s += w[j, r] * (0.3 + 0.1 * r - 0.2 * j)",
    ]
    lines += ["for r in range(m):", "    s += z[r] * z[r] * 0.2 + v[r] * (0.1 + r)"]
    lines += ["return s + best"]
    return "def f(x, c, n, m):\n" + "".join(f"    {line}\n" for line in lines)
