"""Negative log-likelihood of a GARCH(1,1) model of financial returns.

The variance obeys h <- omega + alpha r^2 + beta h from its stationary value, and every return costs
(log(h) + r^2 / h) / 2. Differentiated by omega, alpha and beta. T. Bollerslev, "Generalized autoregressive
conditional heteroskedasticity", J. Econometrics 31 (1986).
"""

import math

import numpy as np

ARGNUMS = (0, 1, 2)
SIZES = [2_500, 5_000, 10_000, 20_000]
REPORT_SIZES = [10_000]


def make(size, rng):
    omega, alpha, beta = 0.05, 0.08 + 0.02 * rng.random(), 0.85
    returns = np.empty(size)
    h = omega / (1.0 - alpha - beta)
    for t in range(size):
        returns[t] = math.sqrt(h) * rng.standard_normal()
        h = omega + alpha * returns[t] ** 2 + beta * h
    return 1.2 * omega, alpha, beta, returns


def primal(omega, alpha, beta, returns):
    h = omega / (1.0 - alpha - beta)
    total = 0.0
    for t in range(returns.shape[0]):
        square = returns[t] * returns[t]
        total += 0.5 * (math.log(h) + square / h)
        h = omega + alpha * square + beta * h
    return total


def hand(omega, alpha, beta, returns):
    n = returns.shape[0]
    h_tape = np.empty(n)
    owed_tape = np.empty(n)
    stationary = omega / (1.0 - alpha - beta)
    h = stationary
    total = 0.0
    for t in range(n):
        square = returns[t] * returns[t]
        inverse = 1.0 / h
        ratio = square * inverse
        total += 0.5 * (math.log(h) + ratio)
        # What this return's cost owes to h needs nothing from later steps.
        h_tape[t] = h
        owed_tape[t] = 0.5 * inverse * (1.0 - ratio)
        h = omega + alpha * square + beta * h
    h_bar = 0.0
    omega_bar = 0.0
    alpha_bar = 0.0
    beta_bar = 0.0
    for t in range(n - 1, -1, -1):
        omega_bar += h_bar
        alpha_bar += h_bar * (returns[t] * returns[t])
        beta_bar += h_bar * h_tape[t]
        h_bar = beta * h_bar + owed_tape[t]
    quotient = 1.0 / (1.0 - alpha - beta)
    omega_bar += h_bar * quotient
    alpha_bar += h_bar * stationary * quotient
    beta_bar += h_bar * stationary * quotient
    return total, (omega_bar, alpha_bar, beta_bar)


def jax_loss(omega, alpha, beta, returns):
    import jax
    import jax.numpy as jnp

    squares = returns**2

    def step(h, square):
        return omega + alpha * square + beta * h, h

    _, h = jax.lax.scan(step, omega / (1.0 - alpha - beta), squares)
    return 0.5 * jnp.sum(jnp.log(h) + squares / h)


def torch_loss(omega, alpha, beta, returns):
    import torch

    squares = returns**2
    h = omega / (1.0 - alpha - beta)
    variances = []
    for square in squares.unbind():
        variances.append(h)
        h = omega + alpha * square + beta * h
    h = torch.stack(variances)
    return 0.5 * (torch.log(h) + squares / h).sum()


def autograd_loss(omega, alpha, beta, returns):
    import autograd.numpy as np

    squares = returns**2
    h = omega / (1.0 - alpha - beta)
    total = 0.0
    for t in range(returns.shape[0]):
        total = total + 0.5 * (np.log(h) + squares[t] / h)
        h = omega + alpha * squares[t] + beta * h
    return total
