"""Run CUDA kernels without a GPU, and find what a GPU would not report.

    kernel = emulated_function(source, "scale")        # the text of a module, or a function
    launch(kernel, blocks=2, threads=32, arguments=(x, y))

Each thread of a block is a Python generator that pauses where threads meet: at `cuda.syncthreads()` and at warp
shuffles. They run in turn, in any order that is asked for, in one thread of the operating system. What is looked for:

- `RaceError`: two threads use one element of global or shared memory with nothing that orders them, one of them writes,
  and not both by atomic operations. What orders two threads of a block is a barrier; two blocks nothing does.
- `DivergentBarrier`: a barrier, or a shuffle, that not all threads reach.
- `IndexError`: an index that is negative or too large.

Shared and local memory starts as NaN. Arithmetic is NumPy's, with a float literal as float64, as Numba types it.

Reads nothing of the rest of the package but the errors.
"""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from ..errors import DivergentBarrier, RaceError

__all__ = ["emulated_function", "launch", "uninitialised"]

READ, WRITE, ATOMIC = 0, 1, 2
CONFLICTS = {READ: (WRITE, ATOMIC), WRITE: (READ, WRITE, ATOMIC), ATOMIC: (READ, WRITE)}
WARP = 32
Index = tuple[int, ...]


# ------------------------------------------------------------------------------------------------- memory


class Uses:
    """Who has used an element in one way: enough of it to say whether a later use is ordered after all of them."""

    __slots__ = ("block", "epoch", "several_blocks", "several_threads", "thread")

    def __init__(self) -> None:
        self.block: Any = None
        self.several_blocks = False
        self.epoch = -1
        self.thread: Any = None
        self.several_threads = False

    def add(self, block: Any, epoch: int, thread: Any) -> None:
        self.several_blocks |= self.block is not None and self.block != block
        if self.block == block and self.epoch == epoch:
            self.several_threads |= self.thread != thread
        else:
            self.several_threads = False
        self.block, self.epoch, self.thread = block, epoch, thread

    def unordered_with(self, block: Any, epoch: int, thread: Any) -> bool:
        if self.block is None:
            return False
        if self.several_blocks or self.block != block:
            return True
        return self.epoch == epoch and (self.several_threads or self.thread != thread)


class Memory:
    """An array of global, shared or local memory whose uses are checked; a part of it shares its record."""

    def __init__(
        self,
        array: np.ndarray[Any, Any],
        name: str,
        run: Run,
        watched: bool,
        record: dict[Index, list[Uses]] | None = None,
        prefix: Index = (),
    ) -> None:
        self.array, self.name, self.run, self.watched = array, name, run, watched
        self.record = {} if record is None else record
        self.prefix = prefix
        self.shape, self.size, self.ndim, self.dtype = array.shape, array.size, array.ndim, array.dtype

    def __len__(self) -> int:
        return int(self.shape[0])

    def place(self, index: Any) -> Index:
        given = index if isinstance(index, tuple) else (index,)
        if len(given) > self.ndim:
            raise IndexError(f"{self.name} has {self.ndim} dimensions, {len(given)} indices were given")
        found = []
        for i, length in zip(given, self.shape, strict=False):
            k = int(i)
            if k < 0 and self.run.wraparound:
                k += length
            if not 0 <= k < length:
                raise IndexError(f"{self.name}{list(map(int, given))} is outside of shape {self.shape}")
            found.append(k)
        return tuple(found)

    def use(self, place: Index, way: int) -> None:
        if not self.watched:
            return
        run = self.run
        where = self.prefix + place
        uses = self.record.get(where)
        if uses is None:
            uses = self.record[where] = [Uses(), Uses(), Uses()]
        for other in CONFLICTS[way]:
            if uses[other].unordered_with(run.block, run.epoch, run.thread):
                kinds = ("a read", "a write", "an atomic addition")
                raise RaceError(
                    f"{self.name}{list(where)}: {kinds[way]} by thread {run.thread} of block {run.block} and "
                    f"{kinds[other]} by thread {uses[other].thread} of block {uses[other].block} are unordered"
                )
        uses[way].add(run.block, run.epoch, run.thread)

    def __getitem__(self, index: Any) -> Any:
        place = self.place(index)
        if len(place) < self.ndim:
            return Memory(
                self.array[place], self.name, self.run, self.watched, self.record, self.prefix + place
            )
        self.use(place, READ)
        return self.array[place]

    def __setitem__(self, index: Any, value: Any) -> None:
        place = self.place(index)
        if len(place) < self.ndim:
            raise IndexError(f"{self.name} has {self.ndim} dimensions, {len(place)} indices were given")
        self.use(place, WRITE)
        self.array[place] = value

    def atomically(self, index: Any, change: Callable[[Any], Any]) -> Any:
        place = self.place(index)
        self.use(place, ATOMIC)
        old = self.array[place]
        self.array[place] = change(old)
        return old


