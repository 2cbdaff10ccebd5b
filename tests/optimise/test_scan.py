"""Loops over the places of a mask become loops over the mask, where they ask for nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.truth import assert_near, true_gradient

RNG = np.random.default_rng(5)
VECTORS = (RNG.standard_normal(7), RNG.standard_normal(7))
MATRICES = (RNG.standard_normal((3, 4)), RNG.standard_normal((3, 4)))


def mean_of_some(x, y):
    some = x[y > 0.1]
    return np.mean(some * some)


def in_rings(x, y):
    means = np.zeros(3)
    for k in range(3):
        inside = np.logical_and(k - 1.5 <= y, y < k - 0.5)
        means[k] = np.sum(x[inside]) / (1.0 + np.sum(inside))
    return np.sum(means * means)


def matrix(x, y):
    return np.sum(x[x > y]) * np.sum(y)


def set_where(x, y):
    z = x * y
    z[z < 0.2] = 0.3
    return np.sum(z * x)


def set_and_scaled(x, y):
    z = x * y
    z[z < 0.2] = 0.3
    z[y > 0.0] *= 2.0
    return np.sum(z * x)


def two_readers(x, y):
    mask = x > 0.0
    return np.sum(x[mask] * y[mask]) + np.sum(np.sin(y[mask]))


def mask_changed_behind(x, y):
    mask = x > 0.0
    some = y[mask]
    mask[0] = not mask[0]
    return np.sum(some) + np.sum(x[mask])


def none_taken(x, y):
    return np.sum(x[x > 100.0]) + np.sum(y)


def by_number(x, y):
    some = x[y > 0.0]
    total = 0.0
    for k in range(len(some)):
        total += (k + 1) * some[k]
    return total


def places_kept(x, y):
    (places,) = np.nonzero(y > 0.0)
    return np.sum(x[places]) * len(places) + x[places[0]]


def mask_computed_from_what_is_stored(x, y):
    z = x.copy()
    (places,) = np.nonzero(z > 0.0)
    for k in range(len(places)):
        z[places[k]] = -y[places[k]]
        z[0] = 1.0
    return np.sum(z * x)


SCANNED = [
    (mean_of_some, VECTORS),
    (in_rings, VECTORS),
    (matrix, MATRICES),
    (none_taken, VECTORS),
    (set_where, VECTORS),
    (two_readers, VECTORS),
    (mask_computed_from_what_is_stored, VECTORS),
]
LISTED = [
    (set_and_scaled, VECTORS),
    (mask_changed_behind, VECTORS),
    (by_number, VECTORS),
    (places_kept, VECTORS),
]


def gradient_of(f: Callable[..., Any], args: tuple[Any, ...]) -> tuple[str, Any]:
    """The text of a gradient, and what it gives as plain Python."""
    text = differentiate(f, argnums=(0, 1)).gradient_source(*args)
    names: dict[str, Any] = {}
    exec(text, names)
    return text, names[f"{f.__name__}_grad"](*(a.copy() for a in args))[1]


@pytest.mark.parametrize(("f", "args"), [*SCANNED, *LISTED], ids=lambda x: getattr(x, "__name__", ""))
def test_gradient(f, args) -> None:
    with np.errstate(all="ignore"):
        _, got = gradient_of(f, args)
        want, error = true_gradient(f, args, (0, 1))
    for k in range(2):
        assert_near(got[k], want[k], 1e-7, 1e-9, error[k], f"{f.__name__} {k}")


@pytest.mark.parametrize(("f", "args"), SCANNED, ids=lambda x: getattr(x, "__name__", ""))
def test_no_places(f, args) -> None:
    assert "np.int64" not in gradient_of(f, args)[0]


@pytest.mark.parametrize(("f", "args"), LISTED, ids=lambda x: getattr(x, "__name__", ""))
def test_places(f, args) -> None:
    assert "np.int64" in gradient_of(f, args)[0]
