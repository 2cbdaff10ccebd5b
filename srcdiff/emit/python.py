"""Print a function of the IR as Python that a person would have written.

    f_grad(x: f64) {                 def f_grad(x):
      t1 = sin x                         # forward sweep
      y = mul t1 t1              ->      t1 = math.sin(x)  # line 2
      reverse_sweep                      y = t1 * t1
      ...                                # reverse sweep

Loops and branches are printed as they are; a value used once is put where it is used; `break` is put back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ir import types as ty
from ..ir.core import Block, Function, Op, Value, leaves_early, loop_body, loop_slots
from ..ir.walk import free_values_of, ops_within
from .expressions import ExpressionPrinter
from .inlining import Inlining, is_inlined, parts_of
from .literals import ATOM, COMPARE, quoted, sample
from .names import Variables
from .special import called_functions, modules_called, plain_source

INDENT = "    "

GROWN = '''@njit
def grown(tape, needed):
    """A longer copy of a tape that is full."""
    longer = np.empty((max(2 * tape.shape[0], needed + 1),) + tape.shape[1:], tape.dtype)
    longer[: tape.shape[0]] = tape
    return longer
'''

UNSTACKED = '''@njit
def unstacked(stack):
    """The elements of all arrays on a stack, and their lengths."""
    lengths = np.empty((len(stack), stack[0].ndim), np.int64)
    stops = np.zeros(len(stack) + 1, np.int64)
    for k in range(len(stack)):
        for axis in range(stack[k].ndim):
            lengths[k, axis] = stack[k].shape[axis]
        stops[k + 1] = stops[k] + stack[k].size
    elements = np.empty(stops[-1], stack[0].dtype)
    for k in range(len(stack)):
        elements[stops[k] : stops[k + 1]] = stack[k].ravel()
    return elements, lengths
'''


def restacked(dimensions: int) -> str:
    """The source of the function that makes a stack of arrays of so many dimensions anew."""
    lengths = [f"lengths[k, {axis}]" for axis in range(dimensions)]
    return f'''@njit
def restacked{dimensions}(elements, lengths):
    """A stack of arrays with these elements and lengths."""
    stack = [elements[:0].reshape({", ".join("0" * dimensions)})]
    start = 0
    for k in range(1, lengths.shape[0]):
        stop = start + {" * ".join(lengths)}
        stack.append(elements[start:stop].reshape({", ".join(lengths)}))
        start = stop
    return stack
'''


def print_function(
    function: Function, doc: str = "", results: str | None = None, helpers: Sequence[Function] = ()
) -> str:
    """The source text of a module with this function in it.

    Parameters
    ----------
    function : Function
    doc : docstring of the printed function
    results : how to nest the results in the `return`, if not as a flat tuple; `{}` stands for each
    helpers : functions that it calls

    Returns
    -------
    str
        Imports, helpers and the function; it needs only NumPy and Numba.
    """
    printer = Printer(function)
    body = printer.function_lines(doc, results)
    texts = []
    all_functions = (function, *helpers)
    if any(op.primitive == "ensure" for f in all_functions for op in ops_within(f.body)):
        texts.append(GROWN)
    texts += stacks_source([op for f in all_functions for op in f.body.ops])
    texts += dict.fromkeys(plain_source(name) for f in all_functions for name in called_functions(f))
    texts += ["\n".join([HELPER, *Printer(helper).function_lines("", None)]) for helper in helpers]
    modules = sorted({module for f in all_functions for module in modules_called(f)})
    text = "\n".join(body)
    everything = "\n".join([text, *texts])
    imports = []
    if "math." in everything:
        imports.append("import math")
    if texts or "np." in everything:
        if imports:
            imports.append("")
        imports.append("import numpy as np")
    if texts:
        imports.append("from numba import njit")
    if modules:
        imports += [*([""] if imports else []), *(f"import {module}" for module in modules)]
    parts = ["\n".join(imports)] if imports else []
    return "\n\n\n".join([*parts, *(t.rstrip() for t in texts), text]) + "\n"


def stacks_source(ops: Sequence[Op]) -> list[str]:
    """The sources of the functions by which ops keep stacks of arrays."""
    kept = any(op.primitive == "unstack" and len(op.results) > 1 for op in ops)
    again = {op.result.type.dtype.ndim for op in ops if op.primitive == "restack" and len(op.operands) > 1}
    return [UNSTACKED] * kept + [restacked(dimensions) for dimensions in sorted(again)]


HELPER = '@njit(error_model="numpy")'


class Printer(ExpressionPrinter):
    """Prints statements, line by line."""

    def __init__(self, function: Function) -> None:
        self.function = function
        inlining = Inlining(function.body)
        self.uses, self.storage = inlining.uses, inlining.storage
        super().__init__(inlining.inlined, Variables(function, inlining.inlined))
        self.preset: set[tuple[str, str]] = set()  # what was set before an `if` for a loop in it
        self.lines: list[str] = []
        self.indent = INDENT
        self.line = 0
        self.forward = True

    # ------------------------------------------------------------------------------------ statements

    def function_lines(self, doc: str, results: str | None) -> list[str]:
        parameters = ", ".join(map(self.variables.of, self.function.parameters))
        head = [f"def {self.function.name}({parameters}):"]
        if doc:
            head.append(f'{INDENT}"""{doc}"""')
        if any(op.primitive == "reverse_sweep" for op in self.function.body.ops):
            self.write("# forward sweep")
        self.block(self.function.body)
        count = len(self.function.results) - self.function.written
        texts = [self.text(v) for v in self.function.results[:count]]
        if results is not None:
            self.write(f"return {results.format(*texts)}")
        elif texts:
            self.write(f"return {', '.join(texts)}")
        lines = self.lines
        if (
            lines
            and lines[0].strip() == "# forward sweep"
            and len(lines) > 1
            and "# reverse sweep" in lines[1]
        ):
            lines = lines[2:]
        return head + lines

    def write(self, text: str, op: Op | None = None) -> None:
        note = ""
        if op is not None and self.forward and op.location is not None and op.location.line != self.line:
            self.line = op.location.line
            note = f"  # line {self.line}"
        self.lines.append(f"{self.indent}{text}{note}")

    def block(self, block: Block, stop: Value | None = None) -> None:
        """Print the ops of a block; `stop`, for the body of a loop, becomes a `break` inside the last `if`."""
        before: Op | None = None
        for op in block.ops:
            if is_inlined(op, self.inlined):
                continue
            if op.primitive == "ensure":
                self.grow(op, before)
            else:
                self.statement(op, stop if op is block.ops[-1] else None)
            before = op

    def nested(self, print_body: Any) -> None:
        outer, self.indent = self.indent, self.indent + INDENT
        start = len(self.lines)
        print_body()
        if all(line.strip().startswith("#") for line in self.lines[start:]):
            self.write("pass")
        self.indent = outer

    def statement(self, op: Op, stop: Value | None) -> None:
        match op.primitive:
            case "reverse_sweep":
                self.forward = False
                self.write("# reverse sweep")
            case "store":
                value = op.operands[-1]
                self.write(f"{self.target(op)} = {self.text(value)}", op)
            case "accum":
                value = op.operands[-1]
                sign, text = self.signed(value)
                self.write(f"{self.target(op)} {sign}= {text}", op)
            case "accumulate_array":
                self.write(f"{self.text(op.operands[0])} += {self.text(op.operands[1])}", op)
            case "alloc":
                self.assign(op.result, allocation(op, [self.text(n) for n in op.operands]), op)
            case "zeros_like" | "empty_like":
                self.assign(op.result, f"np.{op.primitive}({self.text(op.operands[0])})", op)
            case "copy":
                self.assign(op.result, f"{self.text(op.operands[0], ATOM)}.copy()", op)
            case "stack":
                self.assign(op.result, f"[{sample(op.result.type.dtype)}]")
            case "push":
                self.write(f"{self.text(op.operands[0])}.append({self.text(op.operands[1])})")
            case "pop":
                self.assign(op.result, f"{self.text(op.operands[0])}.pop()")
            case "opaque":
                text = op.attributes["text"].format(*(self.text(x) for x in op.operands))
                if op.results:
                    self.assign(op.result, text, op)
                else:
                    self.write(text, op)
            case "release":
                pass
            case "require":
                self.require(op)
            case "raise":
                self.write(f"raise {op.attributes['error']}({quoted(op.attributes['message'])})", op)
            case "if":
                self.branch(op, stop)
            case "for" | "while":
                self.loop(op)
            case _ if len(op.results) > 1:
                names = ", ".join(map(self.variables.of, op.results))
                self.write(f"{names} = {self.expression(op)[0]}", op)
            case _:
                self.assign(op.result, self.expression(op)[0], op)

    def grow(self, op: Op, before: Op | None) -> None:
        """Let a tape grow, in one `if` with the one before it if they always have the same length."""
        tape, needed = op.operands
        name = self.text(tape)
        alike = (
            before is not None
            and before.primitive == "ensure"
            and before.operands[1] is needed
            and before.attributes == op.attributes
        )
        if not alike:
            self.write(f"if {self.text(needed, COMPARE + 1)} >= {name}.shape[0]:", op)
        self.nested(lambda: self.write(f"{name} = grown({name}, {self.text(needed)})"))

    def target(self, op: Op) -> str:
        """The element that is written, or the part of an array."""
        array, *where, _ = op.operands
        if "slices" not in op.attributes:
            return f"{self.text(array)}[{self.index(where)}]"
        part = op.attributes["slices"].format(*map(self.text, where))
        return f"{self.text(array)}[{part}]" if part else self.text(array)

    def signed(self, value: Value) -> tuple[str, str]:
        """`+=` or `-=` for what is added."""
        made = self.inlined.get(value)
        if made is not None and made.primitive == "neg":
            return "-", self.text(made.operands[0])
        if self.is_minus(value):
            return "-", self.without_minus(value)[0]
        return "+", self.text(value)

    def assign(self, target: Value, text: str, op: Op | None = None) -> None:
        name = self.variables.of(target)
        if text == name:
            return
        for operator in ("+", "-", "*"):
            head = f"{name} {operator} "
            if op is not None and op.primitive in ("add", "sub", "mul") and text.startswith(head):
                if self.binds_alone(op, operator):
                    self.write(f"{name} {operator}= {text.removeprefix(head)}", op)
                    return
        self.write(f"{name} = {text}", op)

    def binds_alone(self, op: Op, operator: str) -> bool:
        """Whether `x = x + (...)` may be written `x += ...`."""
        left = op.operands[0]
        return (
            left not in self.inlined
            and not left.is_constant
            and self.expression(op)[0].startswith(f"{self.text(left)} {operator} ")
        )

    def require(self, op: Op) -> None:
        (condition,) = op.operands
        error, message = op.attributes["error"], op.attributes["message"]
        if error == "AssertionError":
            note = f", {quoted(message)}" if message else ""
            self.write(f"assert {self.text(condition)}{note}", op)
            return
        self.write(f"if {self.negation(condition)}:", op)
        self.nested(lambda: self.write(f"raise {error}({quoted(message)})"))

    # --------------------------------------------------------------------------------------- control

    def moves(self, targets: Sequence[Value], sources: Sequence[Value]) -> None:
        """Assign several variables at once, as several statements where the order cannot matter."""
        pairs = []
        for target, source in zip(targets, sources, strict=True):
            name, text = self.variables.of(target), self.text(source)
            if name != text and (name, text) not in self.preset:
                pairs.append((name, text))
            self.preset.discard((name, text))
        if not pairs:
            return
        names = {name for name, _ in pairs}
        if any(text in names for _, text in pairs):
            left, right = ", ".join(n for n, _ in pairs), ", ".join(t for _, t in pairs)
            self.write(f"{left} = {right}")
        else:
            for name, text in pairs:
                self.write(f"{name} = {text}")

    def has_moves(self, targets: Sequence[Value], sources: Sequence[Value]) -> bool:
        return any(self.variables.of(t) != self.text(s) for t, s in zip(targets, sources, strict=True))

    def branch(self, op: Op, stop: Value | None) -> None:
        (condition,) = op.operands
        then, otherwise = op.regions
        breaks = stop if stop is not None and stop in op.results else None
        kept = [k for k, r in enumerate(op.results) if r is not breaks]

        def arm(region: Block) -> Any:
            def print_arm() -> None:
                leave = region.results[op.results.index(breaks)] if breaks is not None else None
                targets, sources = [op.results[k] for k in kept], [region.results[k] for k in kept]
                # What the arm yields is assigned before the loop is left.
                within = (
                    leave is not None
                    and self.in_last_if(region, leave)
                    and not self.has_moves(targets, sources)
                )
                self.block(region, leave if within else None)
                if not (region.ops and region.ops[-1].primitive == "raise"):
                    self.moves(targets, sources)
                if leave is not None and not within:
                    self.leave(leave)

            return print_arm

        test = self.text(condition)
        if self.is_silent(then, op, kept, breaks) and not self.is_silent(otherwise, op, kept, breaks):
            self.write(f"if {self.negation(condition)}:", op)
            self.nested(arm(otherwise))
            return
        defaults = self.defaults(op, kept) if breaks is None else []
        for name, text in defaults:
            self.write(f"{name} = {text}", op)
        self.preset.update(defaults)
        self.write(f"if {test}:", op)
        self.nested(arm(then))
        if defaults or self.is_silent(otherwise, op, kept, breaks):
            return
        start = len(self.lines)
        self.write("else:")
        self.nested(arm(otherwise))
        self.flatten_else(start)

    def defaults(self, op: Op, kept: list[int]) -> list[tuple[str, str]]:
        """What variables are set to before the `if` instead of in both arms.

        That is where all that one arm does is to give numbers, and a loop in the other one starts from the same.
        """
        then, otherwise = op.regions
        if otherwise.ops:
            return []
        found = []
        for k in kept:
            name, text = self.variables.of(op.results[k]), self.text(otherwise.results[k])
            if name == text:
                continue
            if not self.starts_from(op, then.results[k], otherwise.results[k], name):
                return []
            found.append((name, text))
        return found

    def starts_from(self, op: Op, value: Value, number: Value, name: str) -> bool:
        """Whether a loop in the first arm starts the variable from this number, which nothing touches before."""
        if not number.is_constant or self.mentions(op.operands[0], name):
            return False
        for inner in op.regions[0].ops:
            if inner.primitive == "for" and value in inner.results:
                slot = next((slot for slot in loop_slots(inner) if slot[3] is value), None)
                if slot is None or any(self.mentions(v, name) for v in inner.operands):
                    return False
                return self.variables.of(slot[1]) == name and self.text(slot[0]) == self.text(number)
            if any(self.mentions(v, name) for v in (*free_values_of(inner), *inner.results)):
                return False
        return False

    def mentions(self, value: Value, name: str) -> bool:
        """Whether the text of a value has a variable in it."""
        if value.is_constant or self.variables.is_idle(value):
            return False
        made = self.inlined.get(value)
        if made is None:
            return self.variables.of(value) == name
        return any(self.mentions(part, name) for part in parts_of(made))

    def flatten_else(self, start: int) -> None:
        """`else:` with nothing in it but an `if` is an `elif`."""
        inner = self.lines[start + 1 :]
        deeper = self.indent + INDENT
        if not inner or not inner[0].startswith(f"{deeper}if "):
            return
        for line in inner[1:]:
            if line.startswith(deeper) and not line.startswith(deeper + " "):
                rest = line[len(deeper) :]
                if not (rest.startswith("else:") or rest.startswith("elif ")):
                    return
        self.lines[start:] = [line.removeprefix(INDENT) for line in inner]
        first = self.lines[start]
        self.lines[start] = f"{self.indent}el{first[len(self.indent) :]}"

    def is_silent(self, region: Block, op: Op, kept: list[int], breaks: Value | None) -> bool:
        """Whether an arm prints nothing."""
        if not all(is_inlined(inner, self.inlined) for inner in region.ops):
            return False
        if breaks is not None:
            leave = region.results[op.results.index(breaks)]
            if not (leave.is_constant and not leave.constant):
                return False
        return not self.has_moves([op.results[k] for k in kept], [region.results[k] for k in kept])

    def leave(self, stop: Value) -> None:
        if not stop.is_constant:
            self.write(f"if {self.text(stop)}:")
            self.nested(lambda: self.write("break"))
        elif stop.constant:
            self.write("break")

    def loop(self, op: Op) -> None:
        slots = loop_slots(op)
        trips = op.results[0] if op.primitive == "while" or leaves_early(op) else None
        counted = trips is not None and self.uses.get(trips, 0) > 0
        self.moves([p for _, p, _, _ in slots], [i for i, *_ in slots])
        if counted and trips is not None:
            self.write(f"{self.variables.of(trips)} = 0")
        body = loop_body(op)

        def print_body() -> None:
            if counted and trips is not None:
                self.write(f"{self.variables.of(trips)} += 1")
            stop = body.results[0] if leaves_early(op) else None
            targets, sources = [p for _, p, _, _ in slots], [y for _, _, y, _ in slots]
            at_end = stop is not None and (
                self.has_moves(targets, sources) or not self.in_last_if(body, stop)
            )
            self.block(body, None if at_end else stop)
            self.moves(targets, sources)
            if stop is not None and at_end:
                self.leave(stop)

        if op.primitive == "for":
            index = body.parameters[0]
            self.write(f"for {self.variables.of(index)} in {self.range_text(op)}:", op)
            self.nested(print_body)
            return
        condition = op.regions[0]
        (holds,) = condition.results
        if all(is_inlined(inner, self.inlined) for inner in condition.ops):
            self.write(f"while {self.text(holds)}:", op)
            self.nested(print_body)
            return

        def print_all() -> None:
            self.block(condition)
            self.write(f"if {self.negation(holds)}:")
            self.nested(lambda: self.write("break"))
            print_body()

        self.write("while True:", op)
        self.nested(print_all)

    def in_last_if(self, body: Block, stop: Value) -> bool:
        return (
            not stop.is_constant
            and bool(body.ops)
            and stop in body.ops[-1].results
            and body.ops[-1].primitive == "if"
        )


def allocation(op: Op, lengths: list[str]) -> str:
    type = op.result.type
    shape = lengths[0] if len(lengths) == 1 else f"({', '.join(lengths)})"
    dtype = "" if type.dtype == ty.float64 else f", {ty.dtype_spelling(type.dtype)}"
    return f"np.{op.attributes['fill']}({shape}{dtype})"


__all__ = ["print_function"]
