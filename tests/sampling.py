"""Some rows of a long table, the rest with `-m slow`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def sampled(rows: Iterable[Any], every: int, first: int = 0) -> list[Any]:
    """All rows, of which one in so many runs by default, from the one with number `first` on."""
    return [row if k % every == first else slow(row) for k, row in enumerate(rows)]


def slow(row: Any) -> Any:
    """A row that runs with `-m slow`."""
    if isinstance(row, type(pytest.param())):
        return pytest.param(*row.values, id=row.id, marks=[*row.marks, pytest.mark.slow])
    values = row if isinstance(row, tuple) else (row,)
    return pytest.param(*values, marks=pytest.mark.slow)
