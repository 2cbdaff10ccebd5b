"""Methods, objects that are called, and what objects and classes from outside hold: as it is at each call."""

from __future__ import annotations

import pickle
import types
from typing import Any

import numba
import numpy as np
import pytest

from srcdiff import (
    AliasError,
    NotDifferentiable,
    UnsupportedConstruct,
    differentiate,
    grad,
    jvp,
    value_and_grad,
    vjp,
)
from tests.truth import assert_gradient

X = np.array([0.3, -0.7, 0.9, 0.25])


class Base:
    offset = 1.5

    def energy(self, x):
        return self.offset * np.sum(x**2)


class Model(Base):
    scale = 2.0

    def __init__(self, n: int) -> None:
        self.n, self.flag, self.kind = n, True, "a"
        self.w = np.arange(float(n))
        self.layers = [np.ones(2), np.full(2, 2.0)]
        self.options = {"a": 1.0, "b": np.ones(2)}
        self.__hidden = 0.25

    @property
    def half(self):
        return self.scale / 2

    def energy(self, x):
        return np.sum(self.w * x**2) * self.half + self.__hidden * x[0] + super().energy(x)

    def __call__(self, x, p=1.0, *, q=2.0):
        return p * self.energy(x) + q * self.norm(x) + self.total(x)

    @staticmethod
    def norm(x):
        return np.sqrt(np.sum(x * x))

    @classmethod
    def total(cls, x):
        return np.sum(x) * cls.scale

    def in_loops(self, x):
        s = 0.0
        for i in range(self.n):
            if self.flag:
                s += self.w[i] * x[i] ** 2
            else:
                s -= x[i]
        for layer in self.layers:
            s += np.sum(layer * x[:2])
        s += self.options["a"] * np.sum(self.options["b"] * x[2:])
        return s if self.kind == "a" else -s

    def passed_on(self, x):
        return doubled(self.energy, x) + doubled(self, x)

    def written(self, x):
        self.w[0] = x[0]
        return np.sum(self.w * x)

    def changed(self, x):
        self.n = 3
        return np.sum(x)


class Compared:
    """Of which two are compared by what they hold, so that they have no hash."""

    __slots__ = ("factor",)

    def __init__(self, factor: Any) -> None:
        self.factor = factor

    def __eq__(self, other: object) -> bool:
        return bool(np.all(self.factor == other.factor))  # type: ignore[attr-defined]

    def value(self, x):
        return np.sum(self.factor * x)


class Around:
    def __init__(self, model: Any, function: Any) -> None:
        self.model, self.function = model, function

    def loss(self, x):
        return self.model.energy(x) + np.sum(self.function(x))

    def power(self, x, n):
        if n == 0:
            return np.sum(x)
        return 0.5 * self.power(x, n - 1)


class Decorated:
    def __init__(self, a: float) -> None:
        self.a = a

    @differentiate
    def loss(self, x, y=2.0):
        return self.a * np.sum(x * x) * y

    @differentiate(argnums=("x", "y"))
    def by_two(self, x, y):
        return self.loss(x, y) * y


def doubled(f, x):
    return 2.0 * f(x)


MODEL = Model(4)
AROUND = Around(MODEL, np.sin)


def attributes(x):
    return np.sum(MODEL.w * x) * MODEL.n * Model.scale


def method_of_a_global(x):
    return MODEL.energy(x) * AROUND.power(x * x, 3)


METHODS = [
    MODEL.energy, MODEL, MODEL.in_loops, MODEL.passed_on, Model.total, MODEL.total, AROUND.loss,
    Compared(2.0).value, Compared(np.arange(4.0)).value, attributes,
]  # fmt: skip


@pytest.mark.parametrize("f", METHODS)
def test_gradient(uncompiled: None, f: Any) -> None:
    assert_gradient(f, (X,))


def test_compiled() -> None:
    assert_gradient(MODEL, (X,))
    assert_gradient(method_of_a_global, (X,))
    assert jvp(MODEL.energy, (X,), (X,))[1] == pytest.approx(vjp(MODEL.energy, X)[1](1.0) @ X)


def test_what_it_holds_is_passed_on() -> None:
    """As above, by the short way that later calls go."""
    one, other = Compared(2.0), Compared(3.0)
    gradients = [grad(one.value), grad(other.value)]
    for factors in (
        (2.0, 3.0),
        (4.0, 3.0),
        (np.arange(4.0), 1.0),
        (np.arange(4.0) + 1.0, np.float32(0.5)),
        (1, 2),
    ):
        one.factor, other.factor = factors
        for gradient, factor in zip(gradients, factors, strict=True):
            for _ in range(2):
                np.testing.assert_allclose(gradient(X), np.full(4, 1.0) * factor)
    assert gradients[0](x=X).shape == (4,)
    with pytest.raises(TypeError):
        gradients[0](X, X)


