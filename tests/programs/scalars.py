"""Straight-line scalar code: operators, overwritten names, tuples, integers, constants."""

from tests.programs.table import case


def identity(x):
    return x


def negated(x):
    return -x


def identity_through_name(x):
    y = x
    return y


def incremented(x):
    return x + 1


def saxpy(a, x, y):
    return a * x + y


def saxpy_in_steps(a, x, y):
    t1 = a * x
    t2 = t1 + y
    return t2


def saxpy_overwriting(a, x, y):
    x = a * x
    y = x + y
    return y


def overwritten_argument(x):
    x = x * x
    x = x * x * 0.3
    return x + 0.1


def overwritten_between_uses(x):
    y = x * x
    x = 3.0 * x
    z = x * y
    x = z - x
    return x * y


def overwritten_by_constant(x, y):
    z = x * y
    x = 2.0
    return z * x + x


def name_used_on_both_sides(x):
    y = x
    x = x * y
    y = x * y
    x = y - x * 0.5
    return x * y


def names_like_generated_ones(x, x_bar, x_tape):
    x_bar = x * x_bar
    x_tape = x_tape + x_bar * x
    return x_tape * x_bar


def third_power(x):
    return x**3


def third_power_by_products(x):
    y = x * x
    return y * x


def augmented_every_way(x, y):
    x += y
    x *= y
    x -= 2.0 * y
    x /= 1.0 + y * y
    x **= 2
    return x


def same_value_many_times(x):
    y = x * x + x
    return y * y * y - y / x + x


def products_right(x):
    return 2.5 * x


def products_left(x):
    return x * 2.5


def products_both(x, y):
    return x * y


def quotient_right(x):
    return 2.5 / x


def quotient_left(x):
    return x / 2.5


def quotient_both(x, y):
    return x / y


def difference_right(x):
    return 2.5 - x


def difference_left(x):
    return x - 2.5


def difference_both(x, y):
    return x - y


def sum_right(x):
    return 2.5 + x


def sum_left(x):
    return x + 2.5


def sum_both(x, y):
    return x + y


def powers(x, y):
    return x**y + x**2.5 + 1.7**y + x**-2 + y**0.5 + x**1 + x**0


def negative_base(x):
    return x**3 + x**-1 + x**2 - (-x) ** 4


def integers_mixed_in(x):
    n = 7
    k = n // 2 + n % 3
    return x * k + x / n - (n - k) * x * x


def integer_division_of_constants(x):
    half = 7 // 2 / 4
    return x * half + (5 % 3) * x**2


