"""Each intrinsic emits machine code and has a twin in Python, which runs where the JIT is off."""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from numba.core.extending import _Intrinsic

from nanocnn import kernels
from nanocnn.kernels.jit import JIT

MOST_LINES = 15


def found() -> dict[str, tuple[ModuleType, Any]]:
    """Return the intrinsics of all files: name, module that defines it, intrinsic."""
    every = {}
    for path in sorted(Path(kernels.__file__).parent.glob("[a-z]*.py")):
        module = importlib.import_module(f"{kernels.__name__}.{path.stem}")
        for value in vars(module).values():
            if isinstance(value, _Intrinsic) and value._defn.__module__ == module.__name__:
                every[value._defn.__name__] = (module, value)
    return every


INTRINSICS = found()
each = pytest.mark.parametrize("name", INTRINSICS)


def test_the_micro_kernel_is_found() -> None:
    assert "_tile_product" in INTRINSICS


@each
def test_same_parameters(name: str) -> None:
    module, intrinsic = INTRINSICS[name]
    _, *parameters = inspect.signature(intrinsic._defn).parameters  # the first is Numba's own
    assert list(inspect.signature(getattr(module, f"{name}_twin")).parameters) == parameters


@each
def test_a_twin_can_be_read_at_a_glance(name: str) -> None:
    source = textwrap.dedent(inspect.getsource(getattr(INTRINSICS[name][0], f"{name}_twin")))
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    assert ast.get_docstring(function)
    body = function.body[1:]
    assert body[-1].end_lineno - body[0].lineno < MOST_LINES  # type: ignore[operator]


@each
def test_the_twin_runs_where_the_jit_is_off(name: str) -> None:
    module, intrinsic = INTRINSICS[name]
    used = getattr(module, name.removeprefix("_"))
    assert used is (intrinsic if JIT else getattr(module, f"{name}_twin"))
