"""Branches: on active and inactive values, nested, binding names, with and/or/not, assert and raise."""

# The corpus is written the way users write.
# ruff: noqa: FURB136

import math

import numpy as np

from tests.programs.table import case, numbers


def overwritten_in_arm(x):
    y = x * 1.5
    if y > 1.0:
        y = y * y
    return y * x


def overwritten_in_both_arms(x):
    if x > 0.0:
        y = x * x
        x = 2.0 * y
    else:
        y = -3.0 * x
        x = y + x
    return x * y


def nested_arms(x):
    if x > 0.5:
        if x > 1.0:
            y = x * x
        else:
            y = 3.0 * x
        y = y * x
    elif x > 0.0:
        y = x
    else:
        y = -x * x
    return y * 0.7


def devilish(x):
    z = x * 2.0
    if x > 0.0:
        if z > 1.0:
            z = z * x
            x = z
            if x > 3.0:
                x = x * z
            else:
                z = x - z * x
        else:
            x = x * z * z
    else:
        if z < -1.0:
            x, z = z * z, x
    return x * z


def serial_arms(x, y):
    if x > y:
        x = x * y
    if x > 0.5:
        y = y * x * 2.0
    else:
        x = x - y * y
    if y > x:
        x, y = y, x
    return x * y + y


def several_arguments(x, y, z):
    if x < y:
        r = y * z
    elif y < z:
        r = x * z * z
    else:
        r = x * x
    return r + z * x


def inactive_condition(x, mode):
    if mode == 0:
        y = x * x
    elif mode == 1:
        y = math.sin(x)
    elif mode in (2, 3):
        y = x * mode
    else:
        y = 0.25
    return y * 3.0


def square_root_of_positive(x):
    r = 0.0
    if x > 0:
        r = math.sqrt(x)
    return r * 2.0


def arm_without_derivative(x):
    y = x * x
    if x < 0.0:
        y = 1.0
    return y + 0.5 * x


def arms_of_other_types(x, n):
    s = 0
    if n > 2:
        s = x * n
    return s + x


def empty_arm(x):
    y = x * x
    if x > 0.0:
        pass
    else:
        y = y * x
    return y


def conditional_expression(x, y):
    a = x * y if x > y else x - y
    b = 2.0 if y > 0.0 else a
    return a * (b if x * y > 0 else b * b)


def relu_and_leaky(x, y):
    r = x if x > 0.0 else 0.0
    s = y if y > 0.0 else 0.01 * y
    return r * 3.0 + s * r + s


def untaken_is_not_finite(x):
    y = math.log(x) if x > 0.0 else x * x
    z = 1.0 / x if x != 0.0 else 0.0
    return y + (z if x > 1.0 else x)


def chained_comparison(x, low, high):
    if low < x < high:
        return x * x * low
    if low <= high <= x:
        return high * x
    return low * x


def logic(x, y, flag):
    if (x > 0.0 and y > 0.0) or flag:
        r = x * y
    elif not flag and (x < -1.0 or y < -1.0):
        r = x * x - y
    else:
        r = y * y
    ok = x > y or y > 0.3
    if ok:
        r = r * x
    return r


def short_circuit_guards(x, n):
    a = np.zeros(3)
    a[0] = x
    if n < 3 and a[n] > 0.1:
        return x * 2.0 * a[0]
    return x * x


def booleans_as_numbers(x, y):
    return x * (x > y) + y * (not x > y) + (x > 0) * 2.0


def value_of_or(x, y):
    z = x or y
    return z * x + (x and y)


def asserted(x, n):
    assert n > 0, "n must be positive"
    assert x > -10.0
    return x * x / n


def guarded_by_raise(x, n):
    if n < 0:
        raise ValueError("n must not be negative")
    y = x**n
    if not y < 1e6:
        raise OverflowError
    return y * x


def none_default(x, scale=None):
    if scale is None:
        scale = 2.0
    return x * x * scale


