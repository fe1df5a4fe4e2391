"""`python -m nanocnn`: what this machine is to the library, and whether the library works on it."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

import numpy as np

import nanocnn as nc

PACKAGES = ("numpy", "numba", "llvmlite", "pillow", "matplotlib", "tqdm", "safetensors")


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def describe() -> list[tuple[str, str]]:
    """Return what matters about machine and installation, as (what, value)."""
    from .kernels import jit, threads

    kind = "fused multiply-add" if jit.HAS_FMA else "no fused multiply-add"
    return [
        ("nanocnn", nc.__version__),
        ("python", platform.python_version()),
        ("packages", ", ".join(f"{name} {_version(name)}" for name in PACKAGES)),
        ("system", f"{platform.system()} {platform.machine()}"),
        ("processor", _processor()),
        ("vector width", f"{8 * jit.VECTOR_BYTES} bit, {kind}"),
        (
            "register tile",
            f"{jit.TILE_ROWS} x {jit.panel_width(4)} float32, {jit.TILE_ROWS} x "
            f"{jit.panel_width(8)} float64",
        ),
        ("threads", str(threads.get_num_threads())),
        ("kernel cache", str(jit.CACHE_FOLDER or "none: kernels are compiled in each process")),
    ]


def _largest_error(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max() / np.abs(b).max())


def _check_convolution() -> str:
    """Forward and gradients of the kernels against NumPy in float64."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 17, 15, 5), np.float32)
    w, b = rng.standard_normal((3, 3, 5, 20), np.float32), rng.standard_normal(20, np.float32)
    y, cache = nc.ops.conv2d_forward(x, w, b, padding="same", activation="relu")
    dy = rng.standard_normal(y.shape, np.float32)
    with nc.backend("vectorized"):
        exact = [a.astype(np.float64) for a in (x, w, b)]
        y64, cache64 = nc.ops.conv2d_forward(*exact, padding="same", activation="relu")
        wanted = nc.ops.conv2d_backward(dy.astype(np.float64), cache64)
    found = nc.ops.conv2d_backward(dy, cache)
    pairs = [(y, y64), *zip(found, wanted, strict=True)]
    error = max(_largest_error(f, e) for f, e in pairs)  # type: ignore[arg-type]
    if not error < 1e-5:
        raise ArithmeticError(f"kernels and NumPy differ by {error:.1e} of the largest value")
    return f"largest error {error:.1e} of the largest value"


def _check_threads() -> str:
    """The same bits on one thread and on all."""
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((8, 60, 60, 16), np.float32), np.ones((3, 3, 16, 32), np.float32)
    before = nc.get_num_threads()
    outputs = []
    try:
        for threads in (1, max(2, before)):
            nc.set_num_threads(threads)
            y, cache = nc.ops.conv2d_forward(x, w)
            outputs.append((y, *nc.ops.conv2d_backward(y, cache)[:2]))
    finally:
        nc.set_num_threads(before)
    if not all(np.array_equal(a, b) for a, b in zip(*outputs, strict=True)):
        raise ArithmeticError("results depend on the number of threads")
    return "the same bits on 1 thread and on more"


def _check_training() -> str:
    """A tiny network learns by heart which half of an image is brighter."""
    rng = np.random.default_rng(2)
    x, labels = rng.random((64, 8, 8, 1), np.float32), np.arange(64) % 2
    x[labels == 1, :, :4] += 0.5
    x[labels == 0, :, 4:] += 0.5
    layers = [nc.Conv2D(8, 3, activation="relu"), nc.MaxPool2D(2), nc.Flatten(), nc.Dense(2)]
    model = nc.Sequential(layers, input_shape=(8, 8, 1))
    model.compile(nc.Adam(0.01), "softmax_cross_entropy")
    history = model.fit(x, labels, epochs=20, batch_size=16, verbose=False).history
    if history["accuracy"][-1] < 0.95:
        raise ArithmeticError(f"training reached only {history['accuracy'][-1]:.2f}")
    return f"loss {history['loss'][0]:.2f} to {history['loss'][-1]:.2f}"


CHECKS: dict[str, Callable[[], str]] = {
    "convolution": _check_convolution,
    "threads": _check_threads,
    "training": _check_training,
}


def main() -> int:
    """Print the description and run the checks; return 1 if one fails."""
    for name, value in describe():
        print(f"{name:14} {value}")
    print()
    failed = 0
    for name, check in CHECKS.items():
        began = time.perf_counter()
        try:
            verdict = f"ok      {check()}"
        except Exception as error:  # whatever is wrong with an installation should be told
            verdict, failed = f"FAILED  {type(error).__name__}: {error}", 1
        print(f"{name:14} {verdict} ({time.perf_counter() - began:.1f} s)")
    return failed


if __name__ == "__main__":
    sys.exit(main())
