"""Derivatives for SciPy's solvers: what `jac=` and `hess=` take is what this library makes.

`minimize` takes value and gradient together; `least_squares`, `root` and `solve_ivp` take Jacobians. Other libraries
are served alike: `iminuit.Minuit(f, x, grad=grad(f))`, and `srcdiff.interop` has wrappers for PyTorch and JAX.

Prints:

    minimize, 20 unknowns:       largest error 0.00001
    with the Hessian:            largest error 0.00001
    least_squares:               [2.  0.5 3. ]
    root:                        [1.5      1.322876] and 1.322876 by hand
    solve_ivp:                   [1.7797 2.2819 1.6138]
"""

import math

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import least_squares, minimize, root

from srcdiff import differentiate, jacobian


@differentiate
def rosenbrock(x):
    s = 0.0
    for i in range(len(x) - 1):
        s += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return s


def residuals(p, t, y):
    return p[0] * np.exp(-p[1] * t) * np.cos(p[2] * t) - y


def two_circles(x):
    return np.array([x[0] ** 2 + x[1] ** 2 - 4.0, (x[0] - 1.0) ** 2 + x[1] ** 2 - 2.0])


def oregonator(t, y):
    """A chemical oscillation with rates over seven orders of magnitude (Field and Noyes 1974)."""
    return np.array(
        [
            77.27 * (y[1] + y[0] * (1.0 - 8.375e-6 * y[0] - y[1])),
            (y[2] - (1.0 + y[0]) * y[1]) / 77.27,
            0.161 * (y[0] - y[2]),
        ]
    )


found = minimize(rosenbrock.value_and_grad, np.zeros(20), jac=True, method="L-BFGS-B")
print("minimize, 20 unknowns:       largest error", f"{np.max(np.abs(found.x - 1.0)):.5f}")

found = minimize(rosenbrock, np.zeros(20), jac=rosenbrock.grad, hess=rosenbrock.hessian, method="trust-exact")
print("with the Hessian:            largest error", f"{np.max(np.abs(found.x - 1.0)):.5f}")

t = np.linspace(0.0, 3.0, 50)
y = 2.0 * np.exp(-0.5 * t) * np.cos(3.0 * t)
found = least_squares(residuals, [1.0, 1.0, 2.5], jac=jacobian(residuals), args=(t, y))
print("least_squares:              ", np.round(found.x, 6))

found = root(two_circles, [1.0, 1.0], jac=jacobian(two_circles))
print("root:                       ", np.round(found.x, 6), "and", round(math.sqrt(7.0) / 2.0, 6), "by hand")

found = solve_ivp(
    oregonator, (0.0, 300.0), [1.0, 2.0, 3.0], "Radau", jac=jacobian(oregonator, "y"), rtol=1e-6
)
print("solve_ivp:                  ", np.array2string(found.y[:, -1], precision=4))
