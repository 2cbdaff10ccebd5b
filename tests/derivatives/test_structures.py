"""Lists, named tuples, dicts and dataclasses: as arguments, results and captured values, in every derivative.

The truth is the complex step in plain NumPy, along random directions.
"""

from __future__ import annotations

import dataclasses
import math
from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest

from srcdiff import (
    AliasError,
    DifferentiationError,
    NotDifferentiable,
    UnsupportedConstruct,
    differentiate,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    value_and_grad,
    vjp,
)

RANDOM = np.random.default_rng(7)
STEP = 1e-30


def drawn(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape)


# ------------------------------------------------------------------------------------- structures to test


@dataclass(frozen=True)
class Layer:
    W: np.ndarray
    b: np.ndarray
    kind: str = "tanh"

    def __call__(self, h):
        z = h @ self.W + self.b
        return np.tanh(z) if self.kind == "tanh" else z


@dataclass
class Body:
    mass: float
    where: np.ndarray
    label: Any = None

    @property
    def weight(self):
        return 9.81 * self.mass

    def moved(self, by):
        return dataclasses.replace(self, where=self.where + by)


class Net(NamedTuple):
    layers: list
    scale: float = 1.0

    def scaled(self, x):
        return self.scale * x


INPUT = drawn(5, 3)
TARGET = drawn(5)
RATES = {"learning": 0.3, "decay": np.array([1.0, 2.0]), "name": "sgd", "deep": [drawn(2), {"k": drawn(2)}]}
START = Body(2.0, np.array([1.0, 2.0]))


# ------------------------------------------------------------------------------------------------ programs


def perceptron(params, x):
    h = np.tanh(x @ params["W1"] + params["b1"])
    return np.mean((h @ params["W2"] + params["b2"] - TARGET) ** 2)


def network(net, x):
    h = x
    for layer in net.layers:
        h = layer(h)
    return net.scaled(np.sum(h * h))


def network_by_index(net, x):
    h = x
    for k in range(len(net.layers)):
        h = np.tanh(h @ net.layers[k].W + net.layers[k].b)
    return net.scale * np.sum(h * h)


def penalty(params):
    total = 0.0
    for name, value in params.items():
        if name != "b":
            total += np.sum(value**2)
    for value in params.values():
        total += 0.5 * np.sum(value)
    return total + len(params) * sum(np.sum(v) for v in params.values())


def written(params, y):
    params["W"][0] = params["W"][1] * y
    params["W"][1:] += y
    params["W"] *= 2.0
    return np.sum(params["W"] ** 2)


def written_in_a_loop(bodies, steps):
    for _ in range(steps):
        for body in bodies:
            body.where[0] += 0.1 * math.sin(body.where[1]) * body.mass
            body.where[1] -= 0.1 * body.where[0]
    return bodies[0].where[0] * bodies[1].where[1]


def rebound_in_a_loop(params, steps):
    for _ in range(steps):
        params = {"x": params["x"] + 0.1 * params["v"], "v": params["v"] - 0.1 * np.sin(params["x"])}
    return np.sum(params["x"] * params["v"])


def chosen_by_branch(params, x):
    if x > 0.0:
        picked = {"a": params["a"] * x, "b": params["b"]}
    else:
        picked = {"a": params["a"], "b": params["b"] * x}
    return np.sum(picked["a"]) * picked["b"]


def properties(body):
    other = body.moved(body.mass)
    return other.weight * np.sum(other.where**2) + body.where[0]


def merged(params):
    other = {**params, "c": params["a"] * 2.0} | {"a": params["b"]}
    found = other.get("missing", 3.0) * other["a"] if "c" in other else 0.0
    return found * other["c"] + isinstance(params, dict)


def sorted_tuples(pairs):
    (first, rest), last = pairs
    return first["x"] * np.sum(rest[0]) * last[0]


def zipped(params, x):
    h = x
    for W, b in zip(params["W"], params["b"], strict=True):
        h = np.tanh(h @ W + b)
    for k, W in enumerate(params["W"]):
        h = h * (k + 1.0) + np.sum(W)
    return np.sum(h)


