"""A formula with two inputs and shared parts: y = e^(xz) + xz / ln x + sin(ln x) / (xz).

Prints:

    y = 412.1914573   dy/dx = 1208.3812151   dy/dz = 809.7074792

    import math


    def formula_grad(x, z):
        \"\"\"formula and its gradient by x, z.\"\"\"
        # forward sweep
        a = x * z  # line 38
        b = math.log(x)  # line 39
        t1 = math.exp(a)  # line 40
        t2 = a / b
        t3 = math.sin(b) / a
        t4 = t1 + t2 + t3
        # reverse sweep
        t5 = 1.0 / a
        b_bar = t5 * math.cos(b)
        a_bar = 1.0 / b
        a_bar2 = -t5 * t3 + a_bar
        b_bar -= a_bar * t2
        a_bar = a_bar2 + t1
        x_bar = b_bar / x + a_bar * z
        z_bar = a_bar * x
        return t4, (x_bar, z_bar)
"""

import math

from srcdiff import differentiate


@differentiate(argnums=("x", "z"))
def formula(x, z):
    a = x * z
    b = math.log(x)
    return math.exp(a) + a / b + math.sin(b) / a


def main() -> None:
    value, (dx, dz) = formula.value_and_grad(2.0, 3.0)
    print(f"y = {value:.7f}   dy/dx = {dx:.7f}   dy/dz = {dz:.7f}\n")
    print(formula.gradient_source(2.0, 3.0))


if __name__ == "__main__":
    main()