def uninitialised(shape: Any, dtype: Any) -> np.ndarray[Any, Any]:
    """What shared and local memory holds before it is written."""
    kind = np.dtype(getattr(dtype, "name", dtype))
    return np.full(
        shape, np.nan if kind.kind == "f" else np.iinfo(kind).min // 2 if kind.kind == "i" else 0, kind
    )


# ------------------------------------------------------------------------------------- what kernels call


# Of the device's library: what kernels call, also in single precision.
LIBRARY = SimpleNamespace(
    **{
        name + f: getattr(np, name)
        for name in ("floor", "ceil", "trunc", "rint", "exp2", "cbrt", "fmod")
        for f in ("", "f")
    }
)


class Run:
    """One launch: where it is, and the module `cuda` as a kernel sees it there."""

    def __init__(self, blocks: Index, threads: Index, wraparound: bool) -> None:
        self.blocks, self.threads, self.wraparound = blocks, threads, wraparound
        self.block: Index = (0, 0, 0)
        self.thread: Index = (0, 0, 0)
        self.epoch = 0
        self.shared_arrays: dict[Any, Memory] = {}
        self.local = SimpleNamespace(array=self.local_array)
        self.shared = SimpleNamespace(array=self.shared_array)
        self.atomic = SimpleNamespace(
            add=lambda a, i, v: a.atomically(i, lambda old: old + v),
            max=lambda a, i, v: a.atomically(i, lambda old: max(old, v)),
        )

    libdevice = LIBRARY

    threadIdx = property(lambda self: point(self.thread))
    blockIdx = property(lambda self: point(self.block))
    blockDim = property(lambda self: point(self.threads))
    gridDim = property(lambda self: point(self.blocks))

    def grid(self, ndim: int) -> Any:
        places = tuple(b * d + t for b, d, t in zip(self.block, self.threads, self.thread, strict=True))
        return places[0] if ndim == 1 else places[:ndim]

    def gridsize(self, ndim: int) -> Any:
        sizes = tuple(b * d for b, d in zip(self.blocks, self.threads, strict=True))
        return sizes[0] if ndim == 1 else sizes[:ndim]

    def local_array(self, shape: Any, dtype: Any, site: Any) -> Memory:
        return Memory(uninitialised(shape, dtype), f"local array of line {site[1]}", self, False)

    def shared_array(self, shape: Any, dtype: Any, site: Any) -> Memory:
        if site not in self.shared_arrays:
            name = f"shared array of line {site[1]}"
            self.shared_arrays[site] = Memory(uninitialised(shape, dtype), name, self, True)
        return self.shared_arrays[site]


def point(index: Index) -> SimpleNamespace:
    return SimpleNamespace(x=index[0], y=index[1], z=index[2])


class Mathematics:
    """The module `math` on a device: results have the type of the operand, and nothing raises."""

    names: ClassVar[dict[str, Any]] = {
        "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2, "asinh": np.arcsinh,
        "acosh": np.arccosh, "atanh": np.arctanh, "pow": np.power, "fabs": np.abs,
    }  # fmt: skip

    def __getattr__(self, name: str) -> Any:
        found = self.names.get(name) or getattr(np, name, None)
        known = getattr(math, name)
        if not callable(known):
            return np.float64(known)
        if found is not None and name not in ("floor", "ceil", "trunc"):
            return found
        if name in ("floor", "ceil", "trunc"):
            return lambda x: int(known(x))

        def evaluate(x: Any) -> Any:
            kind = x.dtype.type if isinstance(x, np.floating) else np.float64
            try:
                return kind(known(float(x)))
            except OverflowError:
                return kind(math.inf)
            except ValueError:
                return kind(math.nan)

        return evaluate


# --------------------------------------------------------------------------------------------- translation


