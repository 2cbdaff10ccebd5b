"""Products of stacks of matrices are one call; what only looks like one stays a loop."""

from __future__ import annotations

import numpy as np
import pytest

from srcdiff import differentiate, hessian, jacfwd, sparse_jacobian, value_and_grad
from tests.truth import assert_gradient

RNG = np.random.default_rng(8)


def stack(*lengths):
    return RNG.standard_normal(lengths)


def plain(a, b, w):
    return np.sum(w * np.sin(a @ b))


def left_transposed(a, b, w):
    return np.sum(w * (np.swapaxes(a, 1, 2) @ b))


def right_transposed(a, b, w):
    return np.sum(w * (a @ np.swapaxes(b, 1, 2)) ** 2)


def both_transposed(a, b, w):
    return np.sum(w * np.einsum("nki,njk->nij", a, b))


def heads(a, b, w):
    return np.sum(w * np.einsum("bhid,bhjd->bhij", a, b))


def in_loops(a, b, w):
    total = 0.0
    for n in range(a.shape[0]):
        for i in range(a.shape[1]):
            for j in range(b.shape[2]):
                s = 0.0
                for k in range(a.shape[2]):
                    s += a[n, i, k] * b[n, k, j]
                total += w[n, i, j] * s
    return total


def diagonals(a, b, w):
    total = 0.0
    for n in range(a.shape[0]):
        for i in range(a.shape[1]):
            s = 0.0
            for k in range(a.shape[2]):
                s += a[n, i, k] * b[n, k, i]
            total += w[n, i, i] * s
    return total


def neighbours(a, b, w):
    total = 0.0
    for n in range(1, a.shape[0]):
        for i in range(a.shape[1]):
            for j in range(b.shape[2]):
                s = 0.0
                for k in range(a.shape[2]):
                    s += a[n, i, k] * b[n - 1, k, j]
                total += w[n, i, j] * s
    return total


def square():
    return stack(3, 9, 9), stack(3, 9, 9), stack(3, 9, 9)


SHAPES = {
    plain: (stack(3, 4, 9), stack(3, 9, 5), stack(3, 4, 5)),
    left_transposed: (stack(3, 9, 4), stack(3, 9, 5), stack(3, 4, 5)),
    right_transposed: (stack(3, 4, 9), stack(3, 5, 9), stack(3, 4, 5)),
    in_loops: (stack(3, 4, 9), stack(4, 9, 10), stack(3, 4, 10)),
    heads: (stack(2, 3, 4, 9), stack(2, 3, 5, 9), stack(2, 3, 4, 5)),
    both_transposed: (stack(3, 9, 4), stack(3, 5, 9), stack(3, 4, 5)),
}
UNLIKE = {diagonals: square(), neighbours: square()}


@pytest.mark.parametrize("f", [*SHAPES, *UNLIKE])
def test_gradients(f, uncompiled: None) -> None:
    args = (SHAPES | UNLIKE)[f]
    assert_gradient(f, args, (0, 1))
    assert ("_stacks(" in differentiate(f).gradient_source(*args)) == (f in SHAPES)


def test_orders_and_precisions() -> None:
    a, b, w = SHAPES[right_transposed]
    for change in (np.asfortranarray, np.float32, lambda x: np.repeat(x, 2, axis=2)[::-1, :, ::2]):
        assert_gradient(right_transposed, (change(a), change(b), change(w)), (0, 1))


def test_empty(uncompiled: None) -> None:
    gradient = value_and_grad(plain, (0, 1))
    for m, k, n, count in ((2, 0, 3, 2), (0, 2, 3, 2), (2, 3, 0, 2), (2, 3, 2, 0)):
        value, (a_bar, b_bar) = gradient(stack(count, m, k), stack(count, k, n), stack(count, m, n))
        assert value == 0.0
        assert a_bar.shape == (count, m, k)
        assert not a_bar.any()
        assert not b_bar.any()


def test_what_is_not_a_number_stays_in_its_matrix(uncompiled: None) -> None:
    a, b, w = (x.copy() for x in SHAPES[plain])
    a[1] = np.nan
    _, (a_bar, b_bar) = value_and_grad(plain, (0, 1))(a, b, w)
    assert np.isnan(b_bar[1]).all()
    assert np.isfinite(a_bar[[0, 2]]).all()
    assert np.isfinite(b_bar[[0, 2]]).all()


def products(a):
    return np.sin(a @ np.swapaxes(a, 1, 2))


def sum_of_products(a):
    return np.sum(products(a) ** 2)


def test_other_derivatives(uncompiled: None) -> None:
    a = stack(2, 3, 8)
    dense = jacfwd(products)(a)
    step = 1e-6
    for at in ((0, 1, 2), (1, 2, 7)):
        moved = [a.copy(), a.copy()]
        moved[0][at] += step
        moved[1][at] -= step
        slope = (products(moved[0]) - products(moved[1])) / (2.0 * step)
        assert np.allclose(dense[(..., *at)], slope, atol=1e-8)
    found = hessian(sum_of_products)(a).reshape(48, 48)
    assert np.allclose(found, found.T)
    assert not found[:24, 24:].any()


def test_a_sparse_jacobian_has_a_block_for_each_matrix(uncompiled: None) -> None:
    def flat(x):
        return products(x.reshape(3, 2, 8)).ravel()

    x = RNG.standard_normal(48)
    found = sparse_jacobian(flat)(x)
    assert found.nnz <= 3 * 4 * 16
    assert np.allclose(found.toarray(), jacfwd(flat)(x))
