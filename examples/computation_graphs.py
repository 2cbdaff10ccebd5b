"""Small computation graphs, each node a primitive operation: values and gradients by every input.

The last one uses `b` twice. A function can be an argument: `with_function` takes any function of one number.

Prints:

    graph             at            value   gradient
    (a + b) c         7, 3, 2          20   2, 2, 10
    (a + b^3) c       7, 3, 2          68   2, 54, 34
    (a + relu(b)) c   7, 3, 2          20   2, 2, 10
    (a + relu(b)) c   7, -3, 2         14   2, 0, 7
    (a + cube(b)) c   7, 3, 2          68   2, 54, 34
    (a + relu(b)) c   7, -3, 2         14   2, 0, 7
    (a + b) b^3       7, 3            270   27, 297
"""

from srcdiff import value_and_grad


def cube(b):
    return b**3


def relu(b):
    return max(b, 0.0)


def product(a, b, c):
    return (a + b) * c


def with_cube(a, b, c):
    return (a + b**3) * c


def with_relu(a, b, c):
    return (a + relu(b)) * c


def with_function(a, b, c, function):
    return (a + function(b)) * c


def shared(a, b):
    return (a + b) * b**3


CASES = [
    ("(a + b) c", product, (7.0, 3.0, 2.0)),
    ("(a + b^3) c", with_cube, (7.0, 3.0, 2.0)),
    ("(a + relu(b)) c", with_relu, (7.0, 3.0, 2.0)),
    ("(a + relu(b)) c", with_relu, (7.0, -3.0, 2.0)),
    ("(a + cube(b)) c", with_function, (7.0, 3.0, 2.0, cube)),
    ("(a + relu(b)) c", with_function, (7.0, -3.0, 2.0, relu)),
    ("(a + b) b^3", shared, (7.0, 3.0)),
]


def main() -> None:
    print(f"{'graph':<18}{'at':<12}{'value':>7}   gradient")
    for text, function, arguments in CASES:
        numbers = [x for x in arguments if isinstance(x, float)]
        value, gradient = value_and_grad(function, argnums=range(len(numbers)))(*arguments)
        where = ", ".join(f"{x:g}" for x in numbers)
        print(f"{text:<18}{where:<12}{value:>7g}   {', '.join(f'{g:g}' for g in gradient)}")


if __name__ == "__main__":
    main()
