"""Loops that keep the best of what they see are reversed in one trip, without a tape."""

from __future__ import annotations

import numpy as np
import pytest

from srcdiff import differentiate, value_and_grad
from tests.programs import selections
from tests.programs.table import Program

ONE_TRIP = [
    selections.largest,
    selections.smallest_turned_around,
    selections.as_expression,
    selections.winner_by_another_measure,
    selections.two_kept_by_one_test,
    selections.high_and_low,
    selections.nearest_centroid,
    selections.whole_matrix,
    selections.saddle,
    selections.several_in_a_row,
    selections.two_ways_to_win,
    selections.early_continue_and_break,
    selections.with_steps,
    selections.counted_from_below_zero,
    selections.while_loop,
    selections.while_with_running_number,
    selections.number_kept_for_the_winner,
    selections.looked_up,
    selections.counts_in_an_array,
]
FULL = [selections.runner_up, selections.decayed, selections.improved_from_itself, selections.with_ties]


def row(function: object) -> Program:
    return next(program for program in selections.PROGRAMS if program.function is function)


@pytest.mark.parametrize("function", ONE_TRIP, ids=lambda f: f.__name__)
def test_no_tape(function) -> None:
    program = row(function)
    assert not differentiate(function, argnums=program.argnums).tape_report(*program.args[0]).tapes


@pytest.mark.parametrize("function", FULL, ids=lambda f: f.__name__)
def test_all_trips_where_they_matter(function) -> None:
    program = row(function)
    assert differentiate(function, argnums=program.argnums).tape_report(*program.args[0]).tapes


def test_the_first_of_equals_wins_a_strict_comparison() -> None:
    gradients = value_and_grad(selections.largest)(np.array([1.0, 2.0, 2.0]))[1]
    assert list(gradients) == [0.0, 4.0, 0.0]


def last_of_equals(x):
    m = x[0]
    for i in range(1, len(x)):
        if x[i] >= m:
            m = x[i]
    return m


def test_the_last_of_equals_wins_otherwise() -> None:
    assert list(value_and_grad(last_of_equals)(np.array([2.0, 1.0, 2.0, 1.5]))[1]) == [0.0, 0.0, 1.0, 0.0]


def test_not_a_number_never_wins() -> None:
    value, gradients = value_and_grad(selections.largest)(np.array([1.0, np.nan, 3.0, np.nan]))
    assert value == 9.0
    assert list(gradients) == [0.0, 0.0, 6.0, 0.0]


def leaves_after_the_assignment(x):
    m = x[0]
    for i in range(1, len(x)):
        if x[i] < 0.0:
            continue
        m = x[i] if x[i] > m else m
        if m > 100.0:
            break
    return m


def test_what_is_assigned_before_a_break_is_kept() -> None:
    value, gradients = value_and_grad(leaves_after_the_assignment)(np.array([1.0, 2.0, 300.0, 5.0]))
    assert value == 300.0
    assert list(gradients) == [0.0, 0.0, 1.0, 0.0]
