"""Sizes of tests, smaller where Numba's JIT is off and the kernels are loops in Python."""

from __future__ import annotations

from typing import TypeVar

import numba

JIT = not numba.config.DISABLE_JIT
T = TypeVar("T")


def sized(compiled: T, python: T) -> T:
    """Return what a test uses with the JIT on, or the smaller one that it uses with the JIT off."""
    return compiled if JIT else python
