"""One row for each function of NumPy that is expanded into loops, called in the ways it can be called.

Every function takes the same four arrays: `m` (3, 4), `v` (6,), `w` (4,), `t` (2, 3, 4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special
from numpy.lib.stride_tricks import sliding_window_view

IDS = np.array([2, 0, 2, 1])
PLACES = np.array([[1, 3], [0, 0], [3, 2]])
COUNTS = np.array([2, 0, 1, 3])
MASK = np.array([True, False, True, True, False, True])
MASKS = np.array([[True, False, True, True], [False, False, True, False], [True, True, False, True]])
POINTS = np.array([-2.0, -0.5, 0.1, 0.4, 2.0, 3.0])


@dataclass(frozen=True)
class Row:
    """`single` says whether the result for float32 arguments has NumPy's dtype; `empty` whether the function takes
    arrays of length 0 (of the shapes (0, 4), (0,), (4,), (2, 0, 4))."""

    name: str
    function: Callable[..., Any]
    empty: bool = True
    single: bool = True


ROWS: list[Row] = []


def row(name: str, function: Callable[..., Any], empty: bool = True, single: bool = True) -> None:
    ROWS.append(Row(name, function, empty, single))


# ---------------------------------------------------------------------------------------------- shapes

row("reshape", lambda m, v, w, t: np.reshape(m, (2, 6)), empty=False)
row("reshape -1", lambda m, v, w, t: t.reshape(-1, 4), empty=False)
row("reshape int", lambda m, v, w, t: np.reshape(m * 2.0, -1))
row("ravel", lambda m, v, w, t: np.ravel(t))
row("ravel transposed", lambda m, v, w, t: m.T.ravel())
row("ravel by columns", lambda m, v, w, t: np.ravel(t, order="F") * m.ravel("F")[0], empty=False)
row("reshape by columns", lambda m, v, w, t: np.reshape(m, (2, 6), order="F"), empty=False)
row("reshape by columns -1", lambda m, v, w, t: t.reshape(4, -1, order="F"), empty=False)
row("flatten", lambda m, v, w, t: m.flatten())
row("flatten by columns", lambda m, v, w, t: t.flatten("F"))
row(
    "made in Fortran order",
    lambda m, v, w, t: np.zeros(m.shape, order="F") + np.array(m, order="F") * m.copy("F"),
)
row("transpose", lambda m, v, w, t: np.transpose(t))
row("transpose axes", lambda m, v, w, t: np.transpose(t, (1, 2, 0)))
row("transpose method", lambda m, v, w, t: t.transpose(2, 0, 1))
row("transpose expression", lambda m, v, w, t: (m * 2.0).T)
row("swapaxes", lambda m, v, w, t: np.swapaxes(t, 0, -1))
row("moveaxis", lambda m, v, w, t: np.moveaxis(t, 0, -1))
row("moveaxis of two", lambda m, v, w, t: np.moveaxis(t, (0, 1), (-1, 0)))
row("rollaxis", lambda m, v, w, t: np.rollaxis(t, 2))
row("rollaxis start", lambda m, v, w, t: np.rollaxis(t, 0, 3))
row("expand_dims", lambda m, v, w, t: np.expand_dims(m, (0, -1)))
row("expand_dims of expression", lambda m, v, w, t: np.expand_dims(m + 1.0, 1))
row("squeeze", lambda m, v, w, t: np.squeeze(m[:, None, :], axis=1))
row("squeeze known", lambda m, v, w, t: np.squeeze(np.array([[w[0], w[1]]])))
row("atleast_1d", lambda m, v, w, t: np.atleast_1d(v))
row("atleast_1d of a number", lambda m, v, w, t: np.atleast_1d(w[0] * 2.0))
row("atleast_2d", lambda m, v, w, t: np.atleast_2d(v))
row("atleast_3d", lambda m, v, w, t: np.atleast_3d(m))
row("atleast_3d of a vector", lambda m, v, w, t: np.atleast_3d(v))
row("broadcast_to", lambda m, v, w, t: np.broadcast_to(w, (3, 4)))
row("windows", lambda m, v, w, t: sliding_window_view(w, 2))
row("windows of a matrix", lambda m, v, w, t: sliding_window_view(m, (2, 3)), empty=False)
row("windows along an axis", lambda m, v, w, t: sliding_window_view(m, 2, axis=-1))
row("broadcast_arrays", lambda m, v, w, t: np.broadcast_arrays(m, w)[1])
row("flip", lambda m, v, w, t: np.flip(m))
row("flip axis", lambda m, v, w, t: np.flip(t, (0, 2)))
row("flip expression", lambda m, v, w, t: np.flip(m * w, 1))
row("flipud", lambda m, v, w, t: np.flipud(m))
row("fliplr", lambda m, v, w, t: np.fliplr(m))
row("rot90", lambda m, v, w, t: np.rot90(m))
row("rot90 twice", lambda m, v, w, t: np.rot90(m, 2))
row("rot90 back", lambda m, v, w, t: np.rot90(t, -1, (1, 2)))
row("split", lambda m, v, w, t: np.split(v, 3)[1])
row("split at", lambda m, v, w, t: np.split(v, [1, 3])[1])
row("array_split", lambda m, v, w, t: np.array_split(v, 4)[0])
row("vsplit", lambda m, v, w, t: np.vsplit(m, 3)[2])
row("hsplit", lambda m, v, w, t: np.hsplit(m, 2)[1])
row("dsplit", lambda m, v, w, t: np.dsplit(t, 2)[0])

# --------------------------------------------------------------------------------------------- joining

row("concatenate", lambda m, v, w, t: np.concatenate((v, w)))
row("concatenate axis", lambda m, v, w, t: np.concatenate((m, m * 2.0), axis=1))
row("concatenate flat", lambda m, v, w, t: np.concatenate((m, w), axis=None))
row("concatenate three", lambda m, v, w, t: np.concatenate([t, t, t], axis=-2))
row("stack", lambda m, v, w, t: np.stack((w, w * w)))
row("stack last", lambda m, v, w, t: np.stack((m, m + 1.0), axis=-1))
row("stack types", lambda m, v, w, t: np.stack((IDS, w)))
row("vstack", lambda m, v, w, t: np.vstack((m, w)))
row("hstack", lambda m, v, w, t: np.hstack((m, m)))
row("hstack vectors", lambda m, v, w, t: np.hstack((v, w)))
row("dstack", lambda m, v, w, t: np.dstack((m, m * m)))
row("column_stack", lambda m, v, w, t: np.column_stack((w, w * 2.0)))
row("append", lambda m, v, w, t: np.append(v, w[0]))
row("block", lambda m, v, w, t: np.block([[m, m], [m * 2.0, m]]))
row("array of rows", lambda m, v, w, t: np.array([w, w * w]))

# --------------------------------------------------------------------------------------- rearranging

row("roll", lambda m, v, w, t: np.roll(v, 2))
row("roll back", lambda m, v, w, t: np.roll(v * v, -1))
row("roll axis", lambda m, v, w, t: np.roll(m, 1, axis=1))
row("roll both", lambda m, v, w, t: np.roll(m, (1, 2), axis=(0, 1)))
row("roll flat", lambda m, v, w, t: np.roll(m, 5))
row("repeat", lambda m, v, w, t: np.repeat(v, 3))
row("repeat axis", lambda m, v, w, t: np.repeat(m, 2, axis=1))
row("repeat counts", lambda m, v, w, t: np.repeat(w, COUNTS))
row("repeat method", lambda m, v, w, t: m.repeat(2, 0))
row("tile", lambda m, v, w, t: np.tile(v, 2))
row("tile matrix", lambda m, v, w, t: np.tile(m, (2, 1)))
row("tile deeper", lambda m, v, w, t: np.tile(w, (2, 3)))
row("pad", lambda m, v, w, t: np.pad(v, 2))
row("pad constant", lambda m, v, w, t: np.pad(m, ((1, 0), (0, 2)), constant_values=1.5))
row("pad edge", lambda m, v, w, t: np.pad(m, 1, mode="edge"), empty=False)
row("pad reflect", lambda m, v, w, t: np.pad(v, (3, 7), mode="reflect"), empty=False)
row("pad symmetric", lambda m, v, w, t: np.pad(v, 2, mode="symmetric"), empty=False)
row("pad wrap", lambda m, v, w, t: np.pad(m, 2, mode="wrap"), empty=False)
row("diagonal", lambda m, v, w, t: np.diagonal(m))
row("diagonal offset", lambda m, v, w, t: np.diagonal(t, 1, 1, 2))
row("diag of a matrix", lambda m, v, w, t: np.diag(m, -1))
row("diag of a vector", lambda m, v, w, t: np.diag(w, 1))
row("diagflat", lambda m, v, w, t: np.diagflat(w))
row("trace", lambda m, v, w, t: np.trace(m))
row("trace offset", lambda m, v, w, t: np.trace(t, 1, 0, 2))
row("triu", lambda m, v, w, t: np.triu(m))
row("tril", lambda m, v, w, t: np.tril(m, 1))
row("triu of three", lambda m, v, w, t: np.triu(t, -1))
row("take", lambda m, v, w, t: np.take(w, IDS))
row("take flat", lambda m, v, w, t: np.take(m, PLACES), empty=False)
row("take axis", lambda m, v, w, t: np.take(m, IDS, axis=1))
row("take one", lambda m, v, w, t: np.take(m, -1, axis=1))
row("take_along_axis", lambda m, v, w, t: np.take_along_axis(m, PLACES, axis=1), empty=False)
row("compress", lambda m, v, w, t: np.compress(MASK, v), empty=False)
row("extract", lambda m, v, w, t: np.extract(MASK, v), empty=False)
row("delete", lambda m, v, w, t: np.delete(w, 1))
row(
    "arange of floats",
    lambda m, v, w, t: np.arange(4.0) * w + np.arange(0, 2.5)[2],
    empty=False,
    single=False,
)
row("arange float32", lambda m, v, w, t: np.arange(np.float32(3)) + np.arange(np.float32(1), 4), single=False)
row("index arrays", lambda m, v, w, t: m[IDS, np.arange(4)], empty=False)
row("index array and slice", lambda m, v, w, t: t[:, IDS, 1:], empty=False)
row("index arrays apart", lambda m, v, w, t: t[IDS % 2, :, IDS], empty=False)
row("index array and number", lambda m, v, w, t: t[1, :, IDS], empty=False)
row("index of two dimensions", lambda m, v, w, t: w[PLACES])
row("index by ix_", lambda m, v, w, t: m[np.ix_(np.array([2, 0]), IDS)], empty=False)
row("index by a mask of two dimensions", lambda m, v, w, t: m[MASKS], empty=False)
row("index by triu_indices", lambda m, v, w, t: m[np.triu_indices(3)], empty=False)
row("index by tril_indices", lambda m, v, w, t: m[np.tril_indices(3, -1)], empty=False)
row("index by nonzero", lambda m, v, w, t: m[np.nonzero(MASKS)], empty=False)

# ----------------------------------------------------------------------------------------- reductions

row("sum", lambda m, v, w, t: np.sum(t))
row("sum axis", lambda m, v, w, t: np.sum(t, axis=-1))
row("sum axes", lambda m, v, w, t: t.sum((0, 2)))
row("sum keepdims", lambda m, v, w, t: np.sum(m, axis=0, keepdims=True))
row("sum of type", lambda m, v, w, t: np.sum(m, dtype=np.float64))
row("mean", lambda m, v, w, t: np.mean(m), empty=False)
row("mean axis", lambda m, v, w, t: m.mean(1, keepdims=True))
row("prod", lambda m, v, w, t: np.prod(m, axis=1))
row("var", lambda m, v, w, t: np.var(m, axis=0, ddof=1), empty=False)
row("std", lambda m, v, w, t: np.std(v, ddof=1), empty=False)
row("std axis", lambda m, v, w, t: m.std(axis=1, keepdims=True))
row("max", lambda m, v, w, t: np.max(m), empty=False)
row("max axis", lambda m, v, w, t: np.max(t, axis=(0, 2)))
row("min axis", lambda m, v, w, t: m.min(axis=0, keepdims=True), empty=False)
row("amax", lambda m, v, w, t: np.amax(m, 1))
row("ptp", lambda m, v, w, t: np.ptp(m, axis=1))
row("average", lambda m, v, w, t: np.average(m, axis=1, weights=np.exp(w)))
row("average of all", lambda m, v, w, t: np.average(m, weights=np.exp(m)), empty=False)
row("nansum", lambda m, v, w, t: np.nansum(np.where(m > 0.5, np.nan, m), axis=0))
row("nanprod", lambda m, v, w, t: np.nanprod(np.where(m > 0.5, np.nan, m), axis=1))
row("nanmean", lambda m, v, w, t: np.nanmean(np.where(m > 0.9, np.nan, m), axis=1))
row("nanstd", lambda m, v, w, t: np.nanstd(np.where(v > 0.9, np.nan, v)), empty=False)
row("nanmax", lambda m, v, w, t: np.nanmax(np.where(v > 0.9, np.nan, v)), empty=False)
row("cumsum", lambda m, v, w, t: np.cumsum(v))
row("cumsum axis", lambda m, v, w, t: m.cumsum(0))
row("cumsum flat", lambda m, v, w, t: np.cumsum(m))
row("cumprod", lambda m, v, w, t: np.cumprod(m, axis=1))
row("norm", lambda m, v, w, t: np.linalg.norm(m), empty=False)
row("norm axis", lambda m, v, w, t: np.linalg.norm(m, axis=1, keepdims=True))
row("norm 1", lambda m, v, w, t: np.linalg.norm(v, 1))
row("norm 3", lambda m, v, w, t: np.linalg.norm(v, 3), empty=False)
row("norm inf", lambda m, v, w, t: np.linalg.norm(m, np.inf, axis=0), empty=False)
row("norm of a matrix", lambda m, v, w, t: np.linalg.norm(m, 1), empty=False)
row("logsumexp", lambda m, v, w, t: scipy.special.logsumexp(m, axis=1), empty=False)
row("logsumexp b", lambda m, v, w, t: scipy.special.logsumexp(m, b=w * w), empty=False)
row("softmax", lambda m, v, w, t: scipy.special.softmax(m, axis=1), empty=False)
row("log_softmax", lambda m, v, w, t: scipy.special.log_softmax(m, axis=-1), empty=False)
row("argmax gathers", lambda m, v, w, t: m[np.arange(3), np.argmax(m, axis=1)], empty=False)

# ------------------------------------------------------------------------------------------- products

row("dot", lambda m, v, w, t: np.dot(m, w))
row("dot of three", lambda m, v, w, t: np.dot(t, m.T))
row("dot of numbers", lambda m, v, w, t: np.dot(w[0], m))
row("matmul", lambda m, v, w, t: np.matmul(m, m.T))
row("matmul of many", lambda m, v, w, t: t @ np.swapaxes(t, 1, 2))
row("matmul of many and a vector", lambda m, v, w, t: t @ w)
row("matmul of a vector and many", lambda m, v, w, t: m[:, 0] @ t)
row("inner", lambda m, v, w, t: np.inner(m, w))
row("inner of many", lambda m, v, w, t: np.inner(t, m))
row("vdot", lambda m, v, w, t: np.vdot(m, m * 2.0))
row("outer", lambda m, v, w, t: np.outer(v, w))
row("outer of matrices", lambda m, v, w, t: np.outer(m, w))
row("tensordot", lambda m, v, w, t: np.tensordot(t, m, axes=2))
row("tensordot axes", lambda m, v, w, t: np.tensordot(t, m, axes=([1, 2], [0, 1])))
row("tensordot one", lambda m, v, w, t: np.tensordot(t, w, axes=(2, 0)))
row("tensordot none", lambda m, v, w, t: np.tensordot(v, w, axes=0))
row("einsum matrix", lambda m, v, w, t: np.einsum("ij,kj->ik", m, m))
row("einsum implicit", lambda m, v, w, t: np.einsum("ij,j", m, w))
row("einsum sum", lambda m, v, w, t: np.einsum("ij->", m))
row("einsum transpose", lambda m, v, w, t: np.einsum("ijk->kji", t))
row("einsum diagonal", lambda m, v, w, t: np.einsum("ii->i", m[:, 1:]), empty=False)
row("einsum of three", lambda m, v, w, t: np.einsum("aij,ij,j->a", t, m, w))
row("einsum ellipsis", lambda m, v, w, t: np.einsum("...j,j->...", t, w))
row("kron", lambda m, v, w, t: np.kron(v, w))
row("kron of matrices", lambda m, v, w, t: np.kron(m, m[:2]))
row("cross", lambda m, v, w, t: np.cross(v[:3], v[3:]), empty=False)
row("cross of many", lambda m, v, w, t: np.cross(m[:, :3], m[:, 1:]))
row("cross axis", lambda m, v, w, t: np.cross(m, m[:, ::-1], axis=0), empty=False)
row("convolve", lambda m, v, w, t: np.convolve(v, w), empty=False)
row("convolve same", lambda m, v, w, t: np.convolve(w, v, "same"), empty=False)
row("convolve valid", lambda m, v, w, t: np.convolve(v, w, mode="valid"), empty=False)
row("correlate", lambda m, v, w, t: np.correlate(v, w), empty=False)
row("correlate same", lambda m, v, w, t: np.correlate(v, w, "same"), empty=False)
row("correlate short", lambda m, v, w, t: np.correlate(w, v, "same"), empty=False)
row("correlate full", lambda m, v, w, t: np.correlate(w, v, "full"), empty=False)

# -------------------------------------------------------------------------------------------- sorting

row("sort", lambda m, v, w, t: np.sort(v))
row("sort axis", lambda m, v, w, t: np.sort(t, axis=1))
row("sort rows", lambda m, v, w, t: np.sort(m * 2.0))
row("sort flat", lambda m, v, w, t: np.sort(m, axis=None))
row("argsort gathers", lambda m, v, w, t: v[np.argsort(-v)])
row("argsort rows", lambda m, v, w, t: np.take_along_axis(m, np.argsort(m, axis=1), axis=1))
row("partition", lambda m, v, w, t: np.partition(v, 2)[2], empty=False)
row("median", lambda m, v, w, t: np.median(m, axis=1), empty=False)
row("median of all", lambda m, v, w, t: np.median(m), empty=False)
row("quantile", lambda m, v, w, t: np.quantile(v, 0.3), empty=False)
row("quantiles", lambda m, v, w, t: np.quantile(m, (0.25, 0.8), axis=0), empty=False)
row("percentile", lambda m, v, w, t: np.percentile(m, 30.0, axis=1, keepdims=True), empty=False)
row("quantile lower", lambda m, v, w, t: np.quantile(v, 0.3, method="lower"), empty=False)
row("searchsorted", lambda m, v, w, t: v * np.searchsorted(POINTS, v))
row("bincount", lambda m, v, w, t: np.bincount(IDS, weights=w, minlength=5), single=False)
row("histogram", lambda m, v, w, t: np.histogram(v, bins=4)[0] * w, empty=False)
row(
    "histogram weights",
    lambda m, v, w, t: np.histogram(POINTS, bins=[-1.0, 0.2, 2.0], weights=v)[0],
    empty=False,
)

# ------------------------------------------------------------------------------------------- calculus

row("diff", lambda m, v, w, t: np.diff(v))
row("diff axis", lambda m, v, w, t: np.diff(m, axis=0), empty=False)
row("diff twice", lambda m, v, w, t: np.diff(m, n=2))
row("diff ends", lambda m, v, w, t: np.diff(v, prepend=0.0, append=w[0]))
row("ediff1d", lambda m, v, w, t: np.ediff1d(m))
row("gradient", lambda m, v, w, t: np.gradient(v), empty=False)
row("gradient spacing", lambda m, v, w, t: np.gradient(m, 0.5, axis=1))
row("gradient both", lambda m, v, w, t: np.gradient(m, 0.5, 2.0)[0], empty=False)
row("gradient points", lambda m, v, w, t: np.gradient(v, POINTS, edge_order=2), empty=False, single=False)
row("gradient second", lambda m, v, w, t: np.gradient(v, 0.3, edge_order=2), empty=False)
row("trapezoid", lambda m, v, w, t: np.trapezoid(v, dx=0.5))
row("trapezoid points", lambda m, v, w, t: np.trapezoid(m, w, axis=1))
row("interp", lambda m, v, w, t: np.interp(v, POINTS, v), empty=False, single=False)
row("interp ends", lambda m, v, w, t: np.interp(w * 3.0, POINTS, v, left=w[0], right=0.5), False, False)
row("interp number", lambda m, v, w, t: np.interp(w[1], POINTS, v), empty=False, single=False)
row("polyval", lambda m, v, w, t: np.polyval(v, w))
row("polyfit", lambda m, v, w, t: np.polyfit(np.arange(len(v)), v * v, 1), empty=False, single=False)
row("vander", lambda m, v, w, t: np.vander(w, 3))
row("cov", lambda m, v, w, t: np.cov(m), empty=False, single=False)
row("cov of two", lambda m, v, w, t: np.cov(w, w * w, bias=True), empty=False, single=False)
row("corrcoef", lambda m, v, w, t: np.corrcoef(m, rowvar=False), empty=False, single=False)

# ---------------------------------------------------------------------------------------- elementwise

row("where", lambda m, v, w, t: np.where(m > 0.0, m * m, -w))
row("stack of rows", lambda m, v, w, t: np.stack(m * m), empty=False)
row("vstack of rows", lambda m, v, w, t: np.vstack(m * m), empty=False)
row("hstack of rows", lambda m, v, w, t: np.hstack(m * m), empty=False)
row("column_stack of rows", lambda m, v, w, t: np.column_stack(m * m), empty=False)
row("concatenate of matrices", lambda m, v, w, t: np.concatenate(t * t), empty=False)
row("index of a range", lambda m, v, w, t: (m * m)[range(len(m)), 0])
row("select", lambda m, v, w, t: np.select([v > 0.5, v > 0.0], [v * v, v], 0.25))
row(
    "piecewise",
    lambda m, v, w, t: np.piecewise(v, [v < -0.3, v > 0.3], [0.5, lambda x: x * x, lambda x: x - np.sum(x)]),
)
row("clip", lambda m, v, w, t: np.clip(m, -0.5, w * w + 0.5))
row("clip method", lambda m, v, w, t: m.clip(max=0.7))
row("nan_to_num", lambda m, v, w, t: np.nan_to_num(np.where(v > 0.9, np.nan, v * v)))
row("round", lambda m, v, w, t: v * np.round(v, 1))
row("divmod", lambda m, v, w, t: np.divmod(v, 0.7)[1])
row("modf", lambda m, v, w, t: np.modf(v * 3.0)[0])
row("heaviside", lambda m, v, w, t: v * np.heaviside(v, 0.5))
row("astype", lambda m, v, w, t: np.astype(v, np.float64) * v.astype(np.float64))
row("astype int", lambda m, v, w, t: v * (v * 3.0).astype(np.int64))
row("real", lambda m, v, w, t: np.real(v) + np.conj(v) + np.imag(v))
row("angle", lambda m, v, w, t: np.angle(v) * v)
row("isclose", lambda m, v, w, t: v * np.isclose(v, v + 1e-9))
row("maximum", lambda m, v, w, t: np.maximum(m, w) + np.minimum(m, 0.3))
row("fmax", lambda m, v, w, t: np.fmax(m, w) + np.fmin(m, 0.3))
row("logaddexp", lambda m, v, w, t: np.logaddexp(m, w) + np.logaddexp2(m, 0.5))
row("remainder", lambda m, v, w, t: np.remainder(m, 0.7) + np.mod(m, -0.6))
row("arctan2", lambda m, v, w, t: np.arctan2(m, w) + np.hypot(m, 0.4))
row("steps", lambda m, v, w, t: m * (np.sign(m) + np.floor(m) + np.ceil(m) + np.trunc(m) + np.rint(m)))
row("degrees", lambda m, v, w, t: np.degrees(m) + np.rad2deg(m) + np.radians(m) + np.deg2rad(m))
row("sinc", lambda m, v, w, t: np.sinc(m) + np.square(m) + np.cbrt(m))
row("hyperbolic", lambda m, v, w, t: np.arcsinh(m) + np.tanh(m) + np.sinh(m) + np.cosh(m))
row("reciprocal", lambda m, v, w, t: np.reciprocal(v) + np.exp2(v) + np.expm1(v) + np.abs(v))

# --------------------------------------------------------------------------------------- construction

row("full", lambda m, v, w, t: np.full((2, 3), w[0] * 2.0))
row("full row", lambda m, v, w, t: np.full((2, 4), w * w))
row("full_like", lambda m, v, w, t: np.full_like(m, w[0]))
row("linspace", lambda m, v, w, t: np.linspace(w[0], w[1] * 2.0, 5), single=False)
row("linspace open", lambda m, v, w, t: np.linspace(w[0], 2.0, 4, endpoint=False), single=False)
row("linspace of arrays", lambda m, v, w, t: np.linspace(w, 2.0 * w, 3), single=False)
row("logspace", lambda m, v, w, t: np.logspace(w[0], w[1], 4), single=False)
row("geomspace", lambda m, v, w, t: np.geomspace(np.exp(w[0]), np.exp(w[1]), 4), single=False)
row("meshgrid", lambda m, v, w, t: np.meshgrid(v, w)[0] * np.meshgrid(v, w)[1])
row("meshgrid ij", lambda m, v, w, t: np.meshgrid(v, w, indexing="ij")[0])
row("eye", lambda m, v, w, t: np.eye(4, k=1) * w, single=False)
row("tri", lambda m, v, w, t: np.tri(3, 4) * m, empty=False, single=False)
row("identity", lambda m, v, w, t: np.identity(4) * w, single=False)

# --------------------------------------------------------------------------------------------- ufuncs

row("add.outer", lambda m, v, w, t: np.add.outer(v, w))
row("multiply.outer", lambda m, v, w, t: np.multiply.outer(m, w))
row("add.reduce", lambda m, v, w, t: np.add.reduce(m))
row("multiply.reduce", lambda m, v, w, t: np.multiply.reduce(m, axis=1))
row("maximum.reduce", lambda m, v, w, t: np.maximum.reduce(m, axis=1))
row("add.accumulate", lambda m, v, w, t: np.add.accumulate(m))


def added_at(m, v, w, t):
    a = np.zeros(4)
    np.add.at(a, IDS, w * w)
    np.multiply.at(a, 2, w[3])
    return a


def subtracted_at_pairs(m, v, w, t):
    a = m.copy()
    np.subtract.at(a, (IDS, IDS), w)
    return a


row("add.at", added_at, single=False)
row("subtract.at", subtracted_at_pairs, empty=False)


# --------------------------------------------------------------------------------- stores, `out=`, operators


def stored_at_pairs(m, v, w, t):
    a = m * 1.0
    a[np.arange(3), IDS[:3]] = w[:3] * w[1:]
    a[IDS, 3] -= w
    return a


def stored_at_mask(m, v, w, t):
    a = t * t
    a[:, MASKS] = 0.5
    a[1][m > 0.2] *= 3.0
    return a


def written_out(m, v, w, t):
    a = np.empty_like(m)
    np.multiply(m, w, out=a)
    np.add(a, m, a)
    np.cumsum(a, axis=1, out=a)
    b = np.zeros(4, dtype=m.dtype)
    np.sum(a, axis=0, out=b)
    np.clip(b, -1.0, 1.0, out=b)
    return a * b


def operators_in_place(m, v, w, t):
    a = m.copy()
    row, column = a[1], a[:, 2]
    a += w
    row *= 2.0
    column -= a[:, 0]
    a /= w * w + 1.0
    row **= 2
    a[::2] *= a[::2] + 1.0
    return a + row


def filled_in_place(m, v, w, t):
    a = np.zeros((3, 3))
    np.fill_diagonal(a, w[0])
    np.copyto(a[1], w[:3])
    b = v * 1.0
    np.put(b, [0, 3], w[:2])
    c = m * 1.0
    np.put_along_axis(c, PLACES, m[:, :2] * 2.0, axis=1)
    return np.sum(a) * b + np.sum(c[0])


def sorted_in_place(m, v, w, t):
    a = m * 1.0
    a.sort()
    b = m * 1.0
    b.sort(axis=0)
    return a - b


row("stores at index arrays", stored_at_pairs, empty=False)
row("stores at masks", stored_at_mask, empty=False)
row("out", written_out)
row("operators in place", operators_in_place, empty=False)
row("functions in place", filled_in_place, empty=False, single=False)
row("sort in place", sorted_in_place)
