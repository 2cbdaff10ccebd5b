"""A network that solves u'' = -u, u(0) = 0, u'(0) = 1: derivatives inside the function that is differentiated.

The loss holds the first and second derivative of the network by its input; its gradient by the parameters
differentiates those programs once more.

Prints:

    loss below 1e-4: True
    largest error below 0.01: True
"""

import math

import numpy as np
from scipy.optimize import minimize

from srcdiff import grad, value_and_grad

HIDDEN = 8


def network(t, theta):
    u = 0.0
    for k in range(HIDDEN):
        u += theta[2 * HIDDEN + k] * math.tanh(theta[k] * t + theta[HIDDEN + k])
    return u


slope = grad(network)
curvature = grad(slope)


def loss(theta, times):
    total = network(0.0, theta) ** 2 + (slope(0.0, theta) - 1.0) ** 2
    for t in times:
        total += (curvature(t, theta) + network(t, theta)) ** 2 / len(times)
    return total


def main() -> None:
    times = np.linspace(0.0, 3.0, 31)
    theta = np.random.default_rng(1).normal(size=3 * HIDDEN)
    found = minimize(
        value_and_grad(loss), theta, args=(times,), jac=True, method="BFGS", options={"maxiter": 500}
    )
    error = max(abs(network(t, found.x) - math.sin(t)) for t in times)
    print(f"loss below 1e-4: {found.fun < 1e-4}")
    print(f"largest error below 0.01: {error < 0.01}")


if __name__ == "__main__":
    main()
