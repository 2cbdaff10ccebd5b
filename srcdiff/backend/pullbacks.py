"""Pullbacks as values of compiled code: residuals and the lengths of the results, behind a type that can be called.

    @njit
    def use(x, g):
        y, pullback = vjp(f, x)          # `pullback` is of a `PullbackType`, which knows the compiled reverse sweep
        return pullback(g)[0]            # the compiler asks its `Form` for code that takes cotangents of this type

Such a value can be returned to Python and passed to compiled code from there. Its type is that of one reverse sweep and
of one process: what Numba caches of functions that are given pullbacks is compiled again.

Reads: nothing of the rest of the package; what code there is for which cotangents is the form's business.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Protocol

from numba.core import cgutils
from numba.core.datamodel import models, register_default
from numba.core.errors import TypingError
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import Signature, signature
from numba.extending import NativeValue, box, intrinsic, overload, typeof_impl, unbox

from ..errors import DifferentiationError
from ..ir.types import nb as types
from .dispatcher import another_object, called_as_method, owner_of

__all__ = ["CALLED", "PullbackType", "pulls_back_in_compiled_code", "typed_in_compiled_code"]

TAKES_ONE = inspect.Signature([inspect.Parameter("cotangent", inspect.Parameter.POSITIONAL_OR_KEYWORD)])
CALLED: list[Any] = []  # what compiled code calls in Python lives as long as that


class Form(Protocol):
    """What a pullback is, but for its residuals: what its type asks."""

    def link(self, cotangent: Any) -> Any:
        """The dispatcher that takes residuals, lengths and cotangents of this type, compiled for them."""

    def restored(self, residuals: tuple[Any, ...], lengths: tuple[Any, ...]) -> Any:
        """The pullback for Python."""


class PullbackType(types.Callable):
    """The type of the pullbacks of one reverse sweep.

    Parameters
    ----------
    form : compared by value
    residuals : the type of the tuple of what the reverse sweep reads.
    lengths : the type of the tuple of the shapes of those results that are arrays.
    """

    def __init__(self, form: Form, residuals: types.BaseTuple, lengths: types.BaseTuple) -> None:
        self.form, self.residuals, self.lengths = form, residuals, lengths
        super().__init__(f"pullback({form}, {residuals})")

    @property
    def key(self) -> Any:
        return self.form, self.residuals, self.lengths

    def __reduce__(self) -> Any:
        return another_object, ()

    def linked(self, cotangent: Any) -> Any:
        """The type of the function that is called, and the types of its arguments."""
        plain = types.unliteral(cotangent)
        try:
            adapter = self.form.link(plain)
        except DifferentiationError as error:
            raise TypingError(f"\n{error}") from error
        return types.Dispatcher(adapter), (self.residuals, self.lengths, plain)

    def get_call_type(self, context: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        given = (*args, *keywords.values())
        if len(given) != 1 or set(keywords) - {"cotangent"}:
            raise TypingError(
                f"a pullback takes one argument, the cotangent of the results, not {len(given)}"
            )
        called, taken = self.linked(given[0])
        found = called.get_call_type(context, taken, {}).return_type
        return signature(found, taken[2], recvr=self).replace(pysig=TAKES_ONE)

    def get_call_signatures(self) -> tuple[list[Signature], bool]:
        return [], True

    def get_impl_key(self, signature: Signature) -> Any:
        return PullbackType


@register_default(PullbackType)
class PullbackModel(models.StructModel):
    """The residuals and the lengths."""

    def __init__(self, manager: Any, type: PullbackType) -> None:
        super().__init__(manager, type, [("residuals", type.residuals), ("lengths", type.lengths)])


@lower_builtin(PullbackType, PullbackType, types.Any)
def lower_call(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    type, cotangent = signature.args
    called, taken = type.linked(cotangent)
    as_function = called.get_call_type(context.typing_context, taken, {})
    call = context.get_function(called, as_function)
    context.add_linking_libs(getattr(call, "libs", ()))
    parts = cgutils.create_struct_proxy(type)(context, builder, value=args[0])
    return call(builder, (parts.residuals, parts.lengths, args[1]))


def kept_by(form: Form) -> Callable[..., Any]:
    """A function for compiled code from residuals and lengths to the pullback of this form."""

    @intrinsic  # type: ignore[untyped-decorator]
    def keep(typing_context, residuals, lengths):  # type: ignore[no-untyped-def]  # Numba compares the signatures
        made = PullbackType(form, residuals, lengths)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            parts = cgutils.create_struct_proxy(made)(context, builder)
            parts.residuals, parts.lengths = args
            for type, value in zip(signature.args, args, strict=True):
                context.nrt.incref(builder, type, value)
            return parts._getvalue()

        return made(residuals, lengths), generate

    function: Callable[..., Any] = keep
    return function


def pulls_back_in_compiled_code(
    function: Callable[..., Any], choose: Callable[[Any, tuple[Any, ...]], tuple[Any, Form, str]]
) -> None:
    """Let compiled code call `function(f, *primals)`, which gives the results and a pullback.

    `choose` gives, for `f` and the types of the primals, an object of ours that takes these and gives results and
    residuals, the form of the pullback, and the text of the lengths of `results`.
    """

    def implementation(f, *primals):  # type: ignore[no-untyped-def]  # Numba compares the signatures
        if not isinstance(f, types.Dispatcher):
            return None
        given = tuple(map(types.unliteral, primals))
        try:
            forward, form, lengths = choose(owner_of(f), given)
        except (DifferentiationError, TypeError) as error:
            raise TypingError(f"\n{error}") from error
        space = {"forward": forward, "keep": kept_by(form)}
        arguments = ", ".join(f"primals[{k}]" for k in range(len(given)))
        text = (
            "def call(f, *primals):\n"
            f"    results, residuals = forward({arguments})\n"
            f"    return results, keep(residuals, {lengths})\n"
        )
        exec(text, space)
        return space["call"]

    overload(function)(implementation)
    called_as_method(function)


@box(PullbackType)
def box_pullback(type: PullbackType, value: Any, c: Any) -> Any:
    """The pullback for Python; code with its address in it is not cached."""
    parts = cgutils.create_struct_proxy(type)(c.context, c.builder, value=value)
    residuals = c.pyapi.from_native_value(type.residuals, parts.residuals, c.env_manager)
    lengths = c.pyapi.from_native_value(type.lengths, parts.lengths, c.env_manager)
    restored = type.form.restored
    CALLED.append(restored)
    address = c.context.add_dynamic_addr(c.builder, id(restored), info="pullback")
    result = c.pyapi.call_function_objargs(address, (residuals, lengths))
    c.pyapi.decref(residuals)
    c.pyapi.decref(lengths)
    return result


@unbox(PullbackType)
def unbox_pullback(type: PullbackType, value: Any, c: Any) -> NativeValue:
    parts = cgutils.create_struct_proxy(type)(c.context, c.builder)
    failed = cgutils.false_bit
    for name in ("residuals", "lengths"):
        held = c.pyapi.object_getattr_string(value, name)
        native = c.unbox(getattr(type, name), held)
        setattr(parts, name, native.value)
        failed = c.builder.or_(failed, native.is_error)
        c.pyapi.decref(held)
    return NativeValue(parts._getvalue(), is_error=failed)


def typed_in_compiled_code(kind: type, type_of: Callable[[Any], Any]) -> None:
    """Let compiled code take objects of a class as arguments, of the type that is given for each."""

    @typeof_impl.register(kind)  # type: ignore[untyped-decorator]
    def typed(value: Any, context: Any) -> Any:
        return type_of(value)
