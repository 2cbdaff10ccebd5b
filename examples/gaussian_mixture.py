"""Fit a mixture of Gaussians by maximum likelihood: loops for the likelihood, L-BFGS-B from SciPy, our gradient.

Component k has weight softmax(a)_k, mean m_k and standard deviations exp(s_k). The log of the sum over components
is shifted by its largest term (log-sum-exp), which costs the gradient nothing.

Prints:

    converged True   mean negative log-likelihood 3.0384
    largest element of the gradient 1e-05

    weight          mean                 deviations          (true values below)
      0.51       0.03     0.02       1.01     0.51
      0.50       0.00     0.00       1.00     0.50
      0.29       4.04     1.02       0.62     1.18
      0.30       4.00     1.00       0.60     1.20
      0.20      -2.00     3.01       0.39     0.39
      0.20      -2.00     3.00       0.40     0.40
"""

import math

import numpy as np
from scipy.optimize import minimize

from srcdiff import value_and_grad


def negative_log_likelihood(theta, points, components):
    """Mean over the points; theta holds a, then the means, then the log deviations."""
    n, dimensions = points.shape
    means = components
    scales = components + components * dimensions
    norm = 0.0
    for k in range(components):
        norm += math.exp(theta[k])
    log_norm = math.log(norm)
    total = 0.0
    terms = np.empty(components)
    for i in range(n):
        largest = -math.inf
        for k in range(components):
            term = theta[k] - log_norm
            for d in range(dimensions):
                scale = theta[scales + k * dimensions + d]
                u = (points[i, d] - theta[means + k * dimensions + d]) * math.exp(-scale)
                term -= 0.5 * u * u + scale + 0.5 * math.log(2.0 * math.pi)
            terms[k] = term
            largest = max(largest, term)
        s = 0.0
        for k in range(components):
            s += math.exp(terms[k] - largest)
        total += largest + math.log(s)
    return -total / n


WEIGHTS = np.array([0.5, 0.3, 0.2])
MEANS = np.array([[0.0, 0.0], [4.0, 1.0], [-2.0, 3.0]])
DEVIATIONS = np.array([[1.0, 0.5], [0.6, 1.2], [0.4, 0.4]])


def sample(random, n):
    which = random.choice(len(WEIGHTS), size=n, p=WEIGHTS)
    return MEANS[which] + DEVIATIONS[which] * random.normal(size=(n, 2))


def fit(points, components, random, starts=10):
    """The best of several maxima of the likelihood, each reached from means at points drawn at random."""
    dimensions = points.shape[1]
    objective = value_and_grad(negative_log_likelihood)
    found = []
    for _ in range(starts):
        centres = points[random.choice(len(points), size=components, replace=False)]
        start = np.concatenate([np.zeros(components), np.ravel(centres), np.zeros(components * dimensions)])
        found.append(minimize(objective, start, args=(points, components), jac=True, method="L-BFGS-B"))
    return min(found, key=lambda result: result.fun)


def unpacked(theta, components, dimensions):
    weights = np.exp(theta[:components]) / np.sum(np.exp(theta[:components]))
    means, scales = theta[components:].reshape(2, components, dimensions)
    order = np.argsort(-weights)
    return weights[order], means[order], np.exp(scales[order])


def main() -> None:
    random = np.random.default_rng(0)
    points = sample(random, 3000)
    result = fit(points, 3, random)
    print(f"converged {result.success}   mean negative log-likelihood {result.fun:.4f}")
    print(f"largest element of the gradient {np.max(np.abs(result.jac)):.0e}\n")
    print("weight          mean                 deviations          (true values below)")
    fitted = unpacked(result.x, 3, 2)
    for row in range(3):
        for weights, means, deviations in (fitted, (WEIGHTS, MEANS, DEVIATIONS)):
            m, s = means[row], deviations[row]
            print(f"{weights[row]:>6.2f}   {m[0]:>8.2f} {m[1]:>8.2f}   {s[0]:>8.2f} {s[1]:>8.2f}")


if __name__ == "__main__":
    main()
