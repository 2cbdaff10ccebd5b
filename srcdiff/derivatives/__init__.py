"""What a derivative is: a program made from the program of another function.

    ValueAndGradient, Gradient     of a function with one float as result
    Tangent                        values and tangents (jvp)
    Pullback                       what is owed to the arguments, for given cotangents of the results (vjp)
    Jacobian, Hessian              by tangents or by pullbacks
    HessianVector                  the tangent of a gradient

Each is again a `Compiled`, so that a derivative can be made of it.
"""

from .derivative import Derivative, check_floats, with_written
from .gradients import Gradient, ValueAndGradient
from .jacobians import EitherJacobian, Hessian, Jacobian
from .pullbacks import Cotangents, Forward, Pullback, WayBack
from .tangents import HessianVector, Tangent

__all__ = [
    "Cotangents",
    "Derivative",
    "EitherJacobian",
    "Forward",
    "Gradient",
    "Hessian",
    "HessianVector",
    "Jacobian",
    "Pullback",
    "Tangent",
    "ValueAndGradient",
    "WayBack",
    "check_floats",
    "with_written",
]
