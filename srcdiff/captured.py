"""What a function has captured, passed along in each call, as it is at that moment.

    scale, X = 2.0, np.ones(3)
    slope = grad(lambda w: scale * loss(w, X))

    def call(a0=absent, /, *more, **keywords):
        if a0 is not absent and not more and not keywords and global_1["loss"] is known_0:
            return compiled(a0, global_2["scale"], global_3["X"])
        return otherwise(*given((a0,), more), **keywords)

The text of `call` is made for each function, because finding the values in a loop takes longer than many a gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .frontend.captures import Where, cell_of, outline
from .frontend.trees import part_of


def same_captured(some: tuple[Any, Any], others: tuple[Any, Any]) -> bool:
    """Whether two pairs of what is fetched and what is known are of the same places and objects."""
    (fetch, statics), (other_fetch, other_statics) = some, others
    return (
        same_places(fetch, other_fetch)
        and same_places([where for where, _ in statics], [where for where, _ in other_statics])
        and all(a[1] is b[1] for a, b in zip(statics, other_statics, strict=True))
    )


def same_places(some: Sequence[Where], others: Sequence[Where]) -> bool:
    return len(some) == len(others) and all(
        a[0] == b[0] and a[1] is b[1] and a[2] == b[2] for a, b in zip(some, others, strict=True)
    )


ABSENT = object()


def given(arguments: Sequence[Any], more: Sequence[Any]) -> list[Any]:
    return [*(argument for argument in arguments if argument is not ABSENT), *more]


def passing(
    compiled: Callable[..., Any],
    count: int,
    fetch: Sequence[Where],
    statics: Sequence[tuple[Where, Any]],
    otherwise: Callable[..., Any],
) -> Callable[..., Any]:
    """A function that calls `compiled` with its `count` arguments and what is captured.

    Where the call is of another form, or something taken as known is another object, it calls `otherwise`.
    """
    space: dict[str, Any] = {
        "compiled": compiled,
        "otherwise": otherwise,
        "absent": ABSENT,
        "given": given,
        "outline": outline,
        "part_of": part_of,
    }
    arguments = [f"a{k}" for k in range(count)]

    def expression(where: Where) -> str:
        kind, owner, name = where
        if kind == "part":
            return f"part_of({expression(owner)}, {name!r})"
        source = f"{kind}_{len(space)}"
        if kind == "global":
            space[source] = owner.__globals__
            return f"{source}[{name!r}]"
        if kind == "closure":
            space[source] = cell_of(owner, name)
            return f"{source}.cell_contents"
        space[source] = owner
        return f"{source}.{name}" if kind == "module" else source

    conditions = ["not more", "not keywords"]
    if arguments:
        conditions.insert(0, f"{arguments[-1]} is not absent")
    for where, value in statics:
        known = f"known_{len(space)}"
        space[known] = value
        if where[0] == "outline":
            conditions.append(f"outline({expression(where[1])}) == {known}")
        else:
            conditions.append(f"{expression(where)} is {known}")
    parameters = [*(f"{name}=absent" for name in arguments), *(["/"] if arguments else [])]
    text = (
        f"def call({', '.join([*parameters, '*more', '**keywords'])}):\n"
        f"    if {' and '.join(conditions)}:\n"
        f"        return compiled({', '.join([*arguments, *map(expression, fetch)])})\n"
        f"    return otherwise(*given([{', '.join(arguments)}], more), **keywords)\n"
    )
    exec(text, space)
    call: Callable[..., Any] = space["call"]
    return call


__all__ = ["passing", "same_captured"]
