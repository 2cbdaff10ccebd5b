"""Arrays of two to four dimensions, in C and F order and strided."""

# The corpus is written the way users write.
# ruff: noqa: PLR1730

import math

import numpy as np

from tests.programs.table import case, numbers


def weighted_grid(a, w):
    s = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            s += math.sin(a[i, j]) * w[i, j]
    return s


def quadratic_form(a, x):
    s = 0.0
    n, m = a.shape
    for i in range(n):
        for j in range(m):
            s += x[i] * a[i, j] * x[j]
    return s


def differences_of_columns(a, w):
    """A slice of one element keeps its axis, and is broadcast along it."""
    x = a[:, 0:1]
    d = x.T - x
    s = np.sum(d * d * w[0, 0])
    for i in range(a.shape[1]):
        s += np.sum(w * a[:, i : i + 1] * a[:, -1:])
        s += np.sum(a[-2:-1] * w)
    return s


def rows_repeated_by_slices(b, w, x):
    """A row or column given as an array of two axes is repeated where its slice is written."""
    y = np.tanh(x @ w + b[:1])
    return np.sum(y * y[:, :1] * b[:1]) + np.mean((y - y[-1:]) ** 2)


def rows_from_rows(a, w):
    """Rows and columns computed from others of the same array: no copy, also where both are the same one."""
    u = a.copy()
    n, m = u.shape
    for i in range(n):
        u[i] = w[i] * u[i - 1] + np.sin(u[i])
        u[i, 1:] = u[i - 1, : m - 1] * u[i, 1:]
    for j in range(1, m):
        u[:, j] += u[:, j - 1] * w[:, j]
    u[-1] = u[0] * w[0]
    u[0, 1:] = u[-1, :-1] * w[0, 1:]
    return np.sum(u * w)


def vectors_by_parts_of_a_matrix(a, w):
    s = 0.0
    for i in range(a.shape[1]):
        s += np.sum((w[:, i] @ a[:, i:]) ** 2)
        s += np.sum(a[i % 2 :, 1:].T @ w[i % 2 :, 0] * w[0, 1:])
    for i in range(a.shape[0]):
        s += np.sum(a[i:, 1:] @ w[i, 1:] * w[i:, 0])
    return s


def matrix_product(a, b, w):
    c = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[k, j]
    s = 0.0
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            s += c[i, j] * w[i, j]
    return s


def transposed_access(a, w):
    s = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            s += a[i, j] * a[j, i] * w[i, j] + a[i][j] * a[-1, j]
    return s


def rows_as_views(a, w):
    s = 0.0
    for i in range(a.shape[0]):
        row = a[i]
        for j in range(len(row)):
            s += row[j] * w[i, j] * row[j - 1]
    return s


def over_rows(a):
    s = 0.0
    for row in a:
        p = 1.0
        for v in row:
            p = p * v + v
        s += p
    return s


def columns_as_views(a, w):
    s = 0.0
    for j in range(a.shape[1]):
        column = a[:, j]
        for i in range(1, a.shape[0]):
            s += column[i] * column[i - 1] * w[i, j]
    return s


def heat_in_place(u, w, steps):
    n, m = u.shape
    for t in range(steps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                u[i, j] = 0.2 * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] * u[i, j + 1] + u[i, j])
    s = 0.0
    for i in range(n):
        for j in range(m):
            s += u[i, j] * w[i, j]
    return s


def heat_with_swap(u, w, steps):
    v = u.copy()
    for t in range(steps):
        for i in range(1, u.shape[0] - 1):
            for j in range(1, u.shape[1] - 1):
                v[i, j] = u[i, j] + 0.1 * math.sin(u[i - 1, j] + u[i + 1, j] - 2.0 * u[i, j]) * u[i, j - 1]
        u, v = v, u
    s = 0.0
    for i in range(u.shape[0]):
        for j in range(u.shape[1]):
            s += u[i, j] ** 2 * w[i, j]
    return s


