"""`@differentiate`: a function with a loop, its value, its gradient, and the source of the gradient.

Newton's method for the square root of `a`, differentiated through its steps; the exact derivative is
1 / (2 sqrt a). The tape holds what the backward loop reads of each trip.

Prints:

    function  1.414213562373   sqrt(2)       1.414213562373
    gradient  0.353553390593   1/(2 sqrt(2)) 0.353553390593

    import numpy as np


    def square_root_grad(a, steps):
        \"\"\"square_root and its gradient by a.\"\"\"
        # forward sweep
        r_tape = np.empty(max(steps, 0))  # line 47
        r = a
        for t1 in range(steps):
            r_tape[t1] = r
            r = 0.5 * (r + a / r)  # line 48
        # reverse sweep
        r_bar = 1.0
        a_bar = 0.0
        for t2 in range(steps - 1, -1, -1):
            t3 = r_bar * 0.5
            r2 = r_tape[t2]
            a_bar2 = t3 / r2
            a_bar += a_bar2
            r_bar = 0.0 if t3 == 0.0 else -a_bar2 * (a / r2)
            r_bar = t3 + r_bar
        a_bar += r_bar
        return r, a_bar

    r_tape            48 bytes
    total             48 bytes
"""

import math

from srcdiff import differentiate


@differentiate
def square_root(a, steps):
    r = a
    for _ in range(steps):
        r = 0.5 * (r + a / r)
    return r


def main() -> None:
    print(f"function  {square_root(2.0, 6):.12f}   sqrt(2)       {math.sqrt(2.0):.12f}")
    print(f"gradient  {square_root.grad(2.0, 6):.12f}   1/(2 sqrt(2)) {0.5 / math.sqrt(2.0):.12f}\n")
    print(square_root.gradient_source(2.0, 6))
    print(square_root.tape_report(2.0, 6))


if __name__ == "__main__":
    main()
