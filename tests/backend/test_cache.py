"""The cache: found again by other processes, sound when damaged, silent when it cannot be written."""

import importlib
import math
import os
import pickle
import subprocess
import sys
import textwrap
import traceback
import warnings
from pathlib import Path

import cloudpickle
import numba
import numpy as np
import pytest

import srcdiff
from srcdiff.backend import cache, cpu

# Without, Numba takes what it has compiled for bound to this process, and keeps nothing of it.
pytestmark = pytest.mark.usefixtures("optimised_by_llvm")

TEXT = """\
import math
import numpy as np
from numba import njit


@njit
def bump(x):
    return math.exp(-x * x)


def loss_grad(w):
    total = 0.0
    for i in range(w.size):
        total += bump(w[i])
    return total, -2.0 * w * np.exp(-w * w)
"""
W = np.array([0.5, 1.0])
VALUE = math.exp(-0.25) + math.exp(-1.0)

# What a later process prints: how often it found compiled code, and the value.
PROGRAM = """
import sys, warnings; warnings.simplefilter("error")
from pathlib import Path
import numpy as np
from srcdiff.backend.cpu import load_function
text = Path(sys.argv[1]).read_text()
f = load_function(text, "loss_grad", stem="loss", **eval(sys.argv[2]))
value, slope = f(np.array([0.5, 1.0]))
print(f.stats.cache_hits.total(), value, f.__code__.co_filename)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("SRCDIFF_CACHE_DIR", str(folder))
    return folder


def environment(**changes):
    path = [str(Path(srcdiff.__file__).parents[1]), *filter(None, sys.path)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), **{k: str(v) for k, v in changes.items()}}


def start(program, *args, **changes):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**changes),
    )


def finish(process):
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert err == ""
    return out.split()


def run(program, *args, **changes):
    return finish(start(program, *args, **changes))


@pytest.fixture
def text_file(tmp_path):
    path = tmp_path / "text.py"
    path.write_text(TEXT)
    return str(path)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# --- Folders and files --------------------------------------------------------------------------------------


def test_folder_is_where_the_platform_keeps_caches(monkeypatch):
    monkeypatch.delenv("SRCDIFF_CACHE_DIR", raising=False)
    home = os.path.abspath(os.path.join(os.sep, "home", "ann"))
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, home)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache.cache_folder() == Path(home, ".cache", "srcdiff")
    monkeypatch.setenv("XDG_CACHE_HOME", os.path.join(home, "x"))
    assert cache.cache_folder() == Path(home, "x", "srcdiff")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache.cache_folder() == Path(home, "Library", "Caches", "srcdiff")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", os.path.join(home, "Local"))
    assert cache.cache_folder() == Path(home, "Local", "srcdiff")


def test_folder_is_made_by_the_first_write(folder):
    assert cache.cache_folder() == folder
    assert not folder.exists()
    cache.write_module("x = 1\n", "x")
    assert files(folder)


def test_module_is_named_by_content_and_not_rewritten(folder):
    path = cache.write_module("x = 1\n", "<lambda>")
    assert path == folder / f"{cache.module_stem('x = 1', '<lambda>')[:6]}_{path.stem[-16:]}.py"
    os.utime(path, (1, 1))
    assert cache.write_module("x = 1\n", "<lambda>") == path
    assert path.stat().st_mtime == 1
    assert cache.write_module("x = 2\n", "<lambda>") != path


@pytest.mark.parametrize("damage", [b"", b"x =", b"\0" * 6, b"x = 1\r\n"])
def test_damaged_module_is_written_anew(folder, damage):
    path = cache.write_module("x = 1\n", "m")
    path.write_bytes(damage)
    assert cache.write_module("x = 1\n", "m") == path
    assert path.read_bytes() == b"x = 1\n"
    assert files(folder) == [path.name]


def test_stem_makes_a_file_name_anywhere():
    for stem in ("<lambda>", "größe", "a" * 500, "../up", "CON", "", "naïve <locals>.f"):
        name = cache.module_stem("", stem)
        assert name.isidentifier()
        assert name.isascii()
        assert len(name) < 60


def test_write_fails_quietly_and_leaves_nothing(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert not cache.write_whole(blocked / "x", b"1")
    (tmp_path / "folder").mkdir()
    assert not cache.write_whole(tmp_path / "folder", b"1")
    assert files(tmp_path) == ["file"]


# --- Loaded modules -----------------------------------------------------------------------------------------


def test_module_is_shared_and_can_be_imported(folder):
    module = cache.load_module("x = object()\n", "shared")
    assert cache.load_module("x = object()\n", "shared") is module
    del sys.modules[module.__name__]
    importlib.invalidate_caches()
    again = importlib.import_module(module.__name__)
    assert again.__file__ == module.__file__


@pytest.mark.parametrize("private", [True, False])
def test_tracebacks_show_the_text_also_where_nothing_can_be_written(tmp_path, monkeypatch, private):
    monkeypatch.setenv("SRCDIFF_CACHE_DIR", str(tmp_path / "f"))
    (tmp_path / "f").write_text("")
    if not private:
        monkeypatch.setattr(cache, "private_folder", lambda: None)
    module = cache.load_module(f"def fail():\n    return 1 / 0  # {private}\n", "failing")
    with pytest.raises(ZeroDivisionError) as caught:
        module.fail()
    assert f"return 1 / 0  # {private}" in "".join(traceback.format_exception(caught.value))
    assert (module.fail.__code__.co_filename[0] == "<") is not private


# --- Compiled functions -------------------------------------------------------------------------------------


def test_function_computes_and_is_called_from_compiled_code(folder):
    function = cpu.load_function(TEXT, "loss_grad", stem="loss")

    @numba.njit
    def caller(w):
        return function(w)[0] + 1.0

    assert function(W)[0] == pytest.approx(VALUE)
    assert caller(W) == pytest.approx(VALUE + 1.0)
    assert cpu.load_function(TEXT, "loss_grad", stem="loss") is function


def test_division_follows_numpy(folder):
    text = "def f(x):\n    return 1.0 / x\n"
    assert cpu.load_function(text, "f", stem="f")(0.0) == math.inf


def test_later_process_finds_compiled_code(folder, text_file):
    first = run(PROGRAM, text_file, "{}")
    before = files(folder)
    assert len(before) == 2
    second = run(PROGRAM, text_file, "{}")
    assert (first[0], second[0]) == ("0", "1")
    assert first[1:] == second[1:]
    assert float(first[1]) == pytest.approx(VALUE)
    assert Path(first[2]).parent == folder
    assert files(folder) == before


def test_options_do_not_share_compiled_code(folder):
    text = "def f(a, b):\n    return (a + b) - a\n"
    total = [
        cpu.load_function(text, "f", stem="f", fastmath=fastmath)(1e20, 1.0)
        for fastmath in (True, False, {"reassoc", "nsz"}, ["nnan"])
    ]
    assert total == [1.0, 0.0, 1.0, 0.0]
    assert len(list((folder / "compiled").iterdir())) == 4
    paths = {
        cpu.CompiledCode(folder, "f", request).path(
            (numba.float64,), numba.core.registry.cpu_target.target_context.codegen()
        )
        for request in ("a", "b")
    }
    assert len(paths) == 2


def reloaded(text, name, **options):
    """Return the function as a later process would load it."""
    cpu.dispatcher.cache_clear()
    sys.modules.pop(f"{cache.__name__}.{cache.module_stem(text, 'g')}", None)
    return cpu.load_function(text, name, stem="g", **options)


def test_damaged_code_is_compiled_again(folder):
    text = "def g(x):\n    return x * 3.0\n"
    reloaded(text, "g")(1.0)
    (path,) = (folder / "compiled").iterdir()
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for damage in (
        b"",
        whole[:16],
        whole[:-1],
        whole[:1000],
        bytes(flipped),
        b"\0" * len(whole),
        os.urandom(900),
    ):
        path.write_bytes(damage)
        function = reloaded(text, "g")
        assert function(2.0) == 6.0
        assert function.stats.cache_hits.total() == 0
        assert path.stat().st_size > 1000
    function = reloaded(text, "g")
    assert function(2.0) == 6.0
    assert function.stats.cache_hits.total() == 1


def test_code_of_another_signature_is_not_taken(folder):
    text = "def g(x):\n    return x + x\n"
    function = reloaded(text, "g")
    function(1.0)
    (floats,) = (folder / "compiled").iterdir()
    function(1)
    (ints,) = set((folder / "compiled").iterdir()) - {floats}
    ints.write_bytes(floats.read_bytes())
    again = reloaded(text, "g")
    assert isinstance(again(3), int)
    assert again(3) == 6


def test_functions_as_arguments_are_not_kept(folder):
    @numba.njit
    def square(x):
        return x * x

    function = cpu.load_function("def apply(f, x):\n    return f(x)\n", "apply", stem="apply")
    assert function(square, 3.0) == 9.0
    assert not (folder / "compiled").exists()


def test_flush_and_disable(folder):
    function = reloaded("def g(x):\n    return x * 5.0\n", "g")
    function(1.0)
    function.recompile()
    assert len(list((folder / "compiled").iterdir())) == 1
    function._cache.flush()
    function._cache.disable()
    function(1)
    assert list((folder / "compiled").iterdir()) == []
    function._cache.enable()
    function(True)
    assert len(list((folder / "compiled").iterdir())) == 1


def test_without_cache_only_the_source_is_written(folder):
    cpu.load_function("def g(x):\n    return x * 7.0\n", "g", stem="g", cache=False)(1.0)
    assert all(name.endswith(".py") for name in files(folder))


def test_folder_that_cannot_be_written_after_all(folder):
    function = reloaded("def g(x):\n    return x * 11.0\n", "g")
    (folder / "compiled").write_text("a file in the way")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert function(2.0) == 22.0


def test_home_that_cannot_be_written(tmp_path, text_file):
    (tmp_path / "file").write_text("")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    names = {name: str(tmp_path / "file" / "home") for name in ("SRCDIFF_CACHE_DIR", "HOME", "LOCALAPPDATA")}
    names |= {name: str(temporary) for name in ("TMPDIR", "TEMP", "TMP")}
    hits, value, file = run(PROGRAM, text_file, "{}", **names)
    assert hits == "0"
    assert float(value) == pytest.approx(VALUE)
    assert Path(file).parent.parent == temporary
    assert files(tmp_path) == ["file", "text.py"]  # the private folder is gone


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder_serves_what_it_has(folder, text_file):
    run(PROGRAM, text_file, "{}")
    os.chmod(folder, 0o500)
    try:
        assert run(PROGRAM, text_file, "{}")[0] == "1"
    finally:
        os.chmod(folder, 0o700)


def test_processes_that_compile_at_once(folder, text_file):
    processes = [start(PROGRAM, text_file, "{}") for _ in range(3)]
    results = [finish(process) for process in processes]
    assert [float(value) for _, value, _ in results] == pytest.approx([VALUE] * 3)
    assert len(files(folder)) == 2
    assert run(PROGRAM, text_file, "{}")[0] == "1"


def test_parallel_code_is_kept(folder, tmp_path):
    path = tmp_path / "text.py"
    path.write_text(
        "import numpy as np\nfrom numba import prange\n\n"
        "def loss_grad(w):\n    s = 0.0\n    for i in prange(w.size):\n        s += w[i]\n    return s, w\n"
    )
    results = [run(PROGRAM, str(path), "{'parallel': True}") for _ in range(2)]
    assert [result[:2] for result in results] == [["0", "1.5"], ["1", "1.5"]]


def test_user_function_under_numbas_cache_that_calls_ours(folder, tmp_path, text_file):
    # Numba imports our module by name, in a process where we have not loaded it yet.
    (tmp_path / "user.py").write_text(
        "from numba import njit\nfrom srcdiff.backend.cpu import load_function\n"
        f"f = load_function(open({text_file!r}).read(), 'loss_grad', stem='loss')\n\n"
        "@njit(cache=True)\ndef step(w):\n    return f(w)[0]\n"
    )
    program = """
    import sys; sys.path.insert(0, sys.argv[1])
    import srcdiff.backend.cache
    import numpy as np, user
    if sys.argv[2] == "unloaded":
        del sys.modules[user.f.py_func.__module__]
    print(user.step(np.ones(2)), user.step.stats.cache_hits.total())
    """
    first = run(program, str(tmp_path), "loaded")
    second = run(program, str(tmp_path), "unloaded")
    assert first[0] == second[0]
    assert (first[1], second[1]) == ("0", "1")


@pytest.mark.parametrize("pickler", [pickle, cloudpickle], ids=["pickle", "cloudpickle"])
def test_pickled_function_works_where_its_file_is_not(folder, tmp_path, pickler):
    function = cpu.load_function(TEXT, "loss_grad", stem="loss")
    assert pickle.loads(pickler.dumps(function)) is function
    program = """
    import sys, pickle, numpy as np
    f = pickle.loads(bytes.fromhex(sys.argv[1]))
    print(f(np.array([0.5, 1.0]))[0])
    """
    (value,) = run(program, pickler.dumps(function).hex(), SRCDIFF_CACHE_DIR=tmp_path / "elsewhere")
    assert float(value) == pytest.approx(VALUE)


def test_jit_disabled(folder, text_file):
    program = PROGRAM.replace("f.stats.cache_hits.total()", "type(f).__name__")
    assert run(program, text_file, "{}", NUMBA_DISABLE_JIT=1)[0] == "function"
