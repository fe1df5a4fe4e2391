"""Caches have one content on all rungs, so a forward on one goes with a backward on another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nanocnn as nc
from nanocnn import ops

R = np.random.default_rng(0)
X = R.normal(size=(2, 6, 5, 4))
W, B = R.normal(size=(3, 2, 2, 6)), R.normal(size=6)
STAMPS = R.normal(size=(3, 2, 3, 4))
ROWS, MATRIX, BIAS = R.normal(size=(3, 7)), R.normal(size=(7, 5)), R.normal(size=5)
AFFINE = R.normal(size=4), R.normal(size=4)
CONV = {"stride": (2, 1), "padding": "same", "dilation": (1, 2), "groups": 2}
WINDOW = {"window": (3, 2), "stride": (2, 1), "padding": ((1, 2), (0, 1))}
OPS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "conv2d": ((X, W, B), CONV),
    "conv2d without bias": ((X, W), CONV),
    "conv2d with relu": ((X, W, B), {**CONV, "activation": "relu"}),
    "conv2d with sigmoid": ((X, W, B), {**CONV, "activation": "sigmoid"}),
    "conv2d with tanh and no bias": ((X, W), {**CONV, "activation": "tanh"}),
    "conv_transpose2d": ((X, STAMPS, B[:3]), {"stride": 2, "padding": "same"}),
    "conv_transpose2d with relu": ((X, STAMPS, B[:3]), {"stride": (1, 3), "activation": "relu"}),
    "upsample2d": ((X, (2, 3)), {}),
    "upsample2d bilinear": ((X, (2, 3)), {"interpolation": "bilinear"}),
    "zero_pad2d": ((X, ((1, 0), (2, 3))), {}),
    "dense": ((ROWS, MATRIX, BIAS), {}),
    "dense without bias": ((ROWS, MATRIX), {}),
    "dense with relu": ((ROWS, MATRIX, BIAS), {"activation": "relu"}),
    "dense with sigmoid": ((ROWS, MATRIX, BIAS), {"activation": "sigmoid"}),
    "dense with tanh": ((ROWS, MATRIX, BIAS), {"activation": "tanh"}),
    "max_pool2d": ((X,), WINDOW),
    "average_pool2d": ((X,), WINDOW),
    "global_average_pool2d": ((X,), {}),
    "batch_norm": ((X, *AFFINE), {"epsilon": 0.1}),
    "batch_norm with relu": ((X, *AFFINE), {"activation": "relu"}),
    "batch_norm with constants": (
        (X, *AFFINE),
        {"mean": np.arange(4.0), "variance": np.ones(4), "activation": "relu"},
    ),
    "layer_norm": ((X, *AFFINE), {"epsilon": 0.1}),
    "group_norm": ((X, *AFFINE), {"groups": 2}),
    "relu": ((X,), {}),
    "leaky_relu": ((X, 0.3), {}),
    "sigmoid": ((X,), {}),
    "tanh": ((X,), {}),
    "gelu": ((X,), {}),
    "softmax": ((X,), {}),
    "dropout": ((X, 0.4, 12345), {}),
    "flatten": ((X,), {}),
    "add": ((X, X[::-1]), {}),
    "add with relu": ((X, X[::-1]), {"activation": "relu"}),
    "add with sigmoid": ((X, X[::-1]), {"activation": "sigmoid"}),
    "concatenate": ((X, X[..., 1:]), {}),
}
parts = pytest.mark.parametrize(("need_dx", "need_dw"), [(True, False), (False, True)])


def pair_of(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    op = name.split()[0]
    return getattr(ops, f"{op}_forward"), getattr(ops, f"{op}_backward")


def cast(values: tuple[Any, ...], dtype: type) -> tuple[Any, ...]:
    return tuple(v.astype(dtype) if isinstance(v, np.ndarray) else v for v in values)


def close(actual: Any, expected: Any) -> None:
    """Compare arrays within rounding, everything else exactly, types included."""
    assert type(actual) is type(expected)
    if not isinstance(actual, np.ndarray):
        assert actual == expected
        return
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    room = 64 * np.finfo(actual.dtype).eps if actual.dtype.kind == "f" else 0
    np.testing.assert_allclose(actual, expected, rtol=room, atol=room * 8)


def test_every_pair_is_in_the_table() -> None:
    listed = {f"{name.split()[0]}_{way}" for name in OPS for way in ("forward", "backward")}
    assert listed == set(ops.__all__)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OPS)
def test_forward_on_one_backward_on_another(name: str, dtype: type) -> None:
    values, options = OPS[name]
    values = cast(values, dtype)
    forward, backward = pair_of(name)
    made = {}
    for rung in nc.BACKENDS:
        with nc.backend(rung):
            made[rung] = forward(*values, **options)
    y, cache = made["reference"]
    for other_y, other_cache in made.values():
        close(other_y, y)
        assert type(other_cache) is type(cache)
        for field in cache._fields:
            close(getattr(other_cache, field), getattr(cache, field))
    dy = np.random.default_rng(1).normal(size=y.shape).astype(dtype)
    with nc.backend("reference"):
        expected = backward(dy, cache)
    expected = expected if isinstance(expected, tuple) else (expected,)
    for _, other_cache in made.values():
        for rung in nc.BACKENDS:
            with nc.backend(rung):
                actual = backward(dy, other_cache)
            actual = actual if isinstance(actual, tuple) else (actual,)
            for a, e in zip(actual, expected, strict=True):
                close(a, e)


@pytest.mark.parametrize("rung", nc.BACKENDS)
@pytest.mark.parametrize("name", [n for n in OPS if n.startswith(("conv2d", "dense"))])
@parts
def test_only_what_is_needed(name: str, rung: str, need_dx: bool, need_dw: bool) -> None:
    values, options = OPS[name]
    forward, backward = pair_of(name)
    with nc.backend(rung):
        y, cache = forward(*values, **options)
        everything = backward(y, cache)
        dx, dw, db = backward(y, cache, need_dx=need_dx, need_dw=need_dw)
    assert (dx is not None) == need_dx
    assert (dw is not None) == need_dw
    assert (db is not None) == (need_dw and cache.has_bias)
    for part, whole in zip((dx, dw, db), everything, strict=True):
        if part is not None:
            np.testing.assert_allclose(part, whole, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", OPS)
def test_inputs_are_left_alone_and_may_be_read_only(name: str) -> None:
    values, options = OPS[name]
    values = cast(values, np.float32)
    copies = [v.copy() for v in values if isinstance(v, np.ndarray)]
    forward, backward = pair_of(name)
    for value in values:
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    y, cache = forward(*values, **options)
    dy = np.ones(y.shape, np.float32)
    dy.setflags(write=False)
    y_before = y.copy()
    twice = [backward(dy, cache) for _ in range(2)]
    first, second = (g if isinstance(g, tuple) else (g,) for g in twice)
    arrays = [v for v in values if isinstance(v, np.ndarray)]
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)
    np.testing.assert_array_equal(y, y_before)
    assert (dy == 1).all()
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)  # nothing adds up from call to call


@pytest.mark.parametrize("name", OPS)
def test_complex_numbers_on_the_readable_rungs(name: str) -> None:
    values, options = OPS[name]
    values = cast(values, np.complex128)
    forward, _ = pair_of(name)
    for rung in ("reference", "vectorized"):
        with nc.backend(rung):
            assert forward(*values, **options)[0].dtype == np.complex128


def test_the_default_and_the_way_back() -> None:
    assert nc.current_backend() == "numba"
    with nc.backend("reference"):
        with nc.backend("vectorized"):
            assert nc.current_backend() == "vectorized"
        assert nc.current_backend() == "reference"
        with pytest.raises(ZeroDivisionError), nc.backend("numba"):
            _ = 1 / 0
        assert nc.current_backend() == "reference"
    assert nc.current_backend() == "numba"


def test_another_thread_has_its_own_choice() -> None:
    seen = []
    inside = threading.Barrier(2)

    def work() -> None:
        seen.append(nc.current_backend())
        with nc.backend("reference"):
            inside.wait(20)  # both threads are inside their blocks now
            seen.append(nc.current_backend())
            inside.wait(20)

    thread = threading.Thread(target=work)
    with nc.backend("vectorized"):
        thread.start()
        inside.wait(20)
        seen.append(nc.current_backend())
        inside.wait(20)
        thread.join(20)
    assert seen[0] in ("numba", "vectorized")  # some Pythons let a thread inherit the context
    assert sorted(seen[1:]) == ["reference", "vectorized"]


def test_asynchronous_tasks_have_their_own_choice() -> None:
    async def work(rung: str) -> list[str]:
        with nc.backend(rung):
            first = nc.current_backend()
            await asyncio.sleep(0.01)
            return [first, nc.current_backend()]

    async def both() -> list[list[str]]:
        return list(await asyncio.gather(work("reference"), work("vectorized")))

    assert asyncio.run(both()) == [["reference"] * 2, ["vectorized"] * 2]
    assert nc.current_backend() == "numba"


def test_an_empty_batch_on_all_rungs() -> None:
    for rung in nc.BACKENDS:
        with nc.backend(rung):
            for name, (values, options) in OPS.items():
                forward, backward = pair_of(name)
                batches = 2 if name.startswith(("add", "concatenate")) else 1
                none = [v[:0] for v in values[:batches]]
                y, cache = forward(*none, *values[batches:], **options)
                assert y.shape[0] == 0
                dx = backward(y, cache)
                dx, *rest = dx if isinstance(dx, tuple) else (dx,)
                assert dx.shape == values[0][:0].shape
                assert all(not g.any() for g in rest if g is not None)
