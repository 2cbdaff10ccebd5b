"""From generated text to a function compiled for the CPU.

    load_function("def loss_grad(x):\\n    return 2.0 * x\\n", "loss_grad", cache=True, stem="loss")

writes the text to its file, imports that, and hands the function to Numba. Machine code is kept in our own
cache, behind the interface that Numba has for it, because Numba's own

- takes no notice of `fastmath` and the other options: it would return code compiled under different ones;
- fails at the call when a file is damaged, and cannot see damage inside the machine code;
- can confuse two signatures if two processes save at the same time (each picks the next free number);
- goes to another folder when `__pycache__` cannot be written.

Reads: `cache`, for folders and files, `memory`, `provenance`, `storage` and `vectorised`.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import inspect
import pickle
import sys
from collections.abc import Iterable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import llvmlite  # type: ignore[import-untyped]
import numba
import numpy as np
from numba import cloudpickle
from numba.core import config
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from ..runtime import vector_calls, vector_math
from . import storage
from .cache import StaleCode, cache_folder, load_module, read_whole, write_whole
from .memory import keep_freed_blocks
from .provenance import Provenance
from .vectorised import use_vector_math

__all__ = ["CompiledCode", "compiled_for", "load_adapter", "load_function"]

# Numba's environment settings that change the code it makes.
SETTINGS = (
    "BOUNDSCHECK",
    "DEBUGINFO_DEFAULT",
    "ENABLE_AVX",
    "DISABLE_INTEL_SVML",
    "LOOP_VECTORIZE",
    "OPT",
    "SLP_VECTORIZE",
)


def load_function(
    text: str,
    name: str,
    *,
    stem: str,
    cache: bool = True,
    fastmath: bool | Iterable[str] = False,
    parallel: bool = False,
    boundscheck: bool | None = None,
    depends: str = "",
) -> Any:
    """Return the function `name` of a generated module, compiled by Numba at its first call.

    Parameters
    ----------
    text : str
        A module: imports, helpers under their own `@njit`, and the undecorated function.
    name : str
        The function in it.
    stem : str
        What its file is to be called; the rest of the name comes from the content.
    cache : bool
        Whether compiled code is kept for later processes.
    fastmath : bool or iterable of str
        As in `numba.njit`: LLVM's flags, all or those named.
    parallel, boundscheck
        As in `numba.njit`.
    depends : str
        What else the compiled code depends on and `text` does not show, such as the source of a function of
        the user that it calls.

    Returns
    -------
    Dispatcher
        The same one for the same request. It can be called from other `@njit` functions, and pickled.

    Examples
    --------
    >>> text = "def twice_grad(x):\\n    return 2.0 * x, 2.0\\n"
    >>> load_function(text, "twice_grad", cache=False, stem="twice")(3.0)
    (6.0, 2.0)
    """
    flags = fastmath if isinstance(fastmath, bool) else frozenset(fastmath)
    return dispatcher(text, name, stem, cache, flags, parallel, boundscheck, depends)


@functools.cache
def dispatcher(
    text: str,
    name: str,
    stem: str,
    cache: bool,
    fastmath: bool | frozenset[str],
    parallel: bool,
    boundscheck: bool | None,
    depends: str,
) -> Any:
    """Do what `load_function` says, once for each request."""
    keep_freed_blocks()
    module = load_module(text, stem)
    depends += "".join(inspect.getsource(used) for used in prepare(module, text))
    # By value: a process on another machine has no such module to import it from.
    cloudpickle.register_pickle_by_value(module)  # type: ignore[no-untyped-call]
    compiled: Any = numba.njit(
        error_model="numpy",
        fastmath=fastmath if isinstance(fastmath, bool) else set(fastmath),
        parallel=parallel,
        boundscheck=boundscheck,
    )(getattr(module, name))
    folder = cache_folder() if cache else None
    if folder is not None and not getattr(config, "DISABLE_JIT", False):
        flags = fastmath if isinstance(fastmath, bool) else sorted(fastmath)
        request = repr((text, name, flags, parallel, boundscheck, depends))
        compiled._cache = CompiledCode(folder / "compiled", module.__name__.rpartition(".")[2], request)
    return compiled


def prepare(module: ModuleType, text: str) -> list[ModuleType]:
    """Define the functions of a module anew with what helps LLVM and no reader; the modules that that comes from."""
    if getattr(config, "DISABLE_JIT", False):
        return []
    tree = ast.parse(text)
    used: list[ModuleType] = []
    if storage.tell_apart(tree, define(module, text, "apart", storage.apart)):
        used.append(storage)
    if use_vector_math(tree, text, define(module, text, "vector_math", vector_math)):
        used += [vector_math, vector_calls]
    if used:
        exec(compile(ast.fix_missing_locations(tree), str(module.__file__), "exec"), module.__dict__)
    return used


def define(module: ModuleType, text: str, name: str, value: Any) -> str:
    """Define a name like this one in a module, other than all that its text has; that name."""
    while name in text:
        name += "_"
    module.__dict__[name] = value
    return name


def load_adapter(text: str, called: str, function: Any, frozen: dict[str, Any]) -> Any:
    """Return the function of an adapter module, under Numba.

    Parameters
    ----------
    text : str
        The module, as `print_adapter` makes it.
    called : str
        The name of the function that it calls, and of the adapter less its end.
    function : Dispatcher
        That function.
    frozen : dict
        Its other globals.
    """
    module = load_module(text, called)
    plain = getattr(module, f"{called}_call")
    space = {**module.__dict__, **frozen, called: function}
    adapter: Any = numba.njit(error_model="numpy", forceinline=True)(
        FunctionType(plain.__code__, space, plain.__name__)
    )
    kept = getattr(function, "_cache", None)
    if isinstance(kept, CompiledCode) and not frozen:
        stem = module.__name__.rpartition(".")[2]
        adapter._cache = CompiledCode(kept.folder, stem, repr((text, kept.request)))
    return adapter


def compiled_for(dispatcher: Any, types: tuple[Any, ...], made_from: Provenance) -> Any:
    """Compile for arguments of these types, and note there what the code was made from; the dispatcher.

    Any code that Numba caches with this in it is compared with that when it is loaded.
    """
    dispatcher.compile(types)
    noted = dispatcher.overloads[types].environment.consts
    if made_from not in noted:
        noted.append(made_from)
    return dispatcher


class CompiledCode(_Cache):
    """The compiled forms of one function, each in a file of its own, behind Numba's interface for caches.

    A file holds the digest of the rest, and the rest: signature and code, pickled. Its name says the request,
    the signature, the machine and every version that matters.

    Parameters
    ----------
    folder : Path
        Where the files go; created when the first one is written.
    stem : str
        What the names of the files begin with.
    request : str
        The source and the options that it is compiled with.
    """

    def __init__(self, folder: Path, stem: str, request: str) -> None:
        self.folder = folder
        self.stem = stem
        self.request = request
        self.enabled = True

    @property
    def cache_path(self) -> Any:
        """The folder, for `stats` of a dispatcher."""
        return str(self.folder)

    def path(self, signature: Any, machine: Any) -> Path | None:
        """Return the file for a signature; None for one that means nothing to another process."""
        if " at 0x" in repr(signature):  # a function passed as an argument, known by its address
            return None
        versions = (
            sys.implementation.cache_tag,
            sys.platform,
            numba.__version__,
            llvmlite.__version__,
            np.__version__,
        )
        settings = tuple(getattr(config, setting, None) for setting in SETTINGS)
        key = repr((self.request, signature, machine.magic_tuple(), versions, settings))
        return self.folder / f"{self.stem}_{hashlib.sha256(key.encode()).hexdigest()[:24]}.bin"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the code for a signature; None if there is none, or none that is undamaged and up to date."""
        target_context.refresh()
        path = self.path(sig, target_context.codegen()) if self.enabled else None
        data = None if path is None else read_whole(path)
        if path is None or data is None:
            return None
        digest, payload = data[:32], data[32:]
        if hashlib.sha256(payload).digest() != digest:
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        try:
            found, parts = pickle.loads(payload)
        except StaleCode:  # it calls what was linked into other compiled code, and has the provenance of that
            return None
        if found != sig:
            return None
        return CompileResult._rebuild(target_context, *parts)  # type: ignore[no-untyped-call]

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the code for a signature, unless it is bound to this process or cannot be written."""
        path = self.path(sig, data.codegen) if self.enabled else None
        bound = data.library.has_dynamic_globals or any(not lifted.can_cache for lifted in data.lifted)
        if path is None or bound:
            return
        payload = dumps((sig, data._reduce()))  # type: ignore[no-untyped-call]
        write_whole(path, hashlib.sha256(payload).digest() + payload)

    def enable(self) -> None:
        """Read and write from now on."""
        self.enabled = True

    def disable(self) -> None:
        """Neither read nor write from now on."""
        self.enabled = False

    def flush(self) -> None:
        """Remove what is kept of this function."""
        for path in self.folder.glob(f"{self.stem}_*.bin"):
            with contextlib.suppress(OSError):
                path.unlink()
