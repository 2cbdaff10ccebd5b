"""Dicts that change while one name stands for them, and keys that are put together from text."""

# Programs as people write them.
# ruff: noqa

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import UnsupportedConstruct, differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient

X = numbers(3) + 0.2
SHAPES = {"W1": (4, 3), "b1": (4,), "W2": (2, 4), "b2": (2,), "W3": (1, 2), "b3": (1,)}
PARAMS = {name: 0.5 * numbers(*shape, seed=len(name) + k) for k, (name, shape) in enumerate(SHAPES.items())}


def layers_by_name(x):
    a = x
    for l in range(1, 4):
        a = np.tanh(PARAMS["W" + str(l)] @ a + PARAMS["b" + str(l)])
    return np.sum(a)


def layers_by_f_string(x):
    depth = len(PARAMS) // 2
    for l in range(depth):
        z = PARAMS[f"W{l + 1}"] @ x + PARAMS[f"b{l + 1:d}"]
        x = np.tanh(z) if l < depth - 1 else z
    return np.sum(x)


def cached(x):
    cache = {}
    a = x
    for l in range(1, 4):
        cache["A" + str(l - 1)] = a
        cache[f"Z{l}"] = PARAMS[f"W{l}"] @ a + PARAMS[f"b{l}"]
        a = np.tanh(cache[f"Z{l}"])
    return np.sum(a) + sum(np.sum(cache["Z%d" % l] ** 2) for l in (1, 2, 3)) + np.sum(cache["A0"])


def weights_by_name(x):
    total = 0.0
    for name, value in PARAMS.items():
        if name.startswith("W") and int(name[1:]) > 1:
            total += np.sum(value) * x[0]
        elif name[0] == "b":
            total += np.sum(value**2) * x[1]
    return total


def step(x):
    grads = {name: value * x[0] for name, value in PARAMS.items()}
    for name in PARAMS:
        grads[name] = PARAMS[name] - 0.1 * grads[name]
    return sum(np.sum(value**2) for value in grads.values())


def sums(x):
    s = {"total": 0.0, "n": 0}
    for v in x:
        s["total"] += v * v
        s["n"] += 1
    return s["total"] / s["n"]


def in_branches(x):
    s = {"a": x[0], "b": x[1]}
    for i in range(3):
        if x[i] > 0:
            s["a"] = s["a"] * x[i]
        else:
            s["b"] += s["a"]
    return s["a"] * s["b"]


def in_a_while(x):
    n = 0
    d = {"a": x[0]}
    while n < 3:
        d["a"] = d["a"] * x[n]
        n += 1
    return d["a"]


def joined(x):
    s = {"a": x[0]}
    s |= {"b": x[1], "a": s["a"] * 2.0}
    return s["a"] * s["b"]


def copied(x):
    d = {"a": x[0], "b": x[1]}
    c = d.copy()
    c["a"] = x[2]
    return d["b"] * d["a"] * c["a"]


def made(v):
    return {"a": v}


def made_by_a_function(x):
    d = made(x[0])
    d["b"] = x[1]
    return d["a"] * d["b"]


def read_by_a_closure(x):
    d = {"a": x[0]}

    def f():
        return d["a"]

    d["a"] = x[1]
    return f() * x[0]


def arrays_as_items(x):
    d = {"w": x.copy()}
    d["w"][0] = 3.0
    d["w"] *= 2
    w = d["w"]
    d["w"] = w + 1
    return np.sum(w * d["w"])


def numbers_as_keys(x):
    seen = {}
    for i in range(4):
        seen[i] = x[i % 3] * i
    return seen[3] * seen[2]


def made_anew_in_each_trip(x):
    d = {"a": x[0]}
    for i in range(len(x)):
        d = {"a": d["a"] * x[i]}
        d["a"] = d["a"] + 1
    return d["a"]


def keys_gone_over(x):
    d = {"a": x[0], "b": x[1]}
    for k in d:
        d[k] = d[k] * 2
    return d["b"] * d["a"]


def updated(x):
    d = {"a": x[0], "n": 0.0}
    for i in range(3):
        d.update(a=d["a"] * x[i])
        d.update({"n": d["n"] + 1.0, "a": d["a"] * 2.0})
    d.update(b=x[1])
    return d["a"] * d["b"] + d["n"] * x[2]


def updated_in_a_branch(x):
    d = {"a": x[0]}
    if x[1] > 0.0:
        d.update(a=x[1] * 2.0)
    return d["a"] * x[2]


def joined_in_a_loop(x):
    d = {"a": x[0]}
    for i in range(3):
        d |= {"a": d["a"] * x[i]}
    return d["a"]


def copies_of_items_gone_over(x):
    d = {"a": x[0], "b": x[1]}
    for k, v in list(d.items()):
        d["b"] = v * x[2]
    for k in d.keys():
        d[k] = d[k] * 2.0
    return d["a"] * d["b"]


RIGHT = [
    joined_in_a_loop,
    copies_of_items_gone_over,
    updated,
    updated_in_a_branch,
    layers_by_name,
    layers_by_f_string,
    cached,
    weights_by_name,
    step,
    sums,
    in_branches,
    in_a_while,
    joined,
    copied,
    made_by_a_function,
    read_by_a_closure,
    arrays_as_items,
    numbers_as_keys,
    made_anew_in_each_trip,
    keys_gone_over,
]


