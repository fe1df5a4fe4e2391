"""The reading of machine code: blocks, loops and counts of assembly written by hand."""

from __future__ import annotations

import pytest

from benchmarks.assembly import aarch64, x86
from benchmarks.assembly.counts import Counts, Processor, count
from benchmarks.assembly.listing import Function, innermost_loops, read_functions
from benchmarks.assembly.rows import lines_of_rests, loops_marked_vectorized, parts_of


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
        ("vcmpnleps\t%ymm1, %ymm2, %ymm3", ("vector", 0, 0, 0, 256)),
        ("vcmpnless\t%xmm1, %xmm2, %xmm3", ("scalar", 0, 0, 0, 0)),
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


def sums(x: list[float], whole: int) -> float:
    total = 0.0
    for k in range(0, whole, 8):
        total += sum(x[k : k + 8])
    for k in range(whole, len(x)):
        for _ in range(1):
            total += x[k]
    return total


def test_the_rest_of_a_loop_over_vectors_is_found_by_its_range() -> None:
    first = sums.__code__.co_firstlineno
    assert lines_of_rests(sums) == {first + 4, first + 5, first + 6}
