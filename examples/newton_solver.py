"""The derivative of a root that Newton's method finds: of Kepler's equation `E - e sin E = M`.

`implicit` gives the solver the derivative of the solution instead of that of its iterations: nothing is recorded, and
the number of iterations does not matter. The closed form is `dE/dM = 1 / (1 - e cos E)`, `dE/de = sin E dE/dM`.

Prints:

    anomaly E = 1.5855363847
    dE/dM = 0.9914423993, closed form 0.9914423993
    dE/de = 0.9913346962, closed form 0.9913346962
    d2E/dM2 = -0.5706323, differences give -0.5706323
    M where E = 2: 1.4544215439
"""

import math

from srcdiff import differentiate, grad, implicit, value_and_grad


def anomaly(mean, eccentricity):
    E = mean
    for _ in range(50):
        step = (E - eccentricity * math.sin(E) - mean) / (1.0 - eccentricity * math.cos(E))
        E -= step
        if abs(step) < 1e-14:
            break
    return E


anomaly = implicit(anomaly, lambda E, mean, eccentricity: E - eccentricity * math.sin(E) - mean)


@differentiate
def target(mean, wanted):
    return anomaly(mean, 0.6) - wanted


def main() -> None:
    mean, e = 1.0, 0.5856
    E, (by_mean, by_e) = value_and_grad(anomaly, argnums=(0, 1))(mean, e)
    slope = 1.0 / (1.0 - e * math.cos(E))
    print(f"anomaly E = {E:.10f}")
    print(f"dE/dM = {by_mean:.10f}, closed form {slope:.10f}")
    print(f"dE/de = {by_e:.10f}, closed form {math.sin(E) * slope:.10f}")
    first = grad(anomaly)
    h = 1e-5
    differences = (first(mean + h, e) - first(mean - h, e)) / (2.0 * h)
    print(f"d2E/dM2 = {grad(first)(mean, e):.7f}, differences give {differences:.7f}")
    for _ in range(6):  # Newton's method once more, around the solver
        value, by_mean = target.value_and_grad(mean, 2.0)
        mean -= value / by_mean
    print(f"M where E = 2: {mean:.10f}")


if __name__ == "__main__":
    main()
