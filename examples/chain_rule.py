"""The multivariate chain rule: f(x, y) = y + e^(xy) along x = cos t, y = t^2.

    df/dt = y e^(xy) (-sin t) + (1 + x e^(xy)) 2t

Prints:

    f     1.9446606916
    df/dt 2.4984323194
    hand  2.4984323194
"""

import math

from srcdiff import differentiate


def f(x, y):
    return y + math.exp(x * y)


@differentiate
def along(t):
    return f(math.cos(t), t**2)


def main() -> None:
    t = 0.7
    value, slope = along.value_and_grad(t)
    x, y = math.cos(t), t**2
    by_hand = y * math.exp(x * y) * -math.sin(t) + (1.0 + x * math.exp(x * y)) * 2.0 * t
    print(f"f     {value:.10f}")
    print(f"df/dt {slope:.10f}")
    print(f"hand  {by_hand:.10f}")


if __name__ == "__main__":
    main()
