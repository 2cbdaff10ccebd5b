"""A sparse matrix in compressed rows times a vector."""

import numpy as np

ARGNUMS = (2, 3)
SMALL = (6, 5)
SIZES = [(1_000, 8), (2_000, 8), (4_000, 8), (8_000, 8)]
REPORT_SIZES = [(16_384, 24)]


def make(size, rng):
    n, per_row = size
    counts = rng.integers(0, 2 * min(per_row, n) // 2 + 1, n)
    rows = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
    columns = rng.integers(0, n, rows[-1])
    return rows, columns, rng.standard_normal(rows[-1]), rng.standard_normal(n), rng.standard_normal(n)


def slices(rows, columns, values, x, weight):
    y = np.empty(rows.size - 1)
    for i in range(rows.size - 1):
        cols = columns[rows[i] : rows[i + 1]]
        vals = values[rows[i] : rows[i + 1]]
        y[i] = vals @ x[cols]
    return np.sum(weight * y)


def loops(rows, columns, values, x, weight):
    total = 0.0
    for i in range(rows.size - 1):
        y = 0.0
        for k in range(rows[i], rows[i + 1]):
            y += values[k] * x[columns[k]]
        total += weight[i] * y
    return total


def jax_loss(rows, columns, values, x, weight):
    import jax
    import jax.numpy as jnp

    n = rows.size - 1
    row_of = jnp.repeat(jnp.arange(n), jnp.diff(rows), total_repeat_length=values.size)
    y = jax.ops.segment_sum(values * x[columns], row_of, n, indices_are_sorted=True)
    return jnp.sum(weight * y)
