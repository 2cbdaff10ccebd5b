"""The gradient over data that are spread over processes: a sum of gradients, one for each partition.

Two workers of a local Dask cluster each hold half of the partitions, and never send them. What travels is the gradient
function, with the source of what it calls, and the parameters; what comes back are gradients. Each worker compiles
once. On a real cluster only the address of the scheduler differs.

Prints:

    partitions on 2 workers
    loss 0.4280 at [ 1.01 -2.01  0.51]
    the same value and gradient in one process: True
"""

import math

import numpy as np
from dask.distributed import Client, LocalCluster

from srcdiff import value_and_grad


def loss(w, X, y):
    total = 0.0
    for i in range(len(y)):
        z = 0.0
        for j in range(len(w)):
            z += X[i, j] * w[j]
        total += math.log1p(math.exp(-y[i] * z))
    return total


def partition(number):
    """20,000 rows, as they would be read from a file."""
    rng = np.random.default_rng(number)
    X = rng.normal(size=(20_000, 3))
    return X, np.where(X @ np.array([1.0, -2.0, 0.5]) + rng.logistic(size=20_000) > 0.0, 1.0, -1.0)


def on_partition(value_and_slope, w, data):
    return value_and_slope(w, *data)


def main():
    value_and_slope = value_and_grad(loss)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        parts = client.map(partition, range(8))
        w, speed = np.zeros(3), np.zeros(3)
        for _ in range(40):
            found = client.gather([client.submit(on_partition, value_and_slope, w, part) for part in parts])
            value, slope = (sum(part) / 160_000 for part in zip(*found, strict=True))
            before, w, speed = w, w + 0.8 * speed - slope, 0.8 * speed - slope
        holders = client.who_has(parts).values()
    print("partitions on", len({worker for held in holders for worker in held}), "workers")
    print("loss", f"{value:.4f}", "at", np.round(w, 2))

    X, y = (np.concatenate(part) for part in zip(*map(partition, range(8)), strict=True))
    here, slope_here = value_and_slope(before, X, y)
    same = math.isclose(here / 160_000, value) and np.allclose(slope_here / 160_000, slope, rtol=1e-9)
    print("the same value and gradient in one process:", same)


if __name__ == "__main__":
    main()
