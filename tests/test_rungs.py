"""The two readable rungs stand alone, and offer the same functions with the same parameters."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from types import ModuleType

import pytest

import nanocnn
from nanocnn import reference, vectorized

PACKAGE = Path(nanocnn.__file__).parent
ALLOWED = {"__future__", "collections", "fractions", "math", "numpy", "types", "typing"}


def functions(module: ModuleType) -> dict[str, list[str]]:
    """Return the public functions of a rung with their parameter names."""
    public = {name: getattr(module, name) for name in module.__all__}
    return {name: list(inspect.signature(f).parameters) for name, f in public.items()}


@pytest.mark.parametrize("folder", ["reference", "vectorized"])
def test_imports_only_numpy_and_its_own_folder(folder: str) -> None:
    paths = sorted((PACKAGE / folder).glob("*.py"))
    assert len(paths) == 19
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                roots = {alias.name.split(".")[0] for alias in node.names}
                assert roots <= ALLOWED, f"{path.name} imports {roots - ALLOWED}"
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                assert (node.module or "").split(".")[0] in ALLOWED, f"{path.name}: {node.module}"
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 1, f"{path.name} imports from above its folder"


def test_files_have_the_same_names() -> None:
    names = [{p.name for p in (PACKAGE / d).glob("*.py")} for d in ("reference", "vectorized")]
    assert names[0] == names[1]


def test_functions_and_parameters_are_the_same() -> None:
    assert functions(reference) == functions(vectorized)
    assert len(functions(reference)) == 59


@pytest.mark.parametrize("rung", [reference, vectorized])
def test_every_public_function_is_exported_and_documented(rung: ModuleType) -> None:
    for path in (PACKAGE / rung.__name__.split(".")[-1]).glob("[a-z]*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path.name}: {node.name} has no docstring"
    for name in rung.__all__:
        assert callable(getattr(rung, name))