def layers_of(*sizes: int) -> list:
    return [Layer(drawn(n, m), drawn(m)) for n, m in pairwise(sizes)]


WEIGHTS = {"W1": drawn(3, 4), "b1": drawn(4), "W2": drawn(4), "b2": 0.5}
PROGRAMS: list[tuple[Any, tuple[Any, ...]]] = [
    (perceptron, (WEIGHTS, INPUT)),
    (network, (Net([*layers_of(3, 4, 2), Layer(drawn(2, 2), drawn(2), "linear")], 1.5), INPUT)),
    (network_by_index, (Net(layers_of(3, 4, 2), 1.5), INPUT)),
    (penalty, ({"a": drawn(3), "b": drawn(2, 2), "c": drawn(1)},)),
    (penalty, (OrderedDict(b=drawn(3), a=drawn(2, 2)),)),
    (written, ({"W": drawn(4)}, 1.5)),
    (written_in_a_loop, ([Body(1.5, drawn(2)), Body(0.5, drawn(2))], 4)),
    (rebound_in_a_loop, ({"x": drawn(3), "v": drawn(3)}, 5)),
    (chosen_by_branch, ({"a": drawn(3), "b": 0.7}, 1.2)),
    (properties, (Body(1.5, drawn(2), "moon"),)),
    (merged, ({"a": 1.5, "b": 2.5},)),
    (sorted_tuples, ((({"x": 1.5}, [drawn(2)]), (0.5,)),)),
    (zipped, ({"W": [drawn(3, 4), drawn(4, 2)], "b": (drawn(4), drawn(2))}, INPUT)),
]
ROWS = [pytest.param(f, args, id=f"{f.__name__}{k}") for k, (f, args) in enumerate(PROGRAMS)]


# ------------------------------------------------------------------------------------------------ the truth


