"""Train a tanh network of any depth by stochastic gradient descent, with an L2 regulariser.

Layer k maps sizes[k] numbers to sizes[k + 1]; all parameters lie in one vector, layer after layer, weights before
biases. One function serves every depth: its loops run over the layers, and it overwrites its activations in place.
The data are two interleaved half circles, labelled -1 and 1.

Prints:

    epoch  0   loss 0.4611
    epoch  5   loss 0.1165
    epoch 10   loss 0.0383
    epoch 15   loss 0.0343
    epoch 20   loss 0.0171
    epoch 25   loss 0.0081
    epoch 30   loss 0.0143
    epoch 35   loss 0.0239
    epoch 39   loss 0.0078
"""

import math
from itertools import pairwise

import numpy as np

from srcdiff import value_and_grad


def network_loss(theta, sizes, x, target, penalty):
    """Squared error at one example, plus penalty / 2 times the squared weights (not the biases)."""
    widest = 0
    for layer in range(len(sizes)):
        widest = max(widest, sizes[layer])
    a = np.zeros(widest)
    z = np.zeros(widest)
    for j in range(sizes[0]):
        a[j] = x[j]
    start = 0
    squares = 0.0
    for layer in range(len(sizes) - 1):
        n, m = sizes[layer], sizes[layer + 1]
        biases = start + n * m
        for i in range(m):
            total = theta[biases + i]
            for j in range(n):
                weight = theta[start + i * n + j]
                total += weight * a[j]
                squares += weight * weight
            z[i] = math.tanh(total)
        for i in range(m):
            a[i] = z[i]
        start = biases + m
    error = a[0] - target
    return error * error + 0.5 * penalty * squares


def half_circles(random, n):
    """n points near each of two half circles that interleave."""
    angle = math.pi * random.random((2, n))
    upper = np.stack([np.cos(angle[0]), np.sin(angle[0])], axis=1)
    lower = np.stack([1.0 - np.cos(angle[1]), 0.5 - np.sin(angle[1])], axis=1)
    points = np.concatenate([upper, lower]) + 0.1 * random.normal(size=(2 * n, 2))
    return points, np.repeat([1.0, -1.0], n)


def start_parameters(random, sizes):
    """Weights of variance 1 / inputs, biases zero."""
    parts = []
    for n, m in pairwise(sizes):
        parts += [random.normal(size=n * m) / math.sqrt(n), np.zeros(m)]
    return np.concatenate(parts)


def train(epochs=40, rate=0.02, penalty=1e-4, seed=0):
    """The loss averaged over each epoch, and the parameters at the end."""
    random = np.random.default_rng(seed)
    sizes = np.array([2, 12, 8, 1])
    points, targets = half_circles(random, 150)
    theta = start_parameters(random, sizes)
    step = value_and_grad(network_loss)
    losses = []
    for _ in range(epochs):
        total = 0.0
        for k in random.permutation(len(points)):
            value, slope = step(theta, sizes, points[k], targets[k], penalty)
            theta -= rate * slope
            total += value
        losses.append(total / len(points))
    return losses, theta


def main() -> None:
    losses, _ = train()
    for epoch, loss in enumerate(losses):
        if epoch % 5 == 0 or epoch == len(losses) - 1:
            print(f"epoch {epoch:>2}   loss {loss:.4f}")


if __name__ == "__main__":
    main()
