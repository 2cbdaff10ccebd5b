"""Solve Kepler's equation E - e sin(E) = M by Newton's method for many mean anomalies.

A `while` loop whose trip count depends on the data; the loss is a weighted sum of the eccentric
anomalies, differentiated by the mean anomalies and the eccentricity. The adjoint goes back through the
iterations and reads the sine, cosine and step of each; it does not assume that they converged. J. M. A.
Danby, T. M. Burkardt, Celest. Mech. 31 (1983).
"""

import math

import numpy as np

ARGNUMS = (0, 1)
SIZES = [2_000, 4_000, 8_000, 16_000]
REPORT_SIZES = [10_000]


def make(size, rng):
    return 2.0 * np.pi * rng.random(size), 0.3 + 0.2 * rng.random(), rng.standard_normal(size)


def primal(mean_anomaly, e, weight):
    total = 0.0
    for i in range(mean_anomaly.shape[0]):
        anomaly = mean_anomaly[i]
        step = 1.0
        trips = 0
        while abs(step) > 1e-10 and trips < 50:
            step = (anomaly - e * math.sin(anomaly) - mean_anomaly[i]) / (1.0 - e * math.cos(anomaly))
            anomaly -= step
            trips += 1
        total += weight[i] * anomaly
    return total


def hand(mean_anomaly, e, weight):
    n = mean_anomaly.shape[0]
    m_bar = np.empty(n)
    e_bar = 0.0
    total = 0.0
    tape = np.empty((50, 4))
    for i in range(n):
        anomaly = mean_anomaly[i]
        step = 1.0
        trips = 0
        while abs(step) > 1e-10 and trips < 50:
            s = math.sin(anomaly)
            c = math.cos(anomaly)
            slope = 1.0 - e * c
            step = (anomaly - e * s - mean_anomaly[i]) / slope
            anomaly -= step
            tape[trips, 0] = s
            tape[trips, 1] = c
            tape[trips, 2] = slope
            tape[trips, 3] = step
            trips += 1
        total += weight[i] * anomaly
        anomaly_bar = weight[i]
        start_bar = 0.0
        for trip in range(trips - 1, -1, -1):
            s = tape[trip, 0]
            step = tape[trip, 3]
            quotient_bar = anomaly_bar / tape[trip, 2]
            start_bar += quotient_bar
            e_bar += quotient_bar * (s - step * tape[trip, 1])
            anomaly_bar = quotient_bar * step * e * s
        m_bar[i] = start_bar + anomaly_bar
    return total, (m_bar, e_bar)


def jax_loss(mean_anomaly, e, weight):
    import jax.numpy as jnp

    # A while loop has no reverse mode in JAX; seven steps are enough for these eccentricities.
    anomaly = mean_anomaly
    for _ in range(7):
        anomaly -= (anomaly - e * jnp.sin(anomaly) - mean_anomaly) / (1.0 - e * jnp.cos(anomaly))
    return weight @ anomaly


def torch_loss(mean_anomaly, e, weight):
    import torch

    anomaly = mean_anomaly
    step = torch.ones(())
    while step.abs().max() > 1e-10:
        step = (anomaly - e * torch.sin(anomaly) - mean_anomaly) / (1.0 - e * torch.cos(anomaly))
        anomaly = anomaly - step
    return weight @ anomaly


def autograd_loss(mean_anomaly, e, weight):
    import autograd.numpy as np

    anomaly = mean_anomaly
    for _ in range(7):
        anomaly = anomaly - (anomaly - e * np.sin(anomaly) - mean_anomaly) / (1.0 - e * np.cos(anomaly))
    return np.dot(weight, anomaly)
