"""What the kernels' machine code holds: see `benchmarks/asm.py`."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.assembly import x86
from benchmarks.assembly.compilation import HOST, compiled, processor_for
from benchmarks.assembly.kernels import used
from benchmarks.assembly.listing import innermost_loops
from benchmarks.assembly.rows import (
    MICRO_KERNEL,
    VECTOR,
    kernel_functions,
    rows_of,
)
from nanocnn import kernels
from nanocnn.kernels import microkernel
from nanocnn.kernels.jit import TILE_ROWS, TILE_VECTORS, VECTOR_BYTES

ROOT = Path(__file__).parents[2]


MICRO_KERNELS = {
    "float32": ("gather_product", "outer_product", "forward", "sum_products"),
    "float64": ("gather_product", "outer_product"),
}


def find(dtype: str, name: str) -> Any:
    (found,) = {kernel: types for kernel, types in used(dtype) if kernel.__name__ == name}.items()
    return found


def dispatchers() -> dict[str, Any]:
    """Return all kernels by name."""
    found = {}
    for told in pkgutil.iter_modules(kernels.__path__, "nanocnn.kernels."):
        for value in vars(importlib.import_module(told.name)).values():
            if hasattr(value, "py_func"):
                found[f"{value.__module__}.{value.__name__}"] = value
    return found


@pytest.mark.compiled
def test_no_kernel_is_forgotten() -> None:
    """Each is run by an operation, or called by such a one."""
    todo = [kernel for dtype in MICRO_KERNELS for kernel, _ in used(dtype)]
    seen = set(todo)
    while todo:
        function = todo.pop().py_func
        called = {function.__globals__.get(name) for name in function.__code__.co_names}
        new = {value for value in called if hasattr(value, "py_func")} - seen
        seen |= new
        todo += new
    everything = dispatchers()
    assert len(everything) > 20
    assert set(everything.values()) == seen
    holders = {k.__name__ for k in seen if "tile_product" in k.py_func.__code__.co_names}
    assert holders == set(MICRO_KERNELS["float32"])


def check_micro_kernel(counts: dict[str, Any], rows: int, bits: int) -> None:
    """`rows` x TILE_VECTORS multiply-adds a step, and nothing that is in no register."""
    assert counts["fmas"] == rows * TILE_VECTORS
    assert counts["loads"] == TILE_VECTORS
    # One number of A for each row: broadcast, or on AArch64 used from a register's lane.
    assert counts["broadcasts"] + counts["kinds"]["scalar"] == rows
    assert counts["spills"] == counts["stores"] == counts["calls"] == 0
    assert counts["bits"] == bits


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("dtype", "name"), [(dtype, name) for dtype, names in MICRO_KERNELS.items() for name in names]
)
def test_the_micro_kernel_stays_in_registers(dtype: str, name: str) -> None:
    code = compiled(*find(dtype, name))
    loops = [row for row in rows_of(code, dtype) if row.role == MICRO_KERNEL]
    assert loops
    for row in loops:
        check_micro_kernel(vars(row.counts), TILE_ROWS, 8 * VECTOR_BYTES)
    # The loops are those that LLVM itself calls innermost.
    for function, _, _ in kernel_functions(code):
        ours = {function.blocks[k.header].label for k in innermost_loops(function.blocks)}
        body = code.assembly.split(f"\n{function.name}:", 1)[1].split(".Lfunc_end", 1)[0]
        theirs = re.findall(r"^(\.LBB\w+):(?:(?!^\.LBB)[^\t])*Inner Loop Header", body, re.M)
        assert ours == set(theirs)


@pytest.mark.compiled
def test_a_tile_too_large_for_the_registers_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(microkernel, "TILE_ROWS", 20)
    rows = rows_of(compiled(*find("float32", "outer_product")), "float32")
    loops = [row.counts for row in rows if row.role == MICRO_KERNEL]
    assert loops
    for counts in loops:
        assert counts.fmas == 20 * TILE_VECTORS
        assert counts.spills > 8


# Not here is what is not vectorized today: gelu, sigmoid, tanh and softmax's forward pass call
# libm, and the other activations share their kernels.
VECTORIZED = [
    "adam_update", "rmsprop_update", "sgd_update", "fused_backward",
    "conv2d_backward_bias", "softmax_backward", "average_pool2d_forward",
    "average_pool2d_backward",
]  # fmt: skip
if processor_for(HOST) is x86:  # NEON has no product of 64-bit lanes, which dropout needs
    VECTORIZED += ["dropout_forward", "max_pool2d_forward", "max_pool2d_backward"]


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("operation", VECTORIZED)
def test_loops_over_memory_fill_vectors(operation: str, dtype: str) -> None:
    for kernel, types in used(dtype, [operation]):
        loops = rows_of(compiled(kernel, types), dtype)
        assert loops
        assert {(row.line, row.role) for row in loops if row.role != VECTOR} == set()


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("target", "rows", "bits", "width", "float32", "float64"),
    [
        ("aarch64", 6, 128, "q", r"fmla v\d+\.4s", r"fmla v\d+\.2d"),
        ("avx512", 8, 512, "zmm", r"vfmadd\d+ps .*%zmm", r"vfmadd\d+pd .*%zmm"),
    ],
)
def test_compiled_for_another_processor(
    target: str, rows: int, bits: int, width: str, float32: str, float64: str, tmp_path: Path
) -> None:
    command = [sys.executable, "benchmarks/asm.py", "--target", target, "--out", str(tmp_path)]
    command += ["--kernels", "outer_product", "--show", "gather_product"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "COMPILED, NOT RUN" in done.stdout
    assert len(re.findall(float32, done.stdout)) >= rows * TILE_VECTORS
    found = json.loads((tmp_path / f"asm-{target}.json").read_text())["rows"]
    loops = [row for row in found if row["role"] == MICRO_KERNEL]
    assert {(row["kernel"], row["dtype"]) for row in loops} == {
        (f"product.{name}", dtype)
        for name in ("gather_product", "outer_product")
        for dtype in ("float32", "float64")
    }
    for row in loops:
        check_micro_kernel(row["counts"], rows, bits)
        assert row["width"] == width
        pattern = float32 if row["dtype"] == "float32" else float64
        assert len(re.findall(pattern, "\n".join(row["assembly"]))) == rows * TILE_VECTORS
    assert (tmp_path / f"asm-{target}.png").stat().st_size > 10_000
