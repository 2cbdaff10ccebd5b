"""A network of two layers in scalars, as in the lecture, against its backward pass by hand.

    z_i = sum_j W1_ij x_j + b1_i      h_i = sigma(z_i)
    y_k = sum_i W2_ki h_i + b2_k      L = 1/2 sum_k (y_k - t_k)^2

By hand, in matrices: y_bar = y - t, W2_bar = y_bar h^T, h_bar = W2^T y_bar, z_bar = h_bar sigma'(z),
W1_bar = z_bar x^T; the biases get y_bar and z_bar.

Prints:

    L = 0.4466902019, by hand 0.4466902019
    W1  shape (4, 5)  equal
    b1  shape (4,)    equal
    W2  shape (3, 4)  equal
    b2  shape (3,)    equal

    import math

    import numpy as np


    def loss_grad(W1, b1, W2, b2, x, t):
        \"\"\"loss and its gradient by W1, b1, W2, b2.\"\"\"
        # forward sweep
        hidden = W1.shape[0]
        inputs = W1.shape[1]
        t1 = b2.shape[0]
        h = np.empty(hidden)  # line 92
        if b1.shape[0] < hidden:  # line 94
            raise IndexError("index out of range for `b1`, line 94")
        if hidden > 0 and x.shape[0] < inputs:  # line 96
            raise IndexError("index out of range for `x`, line 96")
        exp_tape = np.empty(hidden)  # line 93
        for i in range(hidden):
            z = b1[i]  # line 94
            for j in range(inputs):  # line 95
                z += W1[i, j] * x[j]  # line 96
            t2 = math.exp(-z)  # line 97
            exp_tape[i] = t2
            h[i] = 1.0 / (1.0 + t2)
        if hidden > 0 and W2.shape[0] < t1:  # line 102
            raise IndexError("index out of range for `W2`, line 102")
        if t1 > 0 and W2.shape[1] < hidden:
            raise IndexError("index out of range for `W2`, line 102")
        if t.shape[0] < t1:  # line 103
            raise IndexError("index out of range for `t`, line 103")
        b2_bar = np.empty_like(b2)  # line 99
        W2_bar = np.empty_like(W2)
        h_bar = np.zeros_like(h)
        for i in range(W2_bar.shape[0]):
            for j in range(hidden if i < t1 else 0, W2_bar.shape[1]):
                W2_bar[i, np.uint64(j)] = 0.0
        t3 = np.empty(t1)
        total = 0.0
        for k in range(t1):
            y = b2[k]  # line 100
            for i in range(hidden):  # line 101
                y += W2[k, i] * h[i]  # line 102
            t4 = y - t[k]  # line 103
            total += 0.5 * t4 ** 2
            t5 = 0.5 * (2.0 * t4)
            t3[k] = t5  # line 99
            for i in range(hidden):  # line 101
                h_bar[i] += t5 * W2[k, i]  # line 102
            b2_bar[k] = t5  # line 100
        for k in range(t1):  # line 99
            t6 = t3[k]
            for i in range(hidden):  # line 101
                W2_bar[k, i] = t6 * h[i]  # line 102
        # reverse sweep
        b1_bar = np.zeros_like(b1)
        W1_bar = np.empty_like(W1)
        for i in range(hidden):
            t7 = exp_tape[i]
            z_bar = h_bar[i] / (1.0 + t7) * h[i] * t7
            for j in range(inputs):
                W1_bar[i, j] = z_bar * x[j]
            b1_bar[i] += z_bar
        return total, (W1_bar, b1_bar, W2_bar, b2_bar)
"""

import math

import numpy as np

from srcdiff import differentiate


@differentiate(argnums=("W1", "b1", "W2", "b2"))
def loss(W1, b1, W2, b2, x, t):
    hidden, inputs = W1.shape
    h = np.empty(hidden)
    for i in range(hidden):
        z = b1[i]
        for j in range(inputs):
            z += W1[i, j] * x[j]
        h[i] = 1.0 / (1.0 + math.exp(-z))
    total = 0.0
    for k in range(len(b2)):
        y = b2[k]
        for i in range(hidden):
            y += W2[k, i] * h[i]
        total += 0.5 * (y - t[k]) ** 2
    return total


def by_hand(W1, b1, W2, b2, x, t):
    h = 1.0 / (1.0 + np.exp(-(W1 @ x + b1)))
    y_bar = W2 @ h + b2 - t
    z_bar = (W2.T @ y_bar) * h * (1.0 - h)
    return 0.5 * np.sum(y_bar**2), (np.outer(z_bar, x), z_bar, np.outer(y_bar, h), y_bar)


def example(inputs: int = 5, hidden: int = 4, outputs: int = 3):
    random = np.random.default_rng(0)
    shapes = [(hidden, inputs), hidden, (outputs, hidden), outputs, inputs, outputs]
    return [random.normal(size=shape) for shape in shapes]


def main() -> None:
    arguments = example()
    value, gradients = loss.value_and_grad(*arguments)
    expected, hand = by_hand(*arguments)
    print(f"L = {value:.10f}, by hand {expected:.10f}")
    for name, gradient, other in zip(("W1", "b1", "W2", "b2"), gradients, hand, strict=True):
        equal = np.allclose(gradient, other, rtol=1e-12, atol=1e-14)
        print(f"{name}  shape {gradient.shape!s:<7} {'equal' if equal else 'DIFFERENT'}")
    print()
    print(loss.gradient_source(*arguments))


if __name__ == "__main__":
    main()
