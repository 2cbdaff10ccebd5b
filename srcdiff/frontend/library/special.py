"""What functions of `scipy.special` mean that are not one primitive; the others are rows of `primitives/special.py`.

    scipy.special.softmax(x)    ->    s = log(sum(exp(x)));  i -> exp(x[i] - s)

By name, so that SciPy's functions are known without importing them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..things import Scalar, is_arraylike
from .axes import whole_number
from .reductions import logsumexp, reduced, shifted_log_of_sum

if TYPE_CHECKING:
    from ..calls import Calls

HIGHEST_POLYGAMMA = 20


def _normalised(calls: Calls, x: Any, axis: Any, finish: Callable[[Scalar, Scalar], Scalar]) -> Any:
    x = calls.steady(calls.any_array(x))
    sums = reduced(calls, x, axis, True, shifted_log_of_sum)
    return calls.elementwise(finish, x, calls.steady(sums) if is_arraylike(sums) else sums)


def _softmax(calls: Calls, x: Any, axis: Any = None) -> Any:
    return _normalised(calls, x, axis, lambda v, s: calls.scalar("exp", calls.scalar("sub", v, s)))


def _log_softmax(calls: Calls, x: Any, axis: Any = None) -> Any:
    return _normalised(calls, x, axis, lambda v, s: calls.scalar("sub", v, s))


def _polygamma(calls: Calls, n: Any, x: Any) -> Any:
    order = whole_number(calls, n, "the order of `polygamma`")
    if not 0 <= order <= HIGHEST_POLYGAMMA:
        calls.refuse(f"`polygamma` of order {order}", instead=f"an order from 0 to {HIGHEST_POLYGAMMA}")
    if order < 2:
        return calls.elementwise(lambda v: calls.scalar("trigamma" if order else "digamma", v), x)
    return calls.elementwise(lambda v: calls.scalar("polygamma", float(order), v), x)


SCIPY_CALLS: dict[str, Any] = {
    "scipy.special.logsumexp": logsumexp,
    "scipy.special.softmax": _softmax,
    "scipy.special.log_softmax": _log_softmax,
    "scipy.special.polygamma": _polygamma,
}
