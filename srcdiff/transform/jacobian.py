"""Write the program that makes a Jacobian: tangents or pullbacks, one after the other, in a loop.

    f_jacfwd(x) {                                        f_jacrev(x) {
      for j in 0, w, 2w ...:                               y, residuals = forward(x)
        seeds = columns j ... j + w - 1 of I               for i ...:
        y_dot, ... = tangents(x, seeds)                      jacobian[i, :] = pullback(residuals, row i of I)
        jacobian[:, j], ... = y_dot, ...                   return jacobian
      return jacobian                                    }
    }

The result for a result of shape `s` and a parameter of shape `t` has the shape `(*s, *t)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..ir import types as ty
from ..ir.builder import Builder, constant, zero
from ..ir.core import Block, Function, Value
from ..ir.inline import inline
from ..ir.nests import copy_elements
from ..ir.operators import current_builder
from .in_rows import made_in_row
from .tangent import build_tangent, tangent_type

Values = tuple[Value, ...]
Pair = tuple[Function, Function]
ONE = constant(1, ty.int64)


def build_forward_jacobian(function: Function, wrt: Sequence[int], width: int) -> Function:
    """The Jacobian of all differentiable results by the parameters `wrt`, by tangents, `width` of them at once.

    Returns
    -------
    Function
        Its results: for each result of `function`, one for each of `wrt`.
    """
    outputs = [r for r in function.results if ty.is_differentiable(r.type)]
    numbers = [k for k in wrt if not ty.is_array(function.parameters[k].type)]
    columns: dict[int, Sequence[Value]] = {}
    with Builder() as builder:
        shapes: list[Values] = [()] * len(outputs)
        if len(numbers) < len(wrt) and any(ty.is_array(r.type) for r in outputs):
            primal = Function("", Block(function.parameters, function.body.ops, tuple(outputs)))
            shapes = [shape_of(value) for value in inline(primal, function.parameters)]
        for start in range(0, len(numbers), width):
            columns.update(by_numbers(function, numbers[start : start + width], len(outputs)))
        for k in wrt:
            if k not in columns:
                columns[k] = by_array(function, k, outputs, shapes, width)
    results = tuple(columns[k][n] for n in range(len(outputs)) for k in wrt)
    body = Block(function.parameters, tuple(builder.ops), results)
    return Function(f"{function.name}_jacfwd", body, function.hidden)


def with_tangents(function: Function, arguments: Values, seeds: Sequence[Value]) -> Values:
    """A call of a tangent program: the tangents come before the hidden parameters."""
    visible = len(arguments) - function.hidden
    return inline(function, (*arguments[:visible], *seeds, *arguments[visible:]))


def by_numbers(function: Function, chosen: Sequence[int], count: int) -> dict[int, Values]:
    """The columns of numbers: one tangent for each."""
    width = len(chosen)
    types = [function.parameters[k].type for k in chosen]
    seeds = [constant(float(n == m), types[m]) for n in range(width) for m in range(width)]
    found = with_tangents(build_tangent(function, chosen, width), function.parameters, seeds)
    tangents = found[len(function.results) :]
    return {k: tangents[n * count : (n + 1) * count] for n, k in enumerate(chosen)}


def by_array(
    function: Function, k: int, outputs: Sequence[Value], shapes: Sequence[Values], width: int
) -> Values:
    """The columns of the elements of an array, `width` along its last axis at once."""
    parameter = function.parameters[k]
    program = build_tangent(function, [k], width)
    builder = current_builder()
    shape = shape_of(parameter)
    seeds = tuple(
        builder.emit("zeros_like", (parameter,), tangent_type(parameter), name=f"{parameter.name}_dot")
        for _ in range(width)
    )
    made = tuple(
        builder.emit(
            "alloc",
            (*lengths, *shape),
            ty.array(ty.element(output.type), len(lengths) + len(shape)),
            {"fill": "empty"},
            "jacobian",
        )
        for output, lengths in zip(outputs, shapes, strict=True)
    )

    def chunk(held: Values, where: Values) -> Values:
        """Fill the columns from one place of the last axis on."""
        current = list(held)
        places = [(*where[:-1], where[-1] + lane if lane else where[-1]) for lane in range(width)]
        inside = [None if not lane else places[lane][-1] < shape[-1] for lane in range(width)]

        def seeded(number: float) -> None:
            for lane in range(width):

                def put(array: Value, lane: int = lane) -> Value:
                    one = constant(number, array.type.dtype)
                    return current_builder().emit(
                        "store", (array, *places[lane], one), array.type, name=array.name
                    )

                current[lane] = guarded(inside[lane], current[lane], put)

        seeded(1.0)
        found = with_tangents(program, function.parameters, current[:width])[len(function.results) :]
        for lane in range(width):
            for n in range(len(outputs)):
                tangent = found[lane * len(outputs) + n]

                def put(array: Value, lane: int = lane, tangent: Value = tangent) -> Value:
                    return column_put(array, places[lane], tangent)

                current[width + n] = guarded(inside[lane], current[width + n], put)
        seeded(0.0)
        return tuple(current)

    step = constant(width, ty.int64)
    return over_places(shape, (*seeds, *made), chunk, step)[width:]


def build_compressed_jacobian(function: Function, wrt: Sequence[int], width: int) -> Function:
    """Sums of columns of the Jacobian, all columns of one colour in one, `width` colours at once.

    Returns
    -------
    Function
        Parameters: those of `function`, then integers like each of `wrt`, the colours, and their number, a multiple of
        `width`; then the hidden ones. Results: for each result of `function` an array, whose first axis is the colour.
    """
    visible = len(function.parameters) - function.hidden
    outputs = [r for r in function.results if ty.is_differentiable(r.type)]
    parameters = [function.parameters[k] for k in wrt]
    colours = tuple(
        Value("colour", ty.array(ty.int64, p.type.ndim, "C") if ty.is_array(p.type) else ty.int64)
        for p in parameters
    )
    count = Value("colours", ty.int64)
    program = build_tangent(function, wrt, width)
    with Builder() as builder:
        primal = Function("", Block(function.parameters, function.body.ops, tuple(outputs)))
        shapes = [shape_of(value) for value in inline(primal, function.parameters)]
        sums = [
            builder.emit(
                "alloc",
                (count, *shape),
                ty.array(ty.element(output.type), 1 + len(shape)),
                {"fill": "empty"},
                "sums",
            )
            for output, shape in zip(outputs, shapes, strict=True)
        ]
        arrays = [k for k, p in enumerate(parameters) if ty.is_array(p.type)]
        seeds = [
            builder.emit(
                "zeros_like",
                (parameters[k],),
                tangent_type(parameters[k]),
                name=f"{parameters[k].name}_dot",
            )
            for k in arrays
            for _ in range(width)
        ]

        def sweep(held: Values, where: Values) -> Values:
            (start,) = where
            seeded: list[list[Value]] = [[] for _ in range(width)]
            current = list(held[: len(seeds)])
            for k, (parameter, colour) in enumerate(zip(parameters, colours, strict=True)):
                if k not in arrays:
                    for lane in range(width):
                        seeded[lane].append(lane_is(colour, start, lane, parameter.type))
                    continue
                first = arrays.index(k) * width
                filled = seeded_by_colour(tuple(current[first : first + width]), parameter, colour, start)
                current[first : first + width] = filled
                for lane in range(width):
                    seeded[lane].append(filled[lane])
            flat = [seed for lane in seeded for seed in lane]
            found = with_tangents(program, function.parameters, flat)[len(function.results) :]
            targets = list(held[len(seeds) :])
            for lane in range(width):
                place = start + lane if lane else start
                for n in range(len(outputs)):
                    targets[n] = row_put(targets[n], place, found[lane * len(outputs) + n])
            return (*current, *targets)

        step = constant(width, ty.int64)
        results = over_places((count,), (*seeds, *sums), sweep, step)[len(seeds) :]
    given = (*function.parameters[:visible], *colours, count, *function.parameters[visible:])
    return Function(f"{function.name}_compressed", Block(given, tuple(builder.ops), results), function.hidden)


def seeded_by_colour(lanes: Values, parameter: Value, colour: Value, start: Value) -> Values:
    """Tangents of an array, of which lane k is one where the colour is `start + k`, and zero elsewhere."""

    def fill(lanes: Values, at: Values) -> Values:
        builder = current_builder()
        own = builder.emit("load", (colour, *at), ty.int64)
        seeds = [lane_is(own, start, lane, array.type.dtype) for lane, array in enumerate(lanes)]
        return tuple(
            builder.emit("store", (array, *at, seed), array.type, name=array.name)
            for array, seed in zip(lanes, seeds, strict=True)
        )

    return over_places(shape_of(parameter), lanes, fill)


def lane_is(colour: Value, start: Value, lane: int, type: ty.Type) -> Value:
    """One where a colour is that of a lane, else zero."""
    builder = current_builder()
    hit = builder.emit("eq", (colour, start + lane if lane else start), ty.boolean)
    return builder.emit("select", (hit, constant(1.0, type), constant(0.0, type)), type)


def row_put(array: Value, where: Value, row: Value) -> Value:
    """`array[where] = row`."""
    builder = current_builder()
    if not ty.is_array(row.type):
        return builder.emit("store", (array, where, row), array.type, name=array.name)
    return copy_elements(builder, array, (where,), row, (), row.type.ndim)


def column_put(array: Value, where: Values, column: Value) -> Value:
    """`array[..., *where] = column`."""
    builder = current_builder()
    if not ty.is_array(column.type):
        return builder.emit("store", (array, *where, column), array.type, name=array.name)
    return copy_elements(builder, array, (), column, (), column.type.ndim, where)


def guarded(condition: Value | None, array: Value, put: Callable[[Value], Value]) -> Value:
    """What `put` makes of an array where the condition holds."""
    if condition is None:
        return put(array)
    builder = current_builder()
    with Builder(builder.location) as then:
        changed = put(array)
    result = Value(array.name, array.type)
    builder.region("if", (condition,), [then.block((), (changed,)), Block((), (), (array,))], [result])
    return result


def over_places(
    shape: Values, held: Values, visit: Callable[[Values, Values], Values], step: Value = ONE
) -> Values:
    """A nest of loops over all places of an array, the last axis by `step`; arrays are carried through it."""

    def level(held: Values, where: Values) -> Values:
        if len(where) == len(shape):
            return visit(held, where)
        builder = current_builder()
        index = Value("", ty.int64)
        carried = tuple(Value(v.name, v.type) for v in held)
        with Builder(builder.location) as body:
            last = level(carried, (*where, index))
        results = tuple(Value(v.name, v.type) for v in held)
        by = step if len(where) == len(shape) - 1 else ONE
        bounds = (zero(ty.int64), shape[len(where)], by)
        builder.region("for", (*bounds, *held), [body.block((index, *carried), last)], results)
        return results

    return level(held, ())


def build_reverse_jacobian(function: Function, pairs: Sequence[Pair], wrt: Sequence[int]) -> Function:
    """The Jacobian by pullbacks; `pairs` holds forward part and pullback for each differentiable result alone.

    Returns
    -------
    Function
        Its results: for each result of `function`, one for each of `wrt`.
    """
    results: list[Value] = []
    parameters = [function.parameters[k] for k in wrt]
    with Builder() as builder:
        for forward, pullback in pairs:
            value, *residuals = inline(forward, function.parameters)
            if not ty.is_array(value.type):
                results += inline(pullback, (*residuals, constant(1.0, value.type)))
            else:
                results += by_rows(pullback, value, tuple(residuals), parameters)
    body = Block(function.parameters, tuple(builder.ops), tuple(results))
    return Function(f"{function.name}_jacrev", body, function.hidden)


def by_rows(pullback: Function, value: Value, residuals: Values, parameters: Sequence[Value]) -> Values:
    """The rows of the elements of an array, one pullback for each."""
    builder = current_builder()
    shape = shape_of(value)
    seed = builder.emit("zeros_like", (value,), tangent_type(value), name=f"{value.name}_bar")
    made = tuple(
        builder.emit(
            "alloc",
            (*shape, *shape_of(parameter)),
            ty.array(ty.element(parameter.type), len(shape) + len(shape_of(parameter))),
            {"fill": "empty"},
            "jacobian",
        )
        for parameter in parameters
    )

    zeros: set[int] = set()  # the rows of which parameters must be zeros before

    def row(held: Values, where: Values) -> Values:
        builder = current_builder()
        seed = held[0]
        one = constant(1.0, seed.type.dtype)
        seed = builder.emit("store", (seed, *where, one), seed.type, {"unit": True}, seed.name)
        gradients = inline(pullback, (*residuals, seed))
        filled = []
        for k, (array, gradient) in enumerate(zip(held[1:], gradients, strict=True)):
            if not ty.is_array(gradient.type):
                filled.append(builder.emit("store", (array, *where, gradient), array.type, name=array.name))
                continue
            others = (*gradients[:k], *gradients[k + 1 :])
            direct = made_in_row(builder.ops, gradient, array, where, others)
            if direct is None:
                filled.append(copy_elements(builder, array, where, gradient, (), gradient.type.ndim))
                continue
            zeros.add(k)
            builder.ops[:], target = direct
            filled.append(target)
        nothing = constant(0.0, seed.type.dtype)
        return builder.emit("store", (seed, *where, nothing), seed.type, name=seed.name), *filled

    filled = over_places(shape, (seed, *made), row)[1:]
    for k in zeros:
        at = next(n for n, op in enumerate(builder.ops) if made[k] in op.results)
        builder.ops[at] = replace(builder.ops[at], attributes={"fill": "zeros"})
    return filled


def shape_of(value: Value) -> Values:
    if not ty.is_array(value.type):
        return ()
    return tuple(
        current_builder().emit("shape", (value,), ty.int64, {"axis": axis}) for axis in range(value.type.ndim)
    )


__all__ = [
    "build_compressed_jacobian",
    "build_forward_jacobian",
    "build_reverse_jacobian",
    "over_places",
    "shape_of",
]
