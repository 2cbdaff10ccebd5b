"""One neuron, f = 1 / (1 + exp(-(w . x + b))), with its inner product as a loop.

Prints:

    f     0.7311
    df/dw -0.1966 -0.3932
    df/dx 0.3932 -0.5898
    df/db 0.1966

    import math

    import numpy as np


    def neuron_grad(w, x, b):
        \"\"\"neuron and its gradient by w, x, b.\"\"\"
        # forward sweep
        t1 = w.shape[0]
        if x.shape[0] < t1:  # line 47
            raise IndexError("index out of range for `x`, line 47")
        s = b
        for i in range(t1):  # line 46
            s += w[i] * x[i]  # line 47
        t2 = math.exp(-s)  # line 48
        t3 = 1.0 / (1.0 + t2)
        # reverse sweep
        s_bar = t3 * t3 * t2
        w_bar = np.empty_like(w)
        x_bar = np.zeros_like(x)
        for i in range(t1):
            x_bar[i] += s_bar * w[i]
            w_bar[i] = s_bar * x[i]
        return t3, (w_bar, x_bar, s_bar)
"""

import math

import numpy as np

from srcdiff import differentiate


@differentiate(argnums=("w", "x", "b"))
def neuron(w, x, b):
    s = b
    for i in range(len(w)):
        s += w[i] * x[i]
    return 1.0 / (1.0 + math.exp(-s))


def main() -> None:
    w, x, b = np.array([2.0, -3.0]), np.array([-1.0, -2.0]), -3.0
    value, (dw, dx, db) = neuron.value_and_grad(w, x, b)
    print(f"f     {value:.4f}")
    print(f"df/dw {dw[0]:.4f} {dw[1]:.4f}")
    print(f"df/dx {dx[0]:.4f} {dx[1]:.4f}")
    print(f"df/db {db:.4f}\n")
    print(neuron.gradient_source(w, x, b))


if __name__ == "__main__":
    main()
