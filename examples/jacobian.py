"""Jacobians: of activations (diagonal) and of softmax (full), their shapes, and products without them.

The derivative of a result of shape s by a parameter of shape t has the shape (*s, *t). A function that fills an array
it is given has that array as its result.

Prints:

    logistic
    [[0.235  0.     0.    ]
     [0.     0.1966 0.    ]
     [0.     0.     0.105 ]]
    softmax
    [[ 0.1446 -0.0069 -0.1377]
     [-0.0069  0.0376 -0.0307]
     [-0.1377 -0.0307  0.1684]]
    layer by w and by x: (2, 2, 3) (2, 3)
    Jacobian by x times ones: [-1.6472  0.3253]  ones times Jacobian by x: [-0.879  -0.4407 -0.0023]
    Lorenz system
    [[-10.      10.       0.    ]
     [ 27.      -1.      -1.    ]
     [  1.       1.      -2.6667]]
"""

import math

import numpy as np

from srcdiff import jacobian, jvp, vjp


def logistic(x):
    return 1.0 / (1.0 + np.exp(-x))


def softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def layer(w, x):
    return np.tanh(w @ x)


def lorenz(state, rho, out):
    x, y, z = state
    out[0] = 10.0 * (y - x)
    out[1] = x * (rho - z) - y
    out[2] = x * y - 8.0 / 3.0 * z


def main() -> None:
    np.set_printoptions(precision=4, suppress=True)
    x = np.array([0.5, -1.0, 2.0])
    print("logistic\n", jacobian(logistic)(x), sep="")
    print("softmax\n", jacobian(softmax)(x), sep="")

    w = np.linspace(-1.0, 1.0, 6).reshape(2, 3)
    by_w, by_x = jacobian(layer, argnums=(0, 1))(w, x)
    print("layer by w and by x:", by_w.shape, by_x.shape)

    value, tangent = jvp(layer, (w, x), (None, np.ones(3)))
    _, pullback = vjp(layer, w, x)
    _, owed = pullback(np.ones(2))
    print("Jacobian by x times ones:", tangent, " ones times Jacobian by x:", owed)
    assert math.isclose(np.sum(tangent), np.sum(owed)) and value.shape == (2,)

    print("Lorenz system\n", jacobian(lorenz)(np.ones(3), 28.0, np.zeros(3)), sep="")


if __name__ == "__main__":
    main()