class Threads(ast.NodeTransformer):
    """Makes a function a generator that yields where threads meet."""

    def __init__(self, meeting: set[str], file: str) -> None:
        self.meeting, self.file = meeting, file
        self.meets = False
        self.constants: dict[str, Any] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.decorator_list = []
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> Any:
        if not isinstance(node.value, float):
            return node
        name = f"float64_{len(self.constants)}"
        self.constants[name] = np.float64(node.value)
        return ast.copy_location(ast.Name(name, ast.Load()), node)

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        match called(node):
            case "cuda.syncthreads":
                self.meets = True
                return meeting_point(("barrier", node.lineno), node)
            case "cuda.shfl_down_sync":
                self.meets = True
                return meeting_point(("shuffle", node.lineno), node, *node.args[1:])
            case "cuda.shared.array" | "cuda.local.array":
                given = {k.arg: k.value for k in node.keywords}
                shape, dtype = (*node.args, *(given[k] for k in ("shape", "dtype") if k in given))
                place = (self.file, node.lineno, node.col_offset)
                site = ast.Tuple([ast.Constant(part) for part in place], ast.Load())
                return ast.copy_location(ast.Call(node.func, [shape, dtype, site], []), node)
            case name if name in self.meeting:
                self.meets = True
                return ast.copy_location(ast.YieldFrom(node), node)
        return node


def called(node: ast.Call) -> str:
    return ast.unparse(node.func)


def meeting_point(event: tuple[str, int], node: ast.Call, *operands: ast.expr) -> ast.expr:
    parts: list[ast.expr] = [ast.Constant(part) for part in event]
    return ast.copy_location(ast.Yield(ast.Tuple([*parts, *operands], ast.Load())), node)


class Kernel:
    """A function for the emulator: its name, what builds it for a run, and whether its threads meet."""

    def __init__(self, name: str, parameters: list[str], build: Callable[[Run], Any], meets: bool) -> None:
        self.name, self.parameters, self.build, self.meets = name, parameters, build, meets


def emulated_function(source: str | Callable[..., Any], name: str = "") -> Kernel:
    """Translate a kernel for the emulator.

    Parameters
    ----------
    source : str or function
        The text of a module, or a kernel as Python function (also under `cuda.jit`); device functions that it calls
        are translated along.
    name : str
        The kernel in a module.
    """
    if isinstance(source, str):
        return from_text(source, name)
    return from_function(source)


def from_text(text: str, name: str) -> Kernel:
    tree = ast.parse(text)
    tree.body = [node for node in tree.body if not is_import_of_numba(node)]
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    parameters = [a.arg for a in functions[name].args.args]
    meeting: set[str] = set()
    for function_name, node in functions.items():  # a callee comes before its callers
        if any(
            called(call) in meeting | {"cuda.syncthreads", "cuda.shfl_down_sync"}
            for call in ast.walk(node)
            if isinstance(call, ast.Call)
        ):
            meeting.add(function_name)
    translation = Threads(meeting, name)
    code = compile(ast.fix_missing_locations(translation.visit(tree)), f"<emulated {name}>", "exec")

    def build(run: Run) -> Any:
        space: dict[str, Any] = {"cuda": run, **translation.constants}
        exec(code, space)
        space["math"] = Mathematics()
        return space[name]

    return Kernel(name, parameters, build, name in meeting)


