"""Products of triangles: against whole products, and with NaN and infinity where they must not be met."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from srcdiff.runtime import triangles

LENGTHS = [(0, 3, 2), (3, 0, 2), (3, 2, 0), (1, 1, 1), (18, 15, 2), (48, 48, 2), (97, 50, 2), (50, 99, 1)]
KEPT: dict[str, Any] = {"lower": np.tril, "upper": np.triu}


@pytest.mark.parametrize("side", KEPT)
def test_a_product_reads_one_triangle(side: str) -> None:
    random, kept = np.random.default_rng(1), KEPT[side]
    for (m, n, columns), k in itertools.product(LENGTHS, (-1, 0, 1)):
        a, b = random.normal(size=(m, n)), random.normal(size=(n, columns))
        want = kept(a, k) @ b
        read = kept(np.ones((m, n), dtype=bool), k)
        a[~read] = np.nan
        product = getattr(triangles, f"{side}_product")
        assert np.allclose(product(a, b, k), want)
        assert np.allclose(product(a.T.copy().T, b.T.copy().T, k), want)
        if n:
            b[n // 2] = np.inf
            with np.errstate(invalid="ignore"):
                assert np.array_equal(np.isfinite(product(a, b, k)), ~read[:, [n // 2] * columns])


@pytest.mark.parametrize("side", KEPT)
def test_a_triangle_of_a_product(side: str) -> None:
    random, kept = np.random.default_rng(2), KEPT[side]
    for (m, columns, n), k in itertools.product(LENGTHS, (-1, 0, 1)):
        a, b = random.normal(size=(m, n)), random.normal(size=(n, columns))
        found = getattr(triangles, f"{side}_of_product")
        assert np.allclose(found(a, b, k), kept(a @ b, k))
        assert np.allclose(found(a.T.copy().T, b.T.copy().T, k), kept(a @ b, k))