@pytest.mark.parametrize("f", RIGHT, ids=lambda f: f.__name__)
def test_gradient(uncompiled: None, f: Any) -> None:
    assert differentiate(f)(X) == pytest.approx(f(X), rel=1e-13)
    assert_gradient(f, (X,))


def two_names(x):
    s = {"a": x[0]}
    t = s
    s["a"] = x[1]
    return t["a"] * s["a"]


def change(d):
    d["a"] = 5.0


def changed_by_a_function(x):
    s = {"a": x[0]}
    change(s)
    return s["a"] * x[1]


def one_of_two(x):
    a = {"v": x[0]}
    if x[0] > 10:
        d = {"v": x[0]}
    else:
        d = a
    d["v"] = x[1] * 3
    return a["v"] * d["v"]


def swapped(x):
    d, e = {"v": x[0]}, {"v": x[1]}
    for i in range(2):
        d["v"] = d["v"] * 2
        d, e = e, d
    return d["v"] - 3 * e["v"]


def as_a_default(x):
    d = {"a": x[0]}
    f = lambda q=d: q["a"]
    d["a"] = x[1]
    return f() * x[0]


def in_a_tuple(x):
    d = {"a": x[0]}
    t = (d, x[1])
    d["a"] = x[2]
    return t[0]["a"]


def item_of_itself(x):
    d = {"a": x[0]}
    d["d"] = (d, x[1])
    return d["a"]


def captured(x):
    PARAMS["W1"] = x
    return np.sum(x)


def joined_under_two_names(x):
    d = {"a": x[0]}
    e = d
    d |= {"a": x[1]}
    return e["a"]


def updated_under_two_names(x):
    d = {"a": x[0]}
    e = (d, 1.0)
    d.update(a=x[1])
    return e[0]["a"]


def items_kept(x):
    d = {"a": x[0], "b": x[1]}
    seen = d.items()
    d["a"] = x[2]
    return sum(v for k, v in seen)


def values_kept_in_a_loop(x):
    d = {"a": x[0], "b": x[1]}
    seen = ((1.0, 2.0), (3.0, 4.0))
    for i in range(2):
        seen = d.items()
    d["a"] = x[2]
    return sum(v for k, v in seen)


def keys_kept(x):
    d = {"a": x[0]}
    seen = d.keys()
    d["b"] = x[1]
    return sum(d[k] for k in seen)


def method_kept(x):
    d = {"a": x[0]}
    get = d.get
    d["a"] = x[1]
    return get("a") * x[0]


def values_as_a_default(x):
    d = {"a": x[0]}
    f = lambda seen=d.values(): sum(seen)
    d["a"] = x[1]
    return f()


def updated_beside_an_operand(x):
    d = {"a": x[0]}
    return second(d.update(a=x[1]), d) + second(d, d.update(a=x[2]))


def second(a, b):
    return 1.0 if b is None else b["a"]


def changed_by_its_own_value(x):
    d = {"a": x[0], "b": x[1]}
    d["a"] += 2.0 if d.update(b=x[2]) is None else 1.0
    return d["a"] * d["b"]


def changed_by_a_closure(x):
    d = {"a": x[0]}

    def f():
        d["a"] = x[1]

    f()
    return d["a"]


@pytest.mark.parametrize(
    "f",
    [
        two_names,
        changed_by_a_function,
        one_of_two,
        swapped,
        as_a_default,
        in_a_tuple,
        item_of_itself,
        captured,
        joined_under_two_names,
        updated_under_two_names,
        changed_by_a_closure,
        changed_by_its_own_value,
        items_kept,
        values_kept_in_a_loop,
        keys_kept,
        method_kept,
        values_as_a_default,
        updated_beside_an_operand,
    ],
    ids=lambda f: f.__name__,
)
def test_other_names_would_have_to_see_it(f: Any) -> None:
    with pytest.raises(UnsupportedConstruct, match="writing into a dict"):
        differentiate(f)(X)


def items_gone_over(x):
    d = {"a": x[0], "b": x[1]}
    for k, v in d.items():
        d["b"] = v * 2
    return d["b"]


def longer_meanwhile(x):
    d = {"a": x[0]}
    for k in d:
        d["b"] = x[1]
    return d["b"]


def updated_meanwhile(x):
    d = {"a": x[0], "b": x[1]}
    for v in d.values():
        d.update(b=v)
    return d["b"]


@pytest.mark.parametrize(
    "f", [items_gone_over, longer_meanwhile, updated_meanwhile], ids=lambda f: f.__name__
)
def test_not_while_a_loop_goes_over_it(f: Any) -> None:
    with pytest.raises(UnsupportedConstruct, match="while a loop goes over it"):
        differentiate(f)(X)


def argument_joined(p, x):
    p |= {"b": x[1]}
    return p["a"] * p["b"]


def test_an_argument_does_not_change() -> None:
    with pytest.raises(UnsupportedConstruct, match="writing into a dict"):
        differentiate(argument_joined, argnums=1)({"a": 2.0}, X)


def beyond_the_end(x):
    return x[0] * int("W1"[5:] or "1"[3])


def no_number(x):
    return x[0] * float("W1")


def wrong_format(x):
    return x[0] if f"{1:q}" == "1" else x[1]


def not_found(x):
    return x["W1".index("b")]


@pytest.mark.parametrize("f", [beyond_the_end, no_number, wrong_format, not_found], ids=lambda f: f.__name__)
def test_text_about_which_python_raises_an_error(f: Any) -> None:
    with pytest.raises(UnsupportedConstruct, match="Python would raise an error here"):
        differentiate(f)(X)
