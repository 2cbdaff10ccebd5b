"""What users write to steer the derivative; in plain Python it does nothing."""

from __future__ import annotations

from typing import Any


def checkpoint(steps: range, every: int | None = None) -> range:
    """Mark a long loop whose derivative is to need little memory.

    The reverse sweep records the state at the start of every `every`-th trip only, and makes the trips in between
    again, segment by segment: at most one more forward sweep, and memory for `n / every` states and what `every` trips
    record. The result is the same.

    Parameters
    ----------
    steps : range
        What the loop runs over.
    every : int, optional
        Trips in a segment; about the square root of their number by default, which needs the least memory.

    Returns
    -------
    range
        `steps`

    Examples
    --------
    >>> from srcdiff import checkpoint, grad
    >>> def decay(x, n):
    ...     for _ in checkpoint(range(n)):
    ...         x = x - 0.001 * x * x
    ...     return x
    >>> round(grad(decay)(1.0, 1000), 6)
    0.249702
    """
    return steps


def stop_gradient(x: Any) -> Any:
    """A number, an array or a structure of those as it is, with a zero derivative.

    Parameters
    ----------
    x : number, array, tuple, dict, named tuple, dataclass or list of arrays, nested

    Returns
    -------
    The same object; inside a function that is differentiated, a value that owes nothing.

    Examples
    --------
    >>> from srcdiff import grad, stop_gradient
    >>> grad(lambda x: x * stop_gradient(x))(3.0)
    3.0
    """
    return x


__all__ = ["checkpoint", "stop_gradient"]
