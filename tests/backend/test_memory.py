"""The pages of one call's arrays serve the next call."""

from __future__ import annotations

import platform
import subprocess
import sys
import textwrap

import pytest

PROGRAM = textwrap.dedent(
    """
    import resource
    import numpy as np
    from srcdiff import value_and_grad

    def loss(x, w, y):
        return np.sum(y * np.tanh(x @ w))

    rng = np.random.default_rng(0)
    x, w, y = rng.standard_normal((1000, 100)), rng.standard_normal((100, 100)), rng.standard_normal((1000, 100))
    gradient = value_and_grad(loss, argnums=(0, 1))
    for _ in range(3):
        gradient(x, w, y)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        gradient(x, w, y)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 10)
    """
)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep freed blocks or do not")
def test_a_call_touches_no_fresh_pages(tmp_path) -> None:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 20  # an array has about 200 pages, and a call needs several
