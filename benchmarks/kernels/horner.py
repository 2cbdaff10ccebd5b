"""Evaluate a polynomial by Horner's rule, p <- p x + c[i], highest power first.

Differentiated by the coefficients and by x. The adjoint here is the reverse sweep: it records p. (By hand
one can also carry p'(x) forwards and the powers of x upwards, without a tape; that is a mixture of modes
which knows that the function is a polynomial.) |x| is just below 1, else the powers would underflow.
W. G. Horner, Phil. Trans. R. Soc. 109 (1819).
"""

import numpy as np

ARGNUMS = (0, 1)
SIZES = [4_000, 8_000, 16_000, 32_000]
REPORT_SIZES = [10_000]


def make(size, rng):
    return rng.standard_normal(size), 1.0 - 5.0 / size


def primal(c, x):
    p = 0.0
    for i in range(c.shape[0]):
        p = p * x + c[i]
    return p


def hand(c, x):
    n = c.shape[0]
    p_tape = np.empty(n)
    p = 0.0
    for i in range(n):
        p_tape[i] = p
        p = p * x + c[i]
    c_bar = np.empty(n)
    x_bar = 0.0
    p_bar = 1.0
    for i in range(n - 1, -1, -1):
        c_bar[i] = p_bar
        x_bar += p_bar * p_tape[i]
        p_bar *= x
    return p, (c_bar, x_bar)


def jax_loss(c, x):
    import jax
    import jax.numpy as jnp

    p, _ = jax.lax.scan(lambda p, c_i: (p * x + c_i, None), jnp.zeros(()), c)
    return p


def torch_loss(c, x):
    p = 0.0
    for c_i in c.unbind():
        p = p * x + c_i
    return p


def autograd_loss(c, x):
    p = 0.0
    for i in range(c.shape[0]):
        p = p * x + c[i]
    return p
