"""What a type checker sees: `test_types.py` holds it against the comments."""

from __future__ import annotations

from typing import reveal_type

import numpy as np
from numpy.typing import NDArray

from srcdiff import differentiate, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

Vector = NDArray[np.float64]


def loss(w: Vector, X: Vector, scale: float = 1.0) -> float:
    return scale * float(np.sum(X @ w))


@differentiate
def decorated(w: Vector, scale: float = 1.0) -> float:
    return scale * float(np.sum(w))


@differentiate(argnums="scale", cache=False)
def with_options(w: Vector, scale: float = 1.0) -> float:
    return scale * float(np.sum(w))


def uses(w: Vector) -> None:
    """Never called."""
    reveal_type(grad(loss))  # (w: Vector, X: Vector, scale: float = ...) -> Any
    reveal_type(value_and_grad(loss)(w, w, scale=2.0))  # tuple[float, Any]
    reveal_type(decorated(w))  # float
    reveal_type(decorated.value_and_grad(w, scale=2.0))  # tuple[float, Any]
    reveal_type(with_options(w, 2.0))  # float
    reveal_type(decorated.grad)  # (w: Vector, scale: float = ...) -> Any
    reveal_type(vjp(loss, w, w))  # tuple[Any, Pullback]
    grad(loss)(w)  # error: call-arg
    grad(loss)(w, w, size=2.0)  # error: call-arg
    grad(loss)("w", w)  # error: arg-type
    decorated.grad(w, "2.0")  # error: arg-type
    grad(grad(loss))(w, w)
    value_and_grad(decorated, argnums=("w", "scale"))(w)
    jacobian(loss)(w, w)
    hessian(decorated)(w)
    hvp(decorated)(w, w)
    jvp(loss, (w, w), (w, None))
    grad(lambda x: x * x)(2.0)
