"""Products of matrices and linear systems: once, in loops, of arrays that are written in between."""

# The corpus is written the way users write.
# ruff: noqa: N803, N806

import numpy as np

from tests.programs.table import case, numbers


def linear_regression(w, X, y):
    return np.mean((X @ w - y) ** 2)


def two_layers(W1, b1, W2, X, Y):
    h = np.tanh(X @ W1 + b1)
    return np.sum((h @ W2 - Y) ** 2)


def softmax_regression(W, b, X, Y):
    z = X @ W + b
    total = 0.0
    for i in range(z.shape[0]):
        total += np.log(np.sum(np.exp(z[i]))) - np.sum(z[i] * Y[i])
    return total / z.shape[0]


def square(A, w):
    return np.sum(A @ A * w)


def gram(A, w):
    return np.sum(A.T @ A * w)


def all_transposed(A, B, w):
    return np.sum(A.T @ B.T * w) + np.sum((A.T @ B.T).T @ w)


def product_of_parts(A, B):
    return np.sum(np.sin(A[1:, ::2] @ B[:, :2])) + np.sum(A[0, 1:4] @ B[::-1] * B[0])


def products_of_vectors(A, x, y):
    return x @ A @ y + np.dot(A, y) @ x + x.dot(A).dot(y) + np.sum(np.matmul(A.T, x) ** 2)


def product_of_integers(A):
    counts = np.arange(6).reshape(2, 3)
    return np.sum(np.sin(counts @ A)) + np.sum((counts[0] @ A) ** 2)


def expression_as_operand(A, x):
    return np.sum((2.0 * A + 1.0) @ (A - x) * x)


def power_of_matrix(A, n):
    B = A
    for _ in range(n):
        B = np.tanh(B @ A)
    return np.sum(B)


def nested_products(A, n):
    C = A
    s = 0.0
    for i in range(n):
        for _ in range(i + 1):
            C = np.sin(C @ A)
        s += np.sum(C)
    return s


def recurrent_network(W, U, X, Y):
    h = np.zeros((X.shape[1], W.shape[0]))
    loss = 0.0
    for t in range(X.shape[0]):
        h = np.tanh(X[t] @ U + h @ W)
        loss += np.sum((h - Y[t]) ** 2)
    return loss


def layers(Ws, X):
    h = X
    for k in range(Ws.shape[0]):
        h = np.exp(-((h @ Ws[k]) ** 2))
    return np.sum(h * h)


