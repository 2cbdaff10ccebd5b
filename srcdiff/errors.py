"""Errors that point at the user's line: file, line, caret, what, why, and what to write instead.

    model.py, line 12, in loss: `with` blocks are not supported
        with open(path) as file:
        ^^^^^^^^^^^^^^^^^^^^^^^^
      why: what a context manager does on exit cannot be run backwards
      instead: open the file outside `loss` and pass what it holds

Every refusal of the package is a `DifferentiationError`; the subclasses say what kind of thing went wrong.
Reads nothing else of the package.
"""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass

__all__ = [
    "DIFFERENT_LENGTHS",
    "LONGER_THAN_ONE",
    "AliasError",
    "CheckError",
    "CrossThreadDependence",
    "CudaUnavailable",
    "DifferentiationError",
    "DivergentBarrier",
    "InternalError",
    "Location",
    "NotDifferentiable",
    "OverwriteError",
    "RaceError",
    "SharedMemoryError",
    "SourceUnavailable",
    "TapeBoundError",
    "TapeOverflowError",
    "UnsupportedAtomic",
    "UnsupportedConstruct",
    "UnsupportedDtype",
    "UnsupportedIntrinsic",
]

INDENT = "    "

# What programs raise where lengths are not the ones that they are made for; there may be a program for those.
DIFFERENT_LENGTHS = "arrays of different lengths (to repeat an array of length 1, write its slice: `b[:1]`)"
LONGER_THAN_ONE = "this program is for arguments of length 1 here"


@dataclass(frozen=True)
class Location:
    """A stretch of one source line.

    Attributes
    ----------
    file : str
        The file as Python names it (also `<stdin>`, `<ipython-input-...>`).
    line : int
        1-based line in that file.
    column, end_column : int
        0-based half-open range of *characters* (not bytes) in `text`.
    text : str
        The whole source line, without its line end; empty when it is not known.
    function : str
        Name of the function that the line belongs to; empty when it is not known.
    """

    file: str
    line: int
    column: int
    end_column: int
    text: str
    function: str

    def __str__(self) -> str:
        inside = f", in {self.function}" if self.function else ""
        return f"{shown_path(self.file)}, line {self.line}{inside}"


class DifferentiationError(Exception):
    """A function, or a call of one, that cannot be differentiated.

    Parameters
    ----------
    problem : str
        What is not supported, as half a sentence: "`with` blocks are not supported".
    location : Location, optional
        The source the problem lies in; None for an error about a call.
    reason : str
        Why it is not.
    instead : str
        The nearest thing that works.
    definition : Location, optional
        For an error about a call: where the called function is defined. Its line is named, without a caret.

    Examples
    --------
    >>> where = Location("model.py", 12, 8, 13, "    y = a @ b", "loss")
    >>> print(DifferentiationError("`@` of two scalars", where, instead="`a * b`"))
    model.py, line 12, in loss: `@` of two scalars
        y = a @ b
            ^^^^^
      instead: `a * b`
    """

    def __init__(
        self,
        problem: str,
        location: Location | None = None,
        reason: str = "",
        instead: str = "",
        definition: Location | None = None,
    ) -> None:
        # All of it goes into `args`: that is what `BaseException` pickles and copies by.
        super().__init__(problem, location, reason, instead, definition)
        self.problem = problem
        self.location = location
        self.reason = reason
        self.instead = instead
        self.definition = definition

    def __str__(self) -> str:
        where = self.location or self.definition
        lines = [f"{where or 'source line unknown'}: {self.problem}"]
        if self.location is not None:
            lines += underlined(self.location)
        if self.reason:
            lines.append(f"  why: {self.reason}")
        if self.instead:
            lines.append(f"  instead: {self.instead}")
        return "\n".join(lines)


class CheckError(AssertionError):
    """A derivative that does not agree with differences: `check_grads` says where."""


class UnsupportedConstruct(DifferentiationError):
    """A statement, expression or object outside the language that srcdiff reads."""


class NotDifferentiable(DifferentiationError):
    """A derivative that does not exist or is not known.

    With respect to an integer, of a result that is not a scalar, through an unknown call on an active value.
    """


class AliasError(DifferentiationError):
    """Two names for one array, one of them written, and no way to tell statically what the other one sees."""


class SourceUnavailable(DifferentiationError):
    """The source of a function cannot be read, or is no longer the source of the function that runs."""


class InternalError(DifferentiationError):
    """A bug in srcdiff itself, never in the user's function."""

    def __init__(
        self,
        problem: str,
        location: Location | None = None,
        reason: str = "",
        instead: str = "please report it, with the source of this function and the types it was called with",
        definition: Location | None = None,
    ) -> None:
        super().__init__(problem, location, reason, instead, definition)

    def __str__(self) -> str:
        first, _, rest = super().__str__().partition("\n")
        return f"{first} (a bug in srcdiff)" + (f"\n{rest}" if rest else "")


class CudaUnavailable(DifferentiationError):
    """CUDA is not installed, or there is no GPU."""


class RaceError(DifferentiationError):
    """Two threads of a kernel use one element of memory with nothing that orders them; the emulator found it."""


class DivergentBarrier(DifferentiationError):
    """A barrier that not all threads of a block reach."""


class CrossThreadDependence(DifferentiationError):
    """An array that a kernel writes and reads elsewhere: what is read depends on which thread is first."""


class OverwriteError(DifferentiationError):
    """An array whose old values an adjoint needs, and which the kernel overwrites."""


class TapeBoundError(DifferentiationError):
    """A loop in a thread with a tape of unknown length."""


class TapeOverflowError(DifferentiationError):
    """A loop in a thread made more trips than its tape has room for."""


class UnsupportedAtomic(DifferentiationError):
    """An atomic operation without a derivative."""


class UnsupportedIntrinsic(DifferentiationError):
    """A function of a GPU, or one that it does not have."""


class SharedMemoryError(DifferentiationError):
    """Shared memory of unknown size, or more of it than a block has."""


class UnsupportedDtype(DifferentiationError):
    """Data of a type that is not computed with."""


def shown_path(file: str) -> str:
    """Return `file` relative to the working directory where it lies inside it, else unchanged."""
    try:
        inside = os.path.join(os.getcwd(), "")
    except OSError:  # the working directory was removed
        return file
    return file[len(inside) :] if file.startswith(inside) and file != inside else file


def underlined(location: Location) -> list[str]:
    """Return the source line of `location` and a line of carets under its columns; nothing without text."""
    text = location.text.rstrip()
    if not text.strip():
        return []
    # Expanding the whole line and its prefixes alike keeps the columns: tabs stop where they stopped.
    full = text.expandtabs()
    shown = full.lstrip()
    margin = len(full) - len(shown)
    start = max(len(text[: location.column].expandtabs()) - margin, 0)
    end = max(len(text[: location.end_column].expandtabs()) - margin, start)
    carets = max(width(shown[start:end]), 1)
    return [INDENT + shown, INDENT + " " * width(shown[:start]) + "^" * carets]


def width(text: str) -> int:
    """Return how many columns a terminal gives `text`: two for wide East Asian characters, none for marks."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )
