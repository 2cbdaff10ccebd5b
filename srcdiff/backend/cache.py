"""Keep generated text and compiled code between runs: one folder per user, every file named by content.

    ~/.cache/srcdiff/
        loss_2f5a...c1.py        generated source, a module `srcdiff.backend.cache.loss_2f5a...c1`
        compiled/loss_2f5a...    machine code, one file per signature and set of options

Files are written whole or not at all, and checked when they are read: a damaged one counts as missing. Where
nothing can be written, everything works without: modules go to a folder of this process, or stay in memory.
Nothing is written elsewhere, and nothing here warns.

Reads: `SRCDIFF_CACHE_DIR`, and what the platform says about where caches belong.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import os
import re
import shutil
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

__all__ = [
    "StaleCode",
    "cache_folder",
    "load_module",
    "read_whole",
    "write_module",
    "write_whole",
]

# With a path, this module is a package of what it wrote: `import srcdiff.backend.cache.loss_2f5a...c1` works
# in any process of the same user. Numba does that when it loads compiled code that calls such a function.
__path__: list[str] = []


# --- Folders ------------------------------------------------------------------------------------------------


def cache_folder() -> Path | None:
    """Return the folder of this user's cache; None for a user without a home.

    It is `SRCDIFF_CACHE_DIR` if that is set; else `srcdiff` in `$XDG_CACHE_HOME` or `~/.cache`, on macOS in
    `~/Library/Caches`, on Windows in `%LOCALAPPDATA%`. The first write makes it. It need not be writable:
    one that is read-only still serves what it has.
    """
    try:
        chosen = os.environ.get("SRCDIFF_CACHE_DIR")
        if chosen:
            return Path(chosen).expanduser().absolute()
        if sys.platform == "win32":
            local = os.environ.get("LOCALAPPDATA")
            parent = Path(local) if local else Path.home() / "AppData" / "Local"
        elif sys.platform == "darwin":
            parent = Path.home() / "Library" / "Caches"
        else:
            # A relative path is to be ignored (XDG Base Directory Specification).
            named = os.environ.get("XDG_CACHE_HOME", "")
            parent = Path(named) if os.path.isabs(named) else Path.home() / ".cache"
        return parent.absolute() / "srcdiff"
    except (RuntimeError, OSError):  # no home; no working directory
        return None


def private_folder() -> Path | None:
    """Return a folder of this process alone, removed when it ends; None where there is no room for one."""
    return private_folder_of(os.getpid())


@functools.cache
def private_folder_of(process: int) -> Path | None:
    try:
        folder = Path(tempfile.mkdtemp(prefix="srcdiff-"))
    except OSError:
        return None
    # A forked child inherits the exit handler, but the folder is not its own.
    atexit.register(lambda: shutil.rmtree(folder, ignore_errors=True) if os.getpid() == process else None)
    return folder


# --- Files --------------------------------------------------------------------------------------------------


def write_whole(path: Path, data: bytes) -> bool:
    """Write a file so that no reader ever sees a part of it; tell whether that went well.

    Of several processes that write at once, one wins. A failure (disk full, or on Windows a file that is
    being read) leaves what was there.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    except OSError:
        return False
    try:
        with open(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        return False
    return True


def read_whole(path: Path) -> bytes | None:
    """Return what a file holds; None if it is not there or cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def holds(path: Path, data: bytes) -> bool:
    """Make `path` hold `data`, writing only if it does not yet; tell whether it does now."""
    if read_whole(path) == data:
        return True
    # Where the write fails, another process may just have written the same.
    return write_whole(path, data) or read_whole(path) == data


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# --- Modules ------------------------------------------------------------------------------------------------


def module_stem(text: str, stem: str) -> str:
    """Return `stem`, made fit for file and module names, and what tells this text from others.

    >>> module_stem("x = 1\\n", "<lambda>")
    'lambda_9e26bf369911c45c'
    """
    plain = re.sub(r"\W+", "_", stem, flags=re.ASCII).strip("_")[:40] or "function"
    return f"{plain}_{sha256(text.encode())[:16]}"


def write_module(text: str, stem: str) -> Path | None:
    """Write `text` to the file of the cache that its content names; a damaged one is written anew.

    Returns
    -------
    Path or None
        The file: in the cache, or else in a folder of this process; None where nothing can be written.
    """
    name = f"{module_stem(text, stem)}.py"
    for find_folder in (cache_folder, private_folder):
        folder = find_folder()
        if folder is not None and holds(folder / name, text.encode()):
            return folder / name
    return None


def load_module(text: str, stem: str) -> types.ModuleType:
    """Return the module made from `text`, whose source debuggers and tracebacks find.

    The same text gives the same module, under the same name in every process. It can be imported by that
    name, as long as the cache can be written.
    """
    name = f"{__name__}.{module_stem(text, stem)}"
    loaded = sys.modules.get(name)
    if loaded is not None and isinstance(getattr(loaded.__spec__, "loader", None), ForgottenModules):
        del sys.modules[name]
    elif loaded is not None:
        return loaded
    path = write_module(text, stem)
    if path is None:
        file = f"<{name}>"
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        module = types.ModuleType(name)
    else:
        file = str(path)
        extend_path(path.parent)
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
    # From the text at hand, not through the loader: no second reading, no `.pyc` beside the file.
    exec(compile(text, file, "exec", dont_inherit=True), module.__dict__)
    # Another thread may have been faster; all must get the same module.
    return sys.modules.setdefault(name, module)


class StaleCode(OSError):
    """Compiled code that must not be used any more.

    Numba's cache takes any `OSError` while it reads an entry for a file that is gone, and compiles anew.
    """


class ForgottenModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """The finder of last resort: a module of this package whose file is gone is empty.

    Code that Numba has cached names the modules of all that it was compiled from, and needs no more than the name.
    """

    def find_spec(
        self, name: str, path: Any, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if re.fullmatch(re.escape(__name__) + r"\.\w+_[0-9a-f]{16}", name):
            return importlib.machinery.ModuleSpec(name, self)
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        """Leave it empty."""


def extend_path(folder: Path | None) -> None:
    """Let modules be imported from `folder` as members of this one."""
    if folder is not None and str(folder) not in __path__:
        __path__.append(str(folder))


extend_path(cache_folder())
sys.meta_path.append(ForgottenModules())
