"""The kernels' innermost loops in machine code: multiply-adds, loads, broadcasts, spills, width.

    python benchmarks/asm.py                        as Numba compiles them here
    python benchmarks/asm.py --show gather_product  with the assembly of one kernel's loops
    python benchmarks/asm.py --target aarch64       for another processor: compiled, not run
    python benchmarks/asm.py --out DIR              and asm-TARGET.json and asm-TARGET.png

Loops are found in the assembly's jumps. Not in the table are the rests of vectorized and unrolled
loops, and loops without floating point, such as those that fill tables. `loads` and `stores` count
whole vectors, memory operands of other instructions included; a spill is any access to the stack.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script: `benchmarks` is a package

from benchmarks import machine
from benchmarks.assembly.compilation import HOST, TARGETS, compiled, processor_for
from benchmarks.assembly.kernels import used
from benchmarks.assembly.rows import CALLS, MICRO_KERNEL, SCALAR, VECTOR, Row, rows_of

HEAD = ("instr", "fma", "loads", "bcast", "stores", "spills", "calls", "width")
DTYPES = ("float32", "float64")


def environment(target: str, cache: str) -> dict[str, str]:
    """Return the variables under which Numba hands over code for another processor.

    The cache is one of its own: nobody else may get kernels that were not optimized.
    """
    bits = str(TARGETS[target].bits)
    return {
        **os.environ,
        "NUMBA_OPT": "0",
        "NANOCNN_VECTOR_BITS": bits,
        "NANOCNN_CACHE_DIR": cache,
    }


def collect(target: str, dtypes: list[str], names: list[str] | None) -> list[Row]:
    """Compile the kernels (all, or those with the given names) and return their loops.

    Loops that agree in everything are one row: a kernel may stand in several others.
    """
    found: dict[Any, Row] = {}
    for dtype in dtypes:
        for kernel, types in used(dtype):
            if names is not None and kernel.__name__ not in names:
                continue
            for row in rows_of(compiled(kernel, types, target), dtype):
                counts = {**vars(row.counts), "kinds": 0}
                key = (row.kernel, dtype, row.role, row.line, *counts.values())
                found.setdefault(key, row)
    return list(found.values())


def width_of(row: Row, registers: dict[int, str]) -> str:
    """Return the name of the widest registers with which a loop computes."""
    return registers.get(row.counts.bits, "-")


def table(rows: list[Row], registers: dict[int, str]) -> list[str]:
    """Return the lines of the table."""
    lines = [f"{'kernel':32}{'dtype':9}{'line':>4}  {'loop':13}" + "".join(f"{h:>7}" for h in HEAD)]
    for row in rows:
        c = row.counts
        numbers = (c.instructions, c.fmas, c.loads, c.broadcasts, c.stores, c.spills, c.calls)
        cells = [str(n) for n in numbers] + [width_of(row, registers)]
        name = f"{row.kernel:32}{row.dtype:9}{row.line or '?':>4}  {row.role:13}"
        lines.append(name + "".join(f"{cell:>7}" for cell in cells))
    return lines


def summary(rows: list[Row]) -> str:
    """Return what the table says, in a few words."""
    kernel = [row for row in rows if row.role == MICRO_KERNEL]
    spilling = sum(row.counts.spills > 0 for row in kernel)
    others = {role: sum(row.role == role for row in rows) for role in (VECTOR, CALLS, SCALAR)}
    return (
        f"{len(kernel)} loops of the micro-kernel, {spilling} of them spill; other loops: "
        f"{others[VECTOR]} on vectors, {others[CALLS]} that call functions, "
        f"{others[SCALAR]} on one number at a time"
    )


def note(target: str) -> str:
    """Return for which processor the code is, and whether it runs."""
    if target == HOST:
        return "the code that runs here"
    triple, cpu, bits = TARGETS[target]
    return f"COMPILED, NOT RUN: for {cpu} ({triple}), {bits} bit vectors"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", choices=(HOST, *TARGETS), default=HOST)
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=list(DTYPES))
    parser.add_argument("--kernels", nargs="+", help="only these, such as gather_product")
    parser.add_argument("--show", metavar="KERNEL", help="print the assembly of its loops")
    parser.add_argument("--out", metavar="DIR", help="for asm-TARGET.json and asm-TARGET.png")
    return parser.parse_args()


def write(rows: list[Row], registers: dict[int, str], about: dict[str, Any], out: Path) -> None:
    """Write the table as JSON, and the float32 part of it as a picture."""
    from benchmarks.assembly.picture import draw

    out.mkdir(parents=True, exist_ok=True)
    told = [
        {**row._asdict(), "counts": vars(row.counts), "width": width_of(row, registers)}
        for row in rows
    ]
    name = f"asm-{about['target']}"
    (out / f"{name}.json").write_text(json.dumps({"about": about, "rows": told}, indent=2))
    drawn = [row for row in rows if row.dtype == rows[0].dtype]
    widths = [width_of(row, registers) for row in drawn]
    told_below = f"{rows[0].dtype}; {about['note']}\n{machine.header(about)}"
    draw(drawn, widths, told_below, out / f"{name}.png")


def main() -> int:
    given = arguments()
    if given.target != HOST and os.environ.get("NUMBA_OPT") != "0":
        with tempfile.TemporaryDirectory() as cache:
            command = [sys.executable, *sys.argv]
            variables = environment(given.target, cache)
            return subprocess.run(command, env=variables, check=False).returncode
    names = [*(given.kernels or ()), given.show] if given.show else given.kernels
    about = machine.describe(1) | {"target": given.target, "note": note(given.target)}
    registers = processor_for(given.target).registers
    print(machine.header(about))
    print(f"{about['note']}\n")
    rows = collect(given.target, given.dtypes, names)
    print("\n".join(table(rows, registers)))
    print("\n" + summary(rows))
    if given.show:
        for row in (row for row in rows if row.kernel.endswith(f".{given.show}")):
            print(f"\n{row.kernel} {row.dtype}, line {row.line or '?'}, {row.role}")
            print("\n".join(row.assembly))
    if given.out and rows:
        write(rows, registers, about, Path(given.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
