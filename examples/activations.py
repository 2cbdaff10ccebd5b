"""Activation functions, each differentiated by its input and by its parameter, if it has one.

ReLU is `max(x, 0.0)`, whose slope at zero is 0. Elsewhere a branch means what it says: at zero, leaky ReLU has the
slope of the branch that `x > 0.0` picks there.

Prints:

    activation           x       value        by x    by alpha
    logistic          -1.2  0.23147522  0.17789444
    logistic           0.8  0.68997448  0.21390970
    tanh              -1.2 -0.83365461  0.30502000
    tanh               0.8  0.66403677  0.55905517
    ReLU              -1.2  0.00000000  0.00000000
    ReLU               0.8  0.80000000  1.00000000
    GELU              -1.2 -0.13808360 -0.11795360
    GELU               0.8  0.63051568  1.01989784
    softplus          -1.2  0.26328247  0.23147522
    softplus           0.8  1.17110067  0.68997448
    ELU               -1.2 -1.04820868  0.45179132 -0.69880579
    ELU                0.8  0.80000000  1.00000000  0.00000000
    leaky ReLU        -1.2 -0.01200000  0.01000000
    leaky ReLU         0.8  0.80000000  1.00000000
    parametric ReLU   -1.2 -0.30000000  0.25000000 -1.20000000
    parametric ReLU    0.8  0.80000000  1.00000000  0.00000000
"""

import math

from srcdiff import value_and_grad


def logistic(x):
    return 1.0 / (1.0 + math.exp(-x))


def tanh(x):
    return math.tanh(x)


def relu(x):
    return max(x, 0.0)


def gelu(x):
    return 0.5 * x * (1.0 + math.erf(x / math.sqrt(2.0)))


def softplus(x):
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def elu(x, alpha):
    if x > 0.0:
        return x
    return alpha * (math.exp(x) - 1.0)


def leaky_relu(x):
    return x if x > 0.0 else 0.01 * x


def parametric_relu(x, alpha):
    return x if x > 0.0 else alpha * x


ACTIVATIONS = [
    ("logistic", logistic, ()),
    ("tanh", tanh, ()),
    ("ReLU", relu, ()),
    ("GELU", gelu, ()),
    ("softplus", softplus, ()),
    ("ELU", elu, (1.5,)),
    ("leaky ReLU", leaky_relu, ()),
    ("parametric ReLU", parametric_relu, (0.25,)),
]


def main() -> None:
    print(f"{'activation':<17}{'x':>5}{'value':>12}{'by x':>12}{'by alpha':>12}")
    for name, function, parameters in ACTIVATIONS:
        slopes = value_and_grad(function, argnums=range(1 + len(parameters)))
        for x in (-1.2, 0.8):
            value, gradient = slopes(x, *parameters)
            columns = [value + 0.0, *(g + 0.0 for g in gradient)]
            print(f"{name:<17}{x:>5}" + "".join(f"{c:>12.8f}" for c in columns))


if __name__ == "__main__":
    main()
