"""Every public pair on every backend against the loops, over sizes that all differ."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from vectorized.cases import Array, check, different_convolutions, different_poolings, quick

from nanocnn import backend, ops
from nanocnn.gradcheck.cases import exported_ops

from .calls import CALLS, Call

pytestmark = pytest.mark.usefixtures("dirty_memory")
FAST = ("vectorized", "numba")
some = settings(quick, max_examples=60)
every_op = pytest.mark.parametrize("op", CALLS)


def test_every_exported_operation_has_its_calls() -> None:
    assert list(CALLS.keys() ^ set(exported_ops())) == []
    assert {f"{op}_{way}" for op in CALLS for way in ("forward", "backward")} == set(ops.__all__)


def run(rung: str, call: Call, dy: Array | None = None) -> tuple[Array, Any, tuple[Any, ...]]:
    """Return y, the cache and the gradients; inputs must come out as they went in."""
    before = [None if a is None else a.copy() for a in call.arrays]
    with backend(rung):
        y, cache = call.forward()
        dy = call.upstream(y.shape) if dy is None else dy
        upstream = dy.copy()
        grads = call.backward(dy, cache)
    np.testing.assert_array_equal(dy, upstream)
    for array, copy in zip(call.arrays, before, strict=True):
        assert array is copy is None or np.array_equal(array, copy, equal_nan=True)
    return y, cache, grads


def check_needs(call: Call, grads: tuple[Any, ...]) -> None:
    """Fail unless exactly those gradients are there that were asked for, in x's, w's, b's shape."""
    dx, dw = call.needs.get("need_dx", True), call.needs.get("need_dw", True)
    for array, grad, needed in zip(call.arrays, grads, (dx, dw, dw), strict=False):
        assert (grad is not None) == (needed and array is not None)
        assert grad is None or grad.shape == array.shape


def compare(call: Call) -> None:
    """Run forward and backward on all backends; nothing may differ by more than rounding."""
    expected_y, expected_cache, expected = run("reference", call)
    check_needs(call, expected)
    terms = call.terms(expected_y.shape)
    for rung in FAST:
        y, cache, grads = run(rung, call)
        check(y, expected_y, terms[0])
        assert type(cache) is type(expected_cache)
        for actual, kept in zip(cache, expected_cache, strict=True):
            if isinstance(kept, np.ndarray) and kept.dtype.kind == "f":
                check(actual, kept, terms[0])
            else:  # geometry, and the winners of max pooling
                np.testing.assert_array_equal(actual, kept, strict=True)
        for grad, right, count in zip(grads, expected, terms[1:], strict=False):
            assert (grad is None) == (right is None)
            if right is not None:
                check(grad, right, count)


@every_op
@some
@given(data=st.data())
def test_backends_agree(op: str, data: st.DataObject) -> None:
    compare(data.draw(CALLS[op]))


@pytest.mark.slow
@every_op
@settings(quick, max_examples=500)
@given(data=st.data())
def test_backends_agree_in_many_cases(op: str, data: st.DataObject) -> None:
    compare(data.draw(CALLS[op]))


def spoil(array: Array, place: int, value: float) -> Array:
    """Return a copy with one number replaced; which one, `place` says."""
    copy = np.array(array)
    copy.flat[place % copy.size] = value
    return copy


@every_op
@quick
@given(data=st.data())
def test_nan_reaches_the_same_numbers_on_all_backends(op: str, data: st.DataObject) -> None:
    """Where padding meets it, NumPy's convolution shows more: there, zero times NaN is NaN."""
    call = data.draw(CALLS[op])
    place = data.draw(st.integers(0, 10**6))
    which = data.draw(st.sampled_from([k for k, a in enumerate(call.arrays) if a is not None]))
    arrays = list(call.arrays)
    arrays[which] = spoil(arrays[which], place, np.nan)
    seen = []
    for rung in ("reference", *FAST):
        with backend(rung):
            y, _ = call.forward(*arrays)
            clean_y, cache = call.forward()
            dy = spoil(call.upstream(clean_y.shape), place, np.nan)
            grads = call.backward(dy, cache)
        seen.append([None if a is None else np.isnan(a) for a in (y, *grads)])
    for rung, actual in zip(FAST, seen[1:], strict=True):
        for a, b in zip(actual, seen[0], strict=True):
            if rung == "vectorized" and op == "conv2d" and b is not None:
                assert a[b].all()
            else:
                np.testing.assert_array_equal(a, b)


@given(different_convolutions())
@settings(max_examples=200, deadline=None)
def test_the_sizes_of_a_convolution_all_differ(case: Any) -> None:
    assert len({*case.x, *case.w[:2], case.w[3]}) == 7
    assert case.stride[0] != case.stride[1]
    assert case.dilation[0] != case.dilation[1]
    assert len({*case.padding[0], *case.padding[1]}) == 4


@given(different_poolings())
@settings(max_examples=200, deadline=None)
def test_the_sizes_of_a_pooling_all_differ(case: Any) -> None:
    assert len({*case.x, *case.window}) == 6
    assert case.stride[0] != case.stride[1]