def test_what_it_holds_is_read_at_each_call(uncompiled: None) -> None:
    model = Model(4)
    gradient = grad(model.in_loops)

    def holds() -> None:
        np.testing.assert_allclose(gradient(X), grad(model.in_loops)(X))
        assert_gradient(model.in_loops, (X,))

    holds()
    model.w = model.w * 2.0
    holds()
    model.n = 3
    holds()
    model.flag = False
    holds()
    model.kind = "b"
    holds()
    model.layers.append(np.full(2, 5.0))
    holds()
    model.options["a"] = 4
    holds()
    model.w = np.arange(4, dtype=np.float32)
    model.flag = True
    holds()


class Network:
    def __init__(self, *parts: Any) -> None:
        self.parts, self.functions = list(parts), [np.sin, np.tanh]

    def loss(self, x):
        s = 0.0
        for part in self.parts:
            s += part.value(x)
        for function in self.functions:
            s += np.sum(function(x))
        return s


def test_lists_of_objects_and_functions(uncompiled: None) -> None:
    network = Network(Compared(2.0), Compared(np.arange(4.0)))
    gradient = grad(network.loss)
    for change in (
        lambda: None,
        lambda: setattr(network.parts[0], "factor", 10.0),
        lambda: network.parts.__setitem__(1, Compared(0.5)),
        lambda: network.parts.append(Compared(-1.0)),
        lambda: network.functions.pop(),
        lambda: network.functions.__setitem__(0, np.cos),
    ):
        change()
        np.testing.assert_array_equal(gradient(X), grad(network.loss)(X))
        assert_gradient(network.loss, (X,))


@numba.experimental.jitclass([("a", numba.float64), ("flag", numba.boolean), ("w", numba.float64[:])])
class Jitted:
    def __init__(self, a):
        self.a = a
        self.flag = True
        self.w = np.ones(4)


def test_objects_of_compiled_classes_and_of_numpy(uncompiled: None) -> None:
    jitted, polynomial = Jitted(2.0), np.poly1d([1.0, 2.0])
    gradient = grad(lambda x: np.sum(jitted.w * x) * jitted.a if jitted.flag else np.sum(x))
    np.testing.assert_array_equal(gradient(X), np.full(4, 2.0))
    jitted.a, jitted.w = 5.0, np.arange(4.0)
    np.testing.assert_array_equal(gradient(X), 5.0 * np.arange(4.0))
    jitted.flag = False
    np.testing.assert_array_equal(gradient(X), np.ones(4))
    gradient = grad(lambda x: x * polynomial.coeffs[0] * polynomial.order)
    assert gradient(1.0) == 1.0
    polynomial.coeffs[0] = 3.0
    assert gradient(1.0) == 3.0


class Twice:
    def __init__(self) -> None:
        self.a = self.b = np.zeros(4)
        self.seen: list[float] = []
        self.table = {"k": 1.0}

    def aliased(self, x):
        self.a[0] = x[0]
        return np.sum(self.b * x)

    def remembers(self, x):
        self.seen.append(np.sum(x))
        return np.sum(x)

    def sets_an_item(self, x):
        self.table["k"] = 2.0
        return np.sum(x) * self.table["k"]


def test_what_an_object_would_keep_is_refused(uncompiled: None) -> None:
    with pytest.raises(AliasError, match="`a` is written, and shares its memory with `b`"):
        grad(Twice().aliased)(X)
    with pytest.raises(UnsupportedConstruct, match="append"):
        grad(Twice().remembers)(X)
    with pytest.raises(UnsupportedConstruct, match="writing into a dict"):
        grad(Twice().sets_an_item)(X)


def test_methods_that_are_replaced(uncompiled: None) -> None:
    model = Model(4)
    gradient = grad(lambda x: model.energy(x))
    before = gradient(X)
    model.energy = types.MethodType(lambda self, x: np.sum(x) * self.n, model)  # type: ignore[method-assign]
    np.testing.assert_array_equal(gradient(X), np.full(4, 4.0))
    del model.energy
    np.testing.assert_array_equal(gradient(X), before)


