"""Logistic least squares: the function as primitive operations, and its gradient as a program.

    z = w x + b,   y = 1 / (1 + exp(-z)),   L = (y - t)^2 / 2

The intermediate representation is the list of primitive operations of the lecture. The regularised loss uses `w`
twice; what its two uses owe to `w` is summed.

Prints:

    loss(w: f64, b: f64, x: f64, t: f64) {
      t1 = mul w x
      z = add t1 b
      t2 = neg z
      t3 = exp t2
      t4 = add 1.0 t3
      y = div 1.0 t4
      t5 = sub y t
      t6 = pow t5 2
      t7 = div t6 2.0
      return t7
    }
    L = 0.0550496773   dw = -0.1471340849   db = -0.0735670424

    import math


    def regularised_grad(w, b, x, t, lam):
        \"\"\"regularised and its gradient by w, b.\"\"\"
        # forward sweep
        z = w * x + b  # line 58
        t1 = math.exp(-z)  # line 59
        t2 = 1.0 + t1
        y = 1.0 / t2
        t3 = y - t  # line 60
        t4 = t3 ** 2 / 2.0 + lam * (w * w / 2.0)
        # reverse sweep
        z_bar = 0.5 * (2.0 * t3) / t2 * y * t1
        w_bar = lam * w + z_bar * x
        return t4, (w_bar, z_bar)

    L = 0.0675496773   dw = -0.0971340849   db = -0.0735670424
"""

import math

from srcdiff import differentiate


@differentiate(argnums=("w", "b"))
def loss(w, b, x, t):
    z = w * x + b
    y = 1.0 / (1.0 + math.exp(-z))
    return (y - t) ** 2 / 2.0


@differentiate(argnums=("w", "b"))
def regularised(w, b, x, t, lam):
    z = w * x + b
    y = 1.0 / (1.0 + math.exp(-z))
    return (y - t) ** 2 / 2.0 + lam * (w * w / 2.0)


def main() -> None:
    w, b, x, t, lam = 0.5, -0.3, 2.0, 1.0, 0.1
    print(loss.ir(w, b, x, t))
    value, (dw, db) = loss.value_and_grad(w, b, x, t)
    print(f"L = {value:.10f}   dw = {dw:.10f}   db = {db:.10f}\n")
    print(regularised.gradient_source(w, b, x, t, lam))
    value, (dw, db) = regularised.value_and_grad(w, b, x, t, lam)
    print(f"L = {value:.10f}   dw = {dw:.10f}   db = {db:.10f}")


if __name__ == "__main__":
    main()
