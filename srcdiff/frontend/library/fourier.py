"""`np.fft`: transforms along any axes of any arrays, from those of vectors, of rows and of matrices.

    np.fft.rfft(x)    ->    the first len(x) // 2 + 1 elements of  fft x

Numba compiles transforms where rocket-fft is installed, which is found by Numba itself.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir import types as ty
from ..linalg import apply_whole
from ..things import ArrayView, Elementwise, Scalar, Slice
from .axes import EVERYTHING, Indices, axes_of, axis_of, is_none, items_of, replaced, word
from .complex_numbers import real
from .rearranging import CALLS as REARRANGING
from .shapes import moved

if TYPE_CHECKING:
    from ..calls import Calls


def check_compiled(calls: Calls) -> None:
    try:
        importlib.import_module("rocket_fft")
    except ImportError:
        calls.refuse(
            "a Fourier transform, which Numba alone cannot compile",
            "the package rocket-fft, which lets it, is not installed",
            "`pip install rocket-fft`, or the extra `fft` of srcdiff",
        )


# ------------------------------------------------------------------------------------------- the transforms


def along(calls: Calls, z: Any, axes: tuple[int, ...], inverse: bool) -> Any:
    """The transform along some axes; each call of the compiled one is on a whole array in C order."""
    i = "i" if inverse else ""
    if z.ndim == 1:
        return apply_whole(calls, f"{i}fft", in_order(calls, z))
    if z.ndim == 2 and len(axes) == 2:
        return apply_whole(calls, f"{i}fft2", in_order(calls, z))
    for k in axes:
        z = moved(calls, z, k, -1) if k < z.ndim - 1 else z
        shape = calls.shape(z)
        rows = z if z.ndim == 2 else calls.reshaped(z, (calls.product(shape[:-1]), shape[-1]))
        z = apply_whole(calls, f"{i}fft_rows", in_order(calls, rows))
        z = z if len(shape) == 2 else calls.reshaped(z, shape)
        z = moved(calls, z, -1, k) if k < z.ndim - 1 else z
    return z


def in_order(calls: Calls, z: Any) -> ArrayView:
    """A whole complex array in C order."""
    dtype = ty.complex_of(ty.real_of(ty.as_float(calls.dtype(z))))
    if isinstance(z, ArrayView) and z.whole and calls.version(z.root).type == ty.array(dtype, z.ndim):
        return z
    return calls.materialise(z, dtype)


def of_length(calls: Calls, z: Any, axis: int, n: Scalar) -> Any:
    """The array cut, or filled up with zeros, to a length along an axis."""
    shape = replaced(calls.shape(z), axis, n)
    found = calls.allocate(shape, calls.dtype(z), "zeros")
    both = tuple(Slice(None, n, None) if k == axis else EVERYTHING for k in range(z.ndim))
    own = Slice(None, calls.length(z, axis), None)
    calls.fill(calls.subscript(found, replaced(both, axis, own)), calls.subscript(z, both))
    return found


def scaled(calls: Calls, z: Any, norm: Any, lengths: tuple[Scalar, ...], inverse: bool) -> Any:
    """The transform as `norm=` wants it; as computed, the inverse one is divided by the number of elements."""
    kind = "backward" if is_none(norm) else word(calls, norm, "backward", "ortho", "forward")
    if kind == "backward":
        return z
    size = calls.floating(calls.product(lengths))
    factor = calls.scalar("sqrt", size) if kind == "ortho" else size
    return calls.elementwise(lambda x: calls.scalar("mul" if inverse else "div", x, factor), z)


def plan(
    calls: Calls, a: Any, s: Any, axes: Any, of_all: bool, two: bool
) -> tuple[Any, tuple[Any, ...], Any]:
    """The array, the lengths to cut it to (None as it is) and the axes, from the arguments."""
    check_compiled(calls)
    a = calls.steady(calls.as_array(a))
    if a.ndim == 0:
        calls.refuse("a Fourier transform of a number", "NumPy would raise an error here")
    if not of_all:
        return a, (None if is_none(s) else calls.integer(s),), (axis_of(calls, axes, a.ndim),)
    lengths = None if is_none(s) else items_of(calls, s, "the lengths of a transform")
    if is_none(axes):
        count = 2 if two else a.ndim if lengths is None else len(lengths)
        axes = tuple(range(-count, 0))
    chosen = axes_of(calls, items_of(calls, axes, "the axes of a transform"), a.ndim)
    if lengths is not None and len(lengths) != len(chosen):
        calls.refuse("as many lengths as axes are needed", "NumPy would raise an error here")
    return a, (None,) * len(chosen) if lengths is None else tuple(map(calls.integer, lengths)), chosen


def complex_transform(calls: Calls, a: Any, lengths: Any, axes: Any, norm: Any, inverse: bool) -> Any:
    for k, n in zip(axes, lengths, strict=True):
        a = a if n is None else of_length(calls, a, k, n)
    sizes = tuple(calls.length(a, k) for k in axes)
    return scaled(calls, along(calls, a, axes, inverse), norm, sizes, inverse)


def of_real(calls: Calls, a: Any, lengths: Any, axes: Any, norm: Any) -> Any:
    """The half of the transform that determines the other half."""
    if ty.is_complex(calls.dtype(a)):
        calls.refuse("this transform of complex numbers", "NumPy drops their imaginary parts", "`np.fft.fft`")
    z = complex_transform(calls, a, lengths, axes, norm, False)
    n = calls.length(z, axes[-1])
    half = calls.scalar("add", calls.scalar("floordiv", n, 2), 1)
    cut = tuple(Slice(None, half, None) if k == axes[-1] else EVERYTHING for k in range(z.ndim))
    return calls.subscript(z if isinstance(z, ArrayView) else calls.materialise(z), cut)


def to_real(calls: Calls, a: Any, lengths: Any, axes: Any, norm: Any) -> Any:
    """The inverse of `of_real`: the other half is put beside the given one, conjugate and reversed."""
    *lengths, n = lengths
    last = axes[-1]
    if n is None:
        n = calls.scalar("mul", calls.scalar("sub", calls.length(a, last), 1), 2)
    half = calls.scalar("add", calls.scalar("floordiv", n, 2), 1)
    for k, m in zip(axes[:-1], lengths, strict=True):
        a = a if m is None else of_length(calls, a, k, m)
    if len(axes) > 1:
        a = along(calls, a, axes[:-1], True)
    given = calls.steady(of_length(calls, a, last, half))

    def at(i: Indices) -> Scalar:
        first = calls.scalar("lt", i[last], half)
        k = calls.scalar("select", first, i[last], calls.scalar("sub", n, i[last]))
        calls.never_below_zero(k)
        value = calls.at(given, replaced(i, last, k))
        other = calls.scalar("conj", value) if ty.is_complex(calls.as_value(value).type) else value
        return calls.scalar("select", first, value, other)

    full = Elementwise(replaced(calls.shape(given), last, n), at, calls.reads(given))
    z = along(calls, calls.materialise(full), (last,), True)
    sizes = tuple(calls.length(z, k) for k in axes)
    return scaled(calls, calls.materialise(real(calls, z)), norm, sizes, True)


def _transform(kind: Any, of_all: bool = False, two: bool = False, **options: Any) -> Any:
    if of_all:

        def many(calls: Calls, a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
            return kind(calls, *plan(calls, a, s, axes, True, two), norm, **options)

        return many

    def one(calls: Calls, a: Any, n: Any = None, axis: Any = -1, norm: Any = None) -> Any:
        return kind(calls, *plan(calls, a, n, axis, False, two), norm, **options)

    return one


# ------------------------------------------------------------------------------------ frequencies and shifts


def _frequencies(half: bool) -> Any:
    def make(calls: Calls, n: Any, d: Any = 1.0) -> Elementwise:
        n = calls.integer(n)
        step = calls.scalar("div", 1.0, calls.scalar("mul", n, d))
        middle = calls.scalar("floordiv", calls.scalar("add", n, 1), 2)

        def at(i: Indices) -> Scalar:
            k = i[0]
            if not half:
                k = calls.scalar("select", calls.scalar("lt", k, middle), k, calls.scalar("sub", k, n))
            return calls.scalar("mul", k, step)

        length = calls.scalar("add", calls.scalar("floordiv", n, 2), 1) if half else n
        return Elementwise((length,), at, frozenset())

    return make


def _shift(back: bool) -> Any:
    def make(calls: Calls, x: Any, axes: Any = None) -> Any:
        x = calls.steady(calls.as_array(x))
        chosen = range(x.ndim) if is_none(axes) else axes_of(calls, items_of(calls, axes, "axes"), x.ndim)
        for k in chosen:
            by = calls.scalar("floordiv", calls.length(x, k), 2)
            x = calls.steady(REARRANGING[np.roll](calls, x, calls.scalar("neg", by) if back else by, k))
        return x

    return make


CALLS: dict[Any, Any] = {
    np.fft.fft: _transform(complex_transform, inverse=False),
    np.fft.ifft: _transform(complex_transform, inverse=True),
    np.fft.rfft: _transform(of_real),
    np.fft.irfft: _transform(to_real),
    np.fft.fft2: _transform(complex_transform, True, True, inverse=False),
    np.fft.ifft2: _transform(complex_transform, True, True, inverse=True),
    np.fft.rfft2: _transform(of_real, True, True),
    np.fft.irfft2: _transform(to_real, True, True),
    np.fft.fftn: _transform(complex_transform, True, inverse=False),
    np.fft.ifftn: _transform(complex_transform, True, inverse=True),
    np.fft.rfftn: _transform(of_real, True),
    np.fft.irfftn: _transform(to_real, True),
    np.fft.fftfreq: _frequencies(half=False),
    np.fft.rfftfreq: _frequencies(half=True),
    np.fft.fftshift: _shift(back=False),
    np.fft.ifftshift: _shift(back=True),
}