def floor_division_and_remainder(x, y):
    return (x % y) * x + (x // y) * y + (-x) % y


def divided_with_remainder(x, y):
    quotient, remainder = divmod(x, y)
    return remainder * remainder + quotient * x


def truncated(x):
    whole = int(x)
    return (x - whole) * x + whole


def rounded(x):
    return x * round(x) + round(x) ** 2


def cast_back_and_forth(x, n):
    return float(x) * float(n) + float(int(n) + 1) * x


def minimum_and_maximum(x, y):
    return min(x, y, 0.4) * 2.0 + max(x, y) * y - max(x, -3.0) + min(5.0, y)


def absolute_values(x, y):
    return abs(x) * y + abs(y - x) - abs(x * y)


def builtin_power_and_sum(x, y):
    return pow(x, 3) + pow(2.0, y) + sum((x, y, x * y))


def tuple_swap(x, y):
    x, y = y, x * y
    x, y = y, x
    return x * 2.0 + y * y


def rotated_three(x, y, z):
    x, y, z = y * z, z, x
    return x + 2.0 * y + 3.0 * z * z


def tuple_and_subscript(x, y):
    pair = (x * y, x + y)
    return pair[0] * pair[1] - pair[-1]


def nested_tuples(x, y):
    (a, b), c = (x * x, y), x - y
    nested = (a, (b, c))
    return nested[0] * nested[1][0] + nested[1][1] * c


def list_and_subscript(x, y):
    parts = [x, y * y, x * y]
    return parts[0] * parts[1] + parts[2] * parts[0]


def chained_assignment(x):
    a = b = x * x
    a = a * 2.0
    return a * b


def unused_values(x, y):
    dead = x / y
    dead = dead * 3.0
    return x * 2.0 + y


def one_argument_unused(x, y):
    return x * x


def constant_result(x):
    y = x * 2.0
    y = 1.5
    return y


def long_expression(x, y, z):
    return (x * y - z) * (x + y * (z - x / (2.0 + z * z))) / (1.0 + (x - y) ** 2) - -x * +y


PROGRAMS = [
    case(identity, (0.7,)),
    case(negated, (0.7,)),
    case(identity_through_name, (0.7,)),
    case(incremented, (0.7,)),
    case(saxpy, (1.3, 0.7, -0.4), argnums=(0, 1, 2)),
    case(saxpy_in_steps, (1.3, 0.7, -0.4), argnums=(0, 2)),
    case(saxpy_overwriting, (1.3, 0.7, -0.4), argnums=(0, 1, 2)),
    case(overwritten_argument, (1.2,)),
    case(overwritten_between_uses, (1.2,), (-0.6,)),
    case(overwritten_by_constant, (1.2, 0.8), argnums=(0, 1)),
    case(name_used_on_both_sides, (1.2,)),
    case(names_like_generated_ones, (0.7, 1.1, -0.3), argnums=(0, 1, 2)),
    case(third_power, (1.2,), (-0.7,)),
    case(third_power_by_products, (1.2,)),
    case(augmented_every_way, (1.2, 0.6), argnums=(0, 1)),
    case(same_value_many_times, (1.2,)),
    case(products_right, (1.2,)),
    case(products_left, (1.2,)),
    case(products_both, (1.2, 0.6), argnums=(0, 1)),
    case(quotient_right, (1.2,)),
    case(quotient_left, (1.2,)),
    case(quotient_both, (1.2, 0.6), argnums=(0, 1)),
    case(difference_right, (1.2,)),
    case(difference_left, (1.2,)),
    case(difference_both, (1.2, 0.6), argnums=(0, 1)),
    case(sum_right, (1.2,)),
    case(sum_left, (1.2,)),
    case(sum_both, (1.2, 0.6), argnums=(0, 1)),
    case(powers, (1.2, 0.6), argnums=(0, 1)),
    case(negative_base, (-1.2,)),
    case(integers_mixed_in, (1.2,)),
    case(integer_division_of_constants, (1.2,)),
    case(floor_division_and_remainder, (2.7, 0.6), (-2.7, 0.8), argnums=(0, 1)),
    case(divided_with_remainder, (2.7, 0.6), argnums=(0, 1)),
    case(truncated, (2.7,), (-2.7,)),
    case(rounded, (2.7,)),
    case(cast_back_and_forth, (1.3, 3)),
    case(minimum_and_maximum, (0.7, 1.2), (0.2, -0.3), argnums=(0, 1)),
    case(absolute_values, (0.7, -1.2), (-0.3, 0.4), argnums=(0, 1)),
    case(builtin_power_and_sum, (0.7, -1.2), argnums=(0, 1)),
    case(tuple_swap, (0.7, -1.2), argnums=(0, 1)),
    case(rotated_three, (0.7, -1.2, 0.4), argnums=(0, 1, 2)),
    case(tuple_and_subscript, (0.7, -1.2), argnums=(0, 1)),
    case(nested_tuples, (0.7, -1.2), argnums=(0, 1)),
    case(list_and_subscript, (0.7, -1.2), argnums=(0, 1)),
    case(chained_assignment, (0.7,)),
    case(unused_values, (0.7, -1.2), argnums=(0, 1)),
    case(one_argument_unused, (0.7, -1.2), argnums=(0, 1)),
    case(constant_result, (0.7,)),
    case(long_expression, (0.7, -1.2, 0.4), argnums=(0, 1, 2)),
]