def test_an_object_that_a_method_writes_stays_as_it_is(uncompiled: None) -> None:
    model = Model(4)
    value, gradient = value_and_grad(model.written)(X)
    assert value == pytest.approx(X[0] ** 2 + np.arange(1.0, 4.0) @ X[1:])
    np.testing.assert_allclose(gradient, [2.0 * X[0], 1.0, 2.0, 3.0])
    np.testing.assert_array_equal(model.w, np.arange(4.0))


def test_decorated_methods(uncompiled: None) -> None:
    one, two = Decorated(2.0), Decorated(3.0)
    np.testing.assert_allclose(one.loss.grad(X), 8.0 * X)
    np.testing.assert_allclose(two.loss.grad(X, y=1.0), 6.0 * X)
    assert one.loss is one.loss and one.loss(X) == pytest.approx(4.0 * X @ X)
    by_x, by_y = two.by_two.grad(X, 1.5)
    np.testing.assert_allclose(by_x, 6.0 * 1.5**2 * X)
    assert by_y == pytest.approx(2.0 * 3.0 * 1.5 * X @ X)
    one.a = 10.0
    np.testing.assert_allclose(one.loss.grad(X), 40.0 * X)
    with pytest.raises(NotDifferentiable, match="the argument `self` is a `Decorated`"):
        Decorated.loss(one, X)


def test_methods_travel() -> None:
    for f in (grad(AROUND.loss), Decorated(2.0).loss.grad):
        np.testing.assert_allclose(pickle.loads(pickle.dumps(f))(X), f(X))


def test_refused(uncompiled: None) -> None:
    with pytest.raises(UnsupportedConstruct, match="writing an attribute"):
        grad(MODEL.changed)(X)
    with pytest.raises(NotDifferentiable, match="only floats can be differentiated"):
        grad(MODEL.energy, argnums="self")(X)


scale = 2.0


def scaled(x):
    return np.sum(scale * x)


@pytest.mark.parametrize("first", [2.0, np.array([True, True, False, True])])
@pytest.mark.parametrize("then", [3, np.float32(0.5), np.arange(4), np.arange(8.0)[::2], np.array([0.5])])
def test_captured_values_of_another_type(
    uncompiled: None, monkeypatch: pytest.MonkeyPatch, first: Any, then: Any
) -> None:
    gradient = value_and_grad(scaled)
    monkeypatch.setitem(globals(), "scale", first)
    gradient(X)
    monkeypatch.setitem(globals(), "scale", then)
    value, found = gradient(X)
    expected = value_and_grad(scaled)(X)
    assert (value, type(value)) == (expected[0], type(expected[0]))
    np.testing.assert_array_equal(found, expected[1])
    monkeypatch.setitem(globals(), "scale", np.ones((4, 4)) * 1j)
    with pytest.raises(NotDifferentiable, match="c128"):
        gradient(X)


EDGES = [(0, 1), (1, 2), (2, 0)]
WEIGHTS = [1.0, 2.0, 0.5]
NAMES = ["a", "b"]


def along_edges(x):
    s = 0.0
    for (i, j), w in zip(EDGES, WEIGHTS, strict=True):
        s += w * x[i] * x[j] ** 2
    return s + WEIGHTS[0] * len(EDGES) + np.sum(np.array(WEIGHTS) * x)


def named(p):
    return sum([p[name] ** 2 for name in NAMES])


def test_lists_from_outside_are_as_they_are_at_each_call(uncompiled: None, monkeypatch: Any) -> None:
    x = np.array([0.3, -1.2, 0.7])
    g = grad(along_edges)
    assert_gradient(along_edges, (x,))
    first = g(x)
    monkeypatch.setitem(globals(), "WEIGHTS", WEIGHTS.copy())
    WEIGHTS[1] = 5.0
    second = g(x)
    assert second[1] != first[1]
    assert_gradient(along_edges, (x,), value_and_grad=lambda f, argnums: lambda y: (f(y), second))
    monkeypatch.setitem(globals(), "EDGES", EDGES.copy())
    EDGES[0] = 2, 1
    assert g(x)[0] != second[0]
    assert_gradient(along_edges, (x,))


def test_names_in_a_list(uncompiled: None, monkeypatch: Any) -> None:
    g = grad(named)
    assert g({"a": 1.0, "b": 2.0}) == {"a": 2.0, "b": 4.0}
    monkeypatch.setitem(globals(), "NAMES", ["a"])
    assert g({"a": 1.0, "b": 2.0}) == {"a": 2.0, "b": 0.0}
