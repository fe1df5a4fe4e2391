"""Convolution and max pooling in one call: the results, the errors and the caches of the two."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nanocnn as nc
from nanocnn import ops
from nanocnn.ops.conv_pool import conv2d_max_pool2d_backward, conv2d_max_pool2d_forward

CONV: dict[str, Any] = {"stride": 1, "padding": "valid", "dilation": 1, "groups": 1}
POOL: dict[str, Any] = {"window": 2, "stride": None, "padding": "valid"}
GEOMETRIES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({}, {}),
    "stride, same, dilation": ({"stride": (2, 1), "padding": "same", "dilation": (1, 2)}, {}),
    "groups, other windows": ({"groups": 2, "padding": 1}, {"window": (2, 3), "stride": (3, 1)}),
    "overlapping": ({}, {"window": 3, "stride": 2}),
    "pooling with padding": ({}, {"window": (3, 2), "padding": "same"}),
}


def whole(low: int, high: int, *shape: int) -> np.ndarray:
    """Return whole numbers: sums are exact, so all rungs give one result."""
    return np.random.default_rng(len(shape)).integers(low, high, shape).astype(np.float64)


X = whole(-2, 3, 3, 12, 13, 4)
Arguments = tuple[Any, Any, Any, str | None, dict[str, Any], dict[str, Any]]


def arguments(
    geometry: str, dtype: str = "float64", activation: str | None = "relu", bias: bool = True
) -> Arguments:
    conv, pool = GEOMETRIES[geometry]
    depth = 4 // conv.get("groups", 1)
    w, b = whole(-2, 3, 3, 2, depth, 6), whole(-24, 0, 6)  # behind relu, many windows of zeros
    arrays = X.astype(dtype), w.astype(dtype), b.astype(dtype) if bias else None
    return *arrays, activation, CONV | conv, POOL | pool


def one_after_the_other(
    x: Any, w: Any, b: Any, activation: str | None, conv: dict[str, Any], pool: dict[str, Any]
) -> tuple[Any, ops.conv.Conv2DCache, ops.pool.MaxPool2DCache]:
    z, conv_cache = ops.conv2d_forward(x, w, b, **conv, activation=activation)
    y, pool_cache = ops.max_pool2d_forward(z, **pool)
    return y, conv_cache, pool_cache


def check_cache(found: Any, expected: Any) -> None:
    assert type(found) is type(expected)
    for name, ours, theirs in zip(expected._fields, found, expected, strict=True):
        assert type(ours) is type(theirs), name
        np.testing.assert_equal(ours, theirs, name)
        assert getattr(ours, "dtype", None) == getattr(theirs, "dtype", None), name


@pytest.mark.parametrize("rung", nc.BACKENDS)
@pytest.mark.parametrize("activation", [None, "relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_values_and_caches(geometry: str, activation: str | None, rung: str) -> None:
    for dtype in ("float32", "float64"):
        args = arguments(geometry, dtype, activation)
        with nc.backend(rung):
            y, conv_cache, pool_cache = conv2d_max_pool2d_forward(*args)
            expected, with_output, pooled = one_after_the_other(*args)
        np.testing.assert_array_equal(y, expected, strict=True)
        check_cache(conv_cache, with_output._replace(y=None, activation=None))
        check_cache(pool_cache, pooled)
        assert conv_cache.x is args[0]
        assert conv_cache.w is args[1]


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_all_rungs_agree(geometry: str) -> None:
    args = arguments(geometry)
    found = []
    for rung in nc.BACKENDS:
        with nc.backend(rung):
            found.append(conv2d_max_pool2d_forward(*args))
    for y, conv_cache, pool_cache in found[1:]:
        np.testing.assert_array_equal(y, found[0][0], strict=True)
        check_cache(conv_cache, found[0][1])
        check_cache(pool_cache, found[0][2])


@pytest.mark.parametrize("backward_on", nc.BACKENDS)
@pytest.mark.parametrize("forward_on", nc.BACKENDS)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_the_caches_are_what_the_backward_passes_need(
    geometry: str, forward_on: str, backward_on: str
) -> None:
    """relu's slope [p > 0] before the pooling's backward pass; without a bias, None for it."""
    for bias in (True, False):
        args = arguments(geometry, bias=bias)
        with nc.backend(forward_on):
            y, conv_cache, pool_cache = conv2d_max_pool2d_forward(*args)
            _, whole_cache, whole_pool_cache = one_after_the_other(*args)
        dy = whole(-3, 4, *y.shape)
        assert (y > 0).any()
        assert (y == 0).any()
        with nc.backend(backward_on):
            dz = ops.max_pool2d_backward(np.where(y > 0, dy, 0), pool_cache)
            found = ops.conv2d_backward(dz, conv_cache)
            da = ops.max_pool2d_backward(dy, whole_pool_cache)
            expected = ops.conv2d_backward(da, whole_cache)
        assert (found[2] is None) == (expected[2] is None) == (not bias)
        for ours, theirs in zip(found, expected, strict=True):
            if theirs is not None:
                np.testing.assert_array_equal(ours, theirs, strict=True)


@pytest.mark.parametrize("backward_on", nc.BACKENDS)
@pytest.mark.parametrize("forward_on", nc.BACKENDS)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_backward_is_that_of_the_two_operations(
    geometry: str, forward_on: str, backward_on: str
) -> None:
    for activation, bias, dtype in (("relu", True, "float32"), (None, False, "float64")):
        args = arguments(geometry, dtype, activation, bias)
        with nc.backend(forward_on):
            y, conv_cache, pool_cache = conv2d_max_pool2d_forward(*args)
            _, whole_cache, whole_pool_cache = one_after_the_other(*args)
        dy, seen = whole(-3, 4, *y.shape).astype(dtype), y if activation else None
        caches = conv_cache, pool_cache
        with nc.backend(backward_on):
            da = ops.max_pool2d_backward(dy, whole_pool_cache)
            expected = ops.conv2d_backward(da, whole_cache)
            for need in ({}, {"need_dx": False}, {"need_dw": False}):
                found = conv2d_max_pool2d_backward(dy, seen, *caches, **need)
                wanted = (need.get("need_dx", True), *[need.get("need_dw", True)] * 2)
                for ours, theirs, is_needed in zip(found, expected, wanted, strict=True):
                    if is_needed and theirs is not None:
                        np.testing.assert_array_equal(np.asarray(ours), theirs, strict=True)
                    else:
                        assert ours is None


@pytest.mark.parametrize("rung", nc.BACKENDS)
def test_a_wrong_gradient_or_output_is_refused(rung: str) -> None:
    args = arguments("plain")
    with nc.backend(rung):
        y, *caches = conv2d_max_pool2d_forward(*args)
        for dy in (y[:, 1:], y[..., :5], y.astype(np.float32)):
            with pytest.raises((TypeError, ValueError), match="dy"):
                conv2d_max_pool2d_backward(dy, y, *caches)
        for wrong in (y[:, 1:], y.astype(np.float32)):
            with pytest.raises((TypeError, ValueError)):
                conv2d_max_pool2d_backward(y, wrong, *caches)


def changed(what: str, value: Any) -> Arguments:
    """Return the plain call with one argument exchanged."""
    x, w, b, activation, conv, pool = arguments("plain")
    given: dict[str, Any] = {"x": x, "w": w, "b": b, "activation": activation}
    if what in given:
        given[what] = value
    where, _, key = what.partition(" ")
    conv = conv | {key: value} if where == "conv" else conv
    pool = pool | {key: value} if where == "pool" else pool
    return given["x"], given["w"], given["b"], given["activation"], conv, pool


MISTAKES: dict[str, list[Any]] = {
    "x": [X.astype(np.int64), X.astype(np.float32), X[0], X[..., :3], X[:, :2], X[:, :0]],
    "w": [np.ones((3, 2, 4)), np.ones((3, 2, 4, 0)), np.ones((14, 2, 4, 6)), "filters"],
    "b": [np.ones(5), np.ones(6, np.float32), np.ones((6, 1))],
    "activation": ["gelu", 3],
    "conv stride": [0, (1, 1, 1), 1.5],
    "conv padding": ["full", -1],
    "conv dilation": [0, 20],
    "conv groups": [0, 3],
    "pool window": [0, 11, (2, 13), 1.5, "large"],
    "pool stride": [0, (2, 0)],
    "pool padding": [2, "full", -1],
}


@pytest.mark.parametrize("rung", nc.BACKENDS)
@pytest.mark.parametrize("what", MISTAKES)
def test_errors_are_those_of_the_two_operations(what: str, rung: str) -> None:
    for value in MISTAKES[what]:
        args = changed(what, value)
        with nc.backend(rung):
            with pytest.raises((TypeError, ValueError)) as expected:
                one_after_the_other(*args)
            with pytest.raises((TypeError, ValueError)) as found:
                conv2d_max_pool2d_forward(*args)
        assert type(found.value) is type(expected.value)
        assert str(found.value) == str(expected.value)


def test_an_empty_batch() -> None:
    x, *rest = arguments("plain")
    shapes = set()
    for rung in nc.BACKENDS:
        with nc.backend(rung):
            y, _, cache = conv2d_max_pool2d_forward(x[:0], *rest)
        shapes |= {y.shape, cache.winner.shape}
    assert shapes == {(0, 5, 6, 6)}
