"""Greedy colourings of the columns of sparse matrices, so that columns of one colour can be found together.

Compiled when they are first used. Rows are given by their columns (`starts`, `columns`), columns by their rows.

A. H. Gebremedhin, F. Manne, A. Pothen, What Color Is Your Jacobian? Graph Coloring for Computing Derivatives, SIAM
Review 47 (2005), algorithms 3.1 and 4.1.
"""

from typing import Any

import numpy as np


def colour_columns(starts: Any, columns: Any, column_starts: Any, rows: Any, order: Any) -> Any:
    """Colours such that no two columns of one colour meet in a row: the entries can be read off directly."""
    colours = np.full(len(order), -1, np.int64)
    forbidden = np.full(len(order) + 1, -1, np.int64)
    for j in order:
        for p in range(column_starts[j], column_starts[j + 1]):
            for q in range(starts[rows[p]], starts[rows[p] + 1]):
                colour = colours[columns[q]]
                if colour >= 0:
                    forbidden[colour] = j
        colour = 0
        while forbidden[colour] == j:
            colour += 1
        colours[j] = colour
    return colours


def colour_symmetric(starts: Any, columns: Any, column_starts: Any, rows: Any, order: Any) -> Any:
    """A star colouring of a symmetric matrix: each entry, or its mirror image, can be read off directly."""
    colours = np.full(len(order), -1, np.int64)
    forbidden = np.full(len(order) + 1, -1, np.int64)
    for v in order:
        for p in range(starts[v], starts[v + 1]):
            w = columns[p]
            if w == v:
                continue
            between = colours[w]
            if between >= 0:
                forbidden[between] = v
            for q in range(starts[w], starts[w + 1]):
                x = columns[q]
                colour = colours[x]
                if colour >= 0 and x != w and (between < 0 or colour < between):
                    forbidden[colour] = v
        colour = 0
        while forbidden[colour] == v:
            colour += 1
        colours[v] = colour
    return colours
