"""Functions and derivatives of a module that other processes can import."""

from srcdiff import differentiate, grad


def square(x):
    return x * x


@differentiate
def cube(x):
    return square(x) * x


square_slope = grad(square)


def call(pair):
    """Call the first of a pair with the second."""
    function, argument = pair
    return function(argument)
