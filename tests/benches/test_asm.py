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
from nanocnn.kernels import quads, tile
from nanocnn.kernels.jit import TALL_ROWS, TILE_ROWS, TILE_VECTORS, VECTOR_BYTES

ROOT = Path(__file__).parents[2]


MICRO_KERNELS = {  # the kernels that are run, and those called by them that hold the micro-kernel
    "gather_product": "gather_product",
    "_conv_max_pool": "gather_product",
    "outer_product": "_block_product",
    "_few_gradients": "_few_gradients",
    "_thin_gradient": "_products",
    "forward": "forward",
    "backward_weight_parts": "sum_products",
    "forward_panels": "forward_panels",
    "weight_panels": "weight_panels",
}
TALL = ("gather_product", "_block_product", "forward", "sum_products")  # hold the tall tile too
DTYPES = ("float32", "float64")
ONLY_FLOAT32 = ("forward", "backward_weight_parts", "forward_panels", "weight_panels")  # Winograd


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
    todo = [kernel for dtype in DTYPES for kernel, _ in used(dtype)]
    seen = set(todo)
    while todo:
        function = todo.pop().py_func
        called = {function.__globals__.get(name) for name in function.__code__.co_names}
        new = {value for value in called if hasattr(value, "py_func")} - seen
        seen |= new
        todo += new
    everything = dispatchers()
    del everything["nanocnn.kernels.waiting.wait"]  # no operation's: the threads'
    assert len(everything) > 20
    assert set(everything.values()) == seen
    holders = {k.__name__ for k in seen if "tile_product" in k.py_func.__code__.co_names}
    assert holders == set(MICRO_KERNELS.values())
    holders = {k.__name__ for k in seen if "tall_product" in k.py_func.__code__.co_names}
    assert holders == set(TALL)


def check_micro_kernel(counts: dict[str, Any], rows: int, bits: int, spills: int = 0) -> None:
    """`rows` multiply-adds a step for each vector of B, and nothing that is in no register."""
    assert counts["loads"] in (1, TILE_VECTORS)
    assert counts["fmas"] == rows * counts["loads"]
    # One number of A for each row: broadcast, or on AArch64 used from a register's lane.
    assert counts["broadcasts"] + counts["kinds"]["scalar"] == rows
    assert counts["stores"] == counts["calls"] == 0
    assert counts["spills"] <= spills
    assert counts["bits"] == bits


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("dtype", "name"),
    [(d, k) for d in DTYPES for k in MICRO_KERNELS if d == "float32" or k not in ONLY_FLOAT32],
)
def test_the_micro_kernel_stays_in_registers(dtype: str, name: str) -> None:
    code = compiled(*find(dtype, name))
    loops = [row for row in rows_of(code, dtype) if row.role == MICRO_KERNEL]
    assert {row.kernel.rpartition(".")[2] for row in loops} == {MICRO_KERNELS[name]}
    for row in loops:
        rows = TALL_ROWS if row.counts.fmas > TILE_ROWS and row.counts.loads == 1 else TILE_ROWS
        check_micro_kernel(vars(row.counts), rows, 8 * VECTOR_BYTES)
    tiles = {(TILE_ROWS, 1), (TILE_ROWS, TILE_VECTORS)}  # half a panel, a whole one
    if MICRO_KERNELS[name] in TALL:
        tiles.add((TALL_ROWS, 1))
    assert {(row.counts.fmas // row.counts.loads, row.counts.loads) for row in loops} == tiles
    # The loops are those that LLVM itself calls innermost.
    for function, _, _ in kernel_functions(code):
        ours = {function.blocks[k.header].label for k in innermost_loops(function.blocks)}
        body = code.assembly.split(f"\n{function.name}:", 1)[1].split(".Lfunc_end", 1)[0]
        theirs = re.findall(r"^(\.LBB\w+):(?:(?!^\.LBB)[^\t])*Inner Loop Header", body, re.M)
        assert ours == set(theirs)


@pytest.mark.compiled
def test_a_tile_too_large_for_the_registers_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tile, "TILE_ROWS", 20)
    rows = rows_of(compiled(*find("float32", "gather_product")), "float32")
    loops = [row.counts for row in rows if row.role == MICRO_KERNEL]
    assert loops
    for counts in loops:
        assert counts.fmas in (20, 20 * TILE_VECTORS, TALL_ROWS)
        if counts.fmas > 20:
            assert counts.spills > 8


VECTORIZED = [
    "adam_update", "rmsprop_update", "sgd_update", "fused_backward",
    "conv2d_backward_bias", "softmax_backward", "average_pool2d_forward",
    "average_pool2d_backward", "max_pool2d_forward", "max_pool2d_backward",
]  # fmt: skip
# In float64 these call libm: sigmoid, tanh and gelu, and the activations that share their kernels.
VECTORIZED_FLOAT32 = [
    "relu_forward", "relu_backward", "leaky_relu_forward", "leaky_relu_backward", "sigmoid_forward",
    "sigmoid_backward", "tanh_forward", "tanh_backward", "gelu_forward", "gelu_backward",
    "softmax_forward", "normal_numbers",
]  # fmt: skip
if processor_for(HOST) is x86:  # NEON has no product of 64-bit lanes, which dropout needs
    VECTORIZED += ["dropout_forward"]


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("dtype", "operation"),
    [(d, o) for d in DTYPES for o in VECTORIZED] + [("float32", o) for o in VECTORIZED_FLOAT32],
)
def test_loops_over_memory_fill_vectors(dtype: str, operation: str) -> None:
    kernels = used(dtype, [operation])
    assert len(kernels) == (2 if operation.endswith("pool2d_backward") else 1)  # apart, overlapping
    for kernel, types in kernels:
        loops = rows_of(compiled(kernel, types), dtype)
        assert loops
        loops = [row for row in loops if row.kernel != "covering._weigh"]  # a short table
        assert {(row.line, row.role) for row in loops if row.role != VECTOR} == set()


