"""The innermost loops of a kernel as rows of a table: what each is for, its place, its counts.

LLVM's names of blocks tell what a loop is: `tile_k` is the micro-kernel's, `tap` one that pooling
emits, `vector.body` one that LLVM vectorized, `B110` Numba's own, at byte 110 of the Python
function's code. Left out are the rests of vectorized and unrolled loops, those by hand included,
`for f in range(whole, c)`, and loops without floating point, which fill tables; but pooling's may
move floating point as if it were whole numbers.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections import deque
from collections.abc import Iterator
from importlib import import_module
from typing import Any, NamedTuple

from .compilation import Code
from .counts import Counts, annotated, count
from .listing import Function, Loop, innermost_loops, read_functions

MICRO_KERNEL, VECTOR, CALLS, SCALAR = "micro-kernel", "vector", "calls", "scalar"
SHIFT = 2  # Numba counts bytes of code from here
EMITTED = ("tile_k", "tap")  # blocks of the kernels' own intrinsics


class Row(NamedTuple):
    """One loop; `line` is where it stands in the function's file, 0 where that cannot be told."""

    kernel: str
    dtype: str
    role: str
    line: int
    block: str  # LLVM's name of its first block
    counts: Counts
    assembly: list[str]  # each instruction with what it was counted as


def parts_of(mangled: str) -> list[str]:
    """Return the parts of a name such as `_ZN7nanocnn7kernels4pool12_max_forwardB2v1...`."""
    found, rest = [], mangled.removeprefix("_ZN")
    while size := re.match(r"\d+", rest):
        start, end = size.end(), size.end() + int(size[0])
        found.append(rest[start:end])
        rest = rest[end:]
    return found


def kernel_functions(code: Code) -> Iterator[tuple[Function, str, str]]:
    """Yield the functions of a listing that were kernels in Python, with module and name."""
    for function in read_functions(code.assembly, code.processor):
        parts = parts_of(function.name) if function.name.startswith("_ZN7nanocnn") else []
        if len(parts) > 2:  # not the wrappers that take Python objects
            yield function, ".".join(parts[:-1]), parts[-1]


def loops_marked_vectorized(ir: str) -> set[str]:
    """Return the names of blocks that begin a vectorized loop, or the rest of one.

    LLVM marks both, lest it vectorize them again.
    """
    is_vectorized = set(re.findall(r'^(!\d+) = .*"llvm.loop.isvectorized"', ir, re.MULTILINE))
    of_loop = dict(re.findall(r"^(!\d+) = distinct !\{(.*)\}", ir, re.MULTILINE))
    marked = set()
    for targets, mark in re.findall(r"^\s*br (.*), !llvm\.loop (!\d+)", ir, re.MULTILINE):
        if is_vectorized & set(of_loop[mark].split(", ")):
            marked |= set(re.findall(r'label %"?([\w.$]+)"?', targets))
    return marked


def _is_rest(name: str, marked: set[str]) -> bool:
    """Tell whether a loop only does what a vectorized or unrolled one has left over."""
    if name.startswith(("tile_k", "vector.body")):
        return False
    return name.startswith("vec.epilog") or ".prol" in name or ".epil" in name or name in marked


def _role(name: str, counts: Counts) -> str:
    if name.startswith("tile_k"):
        return MICRO_KERNEL
    if counts.calls:
        return CALLS
    return VECTOR if counts.bits else SCALAR


def _offset(name: str) -> int | None:
    """Return the place in the bytecode, unless the block came from a function called here."""
    found = re.match(r"B(\d+)", name)
    return int(found[1]) if found and not re.search(r"\.i\d*$", name) else None


def _place(function: Function, loop: Loop, headers: set[int]) -> int | None:
    """Return a loop's place in the bytecode; a block that is not Numba's has none.

    For a vectorized loop take that of its rest, which is the nearest innermost loop of Numba's
    behind it; for one of `EMITTED` that of the nearest block, in the loop around it.
    """
    blocks = function.blocks
    name = blocks[loop.header].name
    if not name.startswith((*EMITTED, "v")):
        return _offset(name)
    seen, todo = set(loop.blocks), deque(loop.blocks)
    while todo:
        k = todo.popleft()
        if blocks[k].name.startswith("B") and (k in headers or name.startswith(EMITTED)):
            return _offset(blocks[k].name)
        new = [after for after in blocks[k].after if after not in seen]
        seen |= set(new)
        todo += new
    return None


def source_line(function: Any, offset: int | None) -> int:
    """Return the line of a place in a Python function's bytecode; 0 if there is no place."""
    found = 0
    if offset is not None:
        for start, _, line in function.__code__.co_lines():
            if start <= offset - SHIFT and line is not None:
                found = line
    return found


def lines_of_rests(function: Any) -> set[int]:
    """Return the lines of the loops `for ... in range(whole, ...)`: what fills no vector."""
    text, start = inspect.getsourcelines(function)
    found = set()
    for node in ast.walk(ast.parse(textwrap.dedent("".join(text)))):
        if isinstance(node, ast.For) and ast.unparse(node.iter).startswith("range(whole, "):
            found |= set(range(start + node.lineno - 1, start + (node.end_lineno or 0)))
    return found


def rows_of(code: Code, dtype: str) -> list[Row]:
    """Return the rows of one kernel, those of the kernels that it calls included."""
    marked, found = loops_marked_vectorized(code.ir), []
    for function, module, name in kernel_functions(code):
        python = getattr(import_module(module), name).py_func
        loops, rests = innermost_loops(function.blocks), lines_of_rests(python)
        headers = {loop.header for loop in loops}
        for loop in loops:
            block = function.blocks[loop.header].name
            counts = count(function, loop, code.processor)
            numeric = counts.numeric or block.startswith(EMITTED)
            if _is_rest(block, marked) or not numeric:
                continue
            line = source_line(python, _place(function, loop, headers))
            if line in rests and not counts.bits:
                continue
            kernel = f"{module.rsplit('.', 1)[1]}.{name}"
            text = annotated(function, loop, code.processor)
            found.append(Row(kernel, dtype, _role(block, counts), line, block, counts, text))
    return found
