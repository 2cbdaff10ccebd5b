"""Write the program that gives the entries of a sparse Jacobian whose pattern is known.

    f_compressed(x, colour, colours) {              f_entries(x, colour, sizes, colours_of, rows) {
      ...                                             require (shape x) == sizes[2]
      return sums                                     sums = f_compressed x colour sizes[0]
    }                                                 for k: entries[k] = sums[colours_of[k], rows[k]]
                                                      return entries
                                                    }

The pattern holds for arguments of the sizes, and with the integers, that it was found for: the program raises for
others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Block, Function, Value
from ..ir.inline import inline
from ..ir.operators import current_builder
from .jacobian import over_places, shape_of

ANOTHER = "the pattern of this derivative is that of arguments of other sizes, or with other integers"


def build_entries(function: Function, seeds: int, known: int) -> Function:
    """The entries of a Jacobian, found in sums of its columns.

    Parameters
    ----------
    function : what `build_compressed_jacobian` gives.
    seeds : how many of its parameters are colours.
    known : how many of its hidden parameters the pattern depends on.

    Returns
    -------
    Function
        Parameters: the arguments, then hidden ones: the colours, those of `function`, `sizes` (the number of colours,
        that of entries, then the lengths of each argument that is an array and the value of each that is an integer),
        integers like each array of integers, and for each result the places of its entries among all, then their
        colours and their indices by axis.
    """
    visible = len(function.parameters) - function.hidden
    count = visible - seeds - 1
    arguments, colours = function.parameters[:count], function.parameters[count : count + seeds]
    hidden = function.parameters[visible:]
    sizes = Value("sizes", ty.array(ty.int64, 1))
    tables: list[Value] = []

    def table(name: str, ndim: int = 1) -> Value:
        tables.append(Value(name, ty.array(ty.int64, ndim)))
        return tables[-1]

    with Builder() as builder:

        def size(k: int) -> Value:
            return builder.emit("load", (sizes, constant(k, ty.int64)), ty.int64)

        check((*arguments, *hidden[:known]), map(size, range(2, 2**31)), table)
        sums = inline(function, (*arguments, *colours, size(0), *hidden))
        types = [ty.element(part.type) for part in sums]
        dtype = types[0] if len(set(types)) == 1 else ty.float64
        entries = builder.emit("alloc", (size(1),), ty.array(dtype, 1), {"fill": "empty"}, "entries")
        for part in sums:
            places = table("places") if len(sums) > 1 else None
            where = [table("colour_of"), *(table("index") for _ in range(part.type.ndim - 1))]

            def visit(
                held: tuple[Value, ...],
                at: tuple[Value, ...],
                part: Value = part,
                places: Value | None = places,
                where: list[Value] = where,
            ) -> tuple[Value, ...]:
                builder = current_builder()
                indices = [builder.emit("load", (column, *at), ty.int64) for column in where]
                entry = builder.emit("load", (part, *indices), part.type.dtype)
                if entry.type != dtype:
                    entry = builder.emit("cast", (entry,), dtype)
                place = at if places is None else (builder.emit("load", (places, *at), ty.int64),)
                return (builder.emit("store", (held[0], *place, entry), held[0].type, name="entries"),)

            (entries,) = over_places(shape_of(where[0]), (entries,), visit)
    parameters = (*arguments, *colours, *hidden, sizes, *tables)
    body = Block(parameters, tuple(builder.ops), (entries,))
    name = f"{function.name.removesuffix('_compressed')}_entries"
    return Function(name, body, len(parameters) - count)


def check(arguments: tuple[Value, ...], sizes: Iterator[Value], table: Callable[[str, int], Value]) -> None:
    """Raise where an argument has other lengths than are known, or is another integer."""
    for argument in arguments:
        of_floats = ty.is_differentiable(ty.element(argument.type))
        for length in shape_of(argument):
            require_equal(length, next(sizes))
        if of_floats:
            continue
        if not ty.is_array(argument.type):
            require_equal(argument, next(sizes))
            continue
        same = table(argument.name, argument.type.ndim)

        def visit(
            held: object, at: tuple[Value, ...], argument: Value = argument, same: Value = same
        ) -> tuple[()]:
            builder = current_builder()
            given = builder.emit("load", (argument, *at), argument.type.dtype)
            require_equal(given, builder.emit("load", (same, *at), ty.int64))
            return ()

        over_places(shape_of(argument), (), visit)


def require_equal(given: Value, known: Value) -> None:
    builder = current_builder()
    if given.type != ty.int64:
        given = builder.emit("cast", (given,), ty.int64)
    holds = builder.emit("eq", (given, known), ty.boolean)
    builder.effect("require", (holds,), {"error": "ValueError", "message": ANOTHER})


__all__ = ["build_entries"]
