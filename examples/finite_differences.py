"""What finite differences cost and how wrong they are, beside the gradient, against the number of inputs.

The function is Rosenbrock's in n variables, whose gradient is known in closed form. Central differences call it
2n times; the gradient takes a small multiple of one call, whatever n is. Their error comes from the step: too
large and the function is not linear over it, too small and rounding is all that is left.

Prints (the times are those of one machine):

                   time in calls of f             largest relative error
          n    gradient    differences          gradient    differences
         10         0.2           45.0             1e-16          6e-11
        100         0.2          240.5             8e-17          5e-10
       1000         0.4         5060.7             2e-16          2e-09
       4000         0.8        24398.9             1e-16          1e-08

       step    error of differences, n = 100
      1e-01       2e-03
      1e-03       2e-07
      1e-05       9e-11
      1e-07       7e-09
      1e-09       6e-07
      1e-11       8e-05
"""

import time

import numpy as np

from srcdiff import differentiate


@differentiate
def rosenbrock(x):
    s = 0.0
    for i in range(len(x) - 1):
        s += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return s


def closed_form(x):
    gradient = np.zeros_like(x)
    bend = x[1:] - x[:-1] ** 2
    gradient[:-1] += -400.0 * x[:-1] * bend - 2.0 * (1.0 - x[:-1])
    gradient[1:] += 200.0 * bend
    return gradient


def central_differences(f, x, step):
    gradient = np.empty_like(x)
    moved = x.copy()
    for i in range(len(x)):
        moved[i] = x[i] + step
        above = f(moved)
        moved[i] = x[i] - step
        gradient[i] = (above - f(moved)) / (2.0 * step)
        moved[i] = x[i]
    return gradient


def seconds(call, x, least=0.05):
    """The shortest of several runs, in seconds; the first one compiles and is not counted."""
    call(x)
    best, spent = float("inf"), 0.0
    while spent < least:
        start = time.perf_counter()
        call(x)
        elapsed = time.perf_counter() - start
        best, spent = min(best, elapsed), spent + elapsed
    return best


def relative_error(gradient, exact):
    return float(np.max(np.abs(gradient - exact)) / np.max(np.abs(exact)))


def main(sizes=(10, 100, 1000, 4000)) -> None:
    random = np.random.default_rng(0)
    print("               time in calls of f             largest relative error")
    print("      n    gradient    differences          gradient    differences")
    for n in sizes:
        x = random.normal(size=n)
        exact = closed_form(x)
        once = seconds(rosenbrock, x)
        ours = seconds(rosenbrock.grad, x)
        start = time.perf_counter()
        differences = central_differences(rosenbrock, x, 1e-6)
        theirs = time.perf_counter() - start
        ours_error = relative_error(rosenbrock.grad(x), exact)
        their_error = relative_error(differences, exact)
        print(f"{n:>7}{ours / once:>12.1f}{theirs / once:>15.1f}{ours_error:>18.0e}{their_error:>15.0e}")
    x = random.normal(size=100)
    print("\n   step    error of differences, n = 100")
    for step in (1e-1, 1e-3, 1e-5, 1e-7, 1e-9, 1e-11):
        error = relative_error(central_differences(rosenbrock, x, step), closed_form(x))
        print(f"{step:>7.0e}{error:>12.0e}")


if __name__ == "__main__":
    main()
