"""One sweep over the bounds of arrays says what all pairs of them say."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from srcdiff.cuda.arrays import are_apart, overlap


def test_as_all_pairs() -> None:
    random, memory = np.random.default_rng(0), np.zeros(60)
    seen = set()
    for _ in range(2000):
        count = int(random.integers(1, 6))
        starts, lengths = random.integers(0, 50, count), random.integers(0, 8, count)
        arrays = [memory[a : a + n] for a, n in zip(starts, lengths, strict=True)]
        split = int(random.integers(0, count + 1))
        written, read = arrays[:split], arrays[split:]
        pairs = [*combinations(written, 2), *((w, r) for w in written for r in read)]
        expected = not any(overlap(a, b) for a, b in pairs)
        assert are_apart(written, read) is expected
        seen.add(expected)
    assert seen == {True, False}
