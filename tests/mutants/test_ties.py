"""Ties: what standard normal numbers cannot show is compared on whole numbers."""

from __future__ import annotations

import ast

import numpy as np
import pytest

import nanocnn as nc
from nanocnn import ops, reference
from nanocnn.reference import pool

from .edges import Tie, ties
from .source import mutants_of

# One input on which relu, leaky relu and pooling tie often: -1, 0 and 1.
X = np.random.default_rng(7).integers(-1, 2, (2, 6, 6, 3)).astype(np.float64)
W = np.random.default_rng(8).integers(-1, 2, (2, 2, 3, 4)).astype(np.float64)
PAIRS = {
    "relu": (ops.relu_forward, {}),
    "leaky_relu": (ops.leaky_relu_forward, {"slope": 0.25}),
    "max_pool2d": (ops.max_pool2d_forward, {"window": 2}),
    "max_pool2d overlapping": (ops.max_pool2d_forward, {"window": 3, "stride": 1, "padding": 1}),
    "conv2d with relu": (ops.conv2d_forward, {"w": W, "activation": "relu"}),
}


@pytest.mark.parametrize("tie", ties(), ids=lambda tie: tie.name)
def test_a_wrong_tie_shows_on_whole_numbers_only(tie: Tie):
    normal = np.random.default_rng(0).standard_normal(X.shape)
    for x, same in ((normal, True), (X, False)):
        with nc.backend("reference"):
            y, cache = tie.forward(x)
            dy = np.random.default_rng(1).standard_normal(y.shape)
            dx = tie.right(dy, cache).reshape(x.shape)
        assert np.allclose(tie.wrong(x, dy).reshape(x.shape), dx) is same


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("rung", ["vectorized", "numba"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_rungs_break_ties_alike(name, rung, dtype):
    forward, options = PAIRS[name]
    options = {k: v.astype(dtype) if k == "w" else v for k, v in options.items()}
    backward = getattr(ops, f"{forward.__name__.removesuffix('_forward')}_backward")
    results = []
    for each in ("reference", rung):
        with nc.backend(each):
            y, cache = forward(X.astype(dtype), **options)
            dy = np.random.default_rng(2).integers(-9, 10, y.shape).astype(dtype)
            dx = backward(dy, cache)
        results.append((y, dx[0] if isinstance(dx, tuple) else dx))
    for found, expected in zip(results[1], results[0], strict=True):
        np.testing.assert_array_equal(found, expected)


def test_the_forward_pass_that_lets_the_last_win_is_found():
    """`>=` for `>` in (P1) gives the same maximum and another winner."""
    mutants = [m for m in mutants_of(pool.max_pool2d_forward) if "value >= best" in m.name]
    assert len(mutants) == 1
    settings = ((2, 2), (2, 2), ((0, 0), (0, 0)))
    y, winner = mutants[0].function(X, *settings)
    expected, first = reference.max_pool2d_forward(X, *settings)
    np.testing.assert_array_equal(y, expected)
    assert (winner != first).any()
    assert isinstance(ast.parse(mutants[0].name.split(" becomes ")[1]).body[0], ast.Expr)
