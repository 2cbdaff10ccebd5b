"""Derivative rules of one's own, in the form of Autograd and Autodidact, and how a wrong one is found.

`log(1 + exp(x))` is written so that it does not overflow, and is given the derivative that does not either. The rule
is source: it is put into the gradient, and differentiated again for the second derivative. Leaving out a factor in the
rule of the norm does not pass `check_grads`, which says where.

Prints:

    softplus(800) = 800, slope 1, curvature 0
    softplus(0.5) = 0.974077, slope 0.622459, curvature 0.235004
    unit(v) of (3, 4): 0.6 0.8
    what (0.5, 0.15) owes to v: 0.050 -0.037
    loss: the derivative by `v` is wrong, in forward mode
      v[0]: 0.01024 is computed, differences give 0.0512 (to 6e-15)
      `loss` uses the rules of `wrong_unit`; without them its derivative is right:
        defvjp(wrong_unit, lambda g, ans, v: (g - ans * np.dot(g, ans)) / np.dot(v, v))
"""

import math

import numpy as np

from srcdiff import CheckError, check_grads, defvjp, grad, vjp


def softplus(x):
    if x > 30.0:
        return x
    return math.log1p(math.exp(x))


defvjp(softplus, lambda g, ans, x: g / (1.0 + math.exp(-x)))


def unit(v):
    return v / np.sqrt(np.dot(v, v))


defvjp(unit, lambda g, ans, v: (g - ans * np.dot(g, ans)) / np.sqrt(np.dot(v, v)))


def wrong_unit(v):
    return v / np.sqrt(np.dot(v, v))


defvjp(wrong_unit, lambda g, ans, v: (g - ans * np.dot(g, ans)) / np.dot(v, v))


def loss(v):
    return wrong_unit(v)[0] + 0.5 * wrong_unit(v)[1] ** 2


def main() -> None:
    for x in (800.0, 0.5):
        print(
            f"softplus({x:g}) = {softplus(x):g}, slope {grad(softplus)(x):g}, curvature {grad(grad(softplus))(x):g}"
        )
    v = np.array([3.0, 4.0])
    direction, pullback = vjp(unit, v)
    print("unit(v) of (3, 4):", *(f"{d:g}" for d in direction))
    (owed,) = pullback(np.array([0.5, 0.15]))
    print("what (0.5, 0.15) owes to v:", *(f"{d:.3f}" for d in owed))
    try:
        check_grads(loss, (v,))
    except CheckError as error:
        wrong, entry, rules, _, line, _ = str(error).splitlines()
        print("\n".join([wrong, entry, rules, line]))


if __name__ == "__main__":
    main()
