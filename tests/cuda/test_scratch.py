"""Memory for partial sums: kept for later launches on the default stream, by a GPU that is NumPy here."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from srcdiff.cuda.device import MOST_KEPT, Gpu


class Recorded(Gpu):
    """Arrays of NumPy, counted as they are made."""

    def __init__(self):
        self.cuda = SimpleNamespace(get_current_device=lambda: SimpleNamespace(id=0))
        self.kept = threading.local()
        self.made = 0

    def empty(self, shape, dtype, stream):
        self.made += 1
        return np.full(shape, np.nan, dtype)

    def zeros(self, shape, dtype, stream):
        found = self.empty(shape, dtype, stream)
        self.clear(found, stream)
        return found

    def clear(self, x, stream):
        x[...] = 0


def filled(at, stream=0, shape=(4, 2)):
    with at.scratch(shape, np.float64, stream) as found:
        assert found.shape == shape and not found.any()
        found += 1.0
    return found


def test_the_same_memory_again():
    at = Recorded()
    first = filled(at)
    assert filled(at) is first and at.made == 1
    with at.scratch((4, 2), np.float64, 0) as a, at.scratch((4, 2), np.float64, 0) as b:
        assert a is first and b is not a
    assert at.made == 2
    assert filled(at, shape=(2, 4)) is not first


@pytest.mark.parametrize("stream", [0, 1, None])
def test_streams_by_default(stream):
    at = Recorded()
    assert filled(at) is filled(at, stream)


def test_other_streams_and_threads_have_their_own():
    at = Recorded()
    assert filled(at, 5) is not filled(at, 5)
    found = []
    thread = threading.Thread(target=lambda: found.append(filled(at)))
    first = filled(at)
    thread.start()
    thread.join()
    assert found[0] is not first


def test_not_after_an_error_and_not_if_large():
    at = Recorded()
    with pytest.raises(ZeroDivisionError), at.scratch((3,), np.float64, 0) as found:
        raise ZeroDivisionError
    assert filled(at, shape=(3,)) is not found
    assert filled(at, shape=(MOST_KEPT + 1,)) is not filled(at, shape=(MOST_KEPT + 1,))
