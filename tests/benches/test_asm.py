"""The reading of machine code on assembly written by hand, and what it finds in the kernels."""

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

from benchmarks.assembly import aarch64, x86
from benchmarks.assembly.compilation import HOST, compiled, processor_for
from benchmarks.assembly.counts import Counts, Processor, count
from benchmarks.assembly.kernels import used
from benchmarks.assembly.listing import Function, innermost_loops, read_functions
from benchmarks.assembly.rows import (
    MICRO_KERNEL,
    VECTOR,
    kernel_functions,
    loops_marked_vectorized,
    parts_of,
    rows_of,
)
from nanocnn import kernels
from nanocnn.kernels import microkernel
from nanocnn.kernels.jit import TILE_ROWS, TILE_VECTORS, VECTOR_BYTES

ROOT = Path(__file__).parents[2]


def read(body: str, processor: Processor = x86) -> Function:
    """Return a function with this body."""
    (function,) = read_functions(f"\t.type f,@function\nf:\n{body}\n.Lfunc_end0:\n", processor)
    return function


def counted(body: str, processor: Processor = x86) -> list[tuple[str, Counts]]:
    """Return the labels and counts of the innermost loops."""
    f = read(body, processor)
    return [
        (f.blocks[loop.header].label, count(f, loop, processor))
        for loop in innermost_loops(f.blocks)
    ]


NESTED = """
	xorl	%ecx, %ecx
.LBB0_1:                                # %rows
	movq	(%rdi,%rcx,8), %rax
.LBB0_2:                                # %tile_k
	vmovups	(%rax), %ymm0
	vbroadcastss	(%rsi,%rcx,4), %ymm1
	vfmadd231ps	32(%rax), %ymm1, %ymm2  # ymm2 = (ymm1 * mem) + ymm2
	vfmadd231ps	%ymm0, %ymm1, %ymm3
	testl	$1, %edx
	je	.LBB0_4
# %bb.3:                                # %odd
	vmovups	%ymm3, (%r8)
.LBB0_4:
	decq	%rdx
	jg	.LBB0_2
	incq	%rcx
	cmpq	%rcx, 8(%rsp)
	jne	.LBB0_1
	jmp	.LBB0_6
.LBB0_5:
	addss	(%rdi), %xmm0
	addq	$4, %rdi
	callq	*%rbx
	jmp	.LBB0_5
.LBB0_6:
	cmpl	$3, %edx
	ja	.LBB0_5
	retq
"""


def test_blocks_and_what_follows_them() -> None:
    blocks = read(NESTED).blocks
    assert [(b.label, b.name, b.after) for b in blocks] == [
        ("f", "entry", [1]),
        (".LBB0_1", "rows", [2]),
        (".LBB0_2", "tile_k", [3, 4]),
        ("", "odd", [4]),
        (".LBB0_4", "", [2, 5]),
        ("", "", [1, 6]),
        ("", "", [8]),
        (".LBB0_5", "", [7]),
        (".LBB0_6", "", [7, 9]),
        ("", "", []),
    ]


def test_the_innermost_loops_and_their_counts() -> None:
    """The outer loop reads the stack: the inner one, with a branch inside, does not."""
    (first, inner), (second, scalar) = counted(NESTED)
    assert (first, second) == (".LBB0_2", ".LBB0_5")
    kinds = {**dict.fromkeys(inner.kinds, 0), "fma": 2, "load": 1, "broadcast": 1, "store": 1}
    assert inner == Counts(9, 2, 2, 1, 1, 0, 0, True, 256, {**kinds, "other": 4})
    kinds = {**dict.fromkeys(kinds, 0), "scalar": 1, "call": 1, "other": 2}
    assert scalar == Counts(4, 0, 0, 0, 0, 0, 1, True, 0, kinds)


@pytest.mark.parametrize(
    ("first", "instruction", "spills"),
    [
        ("pushq\t%rbp", "vmovups\t64(%rsp), %ymm0", 1),
        ("pushq\t%rbp", "vmovaps\t%xmm5, 16(%rsp)", 1),
        ("pushq\t%rbp", "vfmadd231ps\t-32(%rsp), %ymm1, %ymm2", 1),
        ("pushq\t%rbp", "addq\t144(%rsp), %r11", 1),
        ("pushq\t%rbp", "vmovups\t(%rbp,%rcx,4), %ymm0", 0),  # a register as any other
        ("movq\t%rsp, %rbp", "vmovups\t-64(%rbp), %ymm0", 1),
        ("pushq\t%rbp", "leaq\t16(%rsp), %rax", 0),  # an address, no access
    ],
)
def test_spills_are_found(first: str, instruction: str, spills: int) -> None:
    body = f"\t{first}\n.LBB0_1:\n\t{instruction}\n\tdecq\t%rdx\n\tjne\t.LBB0_1\n\tretq"
    ((_, found),) = counted(body)
    assert found.spills == spills
    assert found.instructions == 3


