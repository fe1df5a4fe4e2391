"""From a kernel to its machine code: as Numba makes it here, or by LLVM for another processor.

For another processor Numba hands over its code before any optimization (NUMBA_OPT=0, vectors as
wide as that processor's). Triple and data layout are exchanged, and LLVM's passes run much as Numba
has them run. Such code is compiled, not run.
"""

from __future__ import annotations

import functools
import warnings
from types import ModuleType
from typing import Any, NamedTuple

import llvmlite.binding as llvm
from numba import njit

from . import aarch64, x86


class Target(NamedTuple):
    """A processor to compile for, and the width of its vectors."""

    triple: str
    cpu: str
    bits: int


HOST = "host"
TARGETS = {
    "avx512": Target("x86_64-unknown-linux-gnu", "skylake-avx512", 512),
    "aarch64": Target("aarch64-unknown-linux-gnu", "neoverse-n1", 128),
}


class Code(NamedTuple):
    """A kernel's assembly, with LLVM's block names as comments, and LLVM's code."""

    assembly: str
    ir: str
    processor: ModuleType


def processor_for(target: str) -> ModuleType:
    """Return how the assembly of a target's processor is read."""
    triple = llvm.get_process_triple() if target == HOST else TARGETS[target].triple
    return aarch64 if triple.startswith(("aarch64", "arm64")) else x86


def compiled(kernel: Any, types: tuple[Any, ...], target: str = HOST) -> Code:
    """Compile a kernel anew: one that came from the on-disk cache has no assembly to show."""
    options = {k: v for k, v in kernel.targetoptions.items() if k != "nopython"}
    fresh = njit(**options)(kernel.py_func)
    with warnings.catch_warnings():  # without optimization Numba cannot cache all of them
        warnings.filterwarnings("ignore", "Cannot cache compiled function")
        fresh.compile(types)
    (result,) = fresh.overloads.values()
    if target == HOST:
        machine = result.library.codegen._tm  # the one that made the code which runs
        machine.set_asm_verbosity(True)
        return Code(
            result.library.get_asm_str(), result.library.get_llvm_str(), processor_for(HOST)
        )
    return translated(result.library.get_llvm_str(), target)


@functools.cache
def _machine(target: str) -> Any:
    triple, cpu, _ = TARGETS[target]
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    found = llvm.Target.from_triple(triple).create_target_machine(
        cpu=cpu, opt=3, reloc="static", codemodel="default"
    )
    found.set_asm_verbosity(True)
    return found


def _pass_builder(machine: Any, level: int) -> Any:
    options = llvm.create_pipeline_tuning_options(speed_level=level)
    options.loop_vectorization = level > 0
    return llvm.create_pass_builder(machine, options)


def translated(ir: str, target: str) -> Code:
    """Optimize LLVM's code for another processor and translate it to assembly."""
    machine = _machine(target)
    if processor_for(target) is aarch64:  # of the one instruction that has no common name
        ir = ir.replace("llvm.x86.ssse3.pshuf.b.128", "llvm.aarch64.neon.tbl1.v16i8")
    module = llvm.parse_assembly(ir)
    module.triple, module.data_layout = TARGETS[target].triple, str(machine.target_data)
    early, late = _pass_builder(machine, 0), _pass_builder(machine, 3)
    for function in module.functions:
        passes = late.getFunctionPassManager()
        passes.add_refprune_pass()  # Numba's own: drop counts of references that cancel out
        passes.run(function, late)
    passes = early.getModulePassManager()
    passes.add_loop_rotate_pass()
    passes.add_instruction_combine_pass()
    passes.add_jump_threading_pass()
    passes.add_refprune_pass()
    passes.run(module, early)
    passes = late.getModulePassManager()
    passes.add_refprune_pass()
    passes.run(module, late)
    return Code(machine.emit_assembly(module), str(module), processor_for(target))
