"""Generated programs as plain Python: the same text, without the time that compiling takes."""

from __future__ import annotations

from typing import Any

import pytest

from srcdiff.compiled import Compiled


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derivatives run their generated text as it stands."""

    def load(self: Compiled, text: str, name: str, *_: Any) -> Any:
        space: dict[str, Any] = {}
        exec(compile(text.replace("from numba import njit", "njit = lambda f: f"), name, "exec"), space)
        return space[name]

    monkeypatch.setattr(Compiled, "load", load)
    monkeypatch.setattr("srcdiff.compiled.is_interpreted", lambda: True)