@pytest.mark.parametrize(
    ("instruction", "told"),  # kind, loads, broadcasts, stores, bits
    [
        ("vfmadd231ps\t(%rax){1to16}, %zmm1, %zmm2", ("fma", 0, 1, 0, 512)),
        ("vfmadd213ss\t(%rax), %xmm1, %xmm2", ("scalar", 0, 0, 0, 0)),
        ("vmovups\t(%rax), %xmm1", ("load", 1, 0, 0, 0)),
        ("vmovupd\t%ymm1, 32(%rax,%rcx)", ("store", 0, 0, 1, 256)),
        ("vmovddup\t(%rax), %xmm1", ("broadcast", 0, 1, 0, 0)),
        ("vcvtps2pd\t(%rax), %ymm1", ("vector", 1, 0, 0, 0)),
        ("vaddpd\t(%rax), %ymm1, %ymm2", ("vector", 1, 0, 0, 256)),
        ("vandps\t(%rax), %xmm1, %xmm2", ("vector", 1, 0, 0, 0)),  # scalar code does it as well
        ("vcvtsi2sd\t%rax, %xmm1, %xmm2", ("scalar", 0, 0, 0, 0)),
        ("vcvttss2si\t%xmm1, %eax", ("scalar", 0, 0, 0, 0)),
        ("vpextrq\t$1, %xmm1, %rax", ("scalar", 0, 0, 0, 0)),
        ("cmpq\t%rax, 8(%rbx)", ("other", 0, 0, 0, 0)),
    ],
)
def test_kinds_on_x86(instruction: str, told: tuple[str, int, int, int, int]) -> None:
    f = read(f"\t{instruction}\n\tretq")
    t = x86.traits(f.blocks[0].instructions[0], x86.frame(f))
    assert (t.kind, t.loads, t.broadcasts, t.stores, t.bits) == told


def test_a_table_of_jumps_leads_to_all_of_its_labels() -> None:
    body = """
	jmpq	*.LJTI0_0(,%rax,8)
.LBB0_1:
	addss	%xmm1, %xmm0
	decq	%rcx
	jne	.LBB0_1
.LBB0_2:
	retq
	.section	.rodata
.LJTI0_0:
	.quad	.LBB0_1
	.quad	.LBB0_2
"""
    assert read(body).blocks[0].after == [1, 2]
    assert [label for label, _ in counted(body)] == [".LBB0_1"]


ON_AARCH64 = """
	stp	x29, x30, [sp, #-16]!           // 16-byte Folded Spill
.LBB0_1:                                // %tile_k
	ldp	q27, q26, [x24, #-16]
	ldr	s25, [x14, x10, lsl #2]
	ld1r	{ v3.4s }, [x9]
	fmla	v23.4s, v26.4s, v25.s[0]
	fmla	v24.4s, v27.4s, v3.4s
	fmadd	s0, s1, s2, s3
	str	q24, [sp, #32]
	bl	tanhf
	subs	x6, x6, #1
	b.gt	.LBB0_1
	cbz	x0, .LBB0_3
	b	.LBB0_1
.LBB0_3:
	ret
"""


def test_counts_on_aarch64() -> None:
    ((label, found),) = counted(ON_AARCH64, aarch64)
    assert label == ".LBB0_1"
    kinds = {"fma": 2, "vector": 0, "load": 1, "broadcast": 1, "store": 1, "scalar": 2}
    kinds |= {"call": 1, "other": 4}
    assert found == Counts(12, 2, 2, 1, 1, 1, 1, True, 128, kinds)


def test_what_llvm_says_of_loops() -> None:
    ir = """
  br i1 %1, label %middle.block, label %vector.body, !llvm.loop !3
  br i1 %2, label %done, label %B110.us, !llvm.loop !4
  br i1 %3, label %done, label %B200, !llvm.loop !6
!3 = distinct !{!3, !5, !7}
!4 = distinct !{!4, !7, !5}
!5 = !{!"llvm.loop.isvectorized", i32 1}
!6 = distinct !{!6, !7}
!7 = !{!"llvm.loop.unroll.runtime.disable"}
"""
    assert {"vector.body", "B110.us"} <= loops_marked_vectorized(ir)
    assert "B200" not in loops_marked_vectorized(ir)
    assert parts_of("_ZN7nanocnn4pool4_maxB2v9E") == ["nanocnn", "pool", "_max"]


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
