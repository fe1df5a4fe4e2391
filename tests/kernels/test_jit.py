"""What shapes the machine code: the cache folder's name, the vector width, the JIT switched off."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nanocnn.kernels import jit

FreshPython = Callable[..., "subprocess.CompletedProcess[str]"]

# Columns, 19 and 40: part of a panel, and one or more panels and a part, at any width.
COMPARE = """
import numpy as np
from nanocnn import config, kernels, reference
from nanocnn.kernels import jit, winograd

checked = set()

def normal(dtype, *shape):
    return np.random.default_rng(shape).normal(size=shape).astype(dtype)

def compare(name, actual, expected, room):
    checked.add(f"{name} {actual.dtype}")
    assert actual.shape == expected.shape, name
    scale = np.finfo(actual.dtype).eps * np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=room * scale, err_msg=name)

def wide(*arrays):
    return [np.float64(a) if isinstance(a, np.ndarray) else a for a in arrays]

for dtype in (np.float32, np.float64):
    for f in (19, 40):
        x, w, b = normal(dtype, 2, 5, 4, 3), normal(dtype, 3, 2, 3, f), normal(dtype, f)
        dy = normal(dtype, 2, 3, 5, f)
        geometry = ((2, 1), ((1, 1), (1, 1)), (1, 1), 1)
        rows, v, drows = normal(dtype, 7, 37), normal(dtype, 37, f), normal(dtype, 7, f)
        with config.winograd(False):
            for name, args in {
                "conv2d_forward": (x, w, b, *geometry),
                "conv2d_backward_input": (dy, w, x.shape, *geometry),
                "conv2d_backward_weight": (dy, x, w.shape, *geometry),
                "dense_forward": (rows, v, b),
                "dense_backward_input": (drows, v),
                "dense_backward_weight": (drows, rows),
            }.items():
                expected = getattr(reference, name)(*wide(*args))
                compare(name, getattr(kernels, name)(*args), expected, 12)

for c, f in ((3, 19), (17, 40)):
    x, w, b = (normal(np.float32, *s) for s in ((1, 7, 9, c), (3, 3, c, f), (f,)))
    dy, padding = normal(np.float32, 1, 6, 10, f), ((0, 1), (2, 1))
    geometry = ((1, 1), padding, (1, 1), 1)
    y = winograd.winograd_forward(x, w, b, padding, "relu")
    expected = reference.conv2d_forward(*wide(x, w, b), *geometry)
    compare("winograd_forward", y, np.maximum(expected, 0), 80)
    dx = winograd.winograd_backward_input(dy, w, x.shape, padding)
    expected = reference.conv2d_backward_input(*wide(dy, w), x.shape, *geometry)
    compare("winograd_backward_input", dx, expected, 80)
    expected = reference.conv2d_backward_weight(*wide(dy, x), w.shape, *geometry)
    for part_tiles in (1, 1 << 30):  # in parts, and over stored tables
        winograd.PART_TILES = part_tiles
        dw = winograd.winograd_backward_weight(dy, x, padding)
        compare("winograd_backward_weight", dw, expected, 80)