def is_import_of_numba(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "numba"


def from_function(function: Any) -> Kernel:
    function = plain(function)
    translated: dict[Any, tuple[Any, bool, dict[str, Any], dict[str, Any]]] = {}

    def translate(f: FunctionType) -> bool:
        if f in translated:
            return translated[f][1]
        names = {**f.__globals__}
        for variable, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            names[variable] = cell.cell_contents
        used = {*f.__code__.co_names, *f.__code__.co_freevars}
        callees = {n: g for n in used if isinstance(g := plain(names.get(n)), FunctionType) and is_users(g)}
        meeting = {n for n, g in callees.items() if g is not f and translate(g)}
        tree = ast.parse(textwrap.dedent(inspect.getsource(f)))
        translation = Threads(meeting, f"{f.__module__}.{f.__name__}")
        tree = ast.fix_missing_locations(translation.visit(tree))
        code = compile(tree, f"<emulated {f.__name__}>", "exec")
        translated[f] = code, translation.meets, {**names, **translation.constants}, callees
        return translation.meets

    meets = translate(function)

    def build(run: Run) -> Any:
        built: dict[Any, Any] = {}

        def make(f: FunctionType) -> Any:
            if f not in built:
                code, _, names, callees = translated[f]
                space = {**names, "cuda": run, **{n: make(g) for n, g in callees.items() if g is not f}}
                space.update({n: Mathematics() for n, v in names.items() if v is math})
                exec(code, space)
                built[f] = space[f.__name__]
            return built[f]

        return make(function)

    return Kernel(function.__name__, list(inspect.signature(function).parameters), build, meets)


def plain(function: Any) -> Any:
    """The Python function behind a dispatcher or a decorated function."""
    for attribute in ("__srcdiff_function__", "py_func"):
        inner = getattr(function, attribute, None)
        if inner is not None and not isinstance(function, type):
            return plain(inner)
    return function


def is_users(function: FunctionType) -> bool:
    return (function.__module__ or "").split(".")[0] not in ("numpy", "numba", "math")


# ------------------------------------------------------------------------------------------------ running


def launch(
    kernel: Kernel,
    blocks: int | Sequence[int],
    threads: int | Sequence[int],
    arguments: Sequence[Any],
    order: np.random.Generator | None = None,
    wraparound: bool = False,
) -> None:
    """Run a kernel over a grid, on NumPy arrays.

    Parameters
    ----------
    kernel : from `emulated_function`.
    blocks, threads : int or up to three of them
    arguments : arrays are read and written in place.
    order : numpy.random.Generator, optional
        Runs the threads of each block, and the blocks, in a random order.
    wraparound : bool
        Whether an index may be negative and counts from the end, as Numba has it.

    Raises
    ------
    RaceError, DivergentBarrier, IndexError
    """
    grid, shape = extent(blocks), extent(threads)
    run = Run(grid, shape, wraparound)
    function = kernel.build(run)
    given = [
        Memory(x, name, run, True) if isinstance(x, np.ndarray) else x
        for x, name in zip(arguments, kernel.parameters, strict=True)
    ]
    with np.errstate(all="ignore"):
        for block in shuffled(list(places(grid)), order):
            run.block, run.epoch, run.shared_arrays = block, 0, {}
            members = shuffled(list(places(shape)), order)
            if kernel.meets:
                Block(run, members, function, given).run_threads()
                continue
            for thread in members:
                run.thread = thread
                function(*given)


def extent(size: int | Sequence[int]) -> Index:
    sizes = (size,) if isinstance(size, (int, np.integer)) else tuple(size)
    return tuple(int(s) for s in (*sizes, 1, 1)[:3])


def places(shape: Index) -> Iterator[Index]:
    """All points of a grid, x fastest."""
    for index in np.ndindex(*reversed(shape)):
        yield tuple(reversed(index))


def shuffled(items: list[Index], order: np.random.Generator | None) -> list[Index]:
    return items if order is None else [items[k] for k in order.permutation(len(items))]


class Block:
    """The threads of one block, each run until it waits for others."""

    def __init__(self, run: Run, members: list[Index], function: Any, arguments: list[Any]) -> None:
        self.run = run
        self.live: dict[Index, Any] = {}
        self.size = len(members)
        for thread in members:
            run.thread = thread
            self.live[thread] = function(*arguments)
        self.events: dict[Index, Any] = {}
        self.messages: dict[Index, Any] = {}

    def run_threads(self) -> None:
        ready = list(self.live)
        while ready:
            for thread in ready:
                self.advance(thread)
            ready = self.released()

    def advance(self, thread: Index) -> None:
        """Run a thread up to the next point where it waits."""
        self.run.thread = thread
        try:
            self.events[thread] = self.live[thread].send(self.messages.pop(thread, None))
        except StopIteration:
            del self.live[thread]
            self.events.pop(thread, None)

    def released(self) -> list[Index]:
        """The threads that need wait no longer."""
        shuffling = [thread for thread in self.live if self.events[thread][0] == "shuffle"]
        if shuffling:
            return [thread for warp in self.warps(shuffling) for thread in self.exchange(warp)]
        lines = {self.events[thread][1] for thread in self.live}
        if self.live and (len(lines) > 1 or len(self.live) < self.size):
            raise DivergentBarrier(
                f"`cuda.syncthreads()` of line {' and '.join(map(str, sorted(lines)))} is reached by "
                f"{len(self.live)} of the {self.size} threads of block {self.run.block}"
                + (" at the same time" if len(lines) == 1 else ", at different lines")
            )
        self.run.epoch += 1
        return list(self.live)

    def rank(self, thread: Index) -> int:
        width, height, _ = self.run.threads
        return thread[0] + width * (thread[1] + height * thread[2])

    def warps(self, threads: list[Index]) -> list[list[Index]]:
        found: dict[int, list[Index]] = {}
        for thread in sorted(threads, key=self.rank):
            found.setdefault(self.rank(thread) // WARP, []).append(thread)
        return list(found.values())

    def exchange(self, warp: list[Index]) -> list[Index]:
        """One shuffle of a warp: each thread gets the value of the one `offset` lanes up, or keeps its own."""
        lines = {self.events[thread][1] for thread in warp}
        if len(warp) < WARP or len(lines) > 1:
            raise DivergentBarrier(
                f"a shuffle of line {min(lines)} is reached by {len(warp)} of the {WARP} threads of a warp"
            )
        values = [self.events[thread][2] for thread in warp]
        for lane, thread in enumerate(warp):
            source = lane + int(self.events[thread][3])
            self.messages[thread] = values[source] if source < WARP else values[lane]
        return warp