def cholesky(a, w):
    n = a.shape[0]
    l = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            s = a[i, j]
            for k in range(j):
                s -= l[i, k] * l[j, k]
            if i == j:
                l[i, i] = math.sqrt(s)
            else:
                l[i, j] = s / l[j, j]
    r = 0.0
    for i in range(n):
        for j in range(i + 1):
            r += l[i, j] * w[i, j]
    return r


def triangular_solve(l, b, w):
    x = b.copy()
    for i in range(len(b)):
        for j in range(i):
            x[i] -= l[i, j] * x[j]
        x[i] /= 2.0 + l[i, i]
    s = 0.0
    for i in range(len(b)):
        s += x[i] * w[i]
    return s


def gauss_elimination(a, b, w):
    n = len(b)
    for k in range(n):
        for i in range(k + 1, n):
            m = a[i, k] / a[k, k]
            for j in range(k, n):
                a[i, j] -= m * a[k, j]
            b[i] -= m * b[k]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, n):
            b[i] -= a[i, j] * b[j]
        b[i] /= a[i, i]
    s = 0.0
    for i in range(n):
        s += b[i] * w[i]
    return s


def edit_distance_soft(a, b):
    n, m = len(a), len(b)
    d = np.zeros((n + 1, m + 1))
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            cost = (a[i - 1] - b[j - 1]) ** 2
            d[i, j] = cost - math.log(
                math.exp(-d[i - 1, j]) + math.exp(-d[i, j - 1]) + math.exp(-d[i - 1, j - 1])
            )
    return d[n, m]