def each(function: Any, *values: Any) -> Any:
    """A structure with what a function makes of corresponding numbers and arrays, in plain Python."""
    first = values[0]
    if isinstance(first, dict):
        return type(first)((k, each(function, *(v[k] for v in values))) for k in first)
    if dataclasses.is_dataclass(first):
        names = [field.name for field in dataclasses.fields(first)]
        return type(first)(**{n: each(function, *(getattr(v, n) for v in values)) for n in names})
    if isinstance(first, (tuple, list)):
        parts = [each(function, *part) for part in zip(*values, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    return first if first is None or isinstance(first, str) else function(*values)


def numbers(value: Any) -> np.ndarray:
    found: list[np.ndarray] = []
    each(lambda x: found.append(np.ravel(x)), value)
    return np.concatenate(found)


def along(f: Any, args: tuple[Any, ...], direction: Any) -> Any:
    """The derivative of `f` by its first argument along a direction, by the complex step."""
    moved = each(lambda x, v: x + 1j * STEP * v, args[0], direction)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(math, "sin", np.sin)
        return each(lambda x: np.imag(x) / STEP, f(moved, *args[1:]))


def direction_of(value: Any) -> Any:
    return each(lambda x: RANDOM.normal(size=np.shape(x)) if np.ndim(x) else float(RANDOM.normal()), value)


def copied(value: Any) -> Any:
    return each(lambda x: x.copy() if isinstance(x, np.ndarray) else x, value)


def assert_same_structure(got: Any, wanted: Any) -> None:
    assert type(got) is type(wanted) or np.ndim(wanted) == 0 and np.ndim(got) == 0
    if isinstance(wanted, dict):
        assert list(got) == list(wanted)
    elif isinstance(wanted, np.ndarray):
        assert got.shape == wanted.shape and got.dtype == wanted.dtype
    each(lambda *_: None, wanted, got)


# ----------------------------------------------------------------------------------------------- arguments


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize(("f", "args"), ROWS)
def test_gradient_has_the_structure_of_its_argument(f, args):
    given = copied(args)
    value, gradient = value_and_grad(f)(*given)
    assert np.array_equal(numbers(given), numbers(args)), "the arguments were changed"
    assert_same_structure(gradient, args[0])
    np.testing.assert_allclose(value, f(*copied(args)), rtol=1e-13)
    for _ in range(3):
        v = direction_of(args[0])
        np.testing.assert_allclose(
            numbers(gradient) @ numbers(v), along(f, copied(args), v), rtol=1e-11, atol=1e-12
        )


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize(("f", "args"), ROWS)
def test_other_derivatives_have_it_too(f, args):
    gradient = grad(f)(*copied(args))
    v = direction_of(args[0])
    _, tangent = jvp(f, copied(args), (v, *[None] * (len(args) - 1)))
    tangent = tangent[0] if isinstance(tangent, tuple) else tangent
    np.testing.assert_allclose(tangent, numbers(gradient) @ numbers(v), rtol=1e-11, atol=1e-12)
    product = hvp(f)(*copied(args), v)
    assert_same_structure(product, args[0])
    step = 1e-6
    up = grad(f)(each(lambda x, d: x + step * d, args[0], v), *args[1:])
    down = grad(f)(each(lambda x, d: x - step * d, args[0], v), *args[1:])
    np.testing.assert_allclose(
        numbers(product), (numbers(up) - numbers(down)) / (2 * step), rtol=1e-5, atol=1e-5
    )


@pytest.mark.usefixtures("uncompiled")
def test_jacobians_nest_like_results_and_then_like_arguments():
    def f(params):
        return {"y": params["W"] @ params["x"], "z": (np.sum(params["x"] ** 2), 2.0 * params["s"])}

    params = {"W": drawn(2, 3), "x": drawn(3), "s": 1.5}
    for way in (jacobian, jacfwd, jacrev):
        found = way(f)(params)
        assert list(found) == ["y", "z"] and list(found["y"]) == ["W", "x", "s"]
        np.testing.assert_allclose(found["y"]["x"], params["W"], rtol=1e-14)
        np.testing.assert_allclose(found["y"]["W"], np.einsum("ij,k->ijk", np.eye(2), params["x"]))
        assert found["y"]["s"].tolist() == [0.0, 0.0]
        np.testing.assert_allclose(found["z"][0]["x"], 2 * params["x"])
        assert found["z"][1]["s"] == 2.0
    blocks = hessian(lambda p: np.sum(p["x"] ** 3) * p["s"])({"x": np.array([1.0, 2.0]), "s": 2.0})
    assert blocks["x"]["x"].tolist() == [[12.0, 0.0], [0.0, 24.0]]
    assert blocks["x"]["s"].tolist() == blocks["s"]["x"].tolist() == [3.0, 12.0]
    assert blocks["s"]["s"] == 0.0


@pytest.mark.usefixtures("uncompiled")
def test_several_structures_by_number_and_name():
    def f(first, second, k):
        return np.sum(first["x"]) * second.mass ** k["n"]

    args = ({"x": drawn(2)}, Body(3.0, drawn(1)), {"n": 2})
    by_first, by_second = grad(f, (0, "second"))(*args)
    assert by_first["x"].tolist() == [9.0, 9.0]
    assert (by_second.mass, by_second.label) == (pytest.approx(6.0 * np.sum(args[0]["x"])), None)
    assert by_second.where.tolist() == [0.0]


# ------------------------------------------------------------------------------------------------- results


@pytest.mark.usefixtures("uncompiled")
def test_results_have_the_structure_of_python():
    def update(params, slope, rate):
        return {name: value - rate * slope[name] for name, value in params.items()}

    def others(net, x):
        return (
            net._replace(scale=x),
            [net.scale, x],
            Body(x, np.array([x, 2.0]), label="sun"),
            Layer(x * x, b=x),
        )

    new = differentiate(update)(WEIGHTS, grad(perceptron)(WEIGHTS, INPUT), 0.1)
    assert_same_structure(new, WEIGHTS)
    net = Net(layers_of(2, 2), 3.0)
    found = differentiate(others)(net, 2.0)
    assert type(found) is tuple and type(found[0]) is Net and found[0].scale == 2.0
    assert found[0].layers[0].kind == "tanh" and found[1] == [3.0, 2.0]
    assert type(found[2]) is Body and (found[2].mass, found[2].label) == (2.0, "sun")
    assert found[3] == Layer(4.0, 2.0)


@pytest.mark.usefixtures("uncompiled")
def test_pullback_takes_cotangents_like_the_results():
    def f(params, x):
        h = np.tanh(x @ params["W"])
        return {"mean": np.mean(h), "h": h}, Net([h[0] * 2.0], np.sum(h))

    args = ({"W": drawn(3, 2), "name": "first"}, INPUT)
    results, pullback = vjp(f, *args)
    cotangents = direction_of(results)
    (owed, _), v = pullback(cotangents), direction_of(args[0])
    assert owed["name"] == "first"
    np.testing.assert_allclose(
        np.sum(owed["W"] * v["W"]), numbers(cotangents) @ numbers(along(f, args, v)), rtol=1e-11
    )
    with pytest.raises(TypeError, match="structure"):
        pullback((cotangents[0], (cotangents[1][0], 1.0)))
    with pytest.raises(TypeError, match="structure"):
        pullback(({"mean": 1.0}, cotangents[1]))


@pytest.mark.usefixtures("uncompiled")
def test_aux_may_be_a_structure():
    def f(x):
        return np.sum(x**2), {"x": 2.0 * x, "count": len(x)}

    (value, aux), slope = value_and_grad(f, has_aux=True)(np.array([1.0, 2.0]))
    assert (value, aux["count"]) == (5.0, 2)
    assert aux["x"].tolist() == slope.tolist() == [2.0, 4.0]


@pytest.mark.usefixtures("uncompiled")
def test_derivatives_inside_functions_take_and_give_structures():
    def inner(p, x):
        return p["a"] ** 2 * x + p["b"][0]

    def outer(x):
        slope = grad(inner)({"a": x, "b": np.array([1.0])}, x)
        return slope["a"] + np.sum(slope["b"])

    assert grad(outer)(3.0) == 12.0


# ------------------------------------------------------------------------------------------------ captured


@pytest.mark.usefixtures("uncompiled")
def test_captured_structures_are_read_at_each_call(monkeypatch):
    def f(x):
        total = RATES["learning"] * np.sum(RATES["decay"] * x) * (2.0 if RATES["name"] == "sgd" else 1.0)
        return total + np.sum(RATES["deep"][1]["k"] * x) + START.mass * x[0]

    slope, x = grad(f), np.array([1.0, 2.0])

    def expected():
        factor = 2.0 if RATES["name"] == "sgd" else 1.0
        return RATES["learning"] * RATES["decay"] * factor + RATES["deep"][1]["k"] + [START.mass, 0.0]

    np.testing.assert_allclose(slope(x), expected())
    monkeypatch.setitem(RATES, "learning", 0.7)
    monkeypatch.setitem(RATES, "decay", np.array([3.0, 5.0]))
    monkeypatch.setattr(START, "mass", 7.0)
    np.testing.assert_allclose(slope(x), expected())
    monkeypatch.setitem(RATES, "name", "adam")
    monkeypatch.setitem(RATES, "decay", np.array([3.0, 5.0], np.float32))
    np.testing.assert_allclose(slope(x), expected())
    monkeypatch.setitem(RATES, "deep", [1.0, {"k": np.array([0.5, 0.25])}, "more"])
    np.testing.assert_allclose(slope(x), expected())


@pytest.mark.usefixtures("uncompiled")
def test_closures_over_structures_share_a_program():
    def make(params):
        return lambda x: np.sum(params["w"] * x)

    for w in (np.array([1.0, 2.0]), np.array([3.0, 4.0])):
        assert grad(make({"w": w}))(np.ones(2)).tolist() == w.tolist()


# ---------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"W": 1.0, "n": 3}, r'`params\["n"\]` is i64'),
        ({"W": 1.0, "deep": [Body(True, np.ones(1))]}, r'`params\["deep"\]\[0\]\.mass`'),
        ({"W": 1.0, "deep": Net([np.arange(3)])}, r'`params\["deep"\]\.layers\[0\]`'),
        ({"W": 1.0, 2.5: 1.0}, "the key 2.5"),
        ({"W": 1.0, "thing": object()}, r'`params\["thing"\]` is a `object`'),
        ({"W": [1.0, 2.0]}, r'`params\["W"\]` is a list of numbers'),
        ({"name": "x"}, "no float"),
    ],
)
def test_what_cannot_be_differentiated_is_named_by_its_path(params, path):
    with pytest.raises(NotDifferentiable, match=path):
        grad(lambda params: 1.0)(params)


