"""Calls of the C library, for the few numbers that a formula does not cover, which do not keep LLVM from vectorising.

    y = math.sin(x) if abs(x) > FAR else y     ->     if one of the next four is beyond: those by the library

LLVM would make that branch a choice between what is always computed, one call after the other. So the branch is in a
function of its own with a form for as many numbers as a register holds, which LLVM is told of at each call by the
attribute `vector-function-abi-variant` (mangled as in `llvm/IR/VFABIDemangler.h`). The forms are `weak_odr`: they have
to be there still when loops are vectorised, although nothing calls them before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from llvmlite.binding import llvm_version_info  # type: ignore[import-untyped]
from llvmlite.ir.instructions import CallInstrAttributes  # type: ignore[import-untyped]
from numba import float64
from numba.extending import intrinsic

LANES = (2, 4, 8)  # float64 in the registers of NEON and SSE, AVX2, AVX-512
OLDEST_WITH_FORMS = 20  # LLVM; what older ones make of the attribute was not tried
DOUBLE = ir.DoubleType()


def beyond(limit: float, function: Callable[[float], float]) -> Any:
    """For compiled code, a function of x and y: `function(x)` where |x| is above the limit, else y."""
    name = f"srcdiff_{function.__name__}_beyond"

    @intrinsic
    def chosen(typing: Any, x: Any, y: Any) -> Any:
        def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            library = context.get_function(function, float64(float64))
            forms = {lanes: f"{name}_{lanes}" for lanes in LANES}
            if name not in builder.module.globals:
                define(builder.module, name, 1, limit, library)
                for lanes, form in forms.items():
                    define(builder.module, form, lanes, limit, library)
            call = builder.call(builder.module.globals[name], args)
            mangled = ",".join(f"_ZGV_LLVM_N{lanes}vv_{name}({form})" for lanes, form in forms.items())
            call.attributes = FormsAttribute(mangled)
            return call

        return float64(float64, float64), lower

    return chosen


class FormsAttribute(CallInstrAttributes):  # type: ignore[misc]
    """The attribute of a call that names the vector forms of what is called."""

    def __init__(self, mangled: str) -> None:
        text = f'"vector-function-abi-variant"="{mangled}"'
        self._known = frozenset({text})
        super().__init__([text])


def define(module: Any, name: str, lanes: int, limit: float, library: Any) -> None:
    """Define a function of x and y, of one number or of several lanes each."""
    type = DOUBLE if lanes == 1 else ir.VectorType(DOUBLE, lanes)
    function = ir.Function(module, ir.FunctionType(type, (type, type)), name)
    function.linkage = "weak_odr"
    for attribute in ("noinline", "nounwind", "readnone"):
        function.attributes.add(attribute)
    x, y = function.args
    builder = ir.IRBuilder(function.append_basic_block())

    def is_near(x: Any) -> Any:
        below, above = (
            ir.Constant(x.type, end if x.type == DOUBLE else [end] * lanes) for end in (-limit, limit)
        )
        return builder.and_(builder.fcmp_unordered(">=", x, below), builder.fcmp_unordered("<=", x, above))

    near = is_near(x)
    if lanes > 1:
        near = builder.bitcast(near, ir.IntType(lanes))
    with builder.if_then(builder.icmp_unsigned("==", near, ir.Constant(near.type, -1)), likely=True):
        builder.ret(y)
    if lanes == 1:
        builder.ret(library(builder, (x,)))
        return
    for lane in range(lanes):
        at = ir.Constant(ir.IntType(32), lane)
        one = builder.extract_element(x, at)
        by_library = library(builder, (one,))
        chosen = builder.select(is_near(one), builder.extract_element(y, at), by_library)
        y = builder.insert_element(y, chosen, at)
    builder.ret(y)


def has_forms() -> bool:
    """Whether LLVM replaces calls by their vector forms."""
    return llvm_version_info[0] >= OLDEST_WITH_FORMS  # type: ignore[no-any-return]


__all__ = ["beyond", "has_forms"]