@pytest.mark.compiled
@pytest.mark.parametrize("operation", ["_activate", "_slopes", "gather_product"])
def test_exponentials_are_computed_in_the_loop(operation: str) -> None:
    """In float32: as multiply-adds on whole vectors, without a call."""
    rows = rows_of(compiled(*find("float32", operation)), "float32")
    loops = [row.counts for row in rows if row.role == VECTOR and row.counts.fmas]
    assert len(loops) == {"_activate": 3, "_slopes": 1, "gather_product": 2}[operation]
    for counts in loops:
        assert counts.fmas >= 9
        assert counts.bits == 8 * VECTOR_BYTES
    assert sum(row.counts.calls for row in rows) == 0


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("kernel", "loops", "spills"),
    [
        ("max_rows", 3, False),
        ("_conv_max_pool", 3, False),
        ("_max_backward_apart", 4, False),  # written, or added to what is there
        # Of four windows at a time not all addresses fit, but all sums do.
        ("max_backward", 10, True),
        ("average_backward", 10, True),
        ("_average_forward", 2, False),
    ],
)
def test_the_taps_of_a_window_stay_in_registers(
    kernel: str, loops: int, spills: bool, dtype: str
) -> None:
    rows = rows_of(compiled(*find(dtype, kernel)), dtype)
    taps = [row.counts for row in rows if row.block.startswith("tap")]
    assert len(taps) == loops
    for counts in taps:
        assert counts.bits == 8 * VECTOR_BYTES
        assert counts.calls == counts.kinds["scalar"] == 0
        assert spills or counts.spills == 0


@pytest.mark.compiled
def test_the_windows_in_a_tile_are_pooled_without_a_loop_over_taps() -> None:
    """Winograd's: four loads, one for each pixel of a window, and nothing on the stack."""
    rows = rows_of(compiled(*find("float32", "forward")), "float32")
    pooled = [row.counts for row in rows if row.kernel == "winograd_tiles._pool"]
    assert pooled
    for counts in pooled:
        assert counts.bits == 8 * VECTOR_BYTES
        assert counts.loads == 4
        assert counts.spills == counts.calls == 0


@pytest.mark.compiled
def test_the_sums_over_winners_stay_in_registers() -> None:
    """A load for each row, a shuffle and a multiply-add for each sum, nothing stored."""
    rows = rows_of(compiled(*find("float32", "sum_over_windows")), "float32")
    (sums,) = [row.counts for row in rows if row.counts.fmas]
    windows = sums.fmas // (quads.ROWS * quads.VECTORS)
    assert windows in (1, 2)  # with 16 registers the compiler takes two in one go
    assert sums.fmas == sums.kinds["vector"] == windows * quads.ROWS * quads.VECTORS
    assert sums.loads + sums.broadcasts == windows * (quads.ROWS + 2 * quads.VECTORS)
    assert sums.bits == 8 * VECTOR_BYTES
    assert sums.stores == sums.calls == 0
    assert sums.spills <= (3 if windows == 2 else 0)  # addresses


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_dense_layer_of_few_samples(dtype: str) -> None:
    """Eight rows of w are added to the sums in one go, a vector of columns at a time."""
    loops = rows_of(compiled(*find(dtype, "_few_samples")), dtype)
    assert {row.role for row in loops} == {VECTOR}
    assert {row.counts.bits for row in loops} == {8 * VECTOR_BYTES}
    sums = [row.counts for row in loops if row.counts.fmas]
    assert len(sums) == 2  # eight rows, and what is left of them
    for counts in sums:
        vectors = counts.stores
        assert counts.fmas in (vectors, 8 * vectors)
        assert counts.calls == counts.kinds["vector"] == counts.kinds["scalar"] == 0
        # Of the eight numbers of x, in all lanes, two wait on the stack: the rest of the loop,
        # behind it, keeps them in registers as well. Reading them anew there took longer.
        assert counts.spills <= (2 if counts.fmas == 8 * vectors else 0)
    assert max(counts.fmas / counts.stores for counts in sums) == 8


@pytest.mark.compiled
@pytest.mark.slow
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
        (name, dtype)
        for name in ("product.gather_product", "outer._block_product")
        for dtype in DTYPES
    }
    for row in loops:
        # Code that was not optimized for the processor may keep the step of B on the stack.
        tall = row["counts"]["fmas"] > rows and row["counts"]["loads"] == 1
        check_micro_kernel(row["counts"], 2 * rows if tall else rows, bits, spills=1)
        assert row["width"] == width
        pattern = float32 if row["dtype"] == "float32" else float64
        found = len(re.findall(pattern, "\n".join(row["assembly"])))
        assert found == row["counts"]["fmas"]
    assert (tmp_path / f"asm-{target}.png").stat().st_size > 10_000