def test_integers_and_texts_are_fine_where_nothing_is_differentiated():
    def f(x, options):
        return x ** options["n"] if options["name"] == "power" else x

    assert grad(f)(2.0, {"n": 3, "name": "power"}) == 12.0
    assert grad(f)(2.0, {"n": 3, "name": "other"}) == 1.0


def rebinds_a_key(params):
    params["W"] = params["W"] * 2.0
    return params["W"]


def adds_to_a_number(params):
    params["W"] += 1.0
    return params["W"]


def rebinds_a_field(params):
    params.mass = params.mass * 2.0
    return params.mass


def changes_the_dict(params):
    params.update({"W": 2.0})
    return params["W"]


def wrong_key(params):
    return params["V"]


def key_from_a_number(params):
    return params[params["W"]]


@pytest.mark.parametrize(
    "f", [rebinds_a_key, adds_to_a_number, rebinds_a_field, changes_the_dict, wrong_key, key_from_a_number]
)
def test_structures_that_change_are_refused(f):
    with pytest.raises(UnsupportedConstruct) as caught:
        grad(f)(Body(1.0, np.ones(1)) if f is rebinds_a_field else {"W": 1.0})
    assert f.__name__ in str(caught.value)


@dataclass
class Checked:
    x: float

    def __post_init__(self):
        assert self.x > 0


