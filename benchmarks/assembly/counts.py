"""What the instructions of a loop do, counted.

Each instruction is of one kind, the first that fits:

    fma         a packed multiply-add
    broadcast   one number to all lanes, from memory or a register
    load        packed numbers from memory to a register
    store       packed numbers to memory
    vector      whatever else works on whole vectors
    scalar      floating point on one number at a time
    call        of a function, such as libm's
    other       addresses, counters, comparisons, jumps

The counts `loads`, `broadcasts` and `spills` look at operands, not at kinds: a multiply-add that
reads a vector from memory is an fma and a load. A spill is an access to the stack, by the stack
pointer or a frame pointer: a register was put aside, or an argument never came to one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from .listing import Function, Instruction, Loop, Syntax

KINDS = ("fma", "vector", "load", "broadcast", "store", "scalar", "call", "other")
FLOATS, COPIES, INDICES = "floats", "copies", "indices"


@dataclass
class Traits:
    """One instruction, seen through its processor's rules."""

    kind: str
    loads: int = 0  # vectors read from memory
    broadcasts: int = 0
    stores: int = 0  # vectors written to memory
    stack: bool = False
    bits: int = 0  # of the vectors, where there is packed arithmetic or a store: not by the stack
    works_on: str = ""  # FLOATS, COPIES of anything, or INDICES, which are integers of 64 bits


class Processor(Syntax, Protocol):
    """How to read a processor's assembly."""

    registers: dict[int, str]  # their name by their bits

    def frame(self, function: Function) -> str:
        """Return a pattern of the addresses that lie in this function's part of the stack."""

    def traits(self, i: Instruction, frame: str) -> Traits: ...


@dataclass
class Counts:
    """What one loop holds; `bits` is 0 where no vectors are computed or stored."""

    instructions: int
    fmas: int
    loads: int
    broadcasts: int
    stores: int
    spills: int
    calls: int
    numeric: bool  # computes with floating point, or copies; False for a loop that fills tables
    bits: int
    kinds: dict[str, int]


def count(function: Function, loop: Loop, processor: Processor) -> Counts:
    """Return the counts of a loop, one pass through all of its blocks."""
    frame = processor.frame(function)
    found = [
        processor.traits(i, frame) for k in loop.blocks for i in function.blocks[k].instructions
    ]
    kinds = {kind: sum(t.kind == kind for t in found) for kind in KINDS}
    works_on = {t.works_on for t in found}
    return Counts(
        instructions=len(found),
        fmas=kinds["fma"],
        loads=sum(t.loads for t in found),
        broadcasts=sum(t.broadcasts for t in found),
        stores=sum(t.stores for t in found),
        spills=sum(t.stack for t in found),
        calls=kinds["call"],
        numeric=FLOATS in works_on or (COPIES in works_on and INDICES not in works_on),
        bits=max((t.bits for t in found), default=0),
        kinds=kinds,
    )


def annotated(function: Function, loop: Loop, processor: Processor) -> list[str]:
    """Return the loop's instructions, each behind its kind; block labels stand alone."""
    frame, lines = processor.frame(function), []
    for k in loop.blocks:
        block = function.blocks[k]
        lines.append(f"{block.label or '.'}: {block.name}")
        for i in block.instructions:
            traits = processor.traits(i, frame)
            lines.append(f"    {traits.kind:10}{'spill' if traits.stack else '':7}{i.text}")
    return lines
