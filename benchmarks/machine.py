"""What this machine is, and how fast it can be: its multiply-add peak and its memory bandwidth.

    python benchmarks/machine.py [--threads N]

Both limits are measured here and now, in machine code made for the purpose, since a limit taken
from a data sheet says nothing about a shared or throttled processor.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

import nanocnn as nc
from nanocnn.kernels import jit

CHAINS = 12  # independent sums: enough to hide the latency of a multiply-add
LANES = jit.VECTOR_BYTES // 4


@intrinsic
def _multiply_adds(typing, steps):
    """Do `steps` rounds of CHAINS vector multiply-adds that wait for nothing but themselves."""

    def codegen(context, b, signature, args):
        scalar = ir.FloatType()
        vector = ir.VectorType(scalar, LANES)
        name = f"llvm.{'fma' if jit.HAS_FMA else 'fmuladd'}.v{LANES}f32"
        fma = cgutils.get_or_insert_function(b.module, ir.FunctionType(vector, [vector] * 3), name)
        factor, summand = (ir.Constant(vector, [v] * LANES) for v in (0.999, 0.001))
        entry, loop, done = b.block, *(b.function.append_basic_block(n) for n in ("fma", "sum"))
        b.branch(loop)
        b.position_at_end(loop)
        i = b.phi(args[0].type)
        sums = [b.phi(vector) for _ in range(CHAINS)]
        new = [b.call(fma, [s, factor, summand]) for s in sums]
        after = b.add(i, ir.Constant(i.type, 1))
        i.add_incoming(ir.Constant(i.type, 0), entry)
        i.add_incoming(after, loop)
        for k, (s, n) in enumerate(zip(sums, new, strict=True)):
            s.add_incoming(ir.Constant(vector, [float(k)] * LANES), entry)
            s.add_incoming(n, loop)
        b.cbranch(b.icmp_signed("<", after, args[0]), loop, done)
        b.position_at_end(done)
        total = new[0]
        for n in new[1:]:
            total = b.fadd(total, n)
        return b.extract_element(total, ir.Constant(ir.IntType(32), 0))

    return types.float32(types.intp), codegen


@njit(nogil=True)
def _peak_loop(steps):
    return _multiply_adds(steps)


@njit(nogil=True, fastmath=True)
def _copy(source, target):
    for i in range(source.size):
        target[i] = source[i]


def _on_threads(threads: int, work: Callable[[int], Any]) -> float:
    """Run `work(0) ... work(threads - 1)` at once, and return the seconds."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))  # threads exist, code is compiled
        started = time.perf_counter()
        list(pool.map(work, range(threads)))
        return time.perf_counter() - started


def peak_flops(threads: int, repeats: int = 7) -> float:
    """Return float32 operations a second, a multiply-add being two: the best of some runs."""
    steps = 4_000_000
    best = min(_on_threads(threads, lambda _: _peak_loop(steps)) for _ in range(repeats))
    return 2.0 * LANES * CHAINS * steps * threads / best


def copy_bandwidth(threads: int, megabytes: int = 64, repeats: int = 7) -> float:
    """Return bytes read and written a second when an array is copied: the best of some runs."""
    size = megabytes * 2**20 // 4
    source, target = np.ones(size, np.float32), np.zeros(size, np.float32)
    edges = [k * size // threads for k in range(threads + 1)]

    def work(k: int) -> None:
        _copy(source[edges[k] : edges[k + 1]], target[edges[k] : edges[k + 1]])

    return 2.0 * source.nbytes / min(_on_threads(threads, work) for _ in range(repeats))


def package_version(name: str) -> str:
    """Return a package's version, or "missing"."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def describe(threads: int, packages: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what every table of a benchmark says about where it was made."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    names = ("numpy", "numba", "llvmlite", *packages)
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "nanocnn": nc.__version__,
        "versions": {name: package_version(name) for name in names},
        "threads": threads,
        "vector bits": 8 * jit.VECTOR_BYTES,
        "load at start": round(load, 2),
    }


def processor() -> str:
    """Return the processor's name where the system tells it."""
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def header(about: dict[str, Any]) -> str:
    """Return `describe`'s answer as two lines."""
    versions = ", ".join(f"{name} {v}" for name, v in about["versions"].items())
    return (
        f"{about['processor']}, {about['threads']} threads, {about['vector bits']} bit vectors, "
        f"load {about['load at start']}, {about['date']}\n"
        f"python {about['python']}, nanocnn {about['nanocnn']}, {versions}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=nc.get_num_threads())
    threads = parser.parse_args().threads
    print(header(describe(threads)))
    print(f"multiply-add peak, float32  {peak_flops(threads) / 1e9:8.1f} GFLOP/s")
    print(f"copy, 64 MB                 {copy_bandwidth(threads) / 1e9:8.1f} GB/s")


if __name__ == "__main__":
    main()
