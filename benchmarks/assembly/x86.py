"""x86-64 assembly as LLVM prints it: `operation source, ..., target`, registers with a percent."""

from __future__ import annotations

import re
from dataclasses import replace

from .counts import COPIES, FLOATS, INDICES, Traits
from .listing import ANYWHERE, Function, Instruction

comment = "#"
registers = {128: "xmm", 256: "ymm", 512: "zmm"}

_BITS = {"x": 128, "y": 256, "z": 512}
_VECTOR = re.compile(r"%([xyz])mm\d+")
_FMA = re.compile(r"^vfn?m(add|sub|addsub|subadd)\d+p[sd]$")
# What only code on whole vectors has; shuffles, logic and conversions are in scalar code, too.
_MATH = re.compile(
    r"^v?((fn?m)?(add|sub|mul|div|sqrt|min|max|cmp)\w*p[sd]$|p(add|sub|mul|min|max|cmp))"
)
_FLOAT = re.compile(r"^(?!v?(blend|perm|x?or|andn?|shuf|unpck|insert|extract))\w*[sp][sd]$")
_INDEX = re.compile(r"^v?p(add|sub|mul\w*|max\w|min\w|cmp\w+)q$")
# One number at a time, or one lane of a vector.
_SCALAR = re.compile(r"s[sd]$|2si|si2s|^v?(mov[dq]|p(insr|extr).|insertps|extractps)$")


def leaves(i: Instruction) -> tuple[str | None, bool] | None:
    """Return where a jump goes, and whether the next line may follow; None for no jump."""
    if i.mnemonic.startswith(("ret", "ud2")):
        return None, False
    if not i.mnemonic.startswith("j"):
        return None
    target = ANYWHERE if i.operands[0].startswith("*") else i.operands[0]
    return target, not i.mnemonic.startswith("jmp")


def frame(function: Function) -> str:
    """Return a pattern of addresses on the stack: %rbp only where it is the frame pointer."""
    first = function.blocks[0].instructions
    has_frame = any((i.mnemonic, i.operands) == ("movq", ("%rsp", "%rbp")) for i in first)
    return r"\(%r[sb]p" if has_frame else r"\(%rsp"


def traits(i: Instruction, frame: str) -> Traits:
    """Return what an instruction does."""
    in_memory = [bool(re.match(r"[^%$]*\(", o)) for o in i.operands]
    if i.mnemonic.startswith(("lea", "nop", "prefetch", "call")) or not any(in_memory):
        in_memory = [False]
    stack = any(in_memory) and bool(re.search(frame, i.text))
    if i.mnemonic.startswith("call"):
        return Traits("call")
    width = max((_BITS[v] for v in _VECTOR.findall(i.text)), default=0)
    if not width:
        return Traits("other", stack=stack)
    reads, moves = any(in_memory[:-1]), re.match(r"v?mov|v?lddqu", i.mnemonic)
    works_on = INDICES if _INDEX.match(i.mnemonic) else ""
    if _FLOAT.match(i.mnemonic) and not stack:
        copies = COPIES if any(in_memory) else ""
        works_on = copies if moves or "broadcast" in i.mnemonic else FLOATS
    told = Traits("vector", stack=stack, works_on=works_on)
    if "broadcast" in i.mnemonic or i.mnemonic.endswith("movddup"):
        return replace(told, kind="broadcast", broadcasts=1)
    if _SCALAR.search(i.mnemonic):
        return replace(told, kind="scalar")
    if in_memory[-1]:
        return replace(told, kind="store", stores=1, bits=0 if stack else width)
    if _FMA.match(i.mnemonic):
        lanes = "{1to" in i.text  # AVX-512 can broadcast a number on its way from memory
        loads, broadcasts = int(reads and not lanes), int(lanes)
        return replace(told, kind="fma", loads=loads, broadcasts=broadcasts, bits=width)
    if reads and moves:
        return replace(told, kind="load", loads=1)
    return replace(told, loads=int(reads), bits=width if _MATH.match(i.mnemonic) else 0)
