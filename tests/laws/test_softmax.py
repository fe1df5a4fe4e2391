"""Softmax looks at differences of scores only, and gives numbers that sum to 1."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from vectorized.cases import Array, check, different

from nanocnn import losses, ops

from .tools import Numbers, law, numbers

shapes = st.integers(1, 4).flatmap(lambda axes: different(axes, 1, 7))
tables = different(2, 2, 7)
shifts = st.integers(-1000, 1000)


def shifted(x: Array, shift: int, make: Numbers) -> tuple[Array, float]:
    """Return x + shift, and how many eps of x's size the sum is off: none in whole numbers."""
    size = abs(shift) + 1 + float(np.abs(x).max())
    return x + x.dtype.type(shift), make.terms(size**2)


@law(shapes, numbers, shifts)
def test_one_number_added_to_all_scores(shape: list[int], make: Numbers, shift: int) -> None:
    x = make(*shape)
    other, terms = shifted(x, shift, make)
    check(ops.softmax_forward(other)[0], ops.softmax_forward(x)[0], terms)


@law(shapes, numbers)
def test_rows_sum_to_1_and_their_gradients_to_0(shape: list[int], make: Numbers) -> None:
    x, dy = make(*shape), make(*shape, salt=1)
    y, cache = ops.softmax_forward(x)
    assert (y > 0).all()
    eps = np.finfo(y.dtype).eps
    np.testing.assert_allclose(y.sum(axis=-1, dtype=float), 1, rtol=0, atol=shape[-1] * eps)
    dx = ops.softmax_backward(dy, cache)
    # sum of y (dy - mean): y sums to 1 within K eps, and each product rounds
    room = 4 * shape[-1] * eps * max(1.0, float(np.abs(dy).max()))
    np.testing.assert_allclose(dx.sum(axis=-1, dtype=float), 0, rtol=0, atol=room)


@law(shapes, numbers, st.integers(-3, 3))
def test_a_constant_dy_moves_nothing(shape: list[int], make: Numbers, constant: int) -> None:
    """The transposed law of the shift: softmax's Jacobian is symmetric."""
    x, dy = make(*shape), make(*shape, salt=1)
    _, cache = ops.softmax_forward(x)
    other = dy + dy.dtype.type(constant)
    dx = ops.softmax_backward(dy, cache)
    check(ops.softmax_backward(other, cache), dx, shape[-1] * (1 + abs(constant)) ** 2)


@law(shapes, numbers, st.permutations(range(7)))
def test_exchanged_scores_exchange_probabilities(
    shape: list[int], make: Numbers, order: list[int]
) -> None:
    x, dy = make(*shape), make(*shape, salt=1)
    order = [k for k in order if k < shape[-1]]
    y, cache = ops.softmax_forward(x)
    other, other_cache = ops.softmax_forward(x[..., order])
    check(other, y[..., order], shape[-1])
    dx = ops.softmax_backward(dy[..., order], other_cache)
    check(dx, ops.softmax_backward(dy, cache)[..., order], shape[-1])


@law(shapes, numbers)
def test_larger_scores_get_more(shape: list[int], make: Numbers) -> None:
    x = make(*shape)
    y, _ = ops.softmax_forward(x)
    order = np.argsort(x, axis=-1)
    assert (np.diff(np.take_along_axis(y, order, axis=-1), axis=-1) >= 0).all()


@law(tables, numbers, shifts, st.permutations(range(7)))
def test_cross_entropy(shape: list[int], make: Numbers, shift: int, order: list[int]) -> None:
    """The same loss for shifted logits and for exchanged classes; each row's gradient sums to 0."""
    x, (n, classes) = make(*shape), shape
    labels = np.random.default_rng(make.source.seed).integers(0, classes, n)
    order = [k for k in order if k < classes]
    loss, dx = losses.softmax_cross_entropy(x, labels)
    other, terms = shifted(x, shift, make)
    other_loss, other_dx = losses.softmax_cross_entropy(other, labels)
    check(other_dx, dx, terms)
    room = float(8 * np.sqrt(terms) * np.finfo(x.dtype).eps)
    assert other_loss == pytest.approx(loss, rel=0, abs=room)
    place = np.argsort(order)[labels]  # where each label's class went
    other_loss, other_dx = losses.softmax_cross_entropy(x[:, order], place)
    assert other_loss == pytest.approx(loss, rel=0, abs=64 * classes * np.finfo(float).eps)
    check(other_dx, dx[:, order], classes)
    room = 4 * classes * np.finfo(x.dtype).eps / n
    np.testing.assert_allclose(dx.sum(axis=1, dtype=float), 0, rtol=0, atol=room)


@law(tables, numbers)
def test_softmax_and_then_cross_entropy(shape: list[int], make: Numbers) -> None:
    """On logits in one step, or on softmax's output in two: the same gradient."""
    x, (n, classes) = make(*shape), shape
    labels = np.random.default_rng(make.source.seed).integers(0, classes, n)
    y, cache = ops.softmax_forward(x)
    loss, dx = losses.softmax_cross_entropy(x, labels)
    other_loss, dy = losses.categorical_crossentropy(y, labels)
    # The second divides by probabilities, of which the least is e^-(range of the scores) / K.
    small = 1 / float(y.min())
    eps = float(np.finfo(x.dtype).eps)
    assert other_loss == pytest.approx(loss, rel=0, abs=8 * classes * eps * max(1.0, abs(loss)))
    check(ops.softmax_backward(dy, cache), dx, classes * small)
