"""What a function has captured, passed along in each call, as it is at that moment; structures opened.

    scale, X = 2.0, np.ones(3)
    slope = grad(lambda w: scale * loss(w, X))

    def call(a0=absent, /, *more, **keywords):
        if a0 is not absent and not more and not keywords and global_1["loss"] is known_0:
            return compiled(a0, global_2["scale"], global_3["X"])
        return otherwise(*given((a0,), more), **keywords)

Of a structure the numbers and arrays are passed, where it has the parts that it had when the text was made:

    def call(a0=absent, a1=absent, /, *more, **keywords):
        if a1 is not absent and not more and not keywords and type(a0) is kind_1 and tuple(a0) == names_2:
            return compiled(a0["W"], a0["b"], a1)
        return otherwise(*given((a0, a1), more), **keywords)

The text of `call` is made for each function, because finding the values in a loop takes longer than many a gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .frontend.captures import Where, cell_of, outline, place, same_known
from .frontend.things import Static
from .frontend.trees import Tree, is_named_tuple, part_of


def same_captured(some: tuple[Any, Any], others: tuple[Any, Any]) -> bool:
    """Whether two pairs of what is fetched and what is known are of the same places and objects."""
    (fetch, statics), (other_fetch, other_statics) = some, others
    return (
        same_places(fetch, other_fetch)
        and same_places([where for where, _ in statics], [where for where, _ in other_statics])
        and all(a[1] is b[1] for a, b in zip(statics, other_statics, strict=True))
    )


def same_places(some: Sequence[Where], others: Sequence[Where]) -> bool:
    return len(some) == len(others) and all(place(a) == place(b) for a, b in zip(some, others, strict=True))


ABSENT = object()


def given(arguments: Sequence[Any], more: Sequence[Any]) -> list[Any]:
    return [*(argument for argument in arguments if argument is not ABSENT), *more]


def passing(
    compiled: Callable[..., Any],
    specs: Sequence[Any],
    fetch: Sequence[Where],
    statics: Sequence[tuple[Where, Any]],
    otherwise: Callable[..., Any],
) -> Callable[..., Any]:
    """A function that calls `compiled` with the numbers and arrays of its arguments and what is captured.

    Where the call is of another form, an argument of another structure than its spec, or something taken as known is
    another object, it calls `otherwise`.
    """
    text = PassingText(len(specs), {"compiled": compiled, "otherwise": otherwise})
    leaves = [leaf for k, spec in enumerate(specs) for leaf in text.opened(spec, f"a{k}")]
    for where, value in statics:
        text.compare(where, value)
    call: Callable[..., Any] = text.function(leaves, fetch)
    return call


class PassingText:
    """The text of a function that passes arguments on, and the names in it.

    Attributes
    ----------
    space : what the names are.
    arguments : the names of the arguments.
    conditions : what must hold so that the call may go the short way.
    """

    def __init__(self, count: int, space: dict[str, Any]) -> None:
        self.space = {
            **space,
            "absent": ABSENT,
            "given": given,
            "outline": outline,
            "part_of": part_of,
            "same_known": same_known,
        }
        self.arguments = [f"a{k}" for k in range(count)]
        self.conditions = [f"{self.arguments[-1]} is not absent"] if count else []
        self.conditions += ["not more", "not keywords"]

    def expression(self, where: Where) -> str:
        """What is fetched from a place."""
        kind, owner, name = where
        if kind == "part":
            return f"part_of({self.expression(owner)}, {name!r})"
        if kind == "global":
            return f"{self.named(kind, owner.__globals__)}[{name!r}]"
        if kind == "closure":
            return f"{self.named(kind, cell_of(owner, name))}.cell_contents"
        source = self.named(kind, owner)
        if kind == "code":
            return f"{source}.__code__"
        if kind == "method":
            return f"{source}.{name}.__func__"
        return f"{source}.{name}" if kind == "attribute" else source

    def named(self, kind: str, value: Any) -> str:
        """A name for something."""
        name = f"{kind}_{len(self.space)}"
        self.space[name] = value
        return name

    def compare(self, where: Where, value: Any) -> None:
        """Demand that what is at a place is what it was."""
        if where[0] in ("type", "single_axes"):
            return  # the dispatcher sees the one, the program the other
        known = self.named("known", value)
        if where[0] == "outline":
            self.conditions.append(f"outline({self.expression(where[1])}) == {known}")
        else:
            self.conditions.append(f"{self.expression(where)} is {known}")

    def opened(self, spec: Any, source: str) -> list[str]:
        """The numbers and arrays of an argument; what its structure must be becomes conditions."""
        demand = self.conditions.append
        if isinstance(spec, Static):
            demand(f"same_known({source}, {self.named('known', spec.value)})")
            return []
        if isinstance(spec, Tree):
            demand(f"type({source}) is {self.named('known', spec.kind)}")
            if spec.is_dict:
                demand(f"tuple({source}) == {self.named('known', spec.names)}")
            elif spec.kind is list:
                demand(f"len({source}) == {len(spec.names)}")
            by_name = not (spec.is_dict or spec.kind is list or is_named_tuple(spec.kind))
            names = spec.names if spec.is_dict or by_name else range(len(spec.names))
            ways = [f"{source}.{name}" if by_name else f"{source}[{name!r}]" for name in names]
            pairs = zip(spec.parts, ways, strict=True)
            return [leaf for part, way in pairs for leaf in self.opened(part, way)]
        if isinstance(spec, tuple):
            demand(f"type({source}) is tuple and len({source}) == {len(spec)}")
            return [leaf for k, part in enumerate(spec) for leaf in self.opened(part, f"{source}[{k}]")]
        return [source]

    def function(self, leaves: Sequence[str], fetch: Sequence[Where]) -> Any:
        """The function, which passes on `leaves` and what it fetches."""
        parameters = [*(f"{name}=absent" for name in self.arguments), *(["/"] if self.arguments else [])]
        passed = [*leaves, *map(self.expression, fetch)]
        text = (
            f"def call({', '.join([*parameters, '*more', '**keywords'])}):\n"
            f"    if {' and '.join(self.conditions)}:\n"
            f"        return compiled({', '.join(passed)})\n"
            f"    return otherwise(*given([{', '.join(self.arguments)}], more), **keywords)\n"
        )
        exec(text, self.space)
        return self.space["call"]


__all__ = ["passing", "same_captured"]
