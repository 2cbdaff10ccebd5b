"""`pytest --update-golden` rewrites stored texts; else they are compared; missing and orphaned ones fail.

tests/conftest.py registers it: `from tests.golden_plugin import pytest_addoption, update_golden`.
"""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable
from pathlib import Path

import pytest

__all__ = ["compare_text", "orphans", "pytest_addoption", "update_golden"]


def pytest_addoption(parser: pytest.Parser) -> None:
    with contextlib.suppress(ValueError):  # registered already
        parser.addoption(
            "--update-golden", action="store_true", help="rewrite the stored texts of the goldens"
        )


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether stored texts are to be rewritten rather than compared."""
    return bool(request.config.getoption("--update-golden", default=False))


def compare_text(path: Path, text: str, update: bool) -> None:
    """Compare `text` with what is stored in `path`, or store it there."""
    text = text.rstrip("\n") + "\n"
    if update:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8", newline="\n")
        return
    assert path.exists(), f"{path} is missing: run pytest with --update-golden and review what it writes"
    stored = path.read_text(encoding="utf-8")
    if stored != text:
        lines = difflib.unified_diff(stored.splitlines(), text.splitlines(), "stored", "now", lineterm="")
        pytest.fail(f"{path.name} differs (--update-golden rewrites it):\n" + "\n".join(lines), pytrace=False)


def orphans(folder: Path, names: Iterable[str], update: bool) -> list[str]:
    """The files of `folder` that belong to none of `names`; removed where texts are being rewritten."""
    wanted = set(names)
    found = [path for path in sorted(folder.iterdir()) if path.is_file() and path.name not in wanted]
    if update:
        for path in found:
            path.unlink()
        return []
    return [path.name for path in found]