def test_constructors_of_ones_own_are_refused():
    with pytest.raises(DifferentiationError, match="__post_init__"):
        grad(lambda x: Checked(x).x)(1.0)
    assert grad(lambda c: -c.x)(Checked(2.0)).x == -1.0


@pytest.mark.usefixtures("uncompiled")
def test_entries_that_share_memory_with_one_that_is_written_are_refused():
    def f(params, other):
        params["W"][0] = other[1]
        return params["W"][0] * params["V"][0]

    x = drawn(4)
    with pytest.raises(AliasError, match="shares its memory"):
        grad(f)({"W": x[:3], "V": x[1:]}, drawn(4))
    with pytest.raises(AliasError, match="shares its memory"):
        grad(f)({"W": x, "V": drawn(2)}, x)
    interleaved = {"W": x[::2], "V": x[1::2]}
    assert grad(f)(interleaved, drawn(4))["V"].shape == (2,)


# ------------------------------------------------------------------------------------------------ compiled


def test_compiled():
    value, gradient = value_and_grad(network)(*PROGRAMS[1][1])
    np.testing.assert_allclose(value, network(*PROGRAMS[1][1]), rtol=1e-13)
    v = direction_of(PROGRAMS[1][1][0])
    np.testing.assert_allclose(numbers(gradient) @ numbers(v), along(network, PROGRAMS[1][1], v), rtol=1e-11)
    assert_same_structure(gradient, PROGRAMS[1][1][0])


def test_attributes_that_are_asked_for() -> None:
    class Point(NamedTuple):
        x: float
        y: float

    def f(p):
        known = p.x * 2.0 if hasattr(p, "x") and hasattr(p, "_replace") else p.y
        return known * getattr(p, "y") * getattr(p, "z", 3.0) + (p.y if hasattr(p, "z") else p.x)  # noqa: B009

    value, slope = value_and_grad(f)(Point(1.5, 2.0))
    assert value == f(Point(1.5, 2.0))
    assert slope == Point(13.0, 9.0)
