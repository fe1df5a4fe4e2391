"""A law is a property that holds for any numbers. Here they are collected and put to the test."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from ops.calls import values
from vectorized.cases import Array, Convolution, Source, quick, sources


class Law(NamedTuple):
    """The function that fails where the law is broken, and what it is tried on."""

    holds: Callable[..., None]
    strategies: tuple[st.SearchStrategy[Any], ...]
    over: tuple[str, ...]


LAWS: dict[str, Law] = {}  # by the names of the tests


def law(*strategies: st.SearchStrategy[Any], over: Iterable[str] = ()) -> Callable[..., Any]:
    """Make a test of a function of random arguments, and keep the function for the mutants.

    With `over`, it is one test for each operation of these, whose name is the first argument.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        LAWS[function.__name__] = Law(function, strategies, tuple(over))
        test = settings(quick, max_examples=15)(given(*strategies)(function))
        return pytest.mark.parametrize("op", list(over))(test) if over else test

    return decorate


class Numbers(NamedTuple):
    """Makes normal numbers, or whole ones, with which every sum is exact in any order."""

    source: Source
    whole: bool

    def __call__(self, *shape: int, salt: int = 0) -> Array:
        return values(self.source, self.whole, shape, salt)

    def terms(self, count: float) -> float:
        """Return what `check` needs for a sum of `count` products: 0, equality, if it is exact."""
        return 0 if self.whole else count


numbers = st.builds(Numbers, sources, st.booleans())
factors = st.integers(-3, 3)


def mix(a: int, first: Array, b: int, second: Array) -> Array:
    """Return a * first + b * second in their dtype."""
    return first.dtype.type(a) * first + first.dtype.type(b) * second


def inner(a: Array, b: Array) -> float:
    """Return the sum of all products, in float64."""
    return float(np.sum(a.astype(float) * b.astype(float)))


def options(case: Convolution) -> dict[str, Any]:
    """Return the geometry by the names that `conv2d_forward` gives it."""
    return dict(zip(("stride", "padding", "dilation", "groups"), case.geometry, strict=True))
