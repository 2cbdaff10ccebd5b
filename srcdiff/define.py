"""Give a function rules of its own: `defvjp`, `defjvp`, in the form of Autograd.

defvjp(exp, lambda g, ans, x: ans * g)
"""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

from .backend.dispatcher import MAKING
from .backend.provenance import linked_into
from .compiled import forget_programs
from .errors import NotDifferentiable, UnsupportedConstruct
from .frontend.source import FunctionSource, location_of, read_source
from .primitives.custom import RULES, Rule, Rules, bare


def defvjp(f: Any, *rules: Rule | None) -> None:
    """Say what is owed to each argument of a function, for what is owed to its result.

    The rules are source, like everything else: they are read, put where the derivative needs them, and differentiated
    again for a second derivative. Forward mode takes them too, transposed, unless `defjvp` gives it rules of its own.

    Parameters
    ----------
    f : callable
        A Python function, one under `@njit` or `@differentiate`, or a function of NumPy or SciPy. What this library
        cannot read is called as it stands. It may not write its arguments.
    *rules
        One for each argument of `f`, None where the derivative is zero. A rule takes `g`, what is owed to the result
        (a tuple if there are several), the result `ans`, and the arguments of `f`; it gives what is owed to its
        argument, of the same shape. It must be linear in `g`.

    Raises
    ------
    DifferentiationError
        If a rule does not take as many arguments, or its source cannot be read; or if a derivative of `f` is part of
        an `@njit` function that was compiled before, which would go on to use that.

    Examples
    --------
    >>> import math
    >>> from srcdiff import grad
    >>> def softplus(x):
    ...     return math.log1p(math.exp(x))
    >>> defvjp(softplus, lambda g, ans, x: g / (1.0 + math.exp(-x)))
    >>> grad(softplus)(0.0), grad(grad(softplus))(0.0)
    (0.5, 0.25)
    """
    define(f, rules, "vjp")


def defjvp(f: Any, *rules: Rule | None) -> None:
    """Say what the tangent of each argument of a function adds to that of its result.

    Parameters
    ----------
    f, *rules
        As for `defvjp`, but `g` is the tangent of the rule's argument, and a rule gives a tangent of the result.
        Reverse mode takes these rules too, transposed, unless `defvjp` gives it rules of its own.

    Examples
    --------
    >>> import math
    >>> from srcdiff import grad, jvp
    >>> def cube(x):
    ...     return x * x * x
    >>> defjvp(cube, lambda g, ans, x: 3.0 * x * x * g)
    >>> jvp(cube, (2.0,), (1.0,)), grad(cube)(2.0)
    ((8.0, 12.0), 12.0)
    """
    define(f, rules, "jvp")


def define(f: Any, rules: tuple[Rule | None, ...], mode: str) -> None:
    if not callable(f):
        raise TypeError(f"rules are given to a function, not to {f!r}")
    function = bare(f)
    name = getattr(function, "__name__", type(function).__name__)
    name = name if name.isidentifier() else "function"
    count = arity_of(function)
    if count not in (None, len(rules)):
        raise TypeError(
            f"{name}() takes {count} arguments and is given {len(rules)} rules: one for each is needed, "
            "None for a zero derivative"
        )
    for rule in rules:
        if rule is not None:
            check_rule(rule, name, len(rules), mode)
    known = RULES.get(function, Rules(name))
    give(function, replace(known, vjp=rules) if mode == "vjp" else replace(known, jvp=rules))


def give(function: Any, rules: Rules) -> None:
    """Let all derivatives be made by these rules from now on."""
    with MAKING:  # what another thread is making meanwhile is made by the old rules, and forgotten
        caller = linked_into(function)
        if caller is not None:
            raise NotDifferentiable(
                f"`{rules.name}` is given rules after an `@njit` function was compiled that contains a derivative of "
                "it",
                reason=f"that function keeps what it was linked against: {caller}",
                instead="the rules before that code is called; in a session, define "
                f"`{rules.name}` and its callers anew",
            )
        RULES[function] = rules
        forget_programs()


def arity_of(function: Any) -> int | None:
    """How many arguments a Python function takes; None if that is not known or may vary."""
    code = getattr(function, "__code__", None)
    if code is None or code.co_flags & 0x0C:  # `*` or `**` in the signature
        return None
    count: int = code.co_argcount + code.co_kwonlyargcount
    return count


def check_rule(rule: Rule, name: str, count: int, mode: str) -> None:
    """Refuse a rule that does not take `g`, `ans` and the arguments of the function."""
    source: FunctionSource = read_source(rule)
    spec: ast.arguments = source.tree.args
    taken = len(spec.posonlyargs) + len(spec.args) - len(source.partial_args)
    if spec.vararg is None and taken != count + 2:
        raise UnsupportedConstruct(
            f"the {mode} rule of `{name}` takes {taken} arguments",
            location_of(source, source.tree),
            f"a rule takes `g`, `ans` and the arguments of `{name}`: {count + 2}",
        )


__all__ = ["defjvp", "defvjp"]