def minibatches(W, X, Y, size):
    total = 0.0
    for i in range(len(X) // size):
        part = slice_of(X, i, size) @ W - slice_of(Y, i, size)
        total += np.sum(part * part)
    return total


def slice_of(X, i, size):
    return X[i * size : (i + 1) * size]


def while_products(A, n):
    X = A.T / np.sum(A * A)
    k = 0
    while k < n:
        X = 2.0 * X - X @ A @ X
        k += 1
    return np.sum(np.sin(X))


def products_in_one_branch(A, n):
    s = 0.0
    for i in range(3):
        if i < n:
            B = A @ A.T
            B[0, 1] = 2.0 * B[0, 0]
            s += np.sum(np.sin(B @ A))
        else:
            s += np.sum(A @ A)
    return s


def operand_overwritten(A):
    y = A @ A
    A[0, 0] = np.sum(y)
    z = y @ A
    y[:] = z @ y
    return np.sum(y * y)


def vector_overwritten_in_loop(A, n):
    x = A[0].copy()
    for _ in range(n):
        y = A.T @ x
        x[:] = np.sin(y)
        x[0] += y[1]
    return np.sum(x * x)


def matrix_updated_in_loop(A, n):
    B = np.zeros_like(A)
    for _ in range(n):
        B += np.cos(A @ B + A)
    return np.sum(B * B)


def swapped_matrices(A, n):
    u = A.copy()
    v = 2.0 * A
    for _ in range(n):
        u, v = np.sin(v @ A), u
    return np.sum(u * v)


def linear_system(A, b):
    return np.sum(np.sin(np.linalg.solve(A, b)))


def several_right_sides(A, B, w):
    return np.sum(np.linalg.solve(A.T, B) * w) + np.linalg.solve(A, B)[0, 1] ** 2


def inverse(A, w):
    return np.sum(np.linalg.inv(A) * w)


def determinant(A):
    return np.linalg.det(A @ A) + np.linalg.det(A[1:, 1:])


def implicit_steps(A, x, n):
    for _ in range(n):
        x = np.linalg.solve(A, x) + 0.1 * np.sin(x)
    return np.sum(x * x)


def powers_and_chains(A, x):
    return (
        np.sum(np.sin(np.linalg.matrix_power(0.2 * A, 5)))
        + np.sum(np.linalg.matrix_power(A, -2))
        + np.sum(np.linalg.matrix_power(A, 0) @ A)
        + np.sum(np.linalg.multi_dot([A, A, x]) ** 2)
        + np.sum(np.linalg.multi_dot([A, A.T, A]))
    )


def trace_and_kron(A, x):
    return np.trace(A @ A) + np.sum(np.sin(np.kron(A, A))) + np.sum(np.kron(x, x) ** 3)


def product_before_break(A, n):
    B = A.copy()
    s = 0.0
    for i in range(n):
        C = B @ A
        if np.sum(C * C) > 5000.0:
            break
        B[i % 3, :] = np.sin(C[0])
        s += np.sum(B @ C)
    return s + np.sum(B * B)


def matrices_joined_in_branches(A, n):
    B = A.copy()
    D = 2.0 * A
    for i in range(n):
        if i % 2 == 0:
            E = B
        else:
            E = D @ A
        F = np.cos(E @ A)
        D = F
        B = E @ F
    return np.sum(B) + np.sum(D)


def products_of_updated_arrays(A, n):
    B = A.copy()
    s = 0.0
    for i in range(n):
        B[0, 0] = B[0, 0] * 1.1 + A[1, 1]
        s += np.sum(np.sin(B @ B))
        for j in range(3):
            B[j, 1] = np.sin(B[j, 1] + s * 0.1)
            x = B.T @ B[j]
            s += np.sum(x**2) * 0.1
    return s


def network_of_rows(X, W):
    s = 0.0
    for i in range(X.shape[0]):
        z = W.T @ X[i]
        s += np.sum(np.tanh(z) ** 2)
        y = np.tanh(z)
        s += np.sum(np.sin(W @ y))
        u = np.exp(W.T @ np.tanh(W @ y))
        s += np.sum(u)
    return s


def work_arrays_as_operands(X, W):
    q = np.empty(3)
    Q = np.empty((3, 3))
    s = 0.0
    for i in range(X.shape[0]):
        for j in range(3):
            q[j] = X[i, j] * 2.0
        for j in range(3):
            for k in range(3):
                Q[j, k] = q[j] * X[i, k]
        s += np.sum(np.sin(Q @ W)) + np.sum((W.T @ q) ** 2)
    return s


def operands_given_twice(A):
    B = A @ A
    C = B @ B
    B += C
    return np.sum(B @ C) + np.sum(np.linalg.solve(A, A + B)) + np.sum(np.linalg.solve(A, A) * C)


def products_of_views(A, n):
    B = A.copy()
    s = 0.0
    T = B.T
    for i in range(n):
        B[1] *= 1.1
        s += np.sum(np.sin(T @ A)) + np.sum(A @ T @ B[1])
        B[:] = np.sin(T @ B)
    return s


def hidden_step(W, h, t):
    h[:] = np.tanh(W @ h + t)
    return W.T @ h


def array_written_by_callee(W, n):
    h = np.ones(3)
    s = 0.0
    for t in range(n):
        s += np.sum(hidden_step(W, h, 0.1 * t) ** 2)
    return s


def products_in_nested_loops(A, n):
    s = 0.0
    for i in range(n):
        H = A * (i + 1.0)
        G = A.copy()
        for j in range(n):
            G = np.sin(H @ A)
            if j == 1:
                continue
            H = G @ H
        s += np.sum(H)
        k = 0
        while k < 2:
            H = np.cos(H @ G)
            k += 1
        s += np.sum(H * G)
    return s


def product_after_return(A, n):
    H = A
    for i in range(n):
        H = np.sin(H @ A)
        if H[0, 0] < -10.0:
            return np.sum(H @ A)
    return np.sum(A.T @ H)


def stacks_of_matrices(X, W, Y):
    return np.sum(np.sin(X @ W)) + np.sum((X[0] @ Y) ** 2) + np.sum(np.matmul(X[:, 0], W) * X[1, 0, 0])


def einstein_sums(A, B, x):
    return (
        np.sum(np.einsum("ij,jk->ik", A, B) ** 2)
        + np.sum(np.einsum("ji,kj->ki", A, A @ A.T) ** 2)
        + np.einsum("i,ij,j", x, A @ A.T, x)
        + np.einsum("ii", A @ A.T)
        + np.sum(np.einsum("ij->i", A) ** 3)
        + np.sum(np.einsum("ij,kj", A, A) * 0.5)
    )


def tensor_products(X, Y):
    return (
        np.sum(np.sin(np.tensordot(X, Y, axes=1)))
        + np.tensordot(X, X, axes=3)
        + np.sum(np.tensordot(X, Y, axes=((2, 1), (0, 1))) ** 2)
    )


def triangular_operands(A, n):
    s = 0.0
    for t in range(n):
        L = np.zeros((3, 3))
        for i in range(3):
            for j in range(i + 1):
                L[i, j] = A[i, j] * (t + 1.0)
        s += np.sum(np.sin(L @ A))
    return s


def neighbours_overwritten(A, n):
    h = A.copy()
    for _ in range(n):
        z = h @ A
        g = np.empty((3, 3))
        for i in range(3):
            for j in range(3):
                g[i, j - 1] = 0.5
                g[i, j] = np.tanh(z[i, j])
        h = g
    return np.sum(h * h)


def both_swapped(A, n):
    u = A.copy()
    v = np.sin(A)
    s = 0.0
    for _ in range(n):
        s += np.sum(np.sin(u @ v @ A))
        u, v = v, u
    return s


def one_of_two_written(A, C, n):
    s = np.sum(A @ C) + np.sum(A * C)
    if n > 0:
        B = A
    else:
        B = C
    B[0, 0] = 5.0
    return s + np.sum(B * B)


SQUARE = numbers(3, 3, seed=1) + 3.0 * np.eye(3)
STRIDED = numbers(6, 6, seed=4)[::2, ::2]


def settled_before_the_last_trip(w, b):
    x = np.zeros_like(b)
    for _ in range(100):
        last = x
        x = np.tanh(w @ x + b)
        if np.max(np.abs(x - last)) < 1e-3:
            break
    return np.sum((x - 0.5) ** 2)


def product_and_elements_in_turns(a, b, n):
    a = a.copy()
    for i in range(n):
        s = np.sin(a[i % 2, 1])
        a[:] = np.sin(a @ np.outer(b[1:], b[:-1]) * s)
        for j in range(a.shape[1]):
            a[0, j] = np.tanh(a[0, j] * a[1, j])
    return np.sum(a)


def products_of_growing_parts(m):
    for k in range(1, 4):
        m[k:, k:] -= m[k:, :k] @ m[:k, k:]
    return np.sum(m * m)


def products_of_ragged_parts(A, sizes):
    """Matrices of other sizes in each trip, joined in branches, and elements of theirs that a `while` reads."""
    s = 0.0
    for i in range(len(sizes)):
        n = sizes[i]
        B = np.sin(A[:n, :]) @ A[:, : n + 1]
        if i % 2:
            B = B @ np.cos(A[: n + 1, :2])
        k = 0
        while k < n:
            C = B.T @ B
            s += np.sum(C @ C) * C[0, 0] * B[k, 0]
            k += 1
    return s


def lengths_from_lengths(A, n):
    """Matrices that get a row more, change their axes, and are halved."""
    B = np.sin(A[:1])
    s = 0.0
    for _ in range(n):
        B = np.vstack((B, np.sin(B[:1] @ A)))
        s += np.sum(B @ B.T)
    for _ in range(3):
        B = np.cos(B).T
        s += np.sum(B @ B.T)
    while B.shape[0] > 1:
        B = np.tanh(B[::2]) * B[1::2]
        s += np.sum(B @ B.T)
    return s


PROGRAMS = [
    case(linear_regression, (numbers(3), numbers(5, 3), numbers(5))),
    case(
        two_layers,
        (numbers(4, 3), numbers(3), numbers(3, 2), numbers(5, 4), numbers(5, 2)),
        argnums=(0, 1, 2),
    ),
    case(softmax_regression, (numbers(4, 3), numbers(3), numbers(5, 4), numbers(5, 3)), argnums=(0, 1)),
    case(square, (SQUARE, numbers(3, 3)), (np.asfortranarray(SQUARE), numbers(3, 3)), (STRIDED, SQUARE)),
    case(gram, (numbers(4, 3), numbers(3, 3)), (np.asfortranarray(numbers(4, 3)), numbers(3, 3))),
    case(all_transposed, (numbers(4, 3), numbers(3, 4), numbers(3, 3)), argnums=(0, 1)),
    case(product_of_parts, (numbers(4, 5), numbers(3, 3)), argnums=(0, 1)),
    case(products_of_vectors, (numbers(3, 2), numbers(3), numbers(2)), argnums=(0, 1, 2)),
    case(product_of_integers, (numbers(3, 2),)),
    case(expression_as_operand, (numbers(3, 3), numbers(3, 3, seed=5)), argnums=(0, 1)),
    case(power_of_matrix, (0.5 * numbers(3, 3), 4), (0.5 * numbers(3, 3), 0)),
    case(nested_products, (0.4 * numbers(3, 3), 3)),
    case(
        recurrent_network,
        (numbers(3, 3), numbers(4, 3), numbers(5, 2, 4), numbers(5, 2, 3)),
        argnums=(0, 1),
    ),
    case(layers, (numbers(3, 4, 4), numbers(2, 4)), argnums=(0, 1)),
    case(minibatches, (numbers(3, 2), numbers(8, 3), numbers(8, 2), 3)),
    case(while_products, (SQUARE, 3)),
    case(products_in_one_branch, (0.5 * numbers(3, 3), 2)),
    case(operand_overwritten, (0.5 * numbers(3, 3),)),
    case(vector_overwritten_in_loop, (numbers(3, 3), 3)),
    case(matrix_updated_in_loop, (0.5 * numbers(3, 3), 4)),
    case(swapped_matrices, (0.5 * numbers(3, 3), 4)),
    case(linear_system, (SQUARE, numbers(3)), (np.asfortranarray(SQUARE), numbers(3)), argnums=(0, 1)),
    case(several_right_sides, (SQUARE, numbers(3, 2), numbers(3, 2, seed=3)), argnums=(0, 1)),
    case(inverse, (SQUARE, numbers(3, 3))),
    case(determinant, (SQUARE,)),
    case(implicit_steps, (SQUARE, numbers(3), 3), argnums=(0, 1)),
    case(powers_and_chains, (SQUARE, numbers(3)), argnums=(0, 1)),
    case(trace_and_kron, (numbers(2, 2), numbers(3)), argnums=(0, 1)),
    case(settled_before_the_last_trip, (0.3 * numbers(3, 3), numbers(3)), argnums=(0, 1)),
    case(product_before_break, (0.4 * numbers(3, 3), 5), (0.4 * numbers(3, 3), 0)),
    case(matrices_joined_in_branches, (0.5 * numbers(3, 3), 4)),
    case(products_of_updated_arrays, (0.4 * numbers(3, 3), 3)),
    case(network_of_rows, (numbers(4, 3), 0.5 * numbers(3, 3)), argnums=(0, 1)),
    case(work_arrays_as_operands, (numbers(4, 3), numbers(3, 3)), argnums=(0, 1)),
    case(operands_given_twice, (0.2 * SQUARE,)),
    case(products_of_views, (0.4 * numbers(3, 3), 3)),
    case(array_written_by_callee, (numbers(3, 3), 4)),
    case(products_in_nested_loops, (0.4 * numbers(3, 3), 3)),
    case(product_after_return, (0.5 * numbers(3, 3), 3)),
    case(
        stacks_of_matrices,
        (numbers(2, 3, 4), numbers(4, 2), numbers(2, 4, 3)),
        (numbers(2, 3, 4), numbers(2, 4, 2), numbers(5, 4, 3)),
        argnums=(0, 1, 2),
    ),
    case(einstein_sums, (numbers(3, 4), numbers(4, 2), numbers(3)), argnums=(0, 1, 2)),
    case(tensor_products, (numbers(2, 3, 4), numbers(4, 3)), argnums=(0, 1)),
    case(triangular_operands, (0.4 * numbers(3, 3), 3)),
    case(products_of_growing_parts, (0.5 * numbers(4, 4),)),
    case(
        products_of_ragged_parts,
        (0.4 * numbers(4, 4), np.array([2, 3, 0, 1, 3])),
        (0.4 * numbers(4, 4), np.zeros(0, np.int64)),
    ),
    case(lengths_from_lengths, (0.4 * numbers(4, 4), 2), (0.4 * numbers(4, 4), 0)),
    case(neighbours_overwritten, (0.4 * numbers(3, 3), 3)),
    case(both_swapped, (0.4 * numbers(3, 3), 3)),
    case(
        one_of_two_written,
        (numbers(3, 3), numbers(3, 3, seed=2), 1),
        (numbers(3, 3), numbers(3, 3, seed=2), 0),
        argnums=(0, 1),
    ),
    case(product_and_elements_in_turns, (numbers(2, 4, seed=71), numbers(5, seed=72), 4), argnums=(0, 1)),
]