print(jit.VECTOR_BYTES * 8, jit.TILE_ROWS, jit.panel_width(4), jit.panel_width(8), jit.JIT)
print(len(checked))
"""


@pytest.mark.parametrize(
    ("disabled", "jit_is_on"),
    [pytest.param("0", "True", marks=pytest.mark.slow), ("1", "False")],  # compiling takes time
)
@pytest.mark.parametrize(
    ("bits", "printed"), [("128", "128 6 8 4"), ("256", "256 6 16 8"), ("512", "512 8 32 16")]
)
def test_every_vector_width_gives_right_results(
    bits: str, printed: str, disabled: str, jit_is_on: str, fresh_python: FreshPython
) -> None:
    done = fresh_python(COMPARE, NANOCNN_VECTOR_BITS=bits, NUMBA_DISABLE_JIT=disabled)
    # Three passes each of convolution and dense layer in two precisions, and of Winograd in one.
    assert done.stdout == f"{printed} {jit_is_on}\n15\n", done.stderr


@pytest.mark.parametrize("bits", ["64", "two", ""])
def test_a_vector_width_that_is_none(bits: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NANOCNN_VECTOR_BITS", bits)
    with pytest.raises(ValueError, match=f"^NANOCNN_VECTOR_BITS is '{bits}'; use 128, 256 or 512"):
        jit._vector_bytes(set())


@pytest.mark.parametrize(
    ("features", "width"),
    [(set(), 16), ({"avx"}, 32), ({"avx2", "fma"}, 32), ({"avx2", "avx512f"}, 64), ({"neon"}, 16)],
)
def test_the_vector_width_follows_the_processor(
    features: set[str], width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NANOCNN_VECTOR_BITS", raising=False)
    assert jit._vector_bytes(features) == width


@pytest.mark.parametrize("bits", [128, 256, 512])
def test_a_vector_width_that_is_asked_for(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NANOCNN_VECTOR_BITS", str(bits))
    assert jit._vector_bytes({"avx2"}) == bits // 8


def test_what_the_processor_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"avx": True, "fma": True, "avx512f": False}
    monkeypatch.setattr(jit.llvm, "get_host_cpu_features", lambda: told)
    assert jit._host_features() == {"avx", "fma"}

    def unknown() -> dict[str, bool]:
        raise RuntimeError("getHostCPUFeatures is not supported on this system")

    monkeypatch.setattr(jit.llvm, "get_host_cpu_features", unknown)
    assert jit._host_features() == set()


@pytest.fixture
def copied_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the kernels' sources, and let the fingerprint read the copies."""
    for path in Path(jit.__file__).parent.glob("*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(jit, "__file__", str(tmp_path / "jit.py"))
    return tmp_path


def test_the_fingerprint_follows_every_source(copied_sources: Path) -> None:
    first = jit._fingerprint()
    assert re.fullmatch(r"[0-9a-f]{16}", first)
    assert jit._fingerprint() == first
    seen = {first}
    for path in sorted(copied_sources.glob("*.py")):
        path.write_text(path.read_text("utf-8") + "\n", "utf-8")
        seen.add(jit._fingerprint())
    (copied_sources / "one_more.py").write_text("")
    seen.add(jit._fingerprint())
    assert len(seen) == len(list(copied_sources.glob("*.py"))) + 1


def test_the_fingerprint_follows_width_features_and_versions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = {jit._fingerprint()}
    for name, value in (("VECTOR_BYTES", 8), ("FEATURES", {"another"})):
        monkeypatch.setattr(jit, name, value)
        seen.add(jit._fingerprint())
    monkeypatch.setattr(jit.numba, "__version__", "0")
    seen.add(jit._fingerprint())
    assert len(seen) == 4


def test_the_cache_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NANOCNN_CACHE_DIR", str(tmp_path / "a"))
    assert jit._find_cache_folder() == tmp_path / "a" / jit._fingerprint()
    monkeypatch.delenv("NANOCNN_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert jit._find_cache_folder() == tmp_path / "b" / "nanocnn" / jit._fingerprint()
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "c")
    expected = tmp_path / "c" / ".cache" / "nanocnn" / jit._fingerprint()
    assert jit._find_cache_folder() == expected
    assert expected.is_dir()


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("NANOCNN_CACHE_DIR", str(blocked))
    with pytest.warns(RuntimeWarning, match="cannot be written: the kernels are compiled anew"):
        assert jit._find_cache_folder() is None
    monkeypatch.delenv("NANOCNN_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert jit._find_cache_folder() is None  # nobody asked for it: no warning
    monkeypatch.delenv("XDG_CACHE_HOME")

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert jit._find_cache_folder() is None


@pytest.mark.parametrize("cached", [True, False])
def test_only_our_kernels_are_cached_in_our_folder(
    cached: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []

    def njit(**options: object) -> Callable[[object], object]:
        told.append((options.get("cache", False), jit.numba.config.CACHE_DIR))
        return lambda function: ("compiled", function)

    monkeypatch.setattr(jit, "njit", njit)
    monkeypatch.setattr(jit, "JIT", True)
    monkeypatch.setattr(jit, "CACHE_FOLDER", tmp_path if cached else None)
    monkeypatch.setattr(jit.numba.config, "CACHE_DIR", "Numba's own")
    assert jit.kernel(len) == ("compiled", len)
    assert told == [(cached, str(tmp_path) if cached else "Numba's own")]
    assert jit.numba.config.CACHE_DIR == "Numba's own"


def test_without_the_jit_overflow_is_as_silent_as_in_machine_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jit, "JIT", False)

    @jit.kernel
    def square(x: np.ndarray, y: np.ndarray) -> None:
        y[0] = x[0] * x[0]

    y = np.zeros(1, np.float32)
    square(np.full(1, 1e30, np.float32), y)  # a warning would be an error here
    assert y[0] == np.inf
    assert square.__name__ == "square"


RELU = """
import numpy as np
from nanocnn import kernels
from nanocnn.kernels import jit
print(kernels.relu_forward(np.array([-1.0, 2.0])).tolist(), jit.CACHE_FOLDER)
"""


def test_without_a_cache_the_kernels_still_compile(
    tmp_path: Path, fresh_python: FreshPython
) -> None:
    (tmp_path / "file").write_text("not a folder")
    done = fresh_python(RELU, NANOCNN_CACHE_DIR=str(tmp_path / "file"))
    assert done.stdout == "[0.0, 2.0] None\n", done.stderr
    assert "RuntimeWarning: NANOCNN_CACHE_DIR=" in done.stderr


def test_a_kernel_is_cached_in_the_folder_and_read_from_it(
    tmp_path: Path, fresh_python: FreshPython
) -> None:
    for _ in range(2):
        done = fresh_python(RELU, NANOCNN_CACHE_DIR=str(tmp_path))
        assert done.stdout.startswith(f"[0.0, 2.0] {tmp_path}"), done.stderr
        (compiled,) = tmp_path.rglob("*_activate*.nbc")
        times = {p: p.stat().st_mtime_ns for p in [compiled]}
    assert compiled.stat().st_mtime_ns == times[compiled]
