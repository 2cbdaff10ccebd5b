"""C = alpha A B + beta C with a symmetric A of which the lower triangle is stored."""

import numpy as np

ARGNUMS = (0, 1, 2, 3, 4)
SMALL = (5, 4)
SIZES = [(40, 50), (57, 50), (80, 50), (113, 50)]
REPORT_SIZES = [(160, 140)]


def make(size, rng):
    m, n = size
    c, a, b = rng.standard_normal((m, n)), rng.standard_normal((m, m)), rng.standard_normal((m, n))
    return 1.5, 1.2, c, a, b, rng.standard_normal((m, n))


def slices(alpha, beta, c, a, b, weight):
    temp = np.empty((c.shape[1],))
    c *= beta
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            c[:i, j] += alpha * b[i, j] * a[i, :i]
            temp[j] = b[:i, j] @ a[i, :i]
        c[i, :] += alpha * b[i, :] * a[i, i] + alpha * temp
    return np.sum(weight * c)


def loops(alpha, beta, c, a, b, weight):
    m, n = c.shape
    for i in range(m):
        for j in range(n):
            temp = 0.0
            for k in range(i):
                c[k, j] += alpha * b[i, j] * a[i, k]
                temp += b[k, j] * a[i, k]
            c[i, j] = beta * c[i, j] + alpha * b[i, j] * a[i, i] + alpha * temp
    total = 0.0
    for i in range(m):
        for j in range(n):
            total += weight[i, j] * c[i, j]
    return total


def hand(alpha, beta, c, a, b, weight):
    """With `S` the whole symmetric matrix, all is products: `S b`, `S w` and `w b' + b w'`."""
    m, n = c.shape
    symmetric = np.empty((m, m))
    for i in range(m):
        for k in range(i + 1):
            symmetric[i, k] = a[i, k]
            symmetric[k, i] = a[i, k]
    product = symmetric @ b
    c_bar = np.empty((m, n))
    total = 0.0
    alpha_bar = 0.0
    beta_bar = 0.0
    for i in range(m):
        for j in range(n):
            w = weight[i, j]
            alpha_bar += w * product[i, j]
            beta_bar += w * c[i, j]
            c_bar[i, j] = beta * w
    total = alpha * alpha_bar + beta * beta_bar
    outer = weight @ b.T
    b_bar = symmetric @ weight
    for i in range(m):
        for j in range(n):
            b_bar[i, j] *= alpha
    a_bar = np.zeros((m, m))
    for i in range(m):
        for k in range(i):
            a_bar[i, k] = alpha * (outer[i, k] + outer[k, i])
        a_bar[i, i] = alpha * outer[i, i]
    return total, (alpha_bar, beta_bar, c_bar, a_bar, b_bar)


def jax_loss(alpha, beta, c, a, b, weight):
    import jax.numpy as jnp

    symmetric = jnp.tril(a) + jnp.tril(a, -1).T
    return jnp.sum(weight * (alpha * symmetric @ b + beta * c))
