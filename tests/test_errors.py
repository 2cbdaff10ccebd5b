"""The text of an error: its first line, the caret, and what pickling keeps."""

import copy
import os
import pickle

import pytest

from srcdiff import errors
from srcdiff.errors import (
    AliasError,
    DifferentiationError,
    InternalError,
    Location,
    NotDifferentiable,
    SourceUnavailable,
    UnsupportedConstruct,
)

KINDS = [
    DifferentiationError,
    UnsupportedConstruct,
    NotDifferentiable,
    AliasError,
    SourceUnavailable,
    InternalError,
]


def lines_at(text: str, part: str, **kwargs: str) -> list[str]:
    """Return the lines of the error about the first `part` of the source line `text`."""
    start = text.index(part)
    return str(
        UnsupportedConstruct("no", Location("f.py", 12, start, start + len(part), text, "loss"), **kwargs)
    ).split("\n")


def test_whole_message():
    text = "    with open(p) as fh:"
    assert lines_at(text, "with open(p) as fh:", reason="because", instead="that") == [
        "f.py, line 12, in loss: no",
        "    with open(p) as fh:",
        "    ^^^^^^^^^^^^^^^^^^^",
        "  why: because",
        "  instead: that",
    ]


def test_empty_parts_are_left_out():
    assert lines_at("x = y", "y") == ["f.py, line 12, in loss: no", "    x = y", "        ^"]


@pytest.mark.parametrize(
    "text, part",
    [
        ("\t\ty = f(x)  # note", "f(x)"),
        ("\tif a:\ty = f(x)", "f(x)"),
        ("    y = a[i]\t+ f(x)   ", "f(x)"),
    ],
)
def test_caret_under_its_columns_also_after_tabs(text, part):
    _, shown, carets = lines_at(text, part)
    assert "\t" not in shown
    assert shown[carets.index("^") : carets.rindex("^") + 1] == part


def test_caret_counts_columns_of_wide_characters():
    _, shown, carets = lines_at("y = 温度 + f(x)", "f(x)")
    assert shown == "    y = 温度 + f(x)"
    assert carets == "    " + " " * 11 + "^^^^"


def test_zero_width_place_still_has_a_caret():
    message = str(DifferentiationError("no", Location("f.py", 1, 4, 4, "x = y", "")))
    assert message.split("\n")[2] == "        ^"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("location", [None, Location("f.py", 3, 0, 1, "x", "f")])
@pytest.mark.parametrize("definition", [None, Location("g.py", 7, 0, 0, "", "g")])
def test_first_line_always_names_a_line(kind, location, definition):
    first = str(kind("problem", location, definition=definition)).split("\n")[0]
    assert "line" in first
    assert "problem" in first
    expected = location or definition
    assert expected is None or first.startswith(str(expected))


def test_error_about_a_call_has_no_caret():
    error = NotDifferentiable(
        "argument 0 is an integer", definition=Location("g.py", 7, 0, 0, "def g(n):", "g")
    )
    assert str(error) == "g.py, line 7, in g: argument 0 is an integer"


def test_internal_error_asks_for_a_report():
    message = str(InternalError("the verifier found a use before its definition"))
    assert "a bug in srcdiff" in message.split("\n")[0]
    assert "report" in message


@pytest.mark.parametrize("kind", KINDS)
def test_pickled_and_copied_whole(kind):
    error = kind(
        "problem", Location("f.py", 3, 0, 1, "x", "f"), "why", "instead", Location("g", 1, 0, 0, "", "")
    )
    error.add_note("seen by a test")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is kind
        assert str(again) == str(error)
        assert vars(again) == vars(error)
    assert issubclass(kind, DifferentiationError)


def test_path_is_shown_relative_to_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert errors.shown_path(os.path.join(str(tmp_path), "sub", "f.py")) == os.path.join("sub", "f.py")
    assert errors.shown_path("<stdin>") == "<stdin>"
    elsewhere = os.path.join(str(tmp_path) + "2", "f.py")
    assert errors.shown_path(elsewhere) == elsewhere
