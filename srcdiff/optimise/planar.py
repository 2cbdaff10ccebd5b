"""Keep the parts of complex elements in two arrays.

    x = np.empty(n, np.complex128)         x_real = np.empty(n)
    for i in range(n):                     x_imag = np.empty(n)
        x[i] = x[i] - f * y[i]      ->     for i in range(n):
                                               t = complex(x_real[i], x_imag[i]) - f * complex(y_real[i], y_imag[i])
                                               x_real[i] = t.real
                                               x_imag[i] = t.imag

Where the parts of a number lie next to each other, vectorised loops spend more time on taking them apart and putting
them together again than on arithmetic. Only arrays of the function itself are split, of which nothing but elements is
used and that innermost loops multiply, one element after the other and more than once: where they stride, or look
elements up in loops as deep, one place in memory is better than two. Reads: structure, affine forms.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..analysis.affine import Affine
from ..analysis.structure import Structure, find_structure
from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Block, Function, Op, Value, indices_of, loop_body
from ..ir.walk import ops_of, ops_within
from ..primitives.complex_numbers import imag, real

ACCESSES = ("load", "store", "accum")
MADE = ("alloc", "zeros_like", "empty_like")
REGIONS = ("for", "while", "if")

Parts = tuple[Value, Value]


def split_complex(function: Function) -> Function:
    """The function with the parts of complex arrays apart where innermost loops gain by it."""
    structure = find_structure(function.body)
    storages = split_storages(function, Affine(structure))
    return (
        replace(function, body=Splitting(structure, storages).block(function.body)) if storages else function
    )


def split_storages(function: Function, affine: Affine) -> set[Value]:
    """The complex arrays that are split, by storage."""
    structure = affine.structure
    made = [op.result for op in ops_within(function.body) if op.primitive in MADE]
    found = {structure.storage(v) for v in made if is_complex(v.type)} - structure.mixed
    found -= {structure.storage(v) for v in (*function.parameters, *function.results) if ty.is_array(v.type)}
    gains: dict[
        Value, int
    ] = {}  # how many loops are around the accesses that gain, and around those that do not
    loses: dict[Value, int] = {}
    for op in ops_within(function.body):
        if op.primitive in ACCESSES and len(indices_of(op)) == op.operands[0].type.ndim:
            storage, loops = structure.storage(op.operands[0]), structure.around[op]
            moves = is_next_to_next(op, affine)
            if moves is None:
                loses[storage] = max(loses.get(storage, 0), len(loops))
            elif moves and multiplies(loops[-1]) and comes_again(op, affine):
                gains[storage] = max(gains.get(storage, 0), len(loops))
        elif op.primitive not in (*REGIONS, *MADE, "shape", "release"):
            arrays = (v for v in (*op.operands, *op.results) if ty.is_array(v.type))
            found -= {structure.storage(v) for v in arrays}
    return {storage for storage in found if gains.get(storage, 0) > loses.get(storage, 0)}


def is_complex(type: ty.Type) -> bool:
    """Whether arrays of this type can be split: the built-in `complex` makes no single ones of their parts."""
    return ty.is_array(type) and type.dtype == ty.complex128 and type.layout == "C"


def is_next_to_next(access: Op, affine: Affine) -> bool | None:
    """Whether an innermost loop goes from an element to the one next to it; None if it goes elsewhere."""
    around = affine.structure.around[access]
    loop = next((op for op in reversed(around) if op.primitive in ("for", "while")), None)
    if loop is None or any(op.primitive in ("for", "while") for op in ops_within(loop_body(loop))):
        return False
    index = loop_body(loop).parameters[0] if loop.primitive == "for" else None
    forms = [affine.form(i) for i in indices_of(access)]
    if any(
        loop in affine.structure.home.get(v, ()) for form in forms for v, _ in form.terms if v is not index
    ):
        return None
    *far, near = [0 if index is None else form.coefficient(index) for form in forms]
    return None if any(far) or abs(near) > 1 else bool(near)


def comes_again(access: Op, affine: Affine) -> bool:
    """Whether loops come to the elements of an array more than once: putting parts apart costs as much as a use."""
    structure = affine.structure
    home = structure.home[structure.origin(access.operands[0])]
    loops = [op for op in structure.around[access] if op.primitive in ("for", "while") and op not in home]
    inside = [v for i in indices_of(access) for v, _ in affine.form(i).terms if affine.loop_of(v) is None]
    computed = any(op in structure.home.get(v, ()) for v in inside for op in loops)
    return len(loops) > access.operands[0].type.ndim and not computed


def multiplies(loop: Op) -> bool:
    """Whether there is a product or quotient of complex numbers in an op with regions."""
    return any(op.primitive in ("mul", "div") and ty.is_complex(op.result.type) for op in ops_of(loop))


class Splitting:
    """A function with the arrays of `storages` in parts, by the versions that they had."""

    def __init__(self, structure: Structure, storages: set[Value]) -> None:
        self.structure, self.storages = structure, storages
        self.parts: dict[Value, Parts] = {}

    def is_split(self, value: Value) -> bool:
        return ty.is_array(value.type) and self.structure.storage(value) in self.storages

    def new(self, version: Value) -> Parts:
        type = ty.array(ty.real_of(version.type.dtype), version.type.ndim)
        stem = version.name.removesuffix("_tape")
        end = version.name[len(stem) :]
        names = [f"{stem}_{part}{end}" if stem else "" for part in ("real", "imag")]
        self.parts[version] = Value(names[0], type), Value(names[1], type)
        return self.parts[version]

    def defined(self, values: Iterable[Value]) -> tuple[Value, ...]:
        return tuple(part for v in values for part in (self.new(v) if self.is_split(v) else (v,)))

    def used(self, values: Iterable[Value]) -> tuple[Value, ...]:
        return tuple(part for v in values for part in self.parts.get(v, (v,)))

    def block(self, block: Block) -> Block:
        parameters = self.defined(block.parameters)
        with Builder() as builder:
            for op in block.ops:
                self.op(builder, op)
        return Block(parameters, tuple(builder.ops), self.used(block.results))

    def op(self, builder: Builder, op: Op) -> None:
        builder.location = op.location
        array = op.operands[0] if op.operands else None
        if op.primitive in MADE:
            self.made(builder, op)
        elif op.regions:
            operands = self.used(op.operands)
            regions = tuple(self.block(region) for region in op.regions)
            builder.append(replace(op, operands=operands, regions=regions, results=self.defined(op.results)))
        elif array not in self.parts:
            builder.append(op)
        elif op.primitive == "load":
            parts = [
                builder.emit("load", (part, *indices_of(op)), part.type.dtype) for part in self.parts[array]
            ]
            builder.append(Op("complex", tuple(parts), op.results, (), {}, op.location))
        elif op.primitive == "shape":
            builder.append(replace(op, operands=(self.parts[array][0],)))
        elif op.primitive == "release":
            for part in self.parts[array]:
                builder.append(replace(op, operands=(part, *op.operands[1:])))
        else:
            values = parts_of(op.operands[-1], array.type.dtype)
            for part, value, new in zip(self.parts[array], values, self.new(op.result), strict=True):
                builder.append(replace(op, operands=(part, *indices_of(op), value), results=(new,)))

    def made(self, builder: Builder, op: Op) -> None:
        """Emit what makes an array: as long as the parts of another one, if it was made as long as that."""
        results = self.defined(op.results)
        if op.primitive == "alloc" or (op.operands[0] in self.parts) == (len(results) > 1):
            sources = self.used(op.operands) if op.primitive != "alloc" else results
            for k, (result, source) in enumerate(zip(results, sources, strict=True)):
                operands = op.operands if op.primitive == "alloc" else (source,)
                attributes = op.attributes
                if k and attributes.get("fill") == "ones":  # the imaginary part of 1 is 0
                    attributes = {**attributes, "fill": "zeros"}
                builder.append(replace(op, operands=operands, results=(result,), attributes=attributes))
            return
        like = self.used(op.operands)[0]
        lengths = tuple(
            builder.emit("shape", (like,), ty.int64, {"axis": axis}) for axis in range(like.type.ndim)
        )
        fill = "zeros" if op.primitive == "zeros_like" else "empty"
        for result in results:
            attributes = {**op.attributes, "fill": fill}
            builder.append(Op("alloc", lengths, (result,), (), attributes, op.location))


def parts_of(value: Value, dtype: ty.Type) -> Parts:
    """The parts of a number that is stored into an array of complex numbers."""
    type = ty.real_of(dtype)
    if value.is_constant:
        number = complex(value.constant)
        return constant(number.real, type), constant(number.imag, type)
    if not ty.is_complex(value.type):
        return value, constant(0.0, type)
    return real(value), imag(value)


__all__ = ["split_complex"]
