"""AArch64 assembly with NEON: `operation target, source, ...`, vectors as v0.4s or q0."""

from __future__ import annotations

import re
from dataclasses import replace

from .counts import COPIES, FLOATS, INDICES, Traits
from .listing import ANYWHERE, Function, Instruction

comment = "//"
registers = {64: "d", 128: "q"}

_ELEMENT = {"b": 8, "h": 16, "s": 32, "d": 64}
_VECTOR = re.compile(r"\bv\d+\.(\d+)([bhsd])\b")
_QUAD = re.compile(r"\bq\d+\b")
_LANE = re.compile(r"\bv\d+\.[bhsd]\[\d+\]")
_NUMBER = re.compile(r"^[hsd]\d+$")  # one floating-point number
# What only code on whole vectors has; moves, selections and conversions are in scalar code, too.
_MATH = re.compile(r"^f?(add|sub|mul|div|sqrt|min|max|ml[as]|cm)\w*$")


def leaves(i: Instruction) -> tuple[str | None, bool] | None:
    """Return where a jump goes, and whether the next line may follow; None for no jump."""
    if i.mnemonic in ("ret", "brk", "udf"):
        return None, False
    if i.mnemonic == "br":
        return ANYWHERE, False
    if re.match(r"^(b|b\..*|cbn?z|tbn?z)$", i.mnemonic):
        return i.operands[-1], i.mnemonic != "b"
    return None


def frame(function: Function) -> str:
    """Return a pattern of addresses on the stack: x29 only where it is the frame pointer."""
    first = function.blocks[0].instructions
    has_frame = any(i.operands[:2] == ("x29", "sp") for i in first)
    return r"\[(sp|x29)\b" if has_frame else r"\[sp\b"


def traits(i: Instruction, frame: str) -> Traits:
    """Return what an instruction does; `ldp q0, q1` reads two vectors."""
    stack = bool(re.search(frame, i.text))
    if i.mnemonic in ("bl", "blr"):
        return Traits("call")
    vectors = [int(n) * _ELEMENT[kind] for n, kind in _VECTOR.findall(i.text)]
    vectors += [128] * len(_QUAD.findall(i.text))
    width = max(vectors, default=0)
    number = bool(_LANE.search(i.text)) or any(_NUMBER.match(o) for o in i.operands)
    memory, floats = i.mnemonic.startswith(("ld", "st")), i.mnemonic.startswith("f")
    works_on = ""
    if (width or number) and not stack and (memory or floats):
        works_on = COPIES if memory or i.mnemonic == "fmov" else FLOATS
    elif ".2d" in i.text and _MATH.match(i.mnemonic):
        works_on = INDICES
    told = Traits("vector", stack=stack, works_on=works_on)
    if not width:
        return replace(told, kind="scalar" if number else "other")
    if re.match(r"ld\dr$|dup$", i.mnemonic):
        return replace(told, kind="broadcast", broadcasts=1)
    if i.mnemonic.startswith("ld"):
        return replace(told, kind="load", loads=len(vectors))
    if i.mnemonic.startswith("st"):
        return replace(told, kind="store", stores=len(vectors), bits=0 if stack else width)
    if i.mnemonic in ("fmla", "fmls"):  # it may take its factor from one lane: no broadcast
        return replace(told, kind="fma", bits=width)
    return replace(told, bits=width if _MATH.match(i.mnemonic) else 0)