def none_given_for_active(x, offset=None):
    y = x * x
    if offset is not None:
        y = y * offset + offset
    return y


def condition_on_array(a, threshold):
    s = 0.0
    if a[0] * a[1] > threshold:
        s = a[0] * a[2]
    else:
        s = a[1] - a[0]
    if a.shape[0] > 2 and len(a) < 10:
        s = s * a[2]
    return s


def arm_stores_another_element(a, x):
    b = a.copy()
    if x > 0.0:
        b[0] = x * a[1]
    else:
        b[1] = x * a[0]
        b[0] = b[1] * b[1]
    return b[0] * 0.7 + b[1] * b[0] + b[2]


def piecewise_table(x):
    if x < -1.0:
        coefficient, power = 0.3, 2
    elif x < 0.0:
        coefficient, power = -0.7, 3
    elif x < 1.0:
        coefficient, power = 1.9, 2
    else:
        coefficient, power = 0.2, 5
    return coefficient * x**power


def kink_sum(x, y):
    huber = 0.5 * x * x if abs(x) <= 1.0 else abs(x) - 0.5
    hinge = max(0.0, 1.0 - y * x)
    return huber + hinge * hinge


A = numbers(3, seed=1)
PROGRAMS = [
    case(overwritten_in_arm, (0.9,), (0.2,)),
    case(overwritten_in_both_arms, (0.9,), (-0.9,)),
    case(nested_arms, (1.4,), (0.7,), (0.2,), (-0.8,)),
    case(devilish, (1.7,), (0.8,), (0.3,), (-0.2,), (-0.9,)),
    case(serial_arms, (1.2, 0.7), (0.3, 0.8), (-0.4, -0.9), argnums=(0, 1)),
    case(several_arguments, (0.2, 0.5, 0.9), (0.6, 0.5, 0.9), (0.6, 0.5, 0.1), argnums=(0, 1, 2)),
    case(inactive_condition, *((0.7, mode) for mode in range(5))),
    case(square_root_of_positive, (0.7,), (-0.7,)),
    case(arm_without_derivative, (0.7,), (-0.7,)),
    case(arms_of_other_types, (0.7, 3), (0.7, 1)),
    case(empty_arm, (0.7,), (-0.7,)),
    case(conditional_expression, (0.7, 0.3), (-0.3, 0.6), (-0.3, -0.6), argnums=(0, 1)),
    case(relu_and_leaky, (0.7, 0.3), (-0.7, -0.3), (0.7, -0.3), argnums=(0, 1)),
    case(untaken_is_not_finite, (0.7,), (1.7,), (-0.7,)),
    case(chained_comparison, (0.5, 0.1, 0.9), (1.5, 0.1, 0.9), (-0.5, 0.1, 0.9), argnums=(0, 1, 2)),
    case(logic, (0.7, 0.2, False), (-0.7, 0.2, True), (-1.7, 0.2, False), (0.2, -0.3, False), argnums=(0, 1)),
    case(short_circuit_guards, (0.7, 0), (0.7, 7), (0.05, 0)),
    case(booleans_as_numbers, (0.7, 0.2), (-0.7, 0.2), argnums=(0, 1)),
    case(value_of_or, (0.7, 0.2), argnums=(0, 1)),
    case(asserted, (0.7, 3)),
    case(guarded_by_raise, (0.7, 3)),
    case(none_default, (0.7,), (0.7, 0.3)),
    case(none_given_for_active, (0.7,), (0.7, 0.3)),
    case(none_given_for_active, (0.7, 0.3), argnums=(0, 1), name="none_default_active"),
    case(condition_on_array, (A, -5.0), (A, 5.0)),
    case(arm_stores_another_element, (A, 0.6), (A, -0.6), argnums=(0, 1)),
    case(piecewise_table, (-1.3,), (-0.3,), (0.3,), (1.3,)),
    case(kink_sum, (0.4, 0.7), (-1.4, 0.7), (1.4, 2.7), argnums=(0, 1)),
]
