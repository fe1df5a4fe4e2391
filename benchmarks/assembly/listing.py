"""Assembly as text, taken apart: functions, basic blocks, jumps, and the innermost loops.

A block starts at a label or behind a jump, and ends at a jump or before a label. A loop is found as
in a textbook on compilers: block h dominates block t where every way from the entry to t leads
through h; a jump from t to such an h closes a loop; and the loop is everything from which t can be
reached without passing h. A loop that holds no other loop is an innermost one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

ANYWHERE = "*"
LABEL = re.compile(r'^"?([\w.$]+)"?:')


class Instruction(NamedTuple):
    """One instruction; `text` is the line as it stood, without the comment."""

    mnemonic: str
    operands: tuple[str, ...]
    text: str


class Syntax(Protocol):
    """What the parser must know of a processor's assembly."""

    comment: str

    def leaves(self, i: Instruction) -> tuple[str | None, bool] | None:
        """Return where a jump goes, and whether the next line may follow; None for no jump.

        It goes to a label, to a place read from a table (ANYWHERE), or out of the function (None).
        """


@dataclass
class Block:
    """A basic block; `name` is the one that it had in LLVM's intermediate code, if told."""

    label: str
    name: str = ""
    instructions: list[Instruction] = field(default_factory=list)
    after: list[int] = field(default_factory=list)  # places of the blocks that may follow


@dataclass
class Function:
    name: str
    blocks: list[Block]


class Loop(NamedTuple):
    """Places of blocks in their function: of the one where the loop is entered, and of all."""

    header: int
    blocks: tuple[int, ...]


def split_operands(text: str) -> tuple[str, ...]:
    """Split at the commas that stand in no bracket."""
    parts, depth = [""], 0
    for c in text:
        depth += (c in "([{") - (c in ")]}")
        if c == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += c
    return tuple(p.strip() for p in parts if p.strip())


def read_instruction(text: str) -> Instruction:
    """Take one line without label and comment apart."""
    mnemonic, _, rest = text.strip().partition("\t" if "\t" in text.strip() else " ")
    return Instruction(mnemonic, split_operands(rest), text.strip().replace("\t", " "))


def read_functions(assembly: str, syntax: Syntax) -> list[Function]:
    """Return the functions of a listing, in its order."""
    names = set(re.findall(r'^\s*\.type\s+"?([\w.$]+)"?, ?[@%]function', assembly, re.MULTILINE))
    functions: list[Function] = []
    tables: dict[str, list[str]] = {}  # of jumps that choose one of many labels
    table: list[str] | None = None
    open_ = False  # inside a function's body
    for line in assembly.splitlines():
        code, _, comment = line.partition(syntax.comment)
        label = LABEL.match(code)
        name = _block_name(comment)
        if label and label[1] in names:
            functions.append(Function(label[1], [Block(label[1], "entry")]))
            open_, table = True, None
        elif label and "JTI" in label[1]:
            table = tables.setdefault(label[1], [])
        elif label and open_ and "BB" in label[1]:
            functions[-1].blocks.append(Block(label[1], name))
        elif code.strip().startswith("."):
            open_ = open_ and not code.strip().startswith((".section", ".size"))
            if table is not None:
                table += re.findall(r"\.?LBB\d+_\d+", code)[:1]
        elif open_ and code.strip():
            _append(functions[-1].blocks, read_instruction(code), syntax)
        elif open_ and comment.strip().startswith("%bb.") and name:
            if functions[-1].blocks[-1].instructions:  # no label, as nothing jumps here
                functions[-1].blocks.append(Block("", name))
            else:
                functions[-1].blocks[-1].name = name
    chosen = [label for labels in tables.values() for label in labels]
    for function in functions:
        function.blocks = [b for b in function.blocks if b.instructions or b.label]
        _connect(function.blocks, syntax, chosen)
    return functions


def _block_name(comment: str) -> str:
    """Return the block's name in LLVM's code, which a verbose listing tells as `%name`."""
    found = re.search(r'(?:^|\s)%"?([\w.$]+)"?\s*$', comment)
    return found[1] if found else ""


def _append(blocks: list[Block], i: Instruction, syntax: Syntax) -> None:
    last = blocks[-1].instructions
    if last and syntax.leaves(last[-1]) is not None:
        blocks.append(Block(""))
    blocks[-1].instructions.append(i)


def _connect(blocks: list[Block], syntax: Syntax, chosen: list[str]) -> None:
    """Fill in which blocks may follow which; `chosen` are the labels in tables of jumps."""
    place = {block.label: k for k, block in enumerate(blocks) if block.label}
    for k, block in enumerate(blocks):
        jump = syntax.leaves(block.instructions[-1]) if block.instructions else None
        target, goes_on = jump or (None, True)
        after = [k + 1] if goes_on and k + 1 < len(blocks) else []
        targets = chosen if target == ANYWHERE else [target]
        after += [place[label] for label in targets if label in place]
        block.after = sorted(set(after))


def _before(blocks: list[Block]) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in blocks]
    for k, block in enumerate(blocks):
        for after in block.after:
            found[after].append(k)
    return found


def dominators(blocks: list[Block]) -> list[set[int]]:
    """Return for each block the blocks that every way to it leads through, itself included.

    A block that cannot be reached gets an empty set.
    """
    before, reached, todo = _before(blocks), {0}, [0]
    while todo:
        new = set(blocks[todo.pop()].after) - reached
        reached |= new
        todo += new
    found = [set(reached) if k in reached else set() for k in range(len(blocks))]
    found[0] = {0}
    changed = True
    while changed:
        changed = False
        for k in sorted(reached - {0}):
            new = {k} | set.intersection(*(found[b] for b in before[k] if b in reached))
            changed = changed or new != found[k]
            found[k] = new
    return found


def loops(blocks: list[Block]) -> Iterator[Loop]:
    """Yield all loops; jumps back to the same header close the same loop."""
    above, before = dominators(blocks), _before(blocks)
    for header in range(len(blocks)):
        inside = {header}
        todo = [k for k in before[header] if header in above[k]]
        if not todo:
            continue
        while todo:
            k = todo.pop()
            if k not in inside:
                inside.add(k)
                todo += before[k]
        yield Loop(header, tuple(sorted(inside)))


def innermost_loops(blocks: list[Block]) -> list[Loop]:
    """Return the loops that hold no other loop."""
    found = list(loops(blocks))
    headers = [loop.header for loop in found]
    return [loop for loop in found if sum(header in loop.blocks for header in headers) == 1]