def dynamic_time_warping(a, b):
    n, m = len(a), len(b)
    d = np.full((n + 1, m + 1), 1e10)
    d[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            best = min(d[i - 1, j], d[i, j - 1], d[i - 1, j - 1])
            d[i, j] = abs(a[i - 1] - b[j - 1]) * 1.3 + best
    return d[n, m]


def two_layer_network(w1, b1, w2, x, y):
    hidden = np.empty(b1.shape[0])
    loss = 0.0
    for r in range(x.shape[0]):
        for k in range(b1.shape[0]):
            z = b1[k]
            for j in range(x.shape[1]):
                z += w1[k, j] * x[r, j]
            hidden[k] = math.tanh(z)
        out = 0.0
        for k in range(w2.shape[0]):
            out += w2[k] * hidden[k]
        loss += (out - y[r]) ** 2
    return loss / x.shape[0]


def cell_of_three(a, w):
    s = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            for k in range(a.shape[2]):
                a[i, j, k] = a[i, j, k] * a[i - 1, j - 1, k - 1] + w[i, j, k]
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            for k in range(a.shape[2]):
                s += a[i, j, k] * w[i, j, k] * a[0, 1, -1]
    return s


def convolution(x, kernel, w):
    out = np.zeros((x.shape[0], kernel.shape[0], 2, 2))
    for b in range(x.shape[0]):
        for c in range(kernel.shape[0]):
            for i in range(2):
                for j in range(2):
                    for d in range(x.shape[1]):
                        for p in range(2):
                            for q in range(2):
                                out[b, c, i, j] += x[b, d, i + p, j + q] * kernel[c, d, p, q]
    s = 0.0
    for b in range(out.shape[0]):
        for c in range(out.shape[1]):
            for i in range(2):
                for j in range(2):
                    s += max(0.0, out[b, c, i, j]) * w[i, j]
    return s


def n_body(positions, mass):
    energy = 0.0
    for i in range(positions.shape[0]):
        for j in range(i):
            r2 = 0.01
            for d in range(positions.shape[1]):
                r2 += (positions[i, d] - positions[j, d]) ** 2
            energy -= mass[i] * mass[j] / math.sqrt(r2)
    return energy


def nearest_centres(points, centres):
    total = 0.0
    for i in range(points.shape[0]):
        best = 1e300
        for k in range(centres.shape[0]):
            d = 0.0
            for j in range(points.shape[1]):
                d += (points[i, j] - centres[k, j]) ** 2
            if d < best:
                best = d
        total += best
    return total


def row_and_opposite_row(a, w):
    s = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            s += a[i, j] * a[i, j] * w[i, j]
        for j in range(a.shape[1]):
            s += a[a.shape[0] - 1 - i, j] * w[i, j]
    return s


M, V = numbers(3, 4, seed=31), numbers(3, 4, seed=32)
S, T = numbers(4, 4, seed=33), numbers(4, 4, seed=34)
SPD = S @ S.T + 3.0 * np.eye(4)
HILL = numbers(4, 4, seed=35) + 4.0 * np.eye(4)
B, W = numbers(4, seed=36), numbers(4, seed=37)
WIDE = numbers(6, 8, seed=38)[::2, ::2]
F, BACK = np.asfortranarray(M), M[::-1, ::-1]
CUBE, CUBE_W = numbers(2, 3, 2, seed=39), numbers(2, 3, 2, seed=40)
LAYOUTS = ((M, V), (F, V), (V, F), (WIDE, BACK), (M.astype(np.float32), V.astype(np.float32)))
PROGRAMS = [
    case(weighted_grid, *LAYOUTS, (M[:0], V[:0]), argnums=(0, 1)),
    case(row_and_opposite_row, *LAYOUTS, argnums=(0, 1)),
    case(quadratic_form, (S, B), (S.T, B), argnums=(0, 1)),
    case(differences_of_columns, *LAYOUTS, argnums=(0, 1)),
    case(rows_repeated_by_slices, (V[:1], S, M), (WIDE[:1], S, BACK), argnums=(0, 1, 2)),
    case(rows_from_rows, *LAYOUTS, (M[:1], V[:1]), (M[:, :1], V[:, :1]), argnums=(0, 1)),
    case(vectors_by_parts_of_a_matrix, *LAYOUTS, argnums=(0, 1)),
    case(matrix_product, (M, V.T, S), (np.asfortranarray(M), V.T.copy(), T), argnums=(0, 1)),
    case(transposed_access, (S, T), (S.T, T), argnums=(0, 1)),
    case(rows_as_views, *LAYOUTS, argnums=(0, 1)),
    case(over_rows, (M,), (F,), (WIDE,)),
    case(columns_as_views, *LAYOUTS, argnums=(0, 1)),
    case(heat_in_place, (S, T, 2), (np.asfortranarray(S), T, 2), (WIDE, M, 1), argnums=(0, 1)),
    case(heat_with_swap, (S, T, 0), (S, T, 1), (S, T, 4), (np.asfortranarray(S), T, 3), argnums=(0, 1)),
    case(cholesky, (SPD, T), argnums=(0, 1)),
    case(triangular_solve, (S * 0.5, B, W), argnums=(0, 1)),
    case(gauss_elimination, (HILL, B, W), (np.asfortranarray(HILL), B, W), argnums=(0, 1)),
    case(edit_distance_soft, (B, W[:3]), argnums=(0, 1)),
    case(dynamic_time_warping, (B, W[:3]), argnums=(0, 1)),
    case(two_layer_network, (M, B[:3], W[:3], T, B), argnums=(0, 1, 2)),
    case(cell_of_three, (CUBE, CUBE_W), (np.asfortranarray(CUBE), CUBE_W), argnums=(0, 1)),
    case(
        convolution, (numbers(2, 2, 3, 3, seed=41), numbers(2, 2, 2, 2, seed=42), T[:2, :2]), argnums=(0, 1)
    ),
    case(n_body, (M, np.abs(B[:3]) + 0.2), argnums=(0, 1)),
    case(nearest_centres, (S, M), (WIDE, S[:2]), argnums=(0, 1)),
]
