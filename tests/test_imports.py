"""Who imports whom, and what `import nanocnn` does not import."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nanocnn

PACKAGE = Path(nanocnn.__file__).parent
READABLE = {"reference", "vectorized"}
# What each part may import besides itself. `_backend` names the rungs as strings and imports none.
MAY_IMPORT = {
    "reference": set(),
    "vectorized": set(),
    "kernels": set(),
    "_backend": set(),
    "config": {"kernels"},
    "data": {"_backend", "vectorized"},
    "evaluation": set(),
    "files": set(),
    "initializers": set(),
    "ops": {*READABLE, "kernels", "_backend"},
    "layers": {"ops", "initializers"},
    "_targets": set(),
    "losses": {"_backend", "_targets", *READABLE},
    "optimizers": {"ops"},
    "gradcheck": {"_backend", "layers", "losses", "models", "ops"},
    "schedules": {"training"},
    "training": {
        *("_backend", "data", "evaluation", "files", "layers", "losses", "ops"),
        "optimizers",
    },
    "models": {
        *("_backend", "data", "evaluation", "files", "initializers", "layers", "losses"),
        *("ops", "optimizers", "schedules", "training"),
    },
}
FREE = {"__init__", "__main__", "deployment"}  # on top of all others
LOW = {*READABLE, "kernels", "_backend", "ops", "layers"}


def imported_parts(path: Path) -> set[str]:
    """Return the parts of nanocnn that a file imports, inside functions too, its own left out."""
    package = path.relative_to(PACKAGE.parent).parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            base = (*base, *(node.module.split(".") if node.module else ()))
            names = [(*base, alias.name) for alias in node.names]
        else:
            continue
        found |= {name[1] if len(name) > 1 else "*" for name in names if name[0] == "nanocnn"}
    return found - {part_of(path)}


def part_of(path: Path) -> str:
    """Return the folder or file directly under nanocnn/ that a file belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if part_of(path) not in FREE]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_direction(path: Path) -> None:
    part = part_of(path)
    assert part in MAY_IMPORT, f"say in this test what {part} may import"
    assert imported_parts(path) <= MAY_IMPORT[part]


def test_the_parser_sees_imports() -> None:
    assert imported_parts(PACKAGE / "ops" / "conv.py") == {"_backend"}
    assert "layers" in imported_parts(PACKAGE / "__init__.py")
    assert {part_of(path) for path in FILES} >= LOW


@pytest.mark.parametrize("part", sorted(LOW))
def test_what_the_lower_parts_may_import_points_down(part: str) -> None:
    order = ["reference", "vectorized", "kernels", "_backend", "initializers", "ops", "layers"]
    assert all(order.index(below) < order.index(part) for below in MAY_IMPORT[part])


def test_import_brings_only_what_models_are_made_of() -> None:
    code = """
import sys
import nanocnn
heavy = {"numba", "llvmlite", "matplotlib", "PIL", "tqdm", "safetensors", "pydicom", "nibabel"}
heavy |= {f"nanocnn.{part}" for part in ("kernels", "data", "evaluation", "gradcheck")}
print(sorted(heavy & set(sys.modules)))
nanocnn.get_num_threads()
print(sorted(heavy & set(sys.modules)))
nanocnn.data.open
print(sorted({"pydicom", "nibabel", "skimage", "tqdm"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stderr == ""
    first, then, with_data = done.stdout.splitlines()
    assert with_data == "[]"
    assert first == "[]"
    assert {"llvmlite", "nanocnn.kernels", "numba"} <= set(ast.literal_eval(then))
    assert "PIL" not in then
    assert "matplotlib" not in then


def test_everything_exported_is_there_whenever_it_is_imported() -> None:
    assert set(nanocnn.__all__) <= set(dir(nanocnn))
    for name in nanocnn.__all__:
        assert getattr(nanocnn, name) is not None
    with pytest.raises(AttributeError, match="module 'nanocnn' has no attribute 'none'"):
        _ = nanocnn.none
