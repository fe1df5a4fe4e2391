"""The one place where compilation is decided: the decorator, the vector width, the cache folder.

Numba's on-disk cache notices when the file of a function changes, but not when a file that it
imports does, nor a global such as the vector width: a kernel cached at width 8 was once served
for width 4. So the cache folder carries a hash of everything that shapes the machine code: all
sources in this folder, the width, the processor and the versions of Numba and llvmlite.
"""

from __future__ import annotations

import functools
import hashlib
import os
import tempfile
import threading
import warnings
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm
import numba
import numpy as np
from numba import njit

# `fastmath=True` would let the compiler assume that there is no NaN, and isnan() would be false.
# These flags allow what the kernels need (sums in another order) and nothing about NaN or infinity.
FASTMATH = {"nsz", "arcp", "contract", "afn", "reassoc"}

JIT = not numba.config.DISABLE_JIT
# Numba lets a signed index count from the end, which costs a test for each element and keeps loops
# from being vectorized. An index that is known to be at least 0 is told to be unsigned: x[U(e)].
U = np.uintp
# Of a function that is called with different constants, Numba compiles one version for each, and
# those that it is called from once more with them. I(6) is a number like any other.
I = np.int64
_lock = threading.Lock()


def _host_features() -> set[str]:
    try:
        return {name for name, there in llvm.get_host_cpu_features().items() if there}
    except RuntimeError:  # llvmlite cannot ask this processor
        return set()


def _vector_bytes(features: set[str]) -> int:
    forced = os.environ.get("NANOCNN_VECTOR_BITS")
    if forced is not None:
        if forced not in ("128", "256", "512"):
            raise ValueError(f"NANOCNN_VECTOR_BITS is {forced!r}; use 128, 256 or 512, or unset it")
        return int(forced) // 8
    if "avx512f" in features:
        return 64
    return 32 if "avx2" in features or "avx" in features else 16


FEATURES = _host_features()
VECTOR_BYTES = _vector_bytes(FEATURES)
ON_ARM = llvm.get_default_triple().startswith(("aarch64", "arm64"))
# A processor without a fused multiply-add instruction would turn llvm.fma into a library call.
HAS_FMA = "fma" in FEATURES or ON_ARM
# Each of 16 bytes is one of another 16, which a vector chooses: LLVM has no common name for it.
_X86_SHUFFLES = {
    64: ("avx512bw", "llvm.x86.avx512.pshuf.b.512"),
    32: ("avx2", "llvm.x86.avx2.pshuf.b"),
    16: ("ssse3", "llvm.x86.ssse3.pshuf.b.128"),
}
_ARM_SHUFFLE = ("neon", "llvm.aarch64.neon.tbl1.v16i8")
_FEATURE, BYTE_SHUFFLE = _ARM_SHUFFLE if ON_ARM else _X86_SHUFFLES[VECTOR_BYTES]
HAS_BYTE_SHUFFLE = _FEATURE in FEATURES or not JIT
# Rows of the register tile: 6 x 2 accumulators, 2 panel vectors and 1 broadcast fill the 16
# registers of AVX2 and SSE; AVX-512 has 32 and needs fewer loads per product with 8 rows.
TILE_ROWS = 8 if VECTOR_BYTES == 64 else 6
TILE_VECTORS = 2
# Of a tile with one vector: a load of B serves each row, and two loads a step are all there are.
TALL_ROWS = 2 * TILE_ROWS


def panel_width(itemsize: int) -> int:
    """Return how many columns one register tile covers, for elements of `itemsize` bytes."""
    return TILE_VECTORS * VECTOR_BYTES // itemsize


def _fingerprint() -> str:
    parts = [numba.__version__, llvmlite.__version__, llvm.get_host_cpu_name(), str(VECTOR_BYTES)]
    parts += sorted(FEATURES)
    digest = hashlib.sha256("\n".join(parts).encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _usable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _find_cache_folder() -> Path | None:
    if "NANOCNN_CACHE_DIR" in os.environ:
        root = Path(os.environ["NANOCNN_CACHE_DIR"])
    elif "XDG_CACHE_HOME" in os.environ:
        root = Path(os.environ["XDG_CACHE_HOME"]) / "nanocnn"
    else:
        try:
            root = Path.home() / ".cache" / "nanocnn"
        except RuntimeError:  # no home folder
            return None
    folder = root / _fingerprint()
    if _usable(folder):
        return folder
    if "NANOCNN_CACHE_DIR" in os.environ:
        warnings.warn(
            f"NANOCNN_CACHE_DIR={root} cannot be written: the kernels are compiled anew in each "
            "process; point it to a folder that can be written",
            RuntimeWarning,
            stacklevel=2,
        )
    return None


CACHE_FOLDER = _find_cache_folder() if JIT else None


def _silent(function):
    """Let Python overflow and make NaN without a warning, as machine code does."""

    @functools.wraps(function)
    def call(*args):
        with np.errstate(all="ignore"):
            return function(*args)

    return call


def exact(function):
    """Compile a small function into the kernels that call it, every operation as it is written."""
    return kernel(function, fastmath=False, forceinline=True)


def inline(function):
    """Compile a function into the kernels that call it.

    A call counts references to its arrays: 50 nanoseconds, as long as hundreds of numbers take.
    """
    return kernel(function, forceinline=True)


def as_written(function):
    """Compile a kernel in which nothing is reordered, contracted or approximated."""
    return kernel(function, fastmath=False)


def kernel(function, fastmath=FASTMATH, forceinline=False):
    """Compile `function` to machine code that runs without the interpreter lock, and cache it."""
    if not JIT:
        return _silent(function)
    options = {"nogil": True, "fastmath": fastmath, "error_model": "numpy", "boundscheck": False,
               "forceinline": forceinline}  # fmt: skip
    if CACHE_FOLDER is None:
        return njit(**options)(function)
    with _lock:  # Numba reads the folder from a global when the dispatcher is made
        before = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = str(CACHE_FOLDER)
        try:
            return njit(cache=True, **options)(function)
        finally:
            numba.config.CACHE_DIR = before
