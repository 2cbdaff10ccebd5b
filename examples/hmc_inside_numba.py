"""A sampler and an optimiser that are compiled as a whole, and call derivatives inside.

The posterior of a logistic regression: Newton's iteration, with the gradient and the Hessian of the log density, finds
its mode; Hamiltonian Monte Carlo, with some 50,000 gradients, samples around it. Both are ordinary functions under
Numba's `njit`, and the function that they are given comes as an argument, with its derivatives.

Prints:

    mode after 6 steps of Newton: [ 0.941594 -1.417898  0.508135]
    largest slope there is below 1e-12: True
    accepted: 0.971
    posterior mean:      [ 0.97 -1.48  0.56]
    posterior deviation: [0.25 0.32 0.29]
    Laplace's deviation: [0.25 0.32 0.26]
"""

import math

import numpy as np
from numba import njit

from srcdiff import differentiate


@differentiate
def log_density(w, X, y):
    """Standard normal prior, logistic likelihood; `y` is 1 or -1."""
    total = -0.5 * np.sum(w * w)
    for i in range(len(y)):
        z = 0.0
        for j in range(len(w)):
            z += X[i, j] * w[j]
        total -= math.log1p(math.exp(-y[i] * z))
    return total


@njit
def newton(slope, curvature, w, X, y):
    """The point where the slope vanishes."""
    trips = 0
    step = np.ones_like(w)
    while np.max(np.abs(step)) > 1e-10:
        step = np.linalg.solve(curvature(w, X, y), slope(w, X, y))
        w = w - step
        trips += 1
    return w, trips


@njit
def sample(density, slope, w, X, y, count, step, steps):
    """Hamiltonian Monte Carlo with `steps` leapfrog steps for each of `count` proposals."""
    np.random.seed(0)
    samples = np.empty((count, len(w)))
    accepted = 0
    value = density(w, X, y)
    for k in range(count):
        p = np.random.normal(0.0, 1.0, len(w))
        energy = value - 0.5 * np.sum(p * p)
        moved = w.copy()
        p += 0.5 * step * slope(moved, X, y)
        for leap in range(steps):
            moved += step * p
            p += (0.5 if leap == steps - 1 else 1.0) * step * slope(moved, X, y)
        moved_value = density(moved, X, y)
        if math.log(np.random.random()) < moved_value - 0.5 * np.sum(p * p) - energy:
            w, value = moved, moved_value
            accepted += 1
        samples[k] = w
    return samples, accepted / count


rng = np.random.default_rng(0)
X = rng.normal(size=(100, 3))
y = np.where(X @ np.array([1.0, -2.0, 0.5]) + rng.logistic(size=100) > 0.0, 1.0, -1.0)

mode, trips = newton(log_density.grad, log_density.hessian, np.zeros(3), X, y)
print("mode after", trips, "steps of Newton:", np.round(mode, 6))
print("largest slope there is below 1e-12:", bool(np.max(np.abs(log_density.grad(mode, X, y))) < 1e-12))

samples, accepted = sample(log_density, log_density.grad, mode, X, y, 5000, 0.15, 10)
print("accepted:", round(accepted, 3))
print("posterior mean:     ", np.round(samples.mean(axis=0), 2))
print("posterior deviation:", np.round(samples.std(axis=0), 2))

spread = np.sqrt(np.diag(np.linalg.inv(-log_density.hessian(mode, X, y))))
print("Laplace's deviation:", np.round(spread, 2))
